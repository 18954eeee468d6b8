/* options.c - option tables: defaults, setting by name, checking.
 *
 * A table is an array of entries that say where in a structure a field lies, what it may hold and what it
 * starts as. All text, be it a default, a word of the command line or a value of a configuration file, is
 * read by lethe__option_read, so the three can never differ in what they accept. Numbers must be written out
 * in full: no blank in front, nothing behind, no overflow, no NaN or infinity. */
#include "base/fail.h"
#include "base/number.h"
#include "base/option.h"
#include "base/suggest.h"
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *field_of(const lethe_option *option, void *values) {
    return (char *)values + option->offset;
}

/* The word number `index` of "a|b|c", of *length bytes; NULL where there is none. */
static const char *choice_word(const lethe_option *option, int index, size_t *length) {
    const char *word = index >= 0 ? option->choices : NULL;
    for (; index > 0 && word != NULL; index--) {
        word = strchr(word, '|');
        if (word != NULL)
            word++;
    }
    if (word != NULL)
        *length = strcspn(word, "|");
    return word;
}

void lethe__option_range(const lethe_option *option, char text[LETHE__OPTION_TEXT]) {
    char low[LETHE__NUMBER_TEXT], high[LETHE__NUMBER_TEXT];
    lethe__number_format(option->minimum, low);
    lethe__number_format(option->maximum, high);
    if (option->minimum == 0 && option->maximum == 0)
        text[0] = 0;
    else if (option->maximum >= INT_MAX)
        snprintf(text, LETHE__OPTION_TEXT, "at least %s", low);
    else
        snprintf(text, LETHE__OPTION_TEXT, "from %s to %s", low, high);
}

/* `number` is the value of a numeric option, `text` the same as it was written. */
static lethe_status check_range(const lethe_option *option, double number, const char *text) {
    bool bounded = option->minimum != 0 || option->maximum != 0;
    if (isfinite(number) && (!bounded || (number >= option->minimum && number <= option->maximum)))
        return LETHE_OK;
    char range[LETHE__OPTION_TEXT];
    lethe__option_range(option, range);
    LETHE_FAIL(LETHE_USAGE, "'%s' must be %s, not %s", option->name, bounded ? range : "a finite number",
               text);
}

static lethe_status read_flag(const lethe_option *option, bool *field, const char *text) {
    static const char *const words[] = {"off", "on", "false", "true", "no", "yes"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(text, words[i]) == 0) {
            *field = i % 2 == 1;
            return LETHE_OK;
        }
    }
    LETHE_FAIL(LETHE_USAGE, "'%s' must be on or off, not '%s'", option->name, text);
}

static lethe_status read_int(const lethe_option *option, int *field, const char *text) {
    char *end = NULL;
    errno = 0;
    long number = isspace((unsigned char)text[0]) ? 0 : strtol(text, &end, 10);
    if (end == NULL || end == text || *end != 0 || errno != 0 || number < INT_MIN || number > INT_MAX)
        LETHE_FAIL(LETHE_USAGE, "'%s' must be an integer, not '%s'", option->name, text);
    LETHE_TRY(check_range(option, (double)number, text));
    *field = (int)number;
    return LETHE_OK;
}

/* size_t has 64 bits on every machine that lethe runs on. */
_Static_assert(sizeof(size_t) == sizeof(uint64_t), "LETHE_OPTION_SIZE is read as 64 bits");

static lethe_status read_unsigned(const lethe_option *option, uint64_t *field, const char *text) {
    char *end = NULL;
    errno = 0;
    uint64_t number = isdigit((unsigned char)text[0]) ? strtoull(text, &end, 10) : 0;
    if (end == NULL || *end != 0 || errno != 0)
        LETHE_FAIL(LETHE_USAGE, "'%s' must be an integer from 0 on, not '%s'", option->name, text);
    LETHE_TRY(check_range(option, (double)number, text));
    *field = number;
    return LETHE_OK;
}

static lethe_status read_double(const lethe_option *option, double *field, const char *text) {
    double number;
    if (!lethe__number_parse(text, &number))
        LETHE_FAIL(LETHE_USAGE, "'%s' must be a number, not '%s'", option->name, text);
    LETHE_TRY(check_range(option, number, text));
    *field = number;
    return LETHE_OK;
}

static lethe_status read_choice(const lethe_option *option, int *field, const char *text) {
    size_t length;
    const char *word;
    for (int index = 0; (word = choice_word(option, index, &length)) != NULL; index++) {
        if (strlen(text) == length && memcmp(text, word, length) == 0) {
            *field = index;
            return LETHE_OK;
        }
    }
    LETHE_FAIL(LETHE_USAGE, "'%s' must be one of %s, not '%s'", option->name, option->choices, text);
}

