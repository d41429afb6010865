/* main.c - the `setun` command: finds the command that its first argument names and runs it. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "io.h"
#include "setun_numerics.h"
#include "setun_plugin.h"

static const command *const commands[] = {&command_run,     &command_chat,    &command_score, &command_tokenize, &command_bench,
                                          &command_plugins, &command_kernels, &command_model, &command_plan, &command_topo};
enum { N_COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static void print_overview(FILE *file)
{
    (void)fprintf(file, "usage: setun COMMAND [OPTION...]\n\nRuns language models with ternary weights.\n\ncommands:\n");
    for (size_t i = 0; i < N_COMMANDS; i++)
        (void)fprintf(file, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    (void)fprintf(file,
                  "\n'setun COMMAND --help' describes a command, 'setun --version' says what this is.\n\n"
                  "environment:\n"
                  "  SETUN_MODEL_PATH   folders of models, ':' between them\n"
                  "  SETUN_HUB          where 'setun model pull' finds what has a name (default https://huggingface.co)\n"
                  "  SETUN_PLUGIN_PATH  folders of backend plugins, ':' between them\n"
                  "  SETUN_CPU          caps the instruction set: sse, avx2, avx512, amx, neon, dotprod, i8mm or native, and\n"
                  "                     ',-FEATURE' takes one away\n"
                  "  XDG_DATA_HOME      its setun/models has downloaded models (default ~/.local/share)\n"
                  "  XDG_CACHE_HOME     its setun has measured times and limits (default ~/.cache)\n"
                  "  NO_COLOR           not empty: nothing is coloured\n\n"
                  "exit status: 0 done, 1 failed, 2 wrong usage, 130 ended by Ctrl-C\n\n"
                  "examples:\n"
                  "  setun run -p \"Once upon a time\"\n"
                  "  setun chat --system \"Answer in one sentence.\"\n"
                  "  setun score -f text.txt\n"
                  "  setun model show fable\n"
                  "  setun bench -t 1,2\n");
}

static const command *find_command(const char *name)
{
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (strcmp(name, commands[i]->name) == 0)
            return commands[i];
    return NULL;
}

static int fail_unknown(const char *word)
{
    const char *names[N_COMMANDS], *near;

    for (size_t i = 0; i < N_COMMANDS; i++)
        names[i] = commands[i]->name;
    near = setun_nearest_word(word, names, N_COMMANDS);
    if (near != NULL)
        return fail_usage("unknown command '%s'; did you mean '%s'?", word, near);
    return fail_usage("unknown command '%s'; see 'setun --help'", word);
}

/* `setun help plugins list` is `setun plugins list --help`. */
static int run_help(int argc, char **argv)
{
    enum { MAX_WORDS = 4 };
    char *help_argv[MAX_WORDS + 1] = {NULL};
    const command *found;
    int n = 0;

    if (argc < 2) {
        print_overview(stdout);
        return EXIT_DONE;
    }
    found = find_command(argv[1]);
    if (found == NULL)
        return fail_unknown(argv[1]);
    while (n < argc - 1 && n < MAX_WORDS - 1) {
        help_argv[n] = argv[n + 1];
        n++;
    }
    help_argv[n++] = (char[]){"--help"};
    return found->run(n, help_argv);
}

static int dispatch(int argc, char **argv)
{
    const char *word;
    const command *found;

    if (argc < 2) {
        print_overview(stderr);
        return EXIT_USAGE;
    }
    word = argv[1];
    found = find_command(word);
    if (found != NULL)
        return found->run(argc - 1, argv + 1);
    if (strcmp(word, "help") == 0)
        return run_help(argc - 1, argv + 1);
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        return run_help(1, argv);
    if (strcmp(word, "--version") == 0) {
        printf("setun %s\nnumerics %d\nplugin contract %d.%d\n", SETUN_VERSION, SETUN_NUMERICS_VERSION, SETUN_ABI_MAJOR,
               SETUN_ABI_MINOR);
        return EXIT_DONE;
    }
    if (word[0] == '-') {
        static const char *const options[] = {"--help", "--version"};
        const char *near = setun_nearest_word(word, options, sizeof(options) / sizeof(options[0]));

        if (near != NULL)
            return fail_usage("unknown option '%s'; did you mean '%s'?", word, near);
        return fail_usage("unknown option '%s'; see 'setun --help'", word);
    }
    return fail_unknown(word);
}

int main(int argc, char **argv)
{
    setun_error error = {.text = ""};
    int code;

    stdio_open();
    (void)signal(SIGPIPE, SIG_IGN); /* a reader that went away is an error of the write, and reported as one */
    code = dispatch(argc, argv);
    if (stdout_close(&error) != SETUN_OK && code == EXIT_DONE)
        code = fail("%s", error.text);
    return code;
}
