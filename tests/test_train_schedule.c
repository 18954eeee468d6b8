/* test_train_schedule.c - learning rates against PyTorch's, l1 coefficients against their formulas, and what
 * is refused. */
#include "fixture.h"

#include <lethe/train.h>
#include <string.h>

static lethe_fit_options defaults(int epochs) {
    lethe_fit_options fit = {0};
    assert_int_equal(lethe_options_defaults(lethe_fit_option_table, &fit), LETHE_OK);
    fit.epochs = epochs;
    return fit;
}

static void compare(const json_t *fixture, const char *key, const lethe_fit_options *fit) {
    const json_t *rates = json_object_get(fixture, key);
    assert_int_equal(json_array_size(rates), fit->epochs);
    assert_int_equal(lethe_fit_check(fit), LETHE_OK);
    size_t epoch;
    json_t *rate;
    json_array_foreach((json_t *)rates, epoch, rate) {
        double expected = json_number_value(rate), actual = lethe_fit_lr(fit, (int)epoch);
        if (fabs(actual - expected) > 1e-8 * expected)
            fail_msg("%s, epoch %zu: %.9g, PyTorch %.9g", key, epoch, actual, expected);
    }
}

static void test_rates_are_pytorchs(void **state) {
    (void)state;
    json_t *fixture = fixture_load("schedules");
    lethe_fit_options fit = defaults(182);
    fit.milestones = "91,136";
    compare(fixture, "multistep_91_136_of_182", &fit);
    fit.milestones = "0.5,0.75";
    compare(fixture, "multistep_91_136_of_182", &fit);
    fit = defaults(10);
    fit.lr_schedule = LETHE_LR_COSINE;
    compare(fixture, "cosine_of_10", &fit);
    fit = defaults(20);
    fit.lr_schedule = LETHE_LR_COSINE;
    fit.warmup = 5;
    compare(fixture, "warmup_5_then_cosine_of_20", &fit);
    json_decref(fixture);
}

static void test_a_share_is_rounded_down(void **state) {
    (void)state;
    lethe_fit_options fit = defaults(100);
    fit.lr = 1;
    fit.lr_factor = 0.5;
    fit.milestones = "0.29"; /* 0.29 * 100 is 28.999999999999996 */
    assert_true(lethe_fit_lr(&fit, 28) == 1 && lethe_fit_lr(&fit, 29) == 0.5);
}

static void test_penalties(void **state) {
    (void)state;
    lethe_fit_options fit = defaults(4);
    fit.gamma = 1;
    static const double expected[3][4] = {{1, 1, 1, 1}, {0, 0.5, 1, 1.5}, {2, 1.5, 1, 0.5}};
    for (int schedule = 0; schedule < 3; schedule++)
        for (int epoch = 0; epoch < 4; epoch++) {
            fit.gamma_schedule = (lethe_l1_schedule)schedule;
            assert_true(lethe_fit_gamma(&fit, epoch) == expected[schedule][epoch]);
        }
}

static void expect_usage(const lethe_fit_options *fit, const char *word) {
    assert_int_equal(lethe_fit_check(fit), LETHE_USAGE);
    if (strstr(lethe_last_message(), word) == NULL)
        fail_msg("'%s' does not mention '%s'", lethe_last_message(), word);
}

static void test_contradictions_are_refused(void **state) {
    (void)state;
    static const char *const malformed[] = {"half", "", "0.5,", ",0.5", "0", "-3", "1.5", "0.5,91x", "nan"};
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++) {
        lethe_fit_options fit = defaults(10);
        fit.milestones = malformed[i];
        expect_usage(&fit, "milestones");
        fit.lr_schedule = LETHE_LR_CONSTANT;
        assert_int_equal(lethe_fit_check(&fit), LETHE_OK);
    }
    lethe_fit_options fit = defaults(10);
    fit.milestones = NULL;
    expect_usage(&fit, "milestones");
    fit = defaults(10);
    fit.milestones = "0.5,oops,0.75";
    expect_usage(&fit, "'oops'");
    fit = defaults(3);
    fit.warmup = 4;
    expect_usage(&fit, "warm-up of 4 epochs");
    fit = defaults(10);
    fit.gamma = NAN;
    expect_usage(&fit, "gamma");
    fit = defaults(10);
    fit.momentum = 1;
    assert_int_equal(lethe_fit_check(&fit), LETHE_OK);
    fit.l1 = LETHE_L1_PROXIMAL;
    expect_usage(&fit, "momentum of 1");
    fit = defaults(10);
    fit.batch = 0;
    expect_usage(&fit, "batch");
    fit = defaults(-1);
    expect_usage(&fit, "epochs");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rates_are_pytorchs),
        cmocka_unit_test(test_a_share_is_rounded_down),
        cmocka_unit_test(test_penalties),
        cmocka_unit_test(test_contradictions_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
