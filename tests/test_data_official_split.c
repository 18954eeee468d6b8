/* test_data_official_split.c - the division and the forget set of the paper's code, against numpy's numbers.
 */
#include "data/numpy_random.h"
#include "data/split.h"
#include "fixture.h"
#include "test_data.h"
#include <inttypes.h>

static json_t *fixture;
static lethe_dataset *dataset;

static int open_data(void **state) {
    (void)state;
    fixture = fixture_load("split_numpy");
    lethe_dataset_options options = data_options("synthetic");
    options.synthetic_classes = (int)fixture_number(fixture, "classes");
    options.synthetic_train = (size_t)fixture_number(fixture, "n");
    options.synthetic_test = (size_t)options.synthetic_classes;
    options.synthetic_size = 8;
    options.synthetic_channels = 1;
    assert_done(lethe_dataset_open(&options, &dataset));
    fixture_labels(json_string_value(json_object_get(fixture, "label")), fixture_seed(fixture),
                   (int)dataset->info.n_train, dataset->info.classes, dataset->train_labels);
    return 0;
}

static int close_data(void **state) {
    (void)state;
    lethe_dataset_destroy(&dataset);
    json_decref(fixture);
    return 0;
}

/* FNV-1a over the ids as 4-byte little-endian numbers, as hexadecimal text. */
static void assert_hash(const uint32_t *ids, size_t n, const json_t *one, const char *key) {
    uint64_t hash = 0xcbf29ce484222325u;
    char text[17];
    for (size_t i = 0; i < n; i++)
        for (int shift = 0; shift < 32; shift += 8)
            hash = (hash ^ (ids[i] >> shift & 0xff)) * 0x100000001b3u;
    snprintf(text, sizeof text, "%016" PRIx64, hash);
    assert_string_equal(text, json_string_value(json_object_get(one, key)));
}

static bool is_in(lethe_samples samples, uint32_t id) {
    for (size_t i = 0; i < samples.n; i++)
        if (samples.ids[i] == id)
            return true;
    return false;
}

/* Training images as numpy's code lists them, and which of them it forgets. */
static void check_case(const json_t *one) {
    uint64_t seed = fixture_seed(one);
    lethe_split *split = NULL;
    size_t index;
    json_t *value;
    assert_done(lethe_split_create_official(dataset, 0.1, seed, &split));
    lethe_samples train = lethe_split_samples(split, dataset, LETHE_PART_TRAIN),
                  val = lethe_split_samples(split, dataset, LETHE_PART_VAL);
    assert_int_equal(val.n, (size_t)fixture_number(one, "val_n"));
    assert_hash(train.ids, train.n, one, "train_fnv64_le32");
    json_array_foreach(json_object_get(one, "val_first"), index, value)
        assert_true(is_in(val, (uint32_t)json_integer_value(value)));

    enum { DRAWN = 450 }; /* by tests/fixtures/make.py */
    static uint32_t positions[10000];
    char specification[64];
    assert_true(train.n <= 10000);
    lethe__numpy_random random;
    lethe__numpy_random_seed(&random, (uint32_t)(seed - 1));
    for (size_t i = 0; i < train.n; i++)
        positions[i] = (uint32_t)i;
    lethe__numpy_random_permute(&random, positions, train.n);
    assert_hash(positions, DRAWN, one, "forget_fnv64_le32"); /* in the order drawn */
    json_array_foreach(json_object_get(one, "forget_positions_in_train_first"), index, value)
        assert_int_equal(positions[index], json_integer_value(value));
    snprintf(specification, sizeof specification, "random=%.17g", DRAWN / (double)train.n);
    assert_done(lethe_split_forget_official(split, dataset, specification, seed));
    lethe_samples forget = lethe_split_samples(split, dataset, LETHE_PART_FORGET);
    assert_int_equal(forget.n, DRAWN);
    for (size_t i = 0; i < DRAWN; i++)
        assert_true(is_in(forget, train.ids[positions[i]]));
    assert_true(lethe_split_get_forget_random(split));
    lethe_split_destroy(&split);
}

static void test_numpy_draws_the_same(void **state) {
    (void)state;
    size_t index;
    json_t *one;
    assert_true(json_array_size(json_object_get(fixture, "cases")) > 0);
    json_array_foreach(json_object_get(fixture, "cases"), index, one) check_case(one);
}

/* Matsumoto and Nishimura: the 10,000th number after the seed 5489 is 4123659995. A permutation of two draws
 * one number and looks at its last bit alone. */
static void test_the_twister_is_the_twister(void **state) {
    (void)state;
    lethe__numpy_random random;
    lethe__numpy_random_seed(&random, 5489);
    for (int i = 1; i <= 10000; i++) {
        uint32_t pair[] = {0, 1};
        lethe__numpy_random_permute(&random, pair, 2);
        assert_int_equal(pair[0] + pair[1], 1);
        if (i == 10000)
            assert_int_equal(pair[1], 4123659995u & 1); /* odd: the two stay */
    }
}

static void test_of_a_class(void **state) {
    (void)state;
    lethe_split *split = NULL;
    assert_done(lethe_split_create_official(dataset, 0.1, 2, &split));
    assert_done(lethe_split_forget_official(split, dataset, "class=0", 2));
    assert_int_equal(lethe_split_get_forget_class(split), 0);
    assert_false(lethe_split_get_forget_random(split));
    size_t whole = lethe_split_samples(split, dataset, LETHE_PART_FORGET).n;
    assert_done(lethe_split_forget_official(split, dataset, "class=0,random=0.5", 2));
    lethe_samples half = lethe_split_samples(split, dataset, LETHE_PART_FORGET);
    assert_int_equal(half.n, (size_t)round(0.5 * (double)whole));
    for (size_t i = 0; i < half.n; i++)
        assert_int_equal(dataset->train_labels[half.ids[i]], 0);
    assert_false(lethe_split_get_forget_random(split));
    lethe_split_destroy(&split);
}

static void test_seeds_that_numpy_lacks(void **state) {
    (void)state;
    lethe_split *split = NULL;
    assert_fails(lethe_split_create_official(dataset, 0.1, 1ull << 32, &split), LETHE_USAGE, "4294967296");
    assert_null(split);
    assert_done(lethe_split_create_official(dataset, 0.1, 0, &split));
    assert_fails(lethe_split_forget_official(split, dataset, "random=0.1", 0), LETHE_USAGE, "1 or more");
    assert_fails(lethe_split_forget_official(split, dataset, "random=0.1", 1ull << 32), LETHE_USAGE,
                 "no seed");
    assert_int_equal(lethe_split_samples(split, dataset, LETHE_PART_FORGET).n, 0);
    lethe_split_destroy(&split);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numpy_draws_the_same),
        cmocka_unit_test(test_the_twister_is_the_twister),
        cmocka_unit_test(test_of_a_class),
        cmocka_unit_test(test_seeds_that_numpy_lacks),
    };
    return cmocka_run_group_tests(tests, open_data, close_data);
}
