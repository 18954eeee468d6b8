/* test_engine_executor.c - one executor and batches of several sizes: what shares its arena keeps its
 * results, also after memory ran out, and a backward pass never follows a forward pass that is gone. */
#include "base/memory.h"
#include "engine/executor.h"
#include "small_network.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static lethe__executor *new_executor(void) {
    lethe__executor *executor = NULL;
    assert_int_equal(lethe__executor_create(graph, &weights, LETHE_PRECISION_F32,
                                            &(lethe_runtime){.threads = 1}, &executor),
                     LETHE_OK);
    return executor;
}

static lethe_status predict(lethe__executor *executor, int n, float *logits) {
    const float *lent;
    lethe_status status = lethe__executor_forward(executor, LETHE__MODE_PREDICT, images, n, &lent);
    if (status == LETHE_OK)
        memcpy(logits, lent, (size_t)n * CLASSES * sizeof *logits);
    return status;
}

/* More sizes than there is room for plans, up and down. */
static void batches_of_any_order_of_sizes_agree(void **state) {
    (void)state;
    float expected[MOST * CLASSES], logits[MOST * CLASSES];
    lethe__executor *executor = new_executor();
    assert_int_equal(predict(executor, MOST, expected), LETHE_OK);
    for (int n = 1; n <= 2 * MOST; n++) {
        int size = n <= MOST ? n : 2 * MOST + 1 - n;
        assert_int_equal(predict(executor, size, logits), LETHE_OK);
        assert_memory_equal(logits, expected, (size_t)size * CLASSES * sizeof *logits);
    }
    lethe__executor_destroy(&executor);
}

/* A large batch after a small one, after a still larger one that had no room. */
static void an_executor_recovers_when_memory_ran_out(void **state) {
    (void)state;
    float expected[MOST * CLASSES], logits[MOST * CLASSES];
    lethe__executor *fresh = new_executor();
    assert_int_equal(predict(fresh, MOST, expected), LETHE_OK);
    lethe__executor_destroy(&fresh);
    bool done = false;
    for (uint64_t nth = 1; !done; nth++) {
        int64_t live = lethe__memory_live_blocks();
        lethe__executor *executor = new_executor();
        assert_int_equal(predict(executor, 4, logits), LETHE_OK);
        lethe__memory_fail_nth(nth);
        lethe_status status = predict(executor, MOST, logits);
        lethe__memory_fail_nth(0);
        done = status == LETHE_OK;
        assert_true(done || status == LETHE_MEMORY);
        assert_int_equal(predict(executor, 1, logits), LETHE_OK);
        assert_int_equal(predict(executor, 4, logits), LETHE_OK);
        assert_memory_equal(logits, expected, 4 * CLASSES * sizeof *logits);
        lethe__executor_destroy(&executor);
        assert_int_equal(lethe__memory_live_blocks(), live);
    }
}

static void count_line(void *user, const char *line) {
    assert_non_null(line);
    ++*(size_t *)user;
}

static void backward_follows_only_its_own_forward(void **state) {
    (void)state;
    const float *logits, diff_logits[MOST * CLASSES] = {1};
    size_t n_lines = 0;
    lethe__executor *executor = new_executor();
    assert_int_equal(lethe__executor_backward(executor, diff_logits), LETHE_FAILED);
    assert_int_equal(lethe__executor_forward(executor, LETHE__MODE_TRAIN, images, 2, &logits), LETHE_OK);
    assert_int_equal(lethe__executor_backward(executor, diff_logits), LETHE_OK);
    assert_int_equal(lethe__executor_forward(executor, LETHE__MODE_GRADIENT, images, 2, &logits), LETHE_OK);
    assert_int_equal(lethe__executor_describe(executor, LETHE__MODE_PREDICT, MOST, count_line, &n_lines),
                     LETHE_OK);
    assert_int_equal(n_lines, graph->n_nodes);
    assert_int_equal(lethe__executor_backward(executor, diff_logits), LETHE_FAILED);
    lethe__executor_destroy(&executor);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_of_any_order_of_sizes_agree),
        cmocka_unit_test(an_executor_recovers_when_memory_ran_out),
        cmocka_unit_test(backward_follows_only_its_own_forward),
    };
    return cmocka_run_group_tests(tests, open_network, close_network);
}
