/* JSON: parsing with places in messages, checked fields, writing numbers so that they read back; numbers as
 * text. */
#include "test_base.h"

#include "base/file.h"
#include "base/json.h"
#include "base/number.h"
#include "base/random.h"
#include <float.h>
#include <locale.h>
#include <math.h>

static json_t *parse(const char *text) {
    json_t *value = NULL;
    assert_done(lethe__json_parse(text, strlen(text), "test", &value));
    return value;
}

static void test_parse_errors(void **state) {
    (void)state;
    static const struct {
        const char *text, *message;
    } wrong[] = {
        {"{\"a\": 1,\n \"a\": 2}", "p.json:2: is not valid JSON: duplicate object key"},
        {"{\"a\": }", "p.json:1: is not valid JSON"},
        {"", "p.json:1: is not valid JSON"},
        {"{\"a\": 1} x", "p.json:1: is not valid JSON: end of file expected"},
        {"{\"a\": 1e999}", "p.json:1: is not valid JSON: real number overflow"},
        {"{\"a\": \"\xff\"}", "p.json:1: is not valid JSON: unable to decode"},
        {"{\"a\": 99999999999999999999}", "p.json:1: is not valid JSON: too big integer"},
    };
    json_t *value = NULL;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_fails(lethe__json_parse(wrong[i].text, strlen(wrong[i].text), "p.json", &value), LETHE_INPUT,
                     wrong[i].message);
    char deep[10000];
    memset(deep, '[', sizeof deep);
    assert_fails(lethe__json_parse(deep, sizeof deep, "p.json", &value), LETHE_INPUT, "depth");
    assert_null(value);
}

static void test_fields(void **state) {
    (void)state;
    json_t *object = parse("{\"t\": \"x\", \"i\": -5, \"r\": 0.5, \"a\": [1], \"o\": {}, \"n\": null}");
    const char *text = NULL;
    int64_t integer = 0;
    double real = 0;
    json_t *array = NULL, *inner = NULL;
    assert_done(lethe__json_get_text(object, "t", "p", &text));
    assert_string_equal(text, "x");
    assert_done(lethe__json_get_integer(object, "i", "p", -5, 5, &integer));
    assert_int_equal(integer, -5);
    assert_done(lethe__json_get_real(object, "r", "p", &real));
    assert_true(real == 0.5);
    assert_done(lethe__json_get_real(object, "i", "p", &real));
    assert_true(real == -5);
    assert_done(lethe__json_get_array(object, "a", "p", &array));
    assert_int_equal(json_array_size(array), 1);
    assert_done(lethe__json_get_object(object, "o", "p", &inner));

    assert_fails(lethe__json_get_text(object, "u", "p.json", &text), LETHE_INPUT, "p.json: 'u' is missing");
    assert_fails(lethe__json_get_text(object, "i", "p", &text), LETHE_INPUT, "p: 'i' must be a text");
    assert_fails(lethe__json_get_integer(object, "i", "p", 0, 5, &integer), LETHE_INPUT,
                 "'i' is -5, but must be from 0 to 5");
    assert_fails(lethe__json_get_integer(object, "r", "p", 0, 5, &integer), LETHE_INPUT,
                 "'r' must be an integer");
    assert_fails(lethe__json_get_real(object, "n", "p", &real), LETHE_INPUT, "'n' must be a number");
    assert_fails(lethe__json_get_real(object, "u", "p", &real), LETHE_INPUT, "'u' is missing");
    assert_fails(lethe__json_get_array(object, "o", "p", &array), LETHE_INPUT, "'o' must be an array");
    assert_fails(lethe__json_get_object(object, "a", "p", &inner), LETHE_INPUT, "'a' must be an object");
    assert_fails(lethe__json_get_text(array, "t", "p", &text), LETHE_INPUT, "'t' is missing");
    assert_string_equal(text, "x");
    assert_int_equal(integer, -5);
    json_decref(object);
}

static void assert_written(const char *compact, const char *file) {
    json_t *value = parse(compact), *again = NULL;
    uint8_t *bytes = NULL;
    size_t n;
    assert_done(lethe__json_write("a.json", value));
    assert_done(lethe__file_read("a.json", 10000, &bytes, &n));
    assert_string_equal(bytes, file);
    assert_done(lethe__json_read("a.json", &again));
    assert_true(json_equal(value, again));
    lethe__free(bytes);
    json_decref(value);
    json_decref(again);
}

