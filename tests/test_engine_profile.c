/* test_engine_profile.c - what the measurements count: operations, bytes, shapes and choices. Not how long.
 */
#include "base/memory.h"
#include "engine/peak.h"
#include "engine/profile.h"
#include "small_network.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { BATCH = 3 };

static const double stem = 2.0 * 9 * WIDTH * SIDE * SIDE, wide = WIDTH * (2.0 * 9 * WIDTH * SIDE * SIDE),
                    head = 2.0 * WIDTH * CLASSES;

static void operations_are_counted(void **state) {
    (void)state;
    assert_true(lethe__graph_flops(graph, false) == stem + 2 * wide + head);
    assert_true(lethe__graph_flops(graph, true) == 2 * stem + 6 * wide + 3 * head);
}

typedef struct tally {
    size_t operations, shapes; /* of the chosen */
    double flops;
    bool training;
} tally;

static void take(void *user, const lethe__timing *timing) {
    tally *t = user;
    const lethe__operation *operation = timing->operation;
    assert_true(timing->implementation->supports(operation));
    assert_true(timing->forward_seconds > 0);
    assert_true(timing->forward_bytes >= (double)lethe__view_bytes(&operation->dst));
    bool backward = t->training && operation->node->kind != LETHE__NORMALISE;
    assert_true((timing->backward_seconds > 0) == backward);
    if (!timing->chosen)
        return;
    t->operations += timing->count;
    t->shapes++;
    t->flops += (double)timing->count * (timing->forward_flops + (t->training ? timing->backward_flops : 0));
}

static void profile(bool training, lethe_backend backend) {
    tally t = {.training = training};
    lethe__plan_request request = {.graph = graph,
                                   .weights = &weights,
                                   .precision = LETHE_PRECISION_F32,
                                   .backend = backend,
                                   .threads = 2,
                                   .n = BATCH,
                                   .with_gradients = training};
    assert_int_equal(lethe__profile(&request, 1, 0, take, &t), LETHE_OK);
    assert_int_equal(t.operations, graph->n_nodes);
    /* normalise, stem, two wide convolutions alike, BatchNorm twice alike and one with a residual, pool, head
     */
    assert_int_equal(t.shapes, 7);
    assert_true(t.flops == BATCH * lethe__graph_flops(graph, training));
}

static void each_shape_is_chosen_once(void **state) {
    (void)state;
    profile(true, LETHE_BACKEND_AUTO);
    profile(false, LETHE_BACKEND_AUTO);
    profile(true, LETHE_BACKEND_REF);
}

static void no_memory_is_reported(void **state) {
    (void)state;
    lethe__plan_request request = {
        .graph = graph, .weights = &weights, .precision = LETHE_PRECISION_F32, .threads = 1, .n = BATCH};
    tally t = {0};
    for (uint64_t nth = 1; nth < 20; nth++) {
        lethe__memory_fail_nth(nth);
        lethe_status status = lethe__profile(&request, 1, 0, take, &t);
        lethe__memory_fail_nth(0);
        assert_int_equal(status, LETHE_MEMORY);
    }
}

static void the_peak_is_positive_and_needs_memory(void **state) {
    (void)state;
    lethe__peak peak;
    assert_int_equal(lethe__peak_measure(LETHE_PRECISION_F32, 1, &peak), LETHE_OK);
    assert_true(peak.flops > 0 && peak.bytes > 0);
    lethe__memory_fail_nth(1);
    lethe_status status = lethe__peak_measure(LETHE_PRECISION_F32, 1, &peak);
    lethe__memory_fail_nth(0);
    assert_int_equal(status, LETHE_MEMORY);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operations_are_counted),
        cmocka_unit_test(each_shape_is_chosen_once),
        cmocka_unit_test(no_memory_is_reported),
        cmocka_unit_test(the_peak_is_positive_and_needs_memory),
    };
    return cmocka_run_group_tests(tests, open_network, close_network);
}
