/* call.c - one call of a command, from its words to its result.
 *
 * The order is: groups with defaults; the words; the configuration file; what the given run directory hands
 * on; then --help and --print-config, which need no more than that; then the job. */
#include "base/config_peek.h"
#include "base/fail.h"
#include "cli/command.h"
#include "experiment/job.h"
#include <signal.h>
#include <string.h>

static const lethe_option config_table[] = {
    {.name = "config",
     .type = LETHE_OPTION_STRING,
     .offset = offsetof(lethe__talk, config),
     .placeholder = "FILE.yaml",
     .help = "file with values of options, YAML or JSON; the command line wins",
     .transient = true},
    {.name = "print-config",
     .type = LETHE_OPTION_FLAG,
     .offset = offsetof(lethe__talk, print_config),
     .help = "print the resolved options, in the form that --config reads, and exit",
     .transient = true},
    LETHE_OPTIONS_END,
};

static const lethe_option dry_run_table[] = {
    {.name = "dry-run",
     .type = LETHE_OPTION_FLAG,
     .offset = offsetof(lethe__talk, dry_run),
     .help = "show what would be done: shapes, parameters, memory and estimated time; nothing is written",
     .transient = true},
    LETHE_OPTIONS_END,
};

static const lethe_option message_table[] = {
    {.name = "quiet",
     .type = LETHE_OPTION_FLAG,
     .offset = offsetof(lethe__talk, quiet),
     .help = "show errors only",
     .transient = true},
    {.name = "verbose",
     .type = LETHE_OPTION_INT,
     .offset = offsetof(lethe__talk, verbose),
     .value = "0",
     .maximum = 2,
     .placeholder = "N",
     .help = "show what is being done; -v is --verbose 1, -vv is --verbose 2",
     .transient = true},
    {.name = "progress",
     .type = LETHE_OPTION_CHOICE,
     .offset = offsetof(lethe__talk, progress),
     .value = "auto",
     .choices = "auto|bar|line|none",
     .help = "progress on standard error: auto is a bar on a terminal, else a line for each epoch",
     .transient = true},
    LETHE_OPTIONS_END,
};

/* The first row is for commands with a result. */
static const lethe_option general_table[] = {
    {.name = "json",
     .type = LETHE_OPTION_FLAG,
     .offset = offsetof(lethe__talk, json),
     .help = "print the result as JSON, and nothing else, on standard output",
     .transient = true},
    {.name = "color",
     .type = LETHE_OPTION_CHOICE,
     .offset = offsetof(lethe__talk, color),
     .value = "auto",
     .choices = "auto|always|never",
     .help = "coloured messages; auto is on a terminal, unless NO_COLOR is set",
     .transient = true},
    {.name = "help",
     .type = LETHE_OPTION_FLAG,
     .offset = offsetof(lethe__talk, help),
     .help = "show this help and exit; -h for short",
     .transient = true},
    LETHE_OPTIONS_END,
};

static lethe_status add_groups(lethe__call *call) {
    const lethe__command *command = call->command;
    lethe__option_set *set = &call->set;
    if (command->options != NULL)
        LETHE_TRY(command->options(call, call->job));
    if (command->traits & LETHE__CONFIGURED)
        LETHE_TRY(lethe__option_set_add(set, "Configuration", config_table, &call->talk));
    if (command->traits & LETHE__DRY_RUNS)
        LETHE_TRY(lethe__option_set_add(set, "Trying out", dry_run_table, &call->talk));
    if (command->traits & LETHE__COMPUTES)
        LETHE_TRY(lethe__option_set_add(set, "Messages", message_table, &call->talk));
    bool has_result = (command->traits & LETHE__HAS_RESULT) != 0;
    return lethe__option_set_add(set, "General", general_table + !has_result, &call->talk);
}

/* The short forms become long ones, so that option tables need to know long names only. */
static void replace_short_words(int argc, char **argv) {
    static char verbose[] = "--verbose=1", very_verbose[] = "--verbose=2", help[] = "--help";
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "-v") == 0)
            argv[i] = verbose;
        else if (strcmp(argv[i], "-vv") == 0)
            argv[i] = very_verbose;
        else if (strcmp(argv[i], "-h") == 0)
            argv[i] = help;
    }
}

