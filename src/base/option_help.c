/* option_help.c - an option set as the text of --help and as the OPTIONS section of a man page.
 *
 * Both show for each option its form, its sentence, the default and the range, from the tables that parse it.
 */
#include "base/option.h"
#include "base/option_set.h"
#include <string.h>

enum { TEXT_COLUMN = 26, SENTENCE_SIZE = 1024 };

/* "help (default 0.1, from 0 to 1)". */
static void describe(const lethe_option *option, char sentence[SENTENCE_SIZE]) {
    char range[LETHE__OPTION_TEXT];
    lethe__option_range(option, range);
    const char *value = option->value;
    if (value == NULL && option->type == LETHE_OPTION_FLAG)
        value = "off";
    bool both = value != NULL && range[0] != 0, any = value != NULL || range[0] != 0;
    snprintf(sentence, SENTENCE_SIZE, "%s%s%s%s%s%s%s", option->help, any ? " (" : "",
             value != NULL ? "default " : "", value != NULL ? value : "", both ? ", " : "", range,
             any ? ")" : "");
}

/* What stands behind the name: the words of a choice or the placeholder; NULL for flags. */
static const char *argument_of(const lethe_option *option) {
    return option->type == LETHE_OPTION_CHOICE ? option->choices : option->placeholder;
}

/* Writes `text` word by word from column `used` on; lines after the first start at column `indent`. */
static void write_wrapped(FILE *stream, const char *text, int used, int indent, int columns) {
    int column = used;
    for (const char *word = text; *word != 0;) {
        int length = (int)strcspn(word, " ");
        if (column > indent && column + 1 + length > columns) {
            fputc('\n', stream);
            column = 0;
        }
        int gap = column < indent ? indent - column : column > indent;
        fprintf(stream, "%*s%.*s", gap, "", length, word);
        column += gap + length;
        word += length + (word[length] == ' ');
    }
    fputc('\n', stream);
}

static void write_help_of(const lethe_option *option, FILE *stream, int columns) {
    char sentence[SENTENCE_SIZE];
    int indent = columns >= 2 * TEXT_COLUMN ? TEXT_COLUMN : 8;
    const char *argument = argument_of(option);
    int used = fprintf(stream, "  --%s%s%s%s", option->type == LETHE_OPTION_FLAG ? "[no-]" : "", option->name,
                       argument != NULL ? " " : "", argument != NULL ? argument : "");
    if (used + 2 > indent) {
        fputc('\n', stream);
        used = 0;
    }
    describe(option, sentence);
    write_wrapped(stream, sentence, used, indent, columns);
}

void lethe__option_set_write_help(const lethe__option_set *set, FILE *stream, int columns) {
    for (int i = 0; i < set->n_groups; i++) {
        fprintf(stream, "%s%s:\n", i > 0 ? "\n" : "", set->groups[i].heading);
        for (const lethe_option *option = set->groups[i].table; option->name != NULL; option++)
            write_help_of(option, stream, columns);
    }
}

/* roff takes a backslash as the start of a command, a hyphen as a place to break, and a point or an
 * apostrophe at the start of a line as a request; `\&` is an empty character in front of it. */
static void write_roff(FILE *stream, const char *text) {
    if (text[0] == '.' || text[0] == '\'')
        fputs("\\&", stream);
    for (; *text != 0; text++) {
        if (*text == '\\')
            fputs("\\e", stream);
        else if (*text == '-')
            fputs("\\-", stream);
        else
            fputc(*text, stream);
    }
}

static void write_man_of(const lethe_option *option, FILE *stream) {
    char sentence[SENTENCE_SIZE];
    const char *argument = argument_of(option);
    fprintf(stream, ".TP\n\\fB\\-\\-%s", option->type == LETHE_OPTION_FLAG ? "[no\\-]" : "");
    write_roff(stream, option->name);
    fputs("\\fR", stream);
    if (argument != NULL) {
        fputs(" \\fI", stream);
        write_roff(stream, argument);
        fputs("\\fR", stream);
    }
    fputc('\n', stream);
    describe(option, sentence);
    write_roff(stream, sentence);
    fputc('\n', stream);
}

void lethe__option_set_write_man(const lethe__option_set *set, FILE *stream) {
    fputs(".SH OPTIONS\n", stream);
    for (int i = 0; i < set->n_groups; i++) {
        fputs(".SS ", stream);
        write_roff(stream, set->groups[i].heading);
        fputc('\n', stream);
        for (const lethe_option *option = set->groups[i].table; option->name != NULL; option++)
            write_man_of(option, stream);
    }
}
