/* cmd_plugins.c - `setun plugins`: which backend plugins there are, and why one is not used. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "options.h"
#include "setun/plugins.h"
#include "words.h"

static json_t *json_plugin(const setun_plugin_info *info)
{
    return json_pack("{s:s, s:s, s:s, s:b, s:s, s:[i, i], s:i, s:i, s:o}", "name", info->name, "version", info->version, "file",
                     info->file, "loaded", (int)info->loaded, "reason", info->reason, "abi", (int)info->abi_major, (int)info->abi_minor,
                     "kernels", (int)info->n_kernels, "formats", (int)info->n_formats, "cpu", json_words(cpu_names(info->cpu)));
}

static int print_plugins_json(const setun_plugins *plugins)
{
    json_t *list = json_array(), *folders = json_array();

    for (size_t i = 0; i < setun_plugins_count(plugins); i++)
        (void)json_array_append_new(list, json_plugin(setun_plugins_info(plugins, i)));
    for (size_t i = 0; setun_plugins_folder(plugins, i) != NULL; i++)
        (void)json_array_append_new(folders, json_string(setun_plugins_folder(plugins, i)));
    return print_json(json_pack("{s:o, s:o, s:o}", "plugins", list, "folders", folders, "cpu",
                                json_words(cpu_names(setun_plugins_cpu(plugins)))));
}

static const char *or_dash(const char *text)
{
    return text[0] != '\0' ? text : "-";
}

static int wider(int width, const char *text)
{
    const int n = (int)strlen(text);

    return n > width ? n : width;
}

static void print_table(const setun_plugins *plugins)
{
    const size_t n = setun_plugins_count(plugins);
    int name_width = 4, version_width = 7, file_width = 4; /* of the headings */

    for (size_t i = 0; i < n; i++) {
        const setun_plugin_info *info = setun_plugins_info(plugins, i);

        name_width = wider(name_width, info->name);
        version_width = wider(version_width, info->version);
        file_width = wider(file_width, info->file);
    }
    printf("%-*s  %-*s  %7s  %-*s  %s\n", name_width, "NAME", version_width, "VERSION", "KERNELS", file_width, "FILE", "STATUS");
    for (size_t i = 0; i < n; i++) {
        const setun_plugin_info *info = setun_plugins_info(plugins, i);

        printf("%-*s  %-*s  %7u  %-*s  %s%s\n", name_width, or_dash(info->name), version_width, or_dash(info->version), info->n_kernels,
               file_width, info->file, info->loaded ? "loaded" : "refused: ", info->reason);
    }
}

static int list(int argc, char **argv)
{
    common_options common = {0};
    const command_line line = {
        .name = "plugins list",
        .usage = "setun plugins list [-v] [-o text|json]",
        .text = "Lists every plugin file of the search path, whether it is used, and if not, why. The search path is\n"
                "SETUN_PLUGIN_PATH, then the folder 'setun' beside the library, then the folder of the installation.",
        .examples = "setun plugins list -v\n"
                    "SETUN_CPU=sse setun plugins list",
        .common = COMMON_CONFIG | COMMON_OUTPUT,
    };
    int first, code = options_parse(&line, argc, argv, &common, &first);
    setun_plugins *plugins;
    setun_error error;

    if (code >= 0)
        return code;
    if (setun_plugins_open(&(setun_plugins_options){.path = common.plugin_path}, &plugins, &error) != SETUN_OK)
        return fail("%s", error.text);
    code = EXIT_DONE;
    if (common.output == OUTPUT_JSON)
        code = print_plugins_json(plugins);
    else
        print_table(plugins);
    if (common.verbose && code == EXIT_DONE) {
        char *features = cpu_names(setun_plugins_cpu(plugins));

        for (size_t i = 0; setun_plugins_folder(plugins, i) != NULL; i++)
            (void)fprintf(stderr, "searched %s\n", setun_plugins_folder(plugins, i));
        (void)fprintf(stderr, "cpu features: %s\n", features != NULL ? features : "?");
        free(features);
    }
    setun_plugins_close(plugins);
    return code;
}

static int check(int argc, char **argv)
{
    common_options common = {0};
    const command_line line = {
        .name = "plugins check",
        .usage = "setun plugins check FILE.so [-o text|json]",
        .text = "Loads one plugin file as `setun run` would and says what it is, or why it is refused (exit status 1).",
        .examples = "setun plugins check ./demo.so",
        .common = COMMON_OUTPUT,
        .max_operands = 1,
    };
    int first, code = options_parse(&line, argc, argv, &common, &first);
    const setun_plugin_info *info;
    setun_plugins *plugins;
    setun_error error;

    if (code >= 0)
        return code;
    if (first == argc)
        return fail_usage("needs a file; see 'setun plugins check --help'");
    if (setun_plugins_open_file(argv[first], NULL, &plugins, &error) != SETUN_OK)
        return fail("%s", error.text);
    info = setun_plugins_info(plugins, 0);
    code = EXIT_DONE;
    if (common.output == OUTPUT_JSON) {
        code = print_json(json_plugin(info));
        if (code == EXIT_DONE && !info->loaded)
            code = EXIT_FAILED;
    } else if (!info->loaded) {
        code = fail("%s: %s", info->file, info->reason);
    } else {
        char *features = cpu_names(info->cpu);

        printf("%s: %s %s, contract %u.%u, %u kernels, %u formats, needs %s\n", info->file, info->name, info->version, info->abi_major,
               info->abi_minor, info->n_kernels, info->n_formats, features != NULL && features[0] != '\0' ? features : "no CPU feature");
        free(features);
    }
    setun_plugins_close(plugins);
    return code;
}

static int run(int argc, char **argv)
{
    static const command members[] = {
        {.name = "list", .summary = "list the plugins of the search path, and why one is not used", .run = list},
        {.name = "check", .summary = "look at one plugin file", .run = check},
    };
    static const command_group group = {
        .name = "plugins",
        .members = members,
        .n_members = sizeof(members) / sizeof(members[0]),
        .examples = "setun plugins list\nsetun plugins check ./demo.so",
    };

    return group_run(&group, argc, argv);
}

const command command_plugins = {.name = "plugins", .summary = "list and check backend plugins", .run = run};
