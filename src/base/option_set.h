/* option_set.h - several option tables as one command line: parsing, configuration files, help, man page,
 * completion.
 *
 * A command declares groups; each group is a table and the structure that it fills. Precedence: the command
 * line, then the configuration file, then the table's default. */
#ifndef LETHE_BASE_OPTION_SET_H
#define LETHE_BASE_OPTION_SET_H

#include "base/json.h"
#include "base/memory.h"
#include "base/suggest.h"
#include <lethe/options.h>
#include <stdio.h>

typedef struct lethe__option_group {
    const char *heading; /* "Data", "Training" */
    const lethe_option *table;
    void *values; /* NULL where only help is wanted */
} lethe__option_group;

enum { LETHE__MAX_GROUPS = 12, LETHE__MAX_OPTIONS = 256 };

typedef struct lethe__option_set {
    lethe__option_group groups[LETHE__MAX_GROUPS];
    int n_groups;
    lethe__arena *texts;               /* owns string values read from configuration files */
    uint8_t given[LETHE__MAX_OPTIONS]; /* by position over all groups: a lethe__giver */
} lethe__option_set;

typedef enum lethe__giver { LETHE__GIVEN_NOT, LETHE__GIVEN_BY_USER, LETHE__GIVEN_BY_FILE } lethe__giver;

/* An option of a set, counted over all groups; option = NULL behind the last. */
typedef struct lethe__option_at {
    int position;
    const lethe_option *option;
    void *values;
} lethe__option_at;

/* Fills `values` with the table's defaults. LETHE_USAGE when two groups define the same name or the set is
 * full (programming errors, seen by the tests). A set starts as {0}. */
lethe_status lethe__option_set_add(lethe__option_set *set, const char *heading, const lethe_option *table,
                                   void *values);
void lethe__option_set_fini(lethe__option_set *set);

int lethe__option_set_count(const lethe__option_set *set);
lethe__option_at lethe__option_set_at(const lethe__option_set *set, int position);
/* option = NULL when there is none of that name. */
lethe__option_at lethe__option_set_find(const lethe__option_set *set, const char *name);
/* Records that `name` is not in the set, and what is; returns LETHE_USAGE. */
lethe_status lethe__option_set_fail_unknown(const lethe__option_set *set, const char *name);

/* Reads argv[1..] with getopt_long: --name VALUE, --name=VALUE, --flag, --no-flag, --flag on|off. Positional
 * words are moved to the end; *first_word is their first index. Unknown and shortened names answer
 * LETHE_USAGE with "did you mean". The file that a string option named "config" holds is loaded; the command
 * line wins. */
lethe_status lethe__option_set_parse(lethe__option_set *set, int argc, char **argv, int *first_word);

/* YAML or JSON (libyaml reads both): one flat mapping from option names to scalars. Unknown and duplicate
 * keys, nested values, anchors and further documents are LETHE_USAGE with file, line and near names; a file
 * that cannot be read is LETHE_INPUT. Keys set on the command line are not touched. */
lethe_status lethe__option_set_load(lethe__option_set *set, const char *path);

/* Was the option given by the user (command line or file)? */
bool lethe__option_set_given(const lethe__option_set *set, const char *name);

/* The resolved values as YAML that `load` reads back, without transient options. */
lethe_status lethe__option_set_write_yaml(const lethe__option_set *set, FILE *stream);
/* The same as a JSON object; NULL when out of memory. Strings that are NULL are left out. */
json_t *lethe__option_set_to_json(const lethe__option_set *set);

void lethe__option_set_write_help(const lethe__option_set *set, FILE *stream, int columns);
/* The OPTIONS section of a man page, in man(7) macros. */
void lethe__option_set_write_man(const lethe__option_set *set, FILE *stream);

#endif