lethe_status lethe__call_init(lethe__call *call, const lethe__command *command, int argc, char **argv) {
    *call = (lethe__call){.command = command, .argc = argc, .argv = argv};
    replace_short_words(argc, argv);
    LETHE_TRY(lethe_runtime_defaults(&call->runtime));
    LETHE_TRY(lethe__arena_create(&call->memory));
    LETHE_TRY(lethe__arena_allocate(call->memory, 1, command->job_size + 1, &call->job));
    return add_groups(call);
}

void lethe__call_fini(lethe__call *call) {
    lethe__progress_clear(&call->line);
    lethe__option_set_fini(&call->set);
    lethe__arena_destroy(&call->memory);
}

/* The last value on the command line. */
static const char *peek_words(const lethe__call *call, const char *name) {
    const char *value = NULL;
    size_t length = strlen(name);
    for (int i = 1; i < call->argc && strcmp(call->argv[i], "--") != 0; i++) {
        const char *word = call->argv[i];
        if (strncmp(word, "--", 2) != 0 || strncmp(word + 2, name, length) != 0)
            continue;
        if (word[2 + length] == '=')
            value = word + 3 + length;
        else if (word[2 + length] == 0 && i + 1 < call->argc)
            value = call->argv[++i];
    }
    return value;
}

lethe_status lethe__call_peek(lethe__call *call, const char *name, const char **out) {
    *out = peek_words(call, name);
    const char *config = peek_words(call, "config");
    if (*out != NULL || config == NULL)
        return LETHE_OK;
    return lethe__config_peek(config, name, call->memory, out);
}

/* --- running --- */

static volatile sig_atomic_t stop;

static void on_signal(int signal_number) {
    (void)signal_number;
    stop = 1;
}

/* The first signal asks for a checkpoint and an end; the handler is gone after it, so a second one kills. */
static void catch_signals(void) {
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESETHAND | SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static void set_up_messages(lethe__call *call) {
    const lethe__talk *talk = &call->talk;
    lethe__progress_init(&call->line, talk->progress, talk->quiet, talk->verbose, talk->color);
    call->runtime.log = lethe__progress_log;
    call->runtime.progress = lethe__progress_show;
    call->runtime.user = &call->line;
    call->runtime.stop = &stop;
    catch_signals();
}

static lethe_status inherit_from_model(lethe__call *call) {
    lethe__option_at at = lethe__option_set_find(&call->set, "model");
    if (at.option == NULL)
        return LETHE_OK;
    const char *model = *(const char *const *)((const char *)at.values + at.option->offset);
    LETHE_TRY(lethe__option_set_inherit_compat(&call->set, model));
    return lethe__option_set_inherit(&call->set, model);
}

lethe_status lethe__call_run(lethe__call *call) {
    const lethe__command *command = call->command;
    int first;
    LETHE_TRY(lethe__option_set_parse(&call->set, call->argc, call->argv, &first));
    call->words = call->argv + first;
    call->n_words = call->argc - first;
    if (call->talk.help)
        return lethe__help_command(call, stdout);
    if (call->n_words > command->max_words)
        LETHE_FAIL(LETHE_USAGE, "'%s' is one word too many; see 'lethe help %s'",
                   call->words[command->max_words], command->name);
    if (command->traits & LETHE__CONFIGURED)
        LETHE_TRY(inherit_from_model(call));
    if (call->talk.print_config)
        return lethe__option_set_write_yaml(&call->set, stdout);
    if (command->traits & LETHE__COMPUTES)
        set_up_messages(call);
    lethe_status status = command->run(call, call->job);
    lethe__progress_clear(&call->line);
    return status;
}

lethe_status lethe__print_json(json_t *value) {
    if (value == NULL)
        LETHE_FAIL(LETHE_MEMORY, "out of memory for the result");
    lethe_status status = lethe__json_dump(value, stdout);
    json_decref(value);
    return status;
}
