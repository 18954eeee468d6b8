/* test_engine_graph.c - building graphs (shapes, slots, sticky failures) and laying buffers out in an arena.
 */
#include "base/memory.h"
#include "engine/graph.h"
#include "engine/plan.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const float zero_mean[LETHE_MAX_CHANNELS], unit_std[LETHE_MAX_CHANNELS] = {1, 1, 1, 1};

static lethe__graph *new_graph(void) {
    lethe__graph *graph = NULL;
    assert_int_equal(lethe__graph_create(&graph), LETHE_OK);
    return graph;
}

static void shapes_and_slots_follow_the_calls(void **state) {
    (void)state;
    lethe__graph *graph = new_graph();
    int x = lethe__graph_input(graph, 28, 30, 1, zero_mean, unit_std);
    x = lethe__graph_convolution(graph, x, "conv", 16, 3, 2, 1, true, LETHE__FILL_KAIMING_NORMAL_FAN_IN);
    x = lethe__graph_batchnorm(graph, x, "bn", -1, true);
    int pooled = lethe__graph_max_pool(graph, x, 3, 2, 1);
    assert_int_equal(graph->tensors[x].h, 14);
    assert_int_equal(graph->tensors[x].w, 15);
    assert_int_equal(graph->tensors[pooled].h, 7);
    assert_int_equal(graph->tensors[pooled].w, 8);
    int wide = lethe__graph_pad_shortcut(graph, pooled, 32, 2);
    assert_int_equal(graph->tensors[wide].h, 4);
    assert_int_equal(graph->tensors[wide].c, 32);
    lethe__graph_linear(graph, lethe__graph_global_pool(graph, wide), "fc", 10, LETHE__FILL_UNIFORM_FAN_IN);
    assert_int_equal(lethe__graph_finish(graph), LETHE_OK);

    const char *names[] = {"conv.weight", "conv.bias", "bn.weight", "bn.bias", "fc.weight", "fc.bias"};
    size_t sizes[] = {16 * 9, 16, 16, 16, 320, 10}, offset = 0;
    assert_int_equal(graph->n_parameters, 6);
    for (int i = 0; i < 6; i++) {
        assert_string_equal(graph->parameters[i].name, names[i]);
        assert_int_equal(graph->parameters[i].size, sizes[i]);
        assert_int_equal(graph->parameters[i].offset, offset);
        assert_int_equal(graph->parameters[i].prunable, i == 0);
        assert_int_equal(lethe__graph_find_parameter(graph, names[i]), i);
        offset += sizes[i];
    }
    assert_int_equal(graph->parameter_size, offset);
    assert_int_equal(lethe__graph_find_buffer(graph, "bn.running_var"), 1);
    assert_int_equal(lethe__graph_find_parameter(graph, "bn.running_var"), -1);
    lethe__graph_destroy(&graph);
    assert_null(graph);
}

static void first_failure_sticks(void **state) {
    (void)state;
    lethe__graph *graph = new_graph();
    int x = lethe__graph_input(graph, 28, 28, 1, zero_mean, unit_std);
    int y = lethe__graph_convolution(graph, x, "conv1", 8, 3, 2, 1, false, LETHE__FILL_ZERO);
    lethe__graph_batchnorm(graph, y, "bn1", x, true); /* 14x14x8 and 28x28x1 cannot be added */
    assert_non_null(strstr(lethe_last_message(), "bn1"));
    size_t n_nodes = graph->n_nodes;
    lethe__graph_convolution(graph, y, "conv2", 8, 3, 1, 1, false, LETHE__FILL_ZERO);
    assert_int_equal(graph->n_nodes, n_nodes);
    assert_int_equal(lethe__graph_finish(graph), LETHE_USAGE);
    lethe__graph_destroy(&graph);
}

