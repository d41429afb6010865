/* group.c - a command that is made of commands, such as `setun plugins list`. */
#include <stdio.h>
#include <string.h>

#include "options.h"

enum { MAX_MEMBERS = 16, MAX_TEXT = 1024 };

/* "list" among the members, or NULL. */
static const command *find_member(const command_group *group, const char *name)
{
    for (size_t i = 0; i < group->n_members; i++)
        if (strcmp(group->members[i].name, name) == 0)
            return &group->members[i];
    return NULL;
}

static int fail_unknown(const command_group *group, const char *word)
{
    const char *names[MAX_MEMBERS], *near;
    size_t n = 0;

    for (size_t i = 0; i < group->n_members && n < MAX_MEMBERS; i++)
        names[n++] = group->members[i].name;
    near = setun_nearest_word(word, names, n);
    if (near != NULL)
        return fail_usage("unknown command '%s %s'; did you mean '%s %s'?", group->name, word, group->name, near);
    return fail_usage("unknown command '%s %s'; see 'setun %s --help'", group->name, word, group->name);
}

/* "list, check or new" into text. */
static const char *join_names(const command_group *group, char *text, size_t n_bytes)
{
    size_t n = 0;

    text[0] = '\0';
    for (size_t i = 0; i < group->n_members && n < n_bytes; i++)
        n += (size_t)snprintf(text + n, n_bytes - n, "%s%s", i == 0 ? "" : i + 1 < group->n_members ? ", " : " or ",
                              group->members[i].name);
    return text;
}

int group_run(const command_group *group, int argc, char **argv)
{
    common_options common = {0};
    char usage[64], text[MAX_TEXT], names[MAX_TEXT];
    const command_line line = {.name = group->name, .usage = usage, .text = text, .examples = group->examples};
    const command *member = argc >= 2 ? find_member(group, argv[1]) : NULL;
    size_t n;
    int first, width = 0;

    if (member != NULL)
        return member->run(argc - 1, argv + 1);
    command_set_name(group->name);
    if (argc >= 2 && argv[1][0] != '-')
        return fail_unknown(group, argv[1]);
    for (size_t i = 0; i < group->n_members; i++)
        if ((int)strlen(group->members[i].name) > width)
            width = (int)strlen(group->members[i].name);
    (void)snprintf(usage, sizeof(usage), "setun %s COMMAND [OPTION...]", group->name);
    n = (size_t)snprintf(text, sizeof(text), "commands:");
    for (size_t i = 0; i < group->n_members && n < sizeof(text); i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "\n  %-*s   %s", width, group->members[i].name, group->members[i].summary);
    if (n < sizeof(text))
        (void)snprintf(text + n, sizeof(text) - n, "\n\n'setun %s COMMAND --help' describes one and its options.", group->name);
    first = options_parse(&line, argc, argv, &common, &first);
    return first >= 0 ? first : fail_usage("needs a command: %s", join_names(group, names, sizeof(names)));
}
