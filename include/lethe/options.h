/* options.h - option tables: one table describes the fields of one options structure.
 *
 * From a table come the defaults, the command line (--name VALUE), the keys of a YAML or JSON configuration,
 * the range checks, `--help`, the man pages, the shell completions and the stored configuration. A method
 * outside the tree brings its own table and gets all of that too. */
#ifndef LETHE_OPTIONS_H
#define LETHE_OPTIONS_H

#include <lethe/export.h>
#include <lethe/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum lethe_option_type {
    LETHE_OPTION_FLAG,   /* bool; --name sets it, --no-name clears it, --name on|off says which */
    LETHE_OPTION_INT,    /* int */
    LETHE_OPTION_SIZE,   /* size_t */
    LETHE_OPTION_UINT64, /* uint64_t */
    LETHE_OPTION_DOUBLE, /* double */
    LETHE_OPTION_STRING, /* const char *; NULL when not given and without a default */
    LETHE_OPTION_CHOICE, /* int (or an enum of that size): the index of the chosen word in `choices` */
} lethe_option_type;

typedef struct lethe_option {
    const char *name; /* long name without dashes; also the key in a configuration file */
    lethe_option_type type;
    size_t offset;     /* of the field in the options structure: offsetof(...) */
    const char *value; /* default, as text, read by the same code as a command line; NULL: zero or NULL */
    double minimum, maximum; /* numbers: the allowed range, both ends included; both 0: any */
    const char *choices;     /* LETHE_OPTION_CHOICE: "constant|growing|decaying" */
    const char *placeholder; /* "N", "FILE"; NULL for flags and choices */
    const char *help;        /* one sentence, without a full stop */
    bool transient;          /* not stored in configurations: says how to talk, not what to compute */
} lethe_option;

#define LETHE_OPTIONS_END                                                                                    \
    { .name = NULL }

/* Fills `values`, the structure that `table` (ended by LETHE_OPTIONS_END) describes, with the defaults. */
LETHE_API lethe_status lethe_options_defaults(const lethe_option *table, void *values);

/* Sets one field from text. `name` is looked up in `table`; an unknown name answers LETHE_USAGE with a list
 * of near names. String values are lent: `text` must live as long as `values`. */
LETHE_API lethe_status lethe_options_set(const lethe_option *table, void *values, const char *name,
                                         const char *text);

/* Checks every field of `values` against the ranges of `table`. */
LETHE_API lethe_status lethe_options_check(const lethe_option *table, const void *values);

#endif
