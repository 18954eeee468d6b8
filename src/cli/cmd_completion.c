/* cmd_completion.c - lethe completion: scripts for shells, from the same tables that parse the options.
 *
 * Completed are commands, the options of a command with those of all its methods, each once, and file names
 * for the rest. */
#include "base/fail.h"
#include "base/suggest.h"
#include "cli/command.h"
#include <string.h>

/* How a shell's script spells one option. */
typedef void option_writer(const lethe__command *command, const lethe_option *option);

static void write_plain(const lethe__command *command, const lethe_option *option) {
    (void)command;
    printf(" --%s", option->name);
}

static void write_fish(const lethe__command *command, const lethe_option *option) {
    printf("complete -c lethe -n '__fish_seen_subcommand_from %s' -l %s", command->name, option->name);
    if (option->type == LETHE_OPTION_CHOICE) {
        printf(" -x -a '");
        for (const char *c = option->choices; *c != 0; c++)
            putchar(*c == '|' ? ' ' : *c);
        putchar('\'');
    } else if (option->type != LETHE_OPTION_FLAG) {
        printf(" -r");
    }
    printf(" -d \"%s\"\n", option->help);
}

/* Is `name` an option of the command, or of one of its methods before `index`? Methods share many. */
static bool is_known(const lethe__call *call, size_t index, const char *name) {
    lethe__method_help method;
    if (lethe__option_set_find(&call->set, name).option != NULL)
        return true;
    for (size_t i = 0; i < index && call->command->method(i, &method); i++)
        for (const lethe_option *option = method.options; option != NULL && option->name != NULL; option++)
            if (strcmp(option->name, name) == 0)
                return true;
    return false;
}

static lethe_status each_option(const lethe__command *command, option_writer *write) {
    char *words[] = {(char *)command->name, NULL};
    lethe__call call;
    lethe__method_help method;
    lethe_status status = lethe__call_init(&call, command, 1, words);
    for (int i = 0; status == LETHE_OK && i < lethe__option_set_count(&call.set); i++)
        write(command, lethe__option_set_at(&call.set, i).option);
    for (size_t i = 0; status == LETHE_OK && command->method != NULL && command->method(i, &method); i++)
        for (const lethe_option *option = method.options; option != NULL && option->name != NULL; option++)
            if (!is_known(&call, i, option->name))
                write(command, option);
    lethe__call_fini(&call);
    return status;
}

static void write_commands(void) {
    for (const lethe__command *const *command = lethe__commands(); *command != NULL; command++)
        printf(" %s", (*command)->name);
}

static lethe_status complete_bash(void) {
    printf("_lethe() {\n    local words= current=${COMP_WORDS[COMP_CWORD]}\n    case "
           "$COMP_CWORD,${COMP_WORDS[1]} "
           "in\n    1,*) words='");
    write_commands();
    printf("' ;;\n");
    for (const lethe__command *const *command = lethe__commands(); *command != NULL; command++) {
        printf("    *,%s) words='", (*command)->name);
        LETHE_TRY(each_option(*command, write_plain));
        printf("' ;;\n");
    }
    printf("    esac\n    COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n}\ncomplete -o default -F "
           "_lethe "
           "lethe\n");
    return LETHE_OK;
}

static lethe_status complete_zsh(void) {
    printf("#compdef lethe\n_lethe() {\n    local -a words_\n    if (( CURRENT == 2 )); then\n        "
           "compadd --");
    write_commands();
    printf("\n        return\n    fi\n    case $words[2] in\n");
    for (const lethe__command *const *command = lethe__commands(); *command != NULL; command++) {
        printf("    %s) words_=(", (*command)->name);
        LETHE_TRY(each_option(*command, write_plain));
        printf(") ;;\n");
    }
    printf("    esac\n    compadd -- $words_\n    _files\n}\n"
           "if [[ $funcstack[1] == _lethe ]]; then _lethe; else compdef _lethe lethe; fi\n");
    return LETHE_OK;
}

static lethe_status complete_fish(void) {
    for (const lethe__command *const *command = lethe__commands(); *command != NULL; command++) {
        printf("complete -c lethe -n __fish_use_subcommand -a %s -d \"%s\"\n", (*command)->name,
               (*command)->summary);
        LETHE_TRY(each_option(*command, write_fish));
    }
    return LETHE_OK;
}

static lethe_status run(lethe__call *call, void *job) {
    (void)job;
    static const char *const shells[] = {"bash", "zsh", "fish"};
    static lethe_status (*const writers[])(void) = {complete_bash, complete_zsh, complete_fish};
    if (call->n_words == 0)
        LETHE_FAIL(LETHE_USAGE, "name a shell: bash, zsh or fish");
    for (size_t i = 0; i < 3; i++)
        if (strcmp(call->words[0], shells[i]) == 0)
            return writers[i]();
    LETHE_FAIL_UNKNOWN("shell", call->words[0], shells, 3);
}

const lethe__command lethe__cmd_completion = {
    .name = "completion",
    .summary = "a completion script for bash, zsh or fish",
    .words = "bash|zsh|fish",
    .max_words = 1,
    .details = "Prints a script that completes commands and options in a shell.\nExample: source <(lethe "
               "completion bash)",
    .run = run,
};
