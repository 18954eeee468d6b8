/* test_train_sgd.c - the fused sweep against a step written out in the order of PyTorch's operations, entry
 * by entry and bit for bit, and against a closed form. */
#include "fixture.h"

#include "train/trainer.h"
#include <omp.h>
#include <string.h>

enum { N = 1003 };

typedef struct vectors {
    float theta[N], velocity[N], gradient[N];
    uint8_t mask[N];
} vectors;

static void fill(vectors *v, bool masked) {
    for (int i = 0; i < N; i++) {
        v->theta[i] = i % 7 == 0 ? 0 : (float)(2 * fixture_stream(1, (uint64_t)i) - 1);
        v->velocity[i] = (float)(2 * fixture_stream(2, (uint64_t)i) - 1);
        v->gradient[i] = (float)(2 * fixture_stream(3, (uint64_t)i) - 1);
        v->mask[i] = i % 3 != 0;
        if (masked && !v->mask[i])
            v->theta[i] = v->velocity[i] = 0;
    }
}

static void reference_step(const lethe__sgd *sgd, vectors *v, bool masked) {
    for (int i = 0; i < N; i++) {
        volatile float penalty = sgd->gamma * (float)((v->theta[i] > 0) - (v->theta[i] < 0));
        volatile float g = v->gradient[i] + penalty;
        volatile float decay = sgd->weight_decay * v->theta[i];
        g = g + decay;
        volatile float kept = sgd->momentum * v->velocity[i];
        v->velocity[i] = kept + g;
        volatile float move = sgd->lr * v->velocity[i];
        v->theta[i] = v->theta[i] - move;
        float size = fabsf(v->theta[i]);
        v->theta[i] = copysignf(size <= sgd->threshold ? 0 : size - sgd->threshold, v->theta[i]);
        if (masked && !v->mask[i])
            v->theta[i] = v->velocity[i] = 0;
    }
}

/* Where the mask is 0 a weight that is not zero stays as it is, whatever penalties there are. */
static void test_masked_weights_stand_still(void **state) {
    (void)state;
    static const lethe__sgd sgd = {.lr = 1, .weight_decay = 0.5f, .gamma = 1, .threshold = 1};
    float theta[2] = {3, 3}, velocity[2] = {0, 0}, gradient[2] = {0.25f, 0.25f};
    static const uint8_t mask[2] = {0, 1};
    lethe__sgd_step(&sgd, theta, velocity, gradient, mask, 2);
    assert_true(theta[0] == 3 && velocity[0] == 0);
    assert_true(theta[1] == -0.0f || theta[1] == 0); /* 3 - (0.25 + 1 + 1.5) = 0.25, below the threshold */
    gradient[0] = NAN;
    lethe__sgd_step(&sgd, theta, velocity, gradient, NULL, 1);
    assert_true(isnan(theta[0]));
}

static void test_same_bits_as_reference(void **state) {
    (void)state;
    static vectors expected, actual;
    for (int round = 0; round < 4; round++) {
        bool masked = round % 2 != 0;
        const lethe__sgd sgd = {.lr = 0.1f,
                                .momentum = 0.9f,
                                .weight_decay = 5e-4f,
                                .gamma = round < 2 ? 2e-3f : 0,
                                .threshold = round < 2 ? 0 : 0.02f};
        for (int threads = 1; threads <= 3; threads++) {
            omp_set_num_threads(threads);
            fill(&expected, masked);
            fill(&actual, masked);
            for (int t = 0; t < 3; t++) {
                reference_step(&sgd, &expected, masked);
                lethe__sgd_step(&sgd, actual.theta, actual.velocity, actual.gradient,
                                masked ? actual.mask : NULL, N);
            }
            assert_memory_equal(actual.theta, expected.theta, sizeof expected.theta);
            assert_memory_equal(actual.velocity, expected.velocity, sizeof expected.velocity);
        }
    }
}

/* Without gradient and momentum, t steps of decay multiply by (1 - lr decay)^t. */
static void test_decay_has_closed_form(void **state) {
    (void)state;
    static const lethe__sgd sgd = {.lr = 0.5f, .weight_decay = 0.5f};
    float theta = 1, velocity = 0, gradient = 0;
    for (int t = 0; t < 5; t++)
        lethe__sgd_step(&sgd, &theta, &velocity, &gradient, NULL, 1);
    assert_true(theta == 243.0f / 1024.0f);
}

/* The subgradient of |theta| at 0 is 0: nothing leaves zero by the penalty alone. */
static void test_penalty_leaves_zero_alone(void **state) {
    (void)state;
    static const lethe__sgd sgd = {.lr = 1, .gamma = 0.25f};
    float theta[3] = {0, 1, -1}, velocity[3] = {0}, gradient[3] = {0};
    lethe__sgd_step(&sgd, theta, velocity, gradient, NULL, 3);
    assert_true(theta[0] == 0.0f && theta[1] == 0.75f && theta[2] == -0.75f);
}

/* The minimum of (theta - target)^2 / 2 + gamma |theta| is target - gamma, or 0 where the target is smaller:
 * that is where both forms of the penalty must end, whatever the momentum. */
static float settle(lethe_l1_form form, double momentum, float target) {
    const lethe_fit_options fit = {.epochs = 1, .lr = 0.01, .momentum = momentum, .gamma = 0.25, .l1 = form};
    const lethe__sgd sgd = lethe__fit_sgd(&fit, 0);
    float theta = 1, velocity = 0;
    omp_set_num_threads(1); /* for one weight a team is but waiting */
    for (int t = 0; t < 3000; t++) {
        float gradient = theta - target;
        lethe__sgd_step(&sgd, &theta, &velocity, &gradient, NULL, 1);
    }
    return theta;
}

static void test_both_penalties_have_one_minimum(void **state) {
    (void)state;
    static const double momenta[] = {0, 0.5, 0.9};
    for (int i = 0; i < 3; i++) {
        assert_float_equal(settle(LETHE_L1_SUBGRADIENT, momenta[i], 1), 0.75, 1e-4);
        assert_float_equal(settle(LETHE_L1_PROXIMAL, momenta[i], 1), 0.75, 1e-4);
        assert_true(settle(LETHE_L1_PROXIMAL, momenta[i], 0.2f) == 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_bits_as_reference),
        cmocka_unit_test(test_decay_has_closed_form),
        cmocka_unit_test(test_masked_weights_stand_still),
        cmocka_unit_test(test_penalty_leaves_zero_alone),
        cmocka_unit_test(test_both_penalties_have_one_minimum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
