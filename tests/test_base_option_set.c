/* Option sets: the command line, configuration files, precedence, help and man pages. */
#include "test_base.h"

#include "base/file.h"
#include "base/option_set.h"

typedef struct data_options {
    const char *config, *dataset, *note;
    size_t limit;
    bool shuffle, json;
} data_options;

typedef struct fit_options {
    int epochs;
    double lr;
    uint64_t seed;
    int schedule;
} fit_options;

static const lethe_option data_table[] = {
    {"config", LETHE_OPTION_STRING, offsetof(data_options, config), NULL, 0, 0, NULL, "FILE", "option values",
     true},
    {"dataset", LETHE_OPTION_STRING, offsetof(data_options, dataset), "mnist", 0, 0, NULL, "NAME",
     "the images", false},
    {"note", LETHE_OPTION_STRING, offsetof(data_options, note), NULL, 0, 0, NULL, "TEXT", "a remark", false},
    {"limit", LETHE_OPTION_SIZE, offsetof(data_options, limit), NULL, 0, 0, NULL, "N", "keep the first N",
     false},
    {"shuffle", LETHE_OPTION_FLAG, offsetof(data_options, shuffle), "on", 0, 0, NULL, NULL,
     "a new order each epoch", false},
    {"json", LETHE_OPTION_FLAG, offsetof(data_options, json), NULL, 0, 0, NULL, NULL, "for machines", true},
    LETHE_OPTIONS_END,
};

static const lethe_option fit_table[] = {
    {"epochs", LETHE_OPTION_INT, offsetof(fit_options, epochs), "10", 1, 1000, NULL, "N", "how long to train",
     false},
    {"lr", LETHE_OPTION_DOUBLE, offsetof(fit_options, lr), "0.1", 0, 10, NULL, "RATE", "learning rate",
     false},
    {"seed", LETHE_OPTION_UINT64, offsetof(fit_options, seed), "1", 0, 0, NULL, "N",
     "start of random numbers", false},
    {"schedule", LETHE_OPTION_CHOICE, offsetof(fit_options, schedule), "constant", 0, 0,
     "constant|growing|decaying", NULL, "how gamma changes", false},
    LETHE_OPTIONS_END,
};

typedef struct fixture {
    lethe__option_set set;
    data_options data;
    fit_options fit;
    int first_word;
} fixture;

static void fixture_init(fixture *f) {
    memset(f, 0, sizeof *f);
    f->first_word = -1;
    assert_done(lethe__option_set_add(&f->set, "Data", data_table, &f->data));
    assert_done(lethe__option_set_add(&f->set, "Training", fit_table, &f->fit));
}

enum { MAX_WORDS = 16 };

/* Parses the words of `line`, separated by blanks, which must outlive the fixture. */
static lethe_status parse(fixture *f, char *line, char **argv) {
    static char program[] = "lethe";
    int argc = 0;
    argv[argc++] = program;
    for (char *word = strtok(line, " "); word != NULL; word = strtok(NULL, " "))
        argv[argc++] = word;
    argv[argc] = NULL;
    return lethe__option_set_parse(&f->set, argc, argv, &f->first_word);
}

static void test_command_line(void **state) {
    (void)state;
    char *argv[MAX_WORDS],
        line[] = "one --epochs 5 two --lr=0.5 --no-shuffle --json --note= --schedule growing three";
    fixture f;
    fixture_init(&f);
    assert_done(parse(&f, line, argv));
    assert_int_equal(f.fit.epochs, 5);
    assert_true(f.fit.lr == 0.5);
    assert_false(f.data.shuffle);
    assert_true(f.data.json);
    assert_string_equal(f.data.note, "");
    assert_int_equal(f.fit.schedule, 1);
    assert_string_equal(f.data.dataset, "mnist");
    assert_int_equal(f.fit.seed, 1);
    assert_string_equal(argv[f.first_word], "one");
    assert_string_equal(argv[f.first_word + 1], "two");
    assert_string_equal(argv[f.first_word + 2], "three");
    assert_null(argv[f.first_word + 3]);
    assert_true(lethe__option_set_given(&f.set, "epochs"));
    assert_true(lethe__option_set_given(&f.set, "shuffle"));
    assert_false(lethe__option_set_given(&f.set, "seed"));
    assert_false(lethe__option_set_given(&f.set, "nonsense"));
    lethe__option_set_fini(&f.set);
}

