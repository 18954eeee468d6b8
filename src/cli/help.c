/* help.c - texts made from the command records and option tables. */
#include "base/fail.h"
#include "cli/command.h"
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int columns_of(FILE *stream) {
    enum { USUAL = 100, LEAST = 60, MOST = 120 };
    struct winsize size;
    if (ioctl(fileno(stream), TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return USUAL;
    return size.ws_col < LEAST ? LEAST : size.ws_col > MOST ? MOST : size.ws_col;
}

void lethe__help_program(FILE *stream) {
    fputs("usage: lethe COMMAND [OPTIONS]\n\nMachine unlearning: takes the influence of training samples out "
          "of "
          "a model.\n\n",
          stream);
    for (const lethe__command *const *command = lethe__commands(); *command != NULL; command++)
        fprintf(stream, "  %-12s %s\n", (*command)->name, (*command)->summary);
    fputs(
        "\n'lethe help COMMAND' explains a command and its options, 'lethe help unlearn METHOD' a method.\n",
        stream);
}

/* Words of `text` in lines of at most `columns`; newlines in the text start paragraphs. */
static void write_paragraphs(const char *text, int columns, FILE *stream) {
    int column = 0;
    while (*text != 0) {
        int length = (int)strcspn(text, " \n");
        if (column > 0 && column + 1 + length > columns) {
            fputc('\n', stream);
            column = 0;
        }
        column += fprintf(stream, "%s%.*s", column > 0 ? " " : "", length, text);
        text += length;
        for (; *text == ' ' || *text == '\n'; text++) {
            if (*text == '\n') {
                fputs("\n\n", stream);
                column = 0;
            }
        }
    }
    fputc('\n', stream);
}

static void write_methods(const lethe__command *command, FILE *stream) {
    lethe__method_help method;
    fputs("\nMethods:\n", stream);
    for (size_t i = 0; command->method(i, &method); i++)
        fprintf(stream, "  %-16s %s (%s)\n", method.name, method.title, method.source);
}

lethe_status lethe__help_command(const lethe__call *call, FILE *stream) {
    const lethe__command *command = call->command;
    int columns = columns_of(stream);
    fprintf(stream, "usage: lethe %s [OPTIONS]%s%s\n\n", command->name, command->words != NULL ? " " : "",
            command->words != NULL ? command->words : "");
    write_paragraphs(command->details, columns, stream);
    if (command->method != NULL)
        write_methods(command, stream);
    fputc('\n', stream);
    lethe__option_set_write_help(&call->set, stream, columns);
    return LETHE_OK;
}
