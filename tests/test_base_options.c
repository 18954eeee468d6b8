/* Option tables: defaults, setting by name, ranges, checking; suggestions for mistyped words. */
#include "test_base.h"

#include "base/option.h"
#include "base/suggest.h"
#include <limits.h>
#include <math.h>

typedef enum shape_kind { SHAPE_ROUND, SHAPE_SQUARE, SHAPE_FLAT } shape_kind;

typedef struct options {
    bool dark, loud;
    int level;
    size_t count;
    uint64_t seed;
    double rate, free;
    const char *name, *title;
    shape_kind shape;
} options;

#define FIELD(field) offsetof(options, field)

static const lethe_option table[] = {
    {"dark", LETHE_OPTION_FLAG, FIELD(dark), "on", 0, 0, NULL, NULL, "no light", false},
    {"loud", LETHE_OPTION_FLAG, FIELD(loud), NULL, 0, 0, NULL, NULL, "noise", false},
    {"level", LETHE_OPTION_INT, FIELD(level), "-3", -10, 10, NULL, "N", "a level", false},
    {"count", LETHE_OPTION_SIZE, FIELD(count), NULL, 0, 0, NULL, "N", "a count", false},
    {"seed", LETHE_OPTION_UINT64, FIELD(seed), "18446744073709551615", 0, 0, NULL, "N", "a seed", false},
    {"rate", LETHE_OPTION_DOUBLE, FIELD(rate), "0.1", 0, 1, NULL, "RATE", "a rate", false},
    {"free", LETHE_OPTION_DOUBLE, FIELD(free), NULL, 0, 0, NULL, "X", "any number", false},
    {"name", LETHE_OPTION_STRING, FIELD(name), NULL, 0, 0, NULL, "TEXT", "a name", false},
    {"title", LETHE_OPTION_STRING, FIELD(title), "untitled", 0, 0, NULL, "TEXT", "a title", false},
    {"shape", LETHE_OPTION_CHOICE, FIELD(shape), "square", 0, 0, "round|square|flat", NULL, "a shape", false},
    LETHE_OPTIONS_END,
};

static options defaults(void) {
    options things;
    memset(&things, 0xa5, sizeof things);
    assert_done(lethe_options_defaults(table, &things));
    return things;
}

static void test_defaults(void **state) {
    (void)state;
    options things = defaults();
    assert_true(things.dark);
    assert_false(things.loud);
    assert_int_equal(things.level, -3);
    assert_int_equal(things.count, 0);
    assert_true(things.seed == UINT64_MAX);
    assert_true(things.rate == 0.1);
    assert_true(things.free == 0);
    assert_null(things.name);
    assert_string_equal(things.title, "untitled");
    assert_int_equal(things.shape, SHAPE_SQUARE);
    assert_done(lethe_options_check(table, &things));
}

static void test_wrong_default(void **state) {
    (void)state;
    const lethe_option wrong[] = {
        {"level", LETHE_OPTION_INT, FIELD(level), "11", -10, 10, NULL, "N", "a level", false},
        LETHE_OPTIONS_END};
    options things;
    assert_fails(lethe_options_defaults(wrong, &things), LETHE_USAGE,
                 "'level' must be from -10 to 10, not 11");
}

static void test_set(void **state) {
    (void)state;
    static const char *const yes[] = {"on", "true", "yes"}, *const no[] = {"off", "false", "no"};
    options things = defaults();
    for (int i = 0; i < 3; i++) {
        assert_done(lethe_options_set(table, &things, "dark", no[i]));
        assert_false(things.dark);
        assert_done(lethe_options_set(table, &things, "dark", yes[i]));
        assert_true(things.dark);
    }
    assert_done(lethe_options_set(table, &things, "level", "10"));
    assert_int_equal(things.level, 10);
    assert_done(lethe_options_set(table, &things, "count", "18446744073709551615"));
    assert_true(things.count == SIZE_MAX);
    assert_done(lethe_options_set(table, &things, "seed", "007"));
    assert_true(things.seed == 7);
    assert_done(lethe_options_set(table, &things, "rate", "1e-3"));
    assert_true(things.rate == 1e-3);
    assert_done(lethe_options_set(table, &things, "free", "-1e300"));
    assert_true(things.free == -1e300);
    const char *text = "lent";
    assert_done(lethe_options_set(table, &things, "name", text));
    assert_ptr_equal(things.name, text);
    assert_done(lethe_options_set(table, &things, "shape", "flat"));
    assert_int_equal(things.shape, SHAPE_FLAT);
    assert_done(lethe_options_check(table, &things));
}