static void test_write(void **state) {
    (void)state;
    assert_written("{}", "{}\n");
    assert_written("[]", "[]\n");
    assert_written("{\"z\":0.1,\"a\":{\"b\":[1,2.0,\"x\"],\"c\":[]},\"d\":[{\"e\":null},{}],\"f\":[[1],[2]]}",
                   "{\n"
                   "  \"z\": 0.1,\n"
                   "  \"a\": {\n"
                   "    \"b\": [1, 2.0, \"x\"],\n"
                   "    \"c\": []\n"
                   "  },\n"
                   "  \"d\": [\n"
                   "    {\n"
                   "      \"e\": null\n"
                   "    },\n"
                   "    {}\n"
                   "  ],\n"
                   "  \"f\": [\n"
                   "    [1],\n"
                   "    [2]\n"
                   "  ]\n"
                   "}\n");
    assert_written("[\"a\\\"\\n\xc3\xa9\", true, false, -7, 1e-300, 1e22, -0.0]",
                   "[\"a\\\"\\n\xc3\xa9\", true, false, -7, 1e-300, 1e+22, -0.0]\n");
}

static void test_file_errors(void **state) {
    (void)state;
    json_t *value = NULL;
    assert_fails(lethe__json_read("absent.json", &value), LETHE_INPUT, "absent.json: cannot be opened");
    write_text("bad.json", "{\n\n]");
    assert_fails(lethe__json_read("bad.json", &value), LETHE_INPUT, "bad.json:3: is not valid JSON");
    assert_null(value);
    value = parse("{}");
    assert_fails(lethe__json_write("absent/a.json", value), LETHE_FAILED, "absent/a.json: cannot be written");
    FILE *full = fopen("/dev/full", "w");
    setvbuf(full, NULL, _IONBF, 0);
    assert_fails(lethe__json_dump(value, full), LETHE_FAILED, "No space left");
    fclose(full);
    json_decref(value);
}

static void test_reals(void **state) {
    (void)state;
    json_t *number = lethe__json_real(0.25), *nan = lethe__json_real(NAN),
           *infinite = lethe__json_real(-INFINITY);
    assert_true(json_real_value(number) == 0.25);
    assert_true(json_is_null(nan));
    assert_true(json_is_null(infinite));
    json_decref(number);
}

static void assert_number(double value, const char *expected) {
    char text[LETHE__NUMBER_TEXT];
    double again = 0;
    lethe__number_format(value, text);
    if (expected != NULL)
        assert_string_equal(text, expected);
    assert_true(lethe__number_parse(text, &again));
    assert_memory_equal(&again, &value, sizeof value);
}

static void test_numbers(void **state) {
    (void)state;
    assert_number(0.1, "0.1");
    assert_number(1, "1");
    assert_number(-0.0, "-0");
    assert_number(1.0 / 3, "0.3333333333333333");
    assert_number(0.1 + 0.2, "0.30000000000000004");
    assert_number(5e-4, "0.0005");
    assert_number(DBL_MAX, NULL);
    assert_number(DBL_MIN, NULL);
    assert_number(4.9406564584124654e-324, NULL);
    lethe__random random = lethe__random_open(1, LETHE__RANDOM_METHOD, 0, 0);
    for (int i = 0; i < 10000; i++) {
        uint64_t bits = lethe__random_u64(&random);
        double value;
        memcpy(&value, &bits, sizeof value);
        if (isfinite(value))
            assert_number(value, NULL);
    }

    static const char *const wrong[] = {"",    "x",   "1x",   " ",     "1 ",  " 1",
                                        "nan", "inf", "-inf", "1e999", "0,5", "--1"};
    double untouched = 7;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(lethe__number_parse(wrong[i], &untouched));
    assert_true(untouched == 7);
}

/* Numbers are the same under a locale with a decimal comma, where this machine has one. */
static void test_numbers_under_another_locale(void **state) {
    (void)state;
    if (setlocale(LC_NUMERIC, "de_DE.UTF-8") == NULL && setlocale(LC_NUMERIC, "fr_FR.UTF-8") == NULL)
        skip();
    assert_number(0.5, "0.5");
    setlocale(LC_NUMERIC, "C");
}

static lethe_status write_and_read(void) {
    json_t *value = NULL, *again = NULL;
    const char *text = "{\"a\": [1, 2.5, \"text\"], \"b\": {\"c\": \"longer text that needs room\"}}";
    lethe_status status = lethe__json_parse(text, strlen(text), "text", &value);
    if (status == LETHE_OK)
        status = lethe__json_write("a.json", value);
    if (status == LETHE_OK)
        status = lethe__json_read("a.json", &again);
    json_decref(value);
    json_decref(again);
    return status;
}

static void test_each_allocation_failing(void **state) {
    (void)state;
    assert_true(fail_each_allocation(write_and_read) > 20);
    assert_int_equal(count_files("."), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, enter_folder, leave_folder)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_parse_errors),
        TEST(test_fields),
        TEST(test_write),
        TEST(test_file_errors),
        TEST(test_reals),
        TEST(test_numbers),
        TEST(test_numbers_under_another_locale),
        TEST(test_each_allocation_failing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