static void bad_graphs_are_refused(void **state) {
    (void)state;
    const float bad_std[LETHE_MAX_CHANNELS] = {0};
    lethe__graph *graph = new_graph();
    lethe__graph_input(graph, 28, 28, 1, zero_mean, bad_std);
    assert_int_equal(lethe__graph_finish(graph), LETHE_USAGE);
    lethe__graph_destroy(&graph);

    graph = new_graph(); /* an image too small for the kernel */
    int x = lethe__graph_input(graph, 2, 2, 1, zero_mean, unit_std);
    lethe__graph_convolution(graph, x, "conv", 8, 5, 1, 0, false, LETHE__FILL_ZERO);
    assert_int_equal(lethe__graph_finish(graph), LETHE_USAGE);
    lethe__graph_destroy(&graph);

    graph = new_graph(); /* a convolution's output read twice: nobody would add the gradients */
    x = lethe__graph_input(graph, 28, 28, 1, zero_mean, unit_std);
    x = lethe__graph_convolution(graph, x, "conv", 8, 3, 1, 1, false, LETHE__FILL_ZERO);
    int y = lethe__graph_batchnorm(graph, x, "bn", x, true);
    lethe__graph_linear(graph, lethe__graph_global_pool(graph, y), "fc", 2, LETHE__FILL_ZERO);
    assert_int_equal(lethe__graph_finish(graph), LETHE_USAGE);
    assert_non_null(strstr(lethe_last_message(), "2 readers"));
    lethe__graph_destroy(&graph);
}

static void every_allocation_failure_is_clean(void **state) {
    (void)state;
    for (uint64_t nth = 1;; nth++) {
        int64_t live = lethe__memory_live_blocks();
        lethe__memory_fail_nth(nth);
        lethe__graph *graph = NULL;
        lethe_status status = lethe__graph_create(&graph);
        if (status == LETHE_OK) {
            int x = lethe__graph_input(graph, 28, 28, 1, zero_mean, unit_std);
            x = lethe__graph_convolution(graph, x, "conv", 8, 3, 1, 1, false, LETHE__FILL_ZERO);
            x = lethe__graph_batchnorm(graph, x, "bn", -1, true);
            lethe__graph_linear(graph, lethe__graph_global_pool(graph, x), "fc", 2, LETHE__FILL_ZERO);
            status = lethe__graph_finish(graph);
        }
        lethe__memory_fail_nth(0);
        lethe__graph_destroy(&graph);
        assert_int_equal(lethe__memory_live_blocks(), live);
        if (status == LETHE_OK)
            return;
        assert_int_equal(status, LETHE_MEMORY);
    }
}

static void spans_that_live_together_do_not_overlap(void **state) {
    (void)state;
    enum { N = 60 };
    lethe__span spans[N];
    size_t order[N], sum = 0;
    uint32_t random = 1;
    for (int i = 0; i < N; i++) {
        random = random * 1664525u + 1013904223u;
        int first = (int)(random >> 24) % 40;
        spans[i] = (lethe__span){
            .bytes = (random >> 8) % 5000, .first = first, .last = first + (int)(random >> 20) % 9};
        sum += (spans[i].bytes + 63) / 64 * 64;
    }
    size_t total = lethe__spans_place(spans, N, order);
    assert_true(total < sum); /* memory is shared */
    for (int i = 0; i < N; i++) {
        assert_int_equal(spans[i].offset % 64, 0);
        assert_true(spans[i].offset + spans[i].bytes <= total);
        for (int j = 0; j < i; j++) {
            bool together = spans[i].first <= spans[j].last && spans[j].first <= spans[i].last;
            bool overlap = spans[i].offset < spans[j].offset + spans[j].bytes &&
                           spans[j].offset < spans[i].offset + spans[i].bytes;
            assert_false(together && overlap);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes_and_slots_follow_the_calls),
        cmocka_unit_test(first_failure_sticks),
        cmocka_unit_test(bad_graphs_are_refused),
        cmocka_unit_test(every_allocation_failure_is_clean),
        cmocka_unit_test(spans_that_live_together_do_not_overlap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
