/* test_engine_loss.c - softmax cross-entropy against closed forms. */
#include "engine/executor.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void assert_near(double value, double expected, double tolerance) {
    if (!(fabs(value - expected) <= tolerance * fmax(1, fabs(expected))))
        fail_msg("%.17g is not %.17g", value, expected);
}

static void equal_logits_give_the_logarithm_of_the_classes(void **state) {
    (void)state;
    const float logits[] = {3, 3, 3, 3, -2, -2, -2, -2};
    const int32_t labels[] = {0, 2};
    float diff[8], losses[2];
    double sum = -1;
    size_t correct = 99;
    lethe__cross_entropy(logits, labels, 2, 4, 0.5f, diff, losses, &sum, &correct);
    assert_near(sum, 2 * log(4), 1e-12);
    assert_near((double)losses[1], log(4), 1e-7);
    assert_int_equal(correct, 1); /* the first of equal logits counts as the answer */
    for (int k = 0; k < 8; k++)
        assert_near((double)diff[k], 0.5 * (0.25 - (k == 0 || k == 6)), 1e-7);
}

/* With two classes the loss is log(1 + exp(-d)), d the lead of the label's logit. */
static void two_classes_are_the_logistic_loss(void **state) {
    (void)state;
    const double leads[] = {-1000, -30, -1.5, 0.25, 4, 60};
    for (size_t i = 0; i < sizeof leads / sizeof leads[0]; i++) {
        const float logits[] = {(float)(leads[i] + 7), 7};
        const int32_t label = 0;
        float diff[2];
        double sum, d = leads[i];
        size_t correct;
        lethe__cross_entropy(logits, &label, 1, 2, -1, diff, NULL, &sum, &correct);
        assert_near(sum / (d < 0 ? log1p(exp(d)) - d : log1p(exp(-d))), 1, 1e-12);
        assert_int_equal(correct, d > 0);
        assert_near((double)diff[1], -1 / (1 + exp(d)), 1e-7); /* scale -1: ascent */
        assert_near((double)diff[0], 1 / (1 + exp(d)), 1e-7);
    }
}

static void logits_that_are_not_numbers_give_a_loss_that_is_not_finite(void **state) {
    (void)state;
    const float bad[] = {NAN, INFINITY};
    for (int b = 0; b < 2; b++)
        for (int at = 0; at < 3; at++) {
            float logits[] = {1, 2, 0.5f};
            logits[at] = bad[b];
            const int32_t label = 1;
            double sum;
            size_t correct;
            lethe__cross_entropy(logits, &label, 1, 3, 1, NULL, NULL, &sum, &correct);
            assert_false(isfinite(sum));
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_logits_give_the_logarithm_of_the_classes),
        cmocka_unit_test(two_classes_are_the_logistic_loss),
        cmocka_unit_test(logits_that_are_not_numbers_give_a_loss_that_is_not_finite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
