/* Random streams: known answers of Philox4x32-10, independence of streams, and the distributions. */
#include "test_base.h"

#include "base/random.h"
#include <math.h>

/* The published vectors of Random123 (kat_vectors): counter, key, result. */
static void test_known_answers(void **state) {
    (void)state;
    static const struct {
        uint32_t counter[4];
        uint64_t key;
        uint32_t result[4];
    } vectors[] = {
        {{0, 0, 0, 0}, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX},
         UINT64_MAX,
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         0x299f31d0a4093822,
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        lethe__random random = {.seed = vectors[i].key, .used = 4};
        memcpy(random.counter, vectors[i].counter, sizeof random.counter);
        for (int word = 0; word < 4; word++)
            assert_int_equal(lethe__random_u32(&random), vectors[i].result[word]);
    }
}

/* Stored runs depend on where seed, purpose, epoch and sample enter. */
static void test_layout_of_streams(void **state) {
    (void)state;
    lethe__random random =
        lethe__random_open(0x299f31d0a4093822, (lethe__purpose)0x03707344, 0x13198a2e, 0x85a308d3);
    random.counter[0] = 0x243f6a88;
    assert_int_equal(lethe__random_u64(&random), 0x94fdccebd16cfe09);
    assert_int_equal(lethe__random_u64(&random), 0x24126ea15001e420);
}

static void test_a_stream_can_be_entered_anywhere(void **state) {
    (void)state;
    lethe__random stream = lethe__random_open(5, LETHE__RANDOM_INITIALISE, 0, 3), whole = stream;
    for (uint32_t word = 0; word < 64; word++) {
        lethe__random part = lethe__random_from(&stream, word / 4 * 4);
        for (uint32_t i = 0; i < word % 4; i++)
            lethe__random_u32(&part);
        assert_int_equal(lethe__random_u32(&part), lethe__random_u32(&whole));
    }
}

static void test_streams_differ(void **state) {
    (void)state;
    const uint64_t seed = 5;
    lethe__random base = lethe__random_open(seed, LETHE__RANDOM_AUGMENT, 3, 9), again = base;
    lethe__random others[] = {
        lethe__random_open(seed + 1, LETHE__RANDOM_AUGMENT, 3, 9),
        lethe__random_open(seed + (1ull << 32), LETHE__RANDOM_AUGMENT, 3, 9),
        lethe__random_open(seed, LETHE__RANDOM_SHUFFLE, 3, 9),
        lethe__random_open(seed, LETHE__RANDOM_AUGMENT, 4, 9),
        lethe__random_open(seed, LETHE__RANDOM_AUGMENT, 3, 10),
    };
    for (int i = 0; i < 100; i++) {
        uint64_t value = lethe__random_u64(&base);
        assert_true(value == lethe__random_u64(&again));
        for (size_t j = 0; j < sizeof others / sizeof *others; j++)
            assert_true(value != lethe__random_u64(&others[j]));
    }
}

/* Mean and variance within five standard errors of what they should be. */
static void test_uniform_and_normal(void **state) {
    (void)state;
    const int n = 200000;
    lethe__random random = lethe__random_open(1, LETHE__RANDOM_METHOD, 0, 0);
    double sum = 0, squares = 0;
    for (int i = 0; i < n; i++) {
        float u = lethe__random_uniform(&random);
        assert_true(u >= 0 && u < 1);
        sum += u;
        squares += (double)u * u;
    }
    double error = 5 / sqrt(n);
    assert_true(fabs(sum / n - 0.5) < error * sqrt(1.0 / 12));
    assert_true(fabs(squares / n - 1.0 / 3) < error * sqrt(4.0 / 45));

    double fourth = 0;
    int beyond = 0;
    sum = squares = 0;
    for (int i = 0; i < n; i++) {
        double z = lethe__random_normal(&random);
        assert_true(isfinite(z));
        sum += z;
        squares += z * z;
        fourth += z * z * z * z;
        beyond += fabs(z) > 1.959964;
    }
    assert_true(fabs(sum / n) < error);
    assert_true(fabs(squares / n - 1) < error * sqrt(2));
    assert_true(fabs(fourth / n - 3) < error * sqrt(96));
    assert_true(fabs((double)beyond / n - 0.05) < error * sqrt(0.05 * 0.95));
}

/* Chi-squared over 10 values: 9 degrees of freedom exceed 33.7 once in 10,000. */
static void test_below(void **state) {
    (void)state;
    const int n = 100000;
    int counts[10] = {0};
    lethe__random random = lethe__random_open(2, LETHE__RANDOM_METHOD, 0, 0);
    for (int i = 0; i < n; i++) {
        uint32_t value = lethe__random_below(&random, 10);
        assert_in_range(value, 0, 9);
        counts[value]++;
    }
    double chi = 0;
    for (int i = 0; i < 10; i++)
        chi += (counts[i] - n / 10.0) * (counts[i] - n / 10.0) / (n / 10.0);
    assert_true(chi < 33.7);
    assert_int_equal(lethe__random_below(&random, 1), 0);

    /* Of n = 3 * 2^30 a plain multiply-shift would take one third of the values twice as often as the rest.
     */
    const uint32_t large = 3u << 30;
    int thirds[3] = {0};
    for (int i = 0; i < n; i++) {
        uint32_t value = lethe__random_below(&random, large);
        assert_true(value < large);
        thirds[value % 3]++;
    }
    for (int i = 0; i < 3; i++)
        assert_true(fabs(thirds[i] - n / 3.0) < 5 * sqrt(n * 2.0 / 9));
}

/* All six orders of three values are equally likely: 5 degrees of freedom exceed 25.7 once in 10,000. */
static void test_permute(void **state) {
    (void)state;
    const int n = 60000;
    int counts[27] = {0};
    lethe__random random = lethe__random_open(3, LETHE__RANDOM_SHUFFLE, 0, 0);
    for (int i = 0; i < n; i++) {
        uint32_t values[3] = {0, 1, 2};
        lethe__random_permute(&random, values, 3);
        assert_int_equal(values[0] + values[1] + values[2], 3);
        counts[values[0] * 9 + values[1] * 3 + values[2]]++;
    }
    double chi = 0;
    int orders = 0;
    for (int i = 0; i < 27; i++) {
        orders += counts[i] > 0;
        chi += counts[i] > 0 ? (counts[i] - n / 6.0) * (counts[i] - n / 6.0) / (n / 6.0) : 0;
    }
    assert_int_equal(orders, 6);
    assert_true(chi < 25.7);

    uint32_t many[1000], seen[1000] = {0};
    for (uint32_t i = 0; i < 1000; i++)
        many[i] = i;
    lethe__random_permute(&random, many, 1000);
    for (int i = 0; i < 1000; i++)
        seen[many[i]]++;
    for (int i = 0; i < 1000; i++)
        assert_int_equal(seen[i], 1);
    lethe__random_permute(&random, many, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers),
        cmocka_unit_test(test_layout_of_streams),
        cmocka_unit_test(test_a_stream_can_be_entered_anywhere),
        cmocka_unit_test(test_streams_differ),
        cmocka_unit_test(test_uniform_and_normal),
        cmocka_unit_test(test_below),
        cmocka_unit_test(test_permute),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