static void test_flags(void **state) {
    (void)state;
    static const struct {
        const char *line;
        bool shuffle;
        int words;
    } cases[] = {
        {"", true, 0},
        {"--shuffle", true, 0},
        {"--no-shuffle", false, 0},
        {"--shuffle=off", false, 0},
        {"--shuffle=no", false, 0},
        {"--no-shuffle --shuffle=on", true, 0},
        {"--shuffle off", false, 0},
        {"word --shuffle off --json word", false, 2},
        {"--no-shuffle --shuffle on", true, 0},
        {"--shuffle maybe", true, 1},
        {"--no-shuffle off", false, 1},
        {"-- --no-shuffle", true, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *argv[MAX_WORDS], line[100];
        strcpy(line, cases[i].line);
        fixture f;
        fixture_init(&f);
        assert_done(parse(&f, line, argv));
        assert_int_equal(f.data.shuffle, cases[i].shuffle);
        int words = 0;
        while (argv[f.first_word + words] != NULL)
            words++;
        assert_int_equal(words, cases[i].words);
        lethe__option_set_fini(&f.set);
    }
}

static void test_wrong_command_lines(void **state) {
    (void)state;
    static const struct {
        const char *line, *message;
    } wrong[] = {
        {"--epcohs 3", "unknown option 'epcohs'; did you mean epochs?"},
        {"--epoch 3", "unknown option 'epoch'; did you mean epochs?"},
        {"--epo=3", "unknown option 'epo'; did you mean epochs?"},
        {"--s", "unknown option 's'; known are config"},
        {"--shuff off", "unknown option 'shuff'; did you mean shuffle?"},
        {"--zzzzzzzz", "unknown option 'zzzzzzzz'; known are config, dataset, note, limit"},
        {"--no-epochs", "unknown option 'no-epochs'; did you mean epochs?"},
        {"--lr", "--lr needs a value"},
        {"word --seed", "--seed needs a value"},
        {"--no-shuffle=off", "--no-shuffle=off: an option that starts with --no- takes no value"},
        {"--no-json=1 word", "--no-json=1: an option that starts with --no- takes no value"},
        {"-x", "unknown option '-x'; options start with two dashes"},
        {"-lr 3", "unknown option '-l'"},
        {"--lr --seed 3", "'lr' must be a number, not '--seed'"},
        {"--epochs 0", "'epochs' must be from 1 to 1000, not 0"},
        {"--schedule linear", "'schedule' must be one of constant|growing|decaying, not 'linear'"},
        {"--shuffle=maybe", "'shuffle' must be on or off, not 'maybe'"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char *argv[MAX_WORDS], line[100];
        strcpy(line, wrong[i].line);
        fixture f;
        fixture_init(&f);
        assert_fails(parse(&f, line, argv), LETHE_USAGE, wrong[i].message);
        assert_int_equal(f.first_word, -1);
        lethe__option_set_fini(&f.set);
    }
}

static void test_wrong_sets(void **state) {
    (void)state;
    fixture f;
    fit_options other;
    fixture_init(&f);
    assert_fails(lethe__option_set_add(&f.set, "Again", fit_table, &other), LETHE_USAGE,
                 "the option 'epochs' of 'Again' exists already");
    static const lethe_option none[] = {LETHE_OPTIONS_END};
    while (f.set.n_groups < LETHE__MAX_GROUPS)
        assert_done(lethe__option_set_add(&f.set, "None", none, NULL));
    assert_fails(lethe__option_set_add(&f.set, "Last", none, NULL), LETHE_USAGE,
                 "the options of 'Last' are too many");
    lethe__option_set_fini(&f.set);
}

static void test_configuration(void **state) {
    (void)state;
    write_text("c.yaml", "# how it was run\nepochs: 7\nlr: 1e-3\nnote: 'a: b # c'\nshuffle: false\n"
                         "seed: \"12\"\nschedule: decaying\n");
    char *argv[MAX_WORDS], line[] = "--lr 2 --config c.yaml";
    fixture f;
    fixture_init(&f);
    assert_done(parse(&f, line, argv));
    assert_int_equal(f.fit.epochs, 7);
    assert_true(f.fit.lr == 2);
    assert_string_equal(f.data.note, "a: b # c");
    assert_false(f.data.shuffle);
    assert_int_equal(f.fit.seed, 12);
    assert_int_equal(f.fit.schedule, 2);
    assert_true(lethe__option_set_given(&f.set, "epochs"));
    assert_false(lethe__option_set_given(&f.set, "dataset"));
    lethe__option_set_fini(&f.set);
}

static void test_configuration_in_json_or_empty(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    write_text("c.json", "{\n\t\"epochs\": 3,\n\t\"note\": \"caf\\u00e9\",\n\t\"shuffle\": false\n}\n");
    assert_done(lethe__option_set_load(&f.set, "c.json"));
    assert_int_equal(f.fit.epochs, 3);
    assert_string_equal(f.data.note, "caf\xc3\xa9");
    assert_false(f.data.shuffle);
    write_text("empty.yaml", "# nothing\n");
    assert_done(lethe__option_set_load(&f.set, "empty.yaml"));
    write_text("braces.yaml", "{}");
    assert_done(lethe__option_set_load(&f.set, "braces.yaml"));
    assert_int_equal(f.fit.epochs, 3);
    lethe__option_set_fini(&f.set);
}

static void test_wrong_configurations(void **state) {
    (void)state;
    static const struct {
        const char *text, *message;
    } wrong[] = {
        {"lr: 1\nepcohs: 3\n", "c.yaml:2: unknown option 'epcohs'; did you mean epochs?"},
        {"lr: 1\n\nlr: 1\n", "c.yaml:3: 'lr' is given twice"},
        {"{\"lr\": 1, \"lr\": 2}", "c.yaml:1: 'lr' is given twice"},
        {"epochs: 2000\n", "c.yaml:1: 'epochs' must be from 1 to 1000, not 2000"},
        {"epochs:\n  first: 3\n", "c.yaml:2: a value must be a plain word"},
        {"epochs: [3]\n", "c.yaml:1: a value must be a plain word"},
        {"? [epochs]\n: 3\n", "c.yaml:1: a key must be a plain word"},
        {"note: &here x\n", "c.yaml:1: a value must be a plain word"},
        {"note: !!str x\n", "c.yaml:1: a value must be a plain word"},
        {"&here note: x\n", "c.yaml:1: a key must be a plain word"},
        {"&here\nnote: x\n", "c.yaml:1: a configuration must be one mapping"},
        {"note: \"a\\0b\"\n", "c.yaml:1: a value must be a plain word"},
        {"- lr\n", "c.yaml:1: a configuration must be one mapping"},
        {"lr\n", "c.yaml:1: a configuration must be one mapping"},
        {"lr: 1\n---\nepochs: 3\n", "c.yaml:2: a configuration must be one mapping"},
        {"---\n---\nepochs: 3\n", "c.yaml:"},
        {"lr: 1\n}\n", "c.yaml:2: is not valid YAML"},
        {"note: \"open\n", "c.yaml:2: is not valid YAML"},
        {"note: \x01\n", "c.yaml:1: is not valid YAML"},
        {"note:\n", "c.yaml:1: 'note' has no value"},
        {"lr: 1\nnote: ~\n", "c.yaml:2: 'note' has no value"},
        {"note: null\n", "c.yaml:1: 'note' has no value"},
        {"config: d.yaml\n", "c.yaml:1: a configuration cannot load another one"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char *argv[MAX_WORDS], line[] = "--config c.yaml";
        fixture f;
        fixture_init(&f);
        write_text("c.yaml", wrong[i].text);
        assert_fails(parse(&f, line, argv), LETHE_USAGE, wrong[i].message);
        lethe__option_set_fini(&f.set);
    }
    char *argv[MAX_WORDS], line[] = "--config absent.yaml";
    fixture f;
    fixture_init(&f);
    assert_fails(parse(&f, line, argv), LETHE_INPUT, "absent.yaml: cannot be opened");
    lethe__option_set_fini(&f.set);
}

static void write_yaml(const fixture *f, const char *path) {
    FILE *stream = fopen(path, "w");
    assert_done(lethe__option_set_write_yaml(&f->set, stream));
    fclose(stream);
}

static void test_round_trip(void **state) {
    (void)state;
    static const char *const texts[] = {
        "plain",
        "",
        "null",
        "~",
        "true",
        "12",
        " blanks ",
        "a: b",
        "# no",
        "'quote'",
        "\"double\"",
        "back\\slash",
        "two\nlines\n",
        "tab\t",
        "caf\xc3\xa9",
        "\xc2\x85next line",
        "\xe2\x80\xa8",
        "\x7f\x01",
        "\xf0\x9f\x98\x80",
        "- list",
        "%dir",
        "{a}",
        "&x *y",
        "longer than the eighty columns at which writers of YAML like to break their lines",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        fixture f, again;
        fixture_init(&f);
        fixture_init(&again);
        f.data.note = texts[i];
        f.data.json = true;
        f.data.config = "other.yaml";
        f.fit.lr = 1.0 / (double)(i + 3);
        f.fit.seed = UINT64_MAX - i;
        f.fit.schedule = (int)i % 3;
        write_yaml(&f, "c.yaml");
        assert_done(lethe__option_set_load(&again.set, "c.yaml"));
        assert_string_equal(again.data.note, f.data.note);
        assert_memory_equal(&again.fit, &f.fit, sizeof f.fit);
        assert_null(again.data.config);
        assert_false(again.data.json);
        lethe__option_set_fini(&f.set);
        lethe__option_set_fini(&again.set);
    }
}

static void test_written_yaml(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    write_yaml(&f, "c.yaml");
    uint8_t *bytes = NULL;
    size_t n;
    assert_done(lethe__file_read("c.yaml", 1000, &bytes, &n));
    assert_string_equal(bytes, "dataset: \"mnist\"\nlimit: 0\nshuffle: on\nepochs: 10\nlr: 0.1\nseed: 1\n"
                               "schedule: constant\n");
    lethe__free(bytes);
    FILE *full = fopen("/dev/full", "w");
    setvbuf(full, NULL, _IONBF, 0);
    assert_fails(lethe__option_set_write_yaml(&f.set, full), LETHE_FAILED, "No space left");
    fclose(full);
    f.data.note = "\xff";
    FILE *stream = fopen("d.yaml", "w");
    assert_fails(lethe__option_set_write_yaml(&f.set, stream), LETHE_FAILED, "not UTF-8");
    fclose(stream);
    lethe__option_set_fini(&f.set);
}

static void test_json(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    f.fit.seed = UINT64_MAX;
    json_t *object = lethe__option_set_to_json(&f.set);
    char *text = json_dumps(object, JSON_COMPACT);
    assert_string_equal(
        text, "{\"dataset\":\"mnist\",\"limit\":0,\"shuffle\":true,\"epochs\":10,"
              "\"lr\":0.10000000000000001,\"seed\":\"18446744073709551615\",\"schedule\":\"constant\"}");
    lethe__free(text);
    assert_done(lethe__json_write("c.json", object));
    fixture again;
    fixture_init(&again);
    assert_done(lethe__option_set_load(&again.set, "c.json"));
    assert_memory_equal(&again.fit, &f.fit, sizeof f.fit);
    json_decref(object);
    lethe__option_set_fini(&f.set);
    lethe__option_set_fini(&again.set);
}

typedef void write_function(const lethe__option_set *set, FILE *stream);

static void write_help_wide(const lethe__option_set *set, FILE *stream) {
    lethe__option_set_write_help(set, stream, 64);
}

static void write_help_narrow(const lethe__option_set *set, FILE *stream) {
    lethe__option_set_write_help(set, stream, 30);
}

static void assert_output(write_function *write, const char *expected) {
    fixture f;
    fixture_init(&f);
    FILE *stream = fopen("out", "w");
    write(&f.set, stream);
    fclose(stream);
    uint8_t *bytes = NULL;
    size_t n;
    assert_done(lethe__file_read("out", 10000, &bytes, &n));
    assert_string_equal(bytes, expected);
    lethe__free(bytes);
    lethe__option_set_fini(&f.set);
}

static void test_help(void **state) {
    (void)state;
    assert_output(write_help_wide, "Data:\n"
                                   "  --config FILE           option values\n"
                                   "  --dataset NAME          the images (default mnist)\n"
                                   "  --note TEXT             a remark\n"
                                   "  --limit N               keep the first N\n"
                                   "  --[no-]shuffle          a new order each epoch (default on)\n"
                                   "  --[no-]json             for machines (default off)\n"
                                   "\n"
                                   "Training:\n"
                                   "  --epochs N              how long to train (default 10, from 1\n"
                                   "                          to 1000)\n"
                                   "  --lr RATE               learning rate (default 0.1, from 0 to\n"
                                   "                          10)\n"
                                   "  --seed N                start of random numbers (default 1)\n"
                                   "  --schedule constant|growing|decaying\n"
                                   "                          how gamma changes (default constant)\n");
}

static void test_narrow_help(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    FILE *stream = fopen("out", "w");
    write_help_narrow(&f.set, stream);
    fclose(stream);
    stream = fopen("out", "r");
    char text[200];
    while (fgets(text, sizeof text, stream) != NULL)
        assert_true(strlen(text) <= 31 || strstr(text, "constant|growing") != NULL);
    fclose(stream);
    lethe__option_set_fini(&f.set);
}

static void write_man(const lethe__option_set *set, FILE *stream) {
    (void)set;
    static const lethe_option odd[] = {
        {"a-b", LETHE_OPTION_STRING, 0, "C:\\x", 0, 0, NULL, "FILE-NAME", ".starts with a point", false},
        {"flag", LETHE_OPTION_FLAG, 0, NULL, 0, 0, NULL, NULL, "'quoted'", false},
        LETHE_OPTIONS_END,
    };
    lethe__option_set other = {0};
    assert_done(lethe__option_set_add(&other, "Odd-ones", odd, NULL));
    lethe__option_set_write_man(&other, stream);
    lethe__option_set_fini(&other);
}

static void test_man(void **state) {
    (void)state;
    assert_output(write_man, ".SH OPTIONS\n"
                             ".SS Odd\\-ones\n"
                             ".TP\n"
                             "\\fB\\-\\-a\\-b\\fR \\fIFILE\\-NAME\\fR\n"
                             "\\&.starts with a point (default C:\\ex)\n"
                             ".TP\n"
                             "\\fB\\-\\-[no\\-]flag\\fR\n"
                             "\\&'quoted' (default off)\n");
}

static lethe_status use_everything(void) {
    static char words[][20] = {"lethe", "--config", "c.yaml", "--no-shuffle", "--lr", "0.5"};
    char *argv[] = {words[0], words[1], words[2], words[3], words[4], words[5], NULL};
    lethe__option_set set = {0};
    data_options data;
    fit_options fit;
    int first_word;
    lethe_status status = lethe__option_set_add(&set, "Data", data_table, &data);
    if (status == LETHE_OK)
        status = lethe__option_set_add(&set, "Training", fit_table, &fit);
    if (status == LETHE_OK)
        status = lethe__option_set_parse(&set, 6, argv, &first_word);
    if (status == LETHE_OK) {
        json_t *object = lethe__option_set_to_json(&set);
        status = object != NULL ? LETHE_OK : LETHE_MEMORY;
        json_decref(object);
    }
    lethe__option_set_fini(&set);
    return status;
}

static void test_each_allocation_failing(void **state) {
    (void)state;
    write_text("c.yaml", "note: a remark\nepochs: 3\n");
    assert_true(fail_each_allocation(use_everything) > 15);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, enter_folder, leave_folder)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_command_line),
        TEST(test_flags),
        TEST(test_wrong_command_lines),
        TEST(test_wrong_sets),
        TEST(test_configuration),
        TEST(test_configuration_in_json_or_empty),
        TEST(test_wrong_configurations),
        TEST(test_round_trip),
        TEST(test_written_yaml),
        TEST(test_json),
        TEST(test_help),
        TEST(test_narrow_help),
        TEST(test_man),
        TEST(test_each_allocation_failing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