static void test_refused_texts(void **state) {
    (void)state;
    static const struct {
        const char *name, *text, *message;
    } refused[] = {
        {"dark", "ON", "'dark' must be on or off, not 'ON'"},
        {"dark", "", "'dark' must be on or off"},
        {"level", "", "'level' must be an integer, not ''"},
        {"level", "3x", "'level' must be an integer, not '3x'"},
        {"level", " 3", "'level' must be an integer"},
        {"level", "3.0", "'level' must be an integer"},
        {"level", "2147483648", "'level' must be an integer"},
        {"level", "99999999999999999999", "'level' must be an integer"},
        {"level", "11", "'level' must be from -10 to 10, not 11"},
        {"level", "-11", "'level' must be from -10 to 10, not -11"},
        {"count", "-1", "'count' must be an integer from 0 on, not '-1'"},
        {"count", "+1", "'count' must be an integer from 0 on"},
        {"count", "", "'count' must be an integer from 0 on"},
        {"count", "1e3", "'count' must be an integer from 0 on"},
        {"seed", "18446744073709551616", "'seed' must be an integer from 0 on"},
        {"rate", "1.5", "'rate' must be from 0 to 1, not 1.5"},
        {"rate", "-1e-9", "'rate' must be from 0 to 1"},
        {"rate", "0.1 ", "'rate' must be a number, not '0.1 '"},
        {"rate", " 0.1", "'rate' must be a number, not ' 0.1'"},
        {"rate", "nan", "'rate' must be a number, not 'nan'"},
        {"free", "inf", "'free' must be a number, not 'inf'"},
        {"free", "1e999", "'free' must be a number"},
        {"shape", "roun", "'shape' must be one of round|square|flat, not 'roun'"},
        {"shape", "round|square", "'shape' must be one of"},
        {"shape", "", "'shape' must be one of"},
    };
    const options before = defaults();
    options things = before;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        assert_fails(lethe_options_set(table, &things, refused[i].name, refused[i].text), LETHE_USAGE,
                     refused[i].message);
    assert_memory_equal(&things, &before, sizeof things);
}

static void test_unknown_names(void **state) {
    (void)state;
    options things = defaults();
    assert_fails(lethe_options_set(table, &things, "leve", "1"), LETHE_USAGE,
                 "unknown option 'leve'; did you mean level?");
    assert_fails(lethe_options_set(table, &things, "zzzzzz", "1"), LETHE_USAGE,
                 "unknown option 'zzzzzz'; known are dark, loud, level, count, seed, rate, free, name, title "
                 "and shape");
}

static void test_check(void **state) {
    (void)state;
    options things = defaults();
    things.level = 11;
    assert_fails(lethe_options_check(table, &things), LETHE_USAGE, "'level' must be from -10 to 10, not 11");
    things = defaults();
    things.rate = NAN;
    assert_fails(lethe_options_check(table, &things), LETHE_USAGE, "'rate' must be from 0 to 1, not nan");
    things = defaults();
    things.free = INFINITY;
    assert_fails(lethe_options_check(table, &things), LETHE_USAGE, "'free' must be a finite number, not inf");
    things = defaults();
    things.shape = (shape_kind)3;
    assert_fails(lethe_options_check(table, &things), LETHE_USAGE,
                 "'shape' must be one of round|square|flat, not number 3");
    memset(&things.shape, 0xff, sizeof things.shape);
    assert_fails(lethe_options_check(table, &things), LETHE_USAGE, "not number -1");
    const lethe_option sizes[] = {
        {"count", LETHE_OPTION_SIZE, FIELD(count), "5", 1, INFINITY, NULL, "N", "a", false},
        LETHE_OPTIONS_END};
    assert_done(lethe_options_defaults(sizes, &things));
    assert_done(lethe_options_check(sizes, &things));
    things.count = 0;
    assert_fails(lethe_options_check(sizes, &things), LETHE_USAGE, "'count' must be at least 1, not 0");
}

static void test_written_values_read_back(void **state) {
    (void)state;
    char text[LETHE__OPTION_TEXT];
    options things = defaults(), again = defaults();
    things.level = INT_MIN;
    things.free = 1.0 / 3;
    things.shape = SHAPE_ROUND;
    for (const lethe_option *option = table; option->name != NULL; option++) {
        const char *written = lethe__option_write(option, &things, text);
        if (written != NULL && strcmp(option->name, "level") != 0)
            assert_done(lethe__option_read(option, &again, written));
    }
    again.level = things.level;
    assert_memory_equal(&things, &again, sizeof things);
    assert_string_equal(lethe__option_write(&table[2], &things, text), "-2147483648");
    assert_string_equal(lethe__option_write(&table[5], &things, text), "0.1");
    assert_null(lethe__option_write(&table[7], &things, text));
}

static void assert_suggested(const char *word, const char *expected) {
    static const char *const words[] = {"epochs",   "lr",       "momentum", "cifar10",
                                        "cifar100", "resnet18", "resnet20s"};
    char text[100];
    lethe__suggest(word, words, sizeof words / sizeof *words, text, sizeof text);
    assert_string_equal(text, expected);
}

static void test_suggestions(void **state) {
    (void)state;
    assert_suggested("epcohs", "epochs");
    assert_suggested("epoch", "epochs");
    assert_suggested("ls", "lr");
    assert_suggested("cifar", "cifar10 or cifar100");
    assert_suggested("cifar-10", "cifar10 or cifar100");
    assert_suggested("resnet", "resnet18 or resnet20s");
    assert_suggested("mom", "momentum");
    assert_suggested("vgg16", "");
    assert_suggested("", "");
    assert_suggested("a-word-that-is-much-longer-than-any-name-that-an-option-could-ever-have-in-a-table",
                     "");
    char cut[8];
    const char *const two[] = {"abcdef1", "abcdef2"};
    lethe__suggest("abcdef", two, 2, cut, sizeof cut);
    assert_string_equal(cut, "abcdef1");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_wrong_default),
        cmocka_unit_test(test_set),
        cmocka_unit_test(test_refused_texts),
        cmocka_unit_test(test_unknown_names),
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_written_values_read_back),
        cmocka_unit_test(test_suggestions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
