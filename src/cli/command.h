/* command.h - what a command of the program is, and one call of it.
 *
 * Each cli/cmd_NAME.c exports a constant record lethe__cmd_NAME; the build gathers them from the file names.
 * A command adds its option groups to the call's set and carries out a job; everything around that (parsing,
 * --help, --print-config, signals, messages, exit codes) is the same for all and lies in call.c and main.c.
 */
#ifndef LETHE_CLI_COMMAND_H
#define LETHE_CLI_COMMAND_H

#include "base/option_set.h"
#include "cli/progress.h"
#include <lethe/runtime.h>

typedef struct lethe__call lethe__call;

/* A method that a command can carry out, for help and completion. */
typedef struct lethe__method_help {
    const char *name, *title, *source, *summary;
    const lethe_option *options; /* NULL: none of its own */
} lethe__method_help;

enum {
    LETHE__CONFIGURED = 1, /* takes --config and --print-config */
    LETHE__DRY_RUNS = 2,   /* takes --dry-run */
    LETHE__COMPUTES = 4,   /* takes --quiet, --verbose and --progress; stops at signals */
    LETHE__HAS_RESULT = 8, /* takes --json */
};

typedef struct lethe__command {
    const char *name, *summary;
    const char *words; /* the words behind the options, as in a synopsis: "[COMMAND [METHOD]]"; NULL: none */
    int max_words;
    const char *details; /* one or more paragraphs for help and the man page */
    unsigned traits;
    size_t job_size;
    /* Fills `job` with its defaults and adds its groups to call->set. NULL: no options of its own. */
    lethe_status (*options)(lethe__call *call, void *job);
    lethe_status (*run)(lethe__call *call, void *job);
    /* The method at `index`; false behind the last. NULL: the command has no methods. */
    bool (*method)(size_t index, lethe__method_help *out);
} lethe__command;

/* How to talk. */
typedef struct lethe__talk {
    const char *config;
    bool print_config, dry_run, json, quiet, help;
    int verbose;
    lethe__color color;
    lethe__progress_mode progress;
} lethe__talk;

struct lethe__call {
    const lethe__command *command;
    int argc;
    char **argv; /* argv[0] is the command's name */
    char **words;
    int n_words;
    lethe__option_set set;
    lethe__talk talk;
    lethe_runtime runtime;
    lethe__progress_line line;
    lethe__arena *memory; /* given back at the end of the call */
    void *job;
};

/* Made by the build; ended by NULL. */
const lethe__command *const *lethe__commands(void);
lethe_status lethe__command_find(const char *name, const lethe__command **out);

/* Makes the call's option groups, with the job's defaults; nothing is parsed yet. argv[0] is the name of the
 * command. Finish in every case. */
lethe_status lethe__call_init(lethe__call *call, const lethe__command *command, int argc, char **argv);
void lethe__call_fini(lethe__call *call);
/* Parses and carries out. */
lethe_status lethe__call_run(lethe__call *call);

/* The value that option `name` will have, before parsing: from the command line or the configuration file;
 * NULL: not given. */
lethe_status lethe__call_peek(lethe__call *call, const char *name, const char **out);

/* Prints to standard output; frees the value. NULL is reported as exhausted memory. */
lethe_status lethe__print_json(json_t *value);

/* Help for the program, for a command and for one of its methods. */
void lethe__help_program(FILE *stream);
lethe_status lethe__help_command(const lethe__call *call, FILE *stream);

#endif
