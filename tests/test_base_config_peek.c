/* test_base_config_peek.c - one value out of a configuration file whose other keys are not known yet. */
#include "base/config_peek.h"
#include "base/file.h"
#include "test_base.h"
#include <string.h>
#include <unistd.h>

static const char path[] = "test_base_config_peek.yaml";

static void test_values_are_found(void **state) {
    (void)state;
    static const struct {
        const char *file, *expected;
    } cases[] = {
        {"method: ga\nepochs: 3\n", "ga"},
        {"epochs: 3\nmethod: \"l1-sparse\"\n", "l1-sparse"},
        {"{\"epochs\": 3, \"method\": \"ft\"}", "ft"},
        {"epochs: 3\n", NULL},
        {"", NULL},
        {"- method\n- ga\n", NULL},
        {"{unbalanced", NULL},
        {"method: [ga]\n", NULL},
        {"nested: [3]\nmethod: ga\n", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lethe__arena *arena;
        const char *value = "untouched";
        assert_int_equal(lethe__file_write(path, cases[i].file, strlen(cases[i].file)), LETHE_OK);
        assert_int_equal(lethe__arena_create(&arena), LETHE_OK);
        assert_int_equal(lethe__config_peek(path, "method", arena, &value), LETHE_OK);
        if (cases[i].expected == NULL)
            assert_null(value);
        else
            assert_string_equal(value, cases[i].expected);
        lethe__arena_destroy(&arena);
    }
    unlink(path);
}

/* The test would run for hours otherwise. */
static void test_deep_nesting_costs_nothing(void **state) {
    (void)state;
    enum { DEPTH = 1000000 };
    static char text[DEPTH];
    lethe__arena *arena;
    const char *value = "untouched";
    memset(text, '[', sizeof text);
    memcpy(text, "a: ", 3);
    assert_int_equal(lethe__file_write(path, text, sizeof text), LETHE_OK);
    assert_int_equal(lethe__arena_create(&arena), LETHE_OK);
    assert_int_equal(lethe__config_peek(path, "method", arena, &value), LETHE_OK);
    assert_null(value);
    lethe__arena_destroy(&arena);
    unlink(path);
}

static void test_a_missing_file_is_named(void **state) {
    (void)state;
    const char *value;
    lethe__arena *arena;
    assert_int_equal(lethe__arena_create(&arena), LETHE_OK);
    assert_int_equal(lethe__config_peek("nowhere.yaml", "method", arena, &value), LETHE_INPUT);
    assert_non_null(strstr(lethe_last_message(), "nowhere.yaml"));
    lethe__arena_destroy(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_are_found),
        cmocka_unit_test(test_deep_nesting_costs_nothing),
        cmocka_unit_test(test_a_missing_file_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