lethe_status lethe__option_read(const lethe_option *option, void *values, const char *text) {
    void *field = field_of(option, values);
    switch (option->type) {
    case LETHE_OPTION_FLAG:
        return read_flag(option, field, text);
    case LETHE_OPTION_INT:
        return read_int(option, field, text);
    case LETHE_OPTION_SIZE:
    case LETHE_OPTION_UINT64:
        return read_unsigned(option, field, text);
    case LETHE_OPTION_DOUBLE:
        return read_double(option, field, text);
    case LETHE_OPTION_CHOICE:
        return read_choice(option, field, text);
    case LETHE_OPTION_STRING:
        *(const char **)field = text;
        return LETHE_OK;
    }
    LETHE_FAIL(LETHE_USAGE, "the table of '%s' gives it a type that does not exist", option->name);
}

const char *lethe__option_write(const lethe_option *option, const void *values,
                                char buffer[LETHE__OPTION_TEXT]) {
    const void *field = (const char *)values + option->offset;
    size_t length = 0;
    const char *word;
    switch (option->type) {
    case LETHE_OPTION_FLAG:
        return *(const bool *)field ? "on" : "off";
    case LETHE_OPTION_INT:
        snprintf(buffer, LETHE__OPTION_TEXT, "%d", *(const int *)field);
        break;
    case LETHE_OPTION_SIZE:
    case LETHE_OPTION_UINT64:
        snprintf(buffer, LETHE__OPTION_TEXT, "%" PRIu64, *(const uint64_t *)field);
        break;
    case LETHE_OPTION_DOUBLE:
        lethe__number_format(*(const double *)field, buffer);
        break;
    case LETHE_OPTION_CHOICE:
        word = choice_word(option, *(const int *)field, &length);
        snprintf(buffer, LETHE__OPTION_TEXT, "%.*s", (int)length, word != NULL ? word : "");
        break;
    case LETHE_OPTION_STRING:
        return *(const char *const *)field;
    }
    return buffer;
}

static size_t field_size(lethe_option_type type) {
    static const size_t sizes[] = {
        [LETHE_OPTION_FLAG] = sizeof(bool),     [LETHE_OPTION_INT] = sizeof(int),
        [LETHE_OPTION_SIZE] = sizeof(size_t),   [LETHE_OPTION_UINT64] = sizeof(uint64_t),
        [LETHE_OPTION_DOUBLE] = sizeof(double), [LETHE_OPTION_STRING] = sizeof(const char *),
        [LETHE_OPTION_CHOICE] = sizeof(int),
    };
    return sizes[type];
}

lethe_status lethe_options_defaults(const lethe_option *table, void *values) {
    for (const lethe_option *option = table; option->name != NULL; option++) {
        if (option->value != NULL)
            LETHE_TRY(lethe__option_read(option, values, option->value));
        else
            memset(field_of(option, values), 0, field_size(option->type));
    }
    return LETHE_OK;
}

lethe_status lethe_options_set(const lethe_option *table, void *values, const char *name, const char *text) {
    const char *names[256];
    size_t n = 0;
    for (const lethe_option *option = table; option->name != NULL; option++) {
        if (strcmp(option->name, name) == 0)
            return lethe__option_read(option, values, text);
        if (n < sizeof names / sizeof *names)
            names[n++] = option->name;
    }
    LETHE_FAIL_UNKNOWN("option", name, names, n);
}

static lethe_status check_field(const lethe_option *option, const void *values) {
    const void *field = (const char *)values + option->offset;
    char buffer[LETHE__OPTION_TEXT];
    const char *text = lethe__option_write(option, values, buffer);
    switch (option->type) {
    case LETHE_OPTION_INT:
        return check_range(option, *(const int *)field, text);
    case LETHE_OPTION_SIZE:
    case LETHE_OPTION_UINT64:
        return check_range(option, (double)*(const uint64_t *)field, text);
    case LETHE_OPTION_DOUBLE:
        return check_range(option, *(const double *)field, text);
    case LETHE_OPTION_CHOICE:
        if (text[0] == 0)
            LETHE_FAIL(LETHE_USAGE, "'%s' must be one of %s, not number %d of them", option->name,
                       option->choices, *(const int *)field);
        return LETHE_OK;
    default:
        return LETHE_OK;
    }
}

lethe_status lethe_options_check(const lethe_option *table, const void *values) {
    for (const lethe_option *option = table; option->name != NULL; option++)
        LETHE_TRY(check_field(option, values));
    return LETHE_OK;
}
