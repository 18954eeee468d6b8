/* test_evaluate_metrics.c - intervals and the gate against closed forms, and the list of metrics. */
#include "evaluate/metrics.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const double z = 1.959963984540054;

static void assert_near(double actual, double expected) {
    if (!(fabs(actual - expected) <= 1e-10 * (1 + fabs(expected))))
        fail_msg("%.15g, expected %.15g", actual, expected);
}

static void test_wilson_at_the_ends(void **state) {
    (void)state;
    for (size_t n = 1; n <= 10000; n *= 10) {
        double share = z * z / ((double)n + z * z);
        lethe_interval none = lethe_rate_interval(0, n), all = lethe_rate_interval(100, n);
        assert_true(none.low == 0 && all.high == 100);
        assert_near(none.high, 100 * share);
        assert_near(all.low, 100 - 100 * share);
    }
}

/* The ends are the rates q that the rate seen is z standard deviations away from: (p - q)^2 = z^2 q (1 - q) /
 * n. */
static void test_wilson_solves_its_equation(void **state) {
    (void)state;
    for (size_t n = 1; n <= 4096; n *= 4)
        for (size_t hits = 0; hits <= n; hits += 1 + n / 7) {
            double p = (double)hits / (double)n;
            lethe_interval interval = lethe_rate_interval(100 * p, n);
            const double ends[] = {interval.low / 100, interval.high / 100};
            for (int i = 0; i < 2; i++)
                assert_near(pow(p - ends[i], 2), z * z * ends[i] * (1 - ends[i]) / (double)n);
            assert_true(interval.low <= 100 * p && 100 * p <= interval.high);
        }
}

static void test_no_rate_has_no_interval(void **state) {
    (void)state;
    assert_true(isnan(lethe_rate_interval(50, 0).low) && isnan(lethe_rate_interval(50, 0).high));
    assert_true(isnan(lethe_rate_interval(NAN, 10).low));
    assert_true(isnan(lethe_rate_interval(101, 10).low));
    assert_true(isnan(lethe_mean_rate_interval(50, 10, NAN, 0).high));
}

static void test_mean_of_two_rates(void **state) {
    (void)state;
    /* of equal rates over equally many samples: narrower by the square root of two */
    lethe_interval one = lethe_rate_interval(30, 50), both = lethe_mean_rate_interval(30, 50, 30, 50);
    assert_near(30 - both.low, (30 - one.low) / sqrt(2));
    assert_near(both.high - 30, (one.high - 30) / sqrt(2));
    /* a rate that is all but known adds nothing but its place */
    both = lethe_mean_rate_interval(30, 50, 100, SIZE_MAX / 2);
    assert_near(both.high, 65 + (one.high - 30) / 2);
    both = lethe_mean_rate_interval(0, 1, 0, 1);
    assert_true(both.low == 0 && both.high > 0 && both.high < 100);
}

static void test_gate(void **state) {
    (void)state;
    lethe_evaluation evaluation = {.n_forget = 400, .n_test = 1000, .ua = 12, .ta = 90};
    lethe_gate gate = lethe__gate(&evaluation);
    double common = (0.12 * 400 + 0.1 * 1000) / 1400;
    assert_near(gate.gap, 2);
    assert_near(gate.band, 100 * z * sqrt(common * (1 - common) * (1.0 / 400 + 1.0 / 1000)));
    evaluation.ua = 0; /* neither set shows an error: nothing to tell apart */
    evaluation.ta = 100;
    gate = lethe__gate(&evaluation);
    assert_true(gate.gap == 0 && gate.band == 0);
    evaluation.n_test = 0;
    evaluation.ta = NAN;
    gate = lethe__gate(&evaluation);
    assert_true(isnan(gate.gap) && isnan(gate.band));
}

/* Every field is reached through the list, and no two entries reach the same. */
static void test_list_of_metrics(void **state) {
    (void)state;
    lethe_evaluation evaluation = {.ua = 1, .ra = 2, .ta = 3, .va = 4};
    evaluation.mia_efficacy[LETHE_MIA_PROBABILITY] = 5;
    evaluation.interval.mia_efficacy[LETHE_MIA_ENTROPY].high = 6;
    evaluation.interval.va.low = 7;
    const lethe_metric *list = lethe_metrics();
    for (int i = 0; i < 4; i++) {
        assert_false(list[i].by_feature);
        assert_true(lethe_metric_value(&list[i], &evaluation, 0) == i + 1);
    }
    assert_true(lethe_metric_interval(&list[3], &evaluation, 0).low == 7);
    assert_string_equal(list[4].name, "MIA_efficacy");
    assert_true(lethe_metric_value(&list[4], &evaluation, LETHE_MIA_PROBABILITY) == 5);
    assert_true(lethe_metric_interval(&list[4], &evaluation, LETHE_MIA_ENTROPY).high == 6);
    for (const lethe_metric *one = list; one->name != NULL; one++)
        for (const lethe_metric *other = one + 1; other->name != NULL; other++) {
            assert_string_not_equal(one->name, other->name);
            assert_string_not_equal(one->title, other->title);
            assert_true(one->offset != other->offset && one->interval_offset != other->interval_offset);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wilson_at_the_ends),
        cmocka_unit_test(test_wilson_solves_its_equation),
        cmocka_unit_test(test_no_rate_has_no_interval),
        cmocka_unit_test(test_mean_of_two_rates),
        cmocka_unit_test(test_gate),
        cmocka_unit_test(test_list_of_metrics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
