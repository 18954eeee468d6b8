/* option_set.c - several option tables as one command line.
 *
 * Options are counted through all groups; that position indexes `given`, which remembers who set a value. The
 * words are read by getopt_long from an array made of the tables: each option, and "no-NAME" for each flag.
 * The array's `val` is the position, with a bit for "no-", and comes back through `flag`, so that it is never
 * taken for the '?' and ':' of getopt. getopt also takes shortened names; they are refused here, because a
 * name that is unique today is not when options are added.
 *
 * The configuration file is read after the command line and skips what the command line set: the same as
 * reading it first, without a second pass over the words. */
#include "base/option_set.h"
#include "base/fail.h"
#include "base/option.h"
#include <getopt.h>
#include <string.h>

static int table_length(const lethe_option *table) {
    int n = 0;
    while (table[n].name != NULL)
        n++;
    return n;
}

int lethe__option_set_count(const lethe__option_set *set) {
    int n = 0;
    for (int i = 0; i < set->n_groups; i++)
        n += table_length(set->groups[i].table);
    return n;
}

lethe__option_at lethe__option_set_at(const lethe__option_set *set, int position) {
    int before = 0;
    for (int i = 0; i < set->n_groups; i++) {
        const lethe__option_group *group = &set->groups[i];
        int n = table_length(group->table);
        if (position < before + n)
            return (lethe__option_at){position, &group->table[position - before], group->values};
        before += n;
    }
    return (lethe__option_at){.position = position, .option = NULL};
}

lethe__option_at lethe__option_set_find(const lethe__option_set *set, const char *name) {
    lethe__option_at at = lethe__option_set_at(set, 0);
    while (at.option != NULL && strcmp(at.option->name, name) != 0)
        at = lethe__option_set_at(set, at.position + 1);
    return at;
}

lethe_status lethe__option_set_fail_unknown(const lethe__option_set *set, const char *name) {
    const char *names[LETHE__MAX_OPTIONS];
    size_t n = 0;
    for (lethe__option_at at = lethe__option_set_at(set, 0); at.option != NULL;
         at = lethe__option_set_at(set, at.position + 1))
        names[n++] = at.option->name;
    LETHE_FAIL_UNKNOWN("option", name, names, n);
}

lethe_status lethe__option_set_add(lethe__option_set *set, const char *heading, const lethe_option *table,
                                   void *values) {
    int used = lethe__option_set_count(set) + table_length(table);
    for (const lethe_option *option = table; option->name != NULL; option++)
        if (lethe__option_set_find(set, option->name).option != NULL)
            LETHE_FAIL(LETHE_USAGE, "the option '%s' of '%s' exists already", option->name, heading);
    if (set->n_groups == LETHE__MAX_GROUPS || used > LETHE__MAX_OPTIONS)
        LETHE_FAIL(LETHE_USAGE, "the options of '%s' are too many: a set holds %d groups and %d options",
                   heading, LETHE__MAX_GROUPS, LETHE__MAX_OPTIONS);
    if (values != NULL)
        LETHE_TRY(lethe_options_defaults(table, values));
    set->groups[set->n_groups++] = (lethe__option_group){heading, table, values};
    return LETHE_OK;
}

void lethe__option_set_fini(lethe__option_set *set) {
    lethe__arena_destroy(&set->texts);
    memset(set, 0, sizeof *set);
}

bool lethe__option_set_given(const lethe__option_set *set, const char *name) {
    lethe__option_at at = lethe__option_set_find(set, name);
    return at.option != NULL && set->given[at.position] != LETHE__GIVEN_NOT;
}

enum { NEGATED = 1 << 16, FIRST_VALUE = 1 << 10 /* above every character, which short options come as */ };

