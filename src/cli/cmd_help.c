/* cmd_help.c - lethe help: the program, a command, a method of a command; as text or as a man page. */
#include "base/fail.h"
#include "base/suggest.h"
#include "cli/command.h"
#include <lethe/version.h>
#include <stdlib.h>
#include <string.h>

typedef struct help_options {
    bool man;
} help_options;

static const lethe_option table[] = {
    {.name = "man",
     .type = LETHE_OPTION_FLAG,
     .offset = offsetof(help_options, man),
     .help = "print the command's man page instead, in man(7) form"},
    LETHE_OPTIONS_END,
};

static lethe_status options(lethe__call *call, void *job) {
    return lethe__option_set_add(&call->set, "Form", table, job);
}

/* roff breaks lines at plain hyphens. Newlines in the text start paragraphs. */
static void write_roff(const char *text, FILE *stream) {
    for (; *text != 0; text++) {
        if (*text == '\n')
            fputs("\n.PP\n", stream);
        else if (*text == '-')
            fputs("\\-", stream);
        else
            fputc(*text, stream);
    }
    fputc('\n', stream);
}

/* The options of a method as part of its section: without the heading OPTIONS, the first line. */
static lethe_status write_man_options(const lethe__method_help *method, FILE *stream) {
    lethe__option_set set = {0};
    char *text = NULL;
    size_t n;
    LETHE_TRY(lethe__option_set_add(&set, method->title, method->options, NULL));
    FILE *memory = open_memstream(&text, &n);
    if (memory == NULL)
        LETHE_FAIL(LETHE_MEMORY, "out of memory for the man page");
    lethe__option_set_write_man(&set, memory);
    bool complete = fclose(memory) == 0;
    if (complete)
        fputs(text + strcspn(text, "\n") + 1, stream);
    free(text);
    if (!complete)
        LETHE_FAIL(LETHE_MEMORY, "out of memory for the man page");
    return LETHE_OK;
}

/* A section for each method: what it is, and its options. */
static lethe_status write_man_methods(const lethe__command *command, FILE *stream) {
    lethe__method_help method;
    for (size_t i = 0; command->method != NULL && command->method(i, &method); i++) {
        fprintf(stream, ".SH METHOD %s\n%s (%s).\n", method.name, method.title, method.source);
        write_roff(method.summary, stream);
        if (method.options == NULL)
            continue;
        LETHE_TRY(write_man_options(&method, stream));
    }
    return LETHE_OK;
}

static lethe_status write_man(const lethe__call *call, FILE *stream) {
    const lethe__command *command = call->command;
    fprintf(stream, ".TH LETHE\\-%s 1 \"\" \"lethe %s\" \"User Commands\"\n.SH NAME\nlethe\\-%s \\- %s\n",
            command->name, lethe_version(), command->name, command->summary);
    fprintf(stream, ".SH SYNOPSIS\n.B lethe %s\n[\\fIOPTIONS\\fR] %s\n.SH DESCRIPTION\n", command->name,
            command->words != NULL ? command->words : "");
    write_roff(command->details, stream);
    lethe__option_set_write_man(&call->set, stream);
    LETHE_TRY(write_man_methods(command, stream));
    fputs(".SH EXIT STATUS\n0 done; 1 failed; 2 wrong usage; 3 a bad input; 4 the optimisation diverged; 75 "
          "stopped after a checkpoint.\n.SH SEE ALSO\n.BR lethe (1)\n",
          stream);
    return LETHE_OK;
}

static void write_program_man(FILE *stream) {
    fprintf(stream,
            ".TH LETHE 1 \"\" \"lethe %s\" \"User Commands\"\n.SH NAME\nlethe \\- machine unlearning\n.SH "
            "SYNOPSIS\n.B lethe\n\\fICOMMAND\\fR [\\fIOPTIONS\\fR]\n.SH COMMANDS\n",
            lethe_version());
    for (const lethe__command *const *command = lethe__commands(); *command != NULL; command++)
        fprintf(stream, ".TP\n.BR lethe\\-%s (1)\n%s\n", (*command)->name, (*command)->summary);
}

static lethe_status show_method(const lethe__command *command, const char *name) {
    const char *names[64];
    size_t n = 0;
    lethe__method_help method;
    for (size_t i = 0; command->method != NULL && command->method(i, &method); i++) {
        if (n < sizeof names / sizeof *names)
            names[n++] = method.name;
        if (strcmp(method.name, name) != 0)
            continue;
        printf("%s: %s\n\n%s\n\nSource: %s\n", method.name, method.title, method.summary, method.source);
        if (method.options == NULL)
            return LETHE_OK;
        lethe__option_set set = {0};
        LETHE_TRY(lethe__option_set_add(&set, "Options of the method", method.options, NULL));
        putchar('\n');
        lethe__option_set_write_help(&set, stdout, 100);
        return LETHE_OK;
    }
    if (n == 0)
        LETHE_FAIL(LETHE_USAGE, "the command '%s' has no methods", command->name);
    LETHE_FAIL_UNKNOWN("method", name, names, n);
}

static lethe_status show_command(const lethe__command *command, bool man) {
    char *words[] = {(char *)command->name, NULL};
    lethe__call call;
    lethe_status status = lethe__call_init(&call, command, 1, words);
    if (status == LETHE_OK && man)
        status = write_man(&call, stdout);
    else if (status == LETHE_OK)
        status = lethe__help_command(&call, stdout);
    lethe__call_fini(&call);
    return status;
}

static lethe_status run(lethe__call *call, void *values) {
    const help_options *job = values;
    const lethe__command *command;
    if (call->n_words == 0) {
        if (job->man)
            write_program_man(stdout);
        else
            lethe__help_program(stdout);
        return LETHE_OK;
    }
    LETHE_TRY(lethe__command_find(call->words[0], &command));
    if (call->n_words == 2)
        return show_method(command, call->words[1]);
    return show_command(command, job->man);
}

const lethe__command lethe__cmd_help = {
    .name = "help",
    .summary = "explain a command or a method",
    .words = "[COMMAND [METHOD]]",
    .max_words = 2,
    .details =
        "Explains the program, a command with all its options, or a method of a command.\nExample: lethe "
        "help unlearn l1-sparse",
    .job_size = sizeof(help_options),
    .options = options,
    .run = run,
};