/* Room for every option, its negation and the end. `words` owns the negated names. */
static lethe_status make_entries(const lethe__option_set *set, lethe__arena *words, int *chosen,
                                 struct option **out) {
    struct option *entries;
    int n = 0, n_options = lethe__option_set_count(set);
    LETHE_TRY(lethe__arena_allocate(words, 2 * (size_t)n_options + 1, sizeof *entries, &entries));
    for (lethe__option_at at = lethe__option_set_at(set, 0); at.option != NULL;
         at = lethe__option_set_at(set, at.position + 1)) {
        const char *name = at.option->name;
        bool is_flag = at.option->type == LETHE_OPTION_FLAG;
        entries[n++] = (struct option){name, is_flag ? optional_argument : required_argument, chosen,
                                       FIRST_VALUE + at.position};
        if (is_flag) {
            const char *negated;
            LETHE_TRY(lethe__arena_format(words, &negated, "no-%s", name));
            entries[n++] = (struct option){negated, no_argument, chosen, NEGATED + FIRST_VALUE + at.position};
        }
    }
    *out = entries;
    return LETHE_OK;
}

/* The word that getopt has just read an option from. */
static const char *word_read(char **argv) {
    bool value_apart = optarg != NULL && optarg == argv[optind - 1];
    return argv[value_apart ? optind - 2 : optind - 1];
}

/* `word` is "--name" or "--name=value". */
static lethe_status fail_unknown_word(const lethe__option_set *set, const char *word) {
    char name[64];
    size_t length = strcspn(word + 2, "=");
    if (length >= sizeof name)
        length = sizeof name - 1;
    memcpy(name, word + 2, length);
    name[length] = 0;
    return lethe__option_set_fail_unknown(set, name);
}

static lethe_status fail_word(const lethe__option_set *set, char **argv, int code) {
    if (code == ':')
        LETHE_FAIL(LETHE_USAGE, "%s needs a value", argv[optind - 1]);
    if (optopt == 0)
        return fail_unknown_word(set, argv[optind - 1]);
    if (optopt >= FIRST_VALUE)
        LETHE_FAIL(LETHE_USAGE, "%s: an option that starts with --no- takes no value", argv[optind - 1]);
    LETHE_FAIL(LETHE_USAGE, "unknown option '-%c'; options start with two dashes", optopt);
}

/* A flag's value may be a word of its own, but only one of these two: any other word is positional. */
static const char *flag_value(int argc, char **argv) {
    if (optarg != NULL)
        return optarg;
    bool follows = optind < argc && (strcmp(argv[optind], "on") == 0 || strcmp(argv[optind], "off") == 0);
    return follows ? argv[optind++] : "on";
}

static lethe_status parse_words(lethe__option_set *set, int argc, char **argv, lethe__arena *words) {
    struct option *entries = NULL;
    int chosen = 0, index = 0, code;
    LETHE_TRY(make_entries(set, words, &chosen, &entries));
    optind = 0; /* glibc: start anew */
    opterr = 0;
    while ((code = getopt_long(argc, argv, ":", entries, &index)) != -1) {
        if (code != 0)
            return fail_word(set, argv, code);
        const char *word = word_read(argv);
        if (strcspn(word + 2, "=") != strlen(entries[index].name))
            return fail_unknown_word(set, word);
        lethe__option_at at = lethe__option_set_at(set, chosen % NEGATED - FIRST_VALUE);
        const char *text = optarg;
        if (chosen >= NEGATED)
            text = "off";
        else if (at.option->type == LETHE_OPTION_FLAG) /* NOLINT: every entry has an option */
            text = flag_value(argc, argv);
        LETHE_TRY(lethe__option_read(at.option, at.values, text));
        set->given[at.position] = LETHE__GIVEN_BY_USER;
    }
    return LETHE_OK;
}

lethe_status lethe__option_set_parse(lethe__option_set *set, int argc, char **argv, int *first_word) {
    lethe__arena *words;
    LETHE_TRY(lethe__arena_create(&words));
    lethe_status status = parse_words(set, argc, argv, words);
    lethe__arena_destroy(&words);
    LETHE_TRY(status);
    int first = optind;
    lethe__option_at config = lethe__option_set_find(set, "config");
    if (config.option != NULL && config.option->type == LETHE_OPTION_STRING) {
        const char *path = *(const char *const *)((const char *)config.values + config.option->offset);
        if (path != NULL)
            LETHE_TRY(lethe__option_set_load(set, path));
    }
    *first_word = first;
    return LETHE_OK;
}
