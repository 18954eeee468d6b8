/* test_engine_follower.c - BatchNorms that follow their convolutions: who does, and that what they make in
 * place is, bit for bit, what passes of their own make. */
#include "engine/native/native.h"
#include "engine/plan.h"
#include "network.h"
#include "operation_cases.h"
#include <omp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { HEIGHT = 34, WIDTH = 33, CLASSES = 3, MOST = 13 };

static const int sizes[] = {1, 2, 5, MOST};
enum { N_SIZES = sizeof sizes / sizeof sizes[0] };

static uint8_t images[MOST * HEIGHT * WIDTH * 3];

/* Whom the BatchNorms of the network stand behind, in their order, and whether they may follow: one adds what
 * is made behind its convolution. */
static const struct {
    const char *convolution;
    bool may_follow;
} expected_leaders[] = {{"native", true},   {"native", true},    {"native", true},
                        {"winograd", true}, {"native", true},    {"native", false},
                        {"winograd", true}, {"winograd4", true}, {"native", true}};
enum { N_LEADERS = sizeof expected_leaders / sizeof expected_leaders[0] };

/* --- the network --- */

static int convolution(int x, const char *name, int channels, int kernel, int stride) {
    return lethe__graph_convolution(graph, x, name, channels, kernel, stride, kernel / 2, false,
                                    LETHE__FILL_ZERO);
}

/* Shapes for every convolution that calls a follower, with and without residual and ReLU, and a side that is
 * no multiple of a tile's; at last channels of more than one panel. */
static void build_network(void) {
    const float mean[] = {0.5f, 0.25f, 0.125f}, std[] = {0.25f, 0.5f, 0.75f};
    int x = lethe__graph_input(graph, HEIGHT, WIDTH, 3, mean, std);
    x = lethe__graph_batchnorm(graph, convolution(x, "stem", 16, 3, 1), "bn_stem", -1, true);
    int y = lethe__graph_batchnorm(graph, convolution(x, "half", 32, 3, 2), "bn_half", -1, false);
    x = lethe__graph_batchnorm(graph, convolution(x, "shortcut", 32, 1, 2), "bn_shortcut", y, true);
    x = lethe__graph_batchnorm(graph, convolution(x, "same", 32, 3, 1), "bn_same", x, false);
    int early = convolution(x, "early", 32, 1, 1);
    int late = lethe__graph_batchnorm(graph, convolution(x, "late", 32, 1, 1), "bn_late", -1, true);
    x = lethe__graph_batchnorm(graph, early, "bn_early", late, true);
    x = lethe__graph_batchnorm(graph, convolution(x, "more", 128, 3, 1), "bn_more", -1, true);
    x = lethe__graph_batchnorm(graph, convolution(x, "large", 128, 3, 1), "bn_large", x, true);
    x = lethe__graph_batchnorm(graph, convolution(x, "wide", LETHE__ROW + 16, 1, 1), "bn_wide", -1, true);
    lethe__graph_linear(graph, lethe__graph_global_pool(graph, x), "fc", CLASSES, LETHE__FILL_ZERO);
}

static int open_network(void **state) {
    (void)state;
    if (!make_network(build_network))
        return -1;
    fill_random(images, LETHE__U8, sizeof images, 1);
    fill_random(weights.parameters, LETHE__F32, graph->parameter_size, 2);
    for (size_t i = 0; i < graph->buffer_size; i++)
        weights.buffers[i] = 0.5f + (float)(i % 11) / 8;
    return 0;
}

/* --- a plan with its memory --- */

typedef struct run {
    lethe__plan *plan;
    uint8_t *arena;
} run;

static void must(lethe_status status) {
    if (status != LETHE_OK)
        fail_msg("%s", lethe_last_message());
}

static lethe__plan_request request_of(lethe_precision precision, int threads, int n) {
    omp_set_num_threads(threads);
    return (lethe__plan_request){
        .graph = graph, .weights = &weights, .precision = precision, .threads = threads, .n = n};
}

static run open_run(const lethe__plan_request *request) {
    run r = {0};
    weights.version++;
    must(lethe__plan_create(request, &r.plan));
    must(lethe__allocate(r.plan->arena_bytes, 1, &r.arena));
    memset(r.arena, 0xff, r.plan->arena_bytes); /* NaN, in both types */
    lethe__plan_bind(r.plan, r.arena);
    r.plan->operations[0].src.data = images;
    return r;
}

static void close_run(run *r) {
    lethe__plan_destroy(&r->plan);
    lethe__free(r->arena);
}

/* --- who follows --- */

static void check_followers(bool with_gradients) {
    lethe__plan_request request = request_of(LETHE_PRECISION_F32, 2, 5);
    request.with_gradients = with_gradients;
    run r = open_run(&request);
    size_t nth = 0;
    for (size_t i = 0; i < r.plan->n_operations; i++) {
        const lethe__operation *operation = &r.plan->operations[i];
        if (operation->node->kind != LETHE__BATCHNORM)
            continue;
        lethe__operation *before = &r.plan->operations[graph->tensors[operation->node->src].producer];
        assert_true(nth < N_LEADERS);
        assert_string_equal(before->implementation->name, expected_leaders[nth].convolution);
        assert_ptr_equal(operation->leader,
                         expected_leaders[nth++].may_follow && !with_gradients ? before : NULL);
        assert_ptr_equal(before->follower, operation->leader != NULL ? operation : NULL);
        assert_int_equal(operation->src.data == operation->dst.data, operation->leader != NULL);
        assert_ptr_equal(operation->src.data, before->dst.data);
    }
    assert_int_equal(nth, N_LEADERS);
    close_run(&r);
}

static void only_who_may_follows(void **state) {
    (void)state;
    check_followers(false);
    check_followers(true);
}

/* --- prediction --- */

/* In plans with gradients nobody follows. */
static void check_prediction(lethe_precision precision, int threads, int n) {
    lethe__plan_request request = request_of(precision, threads, n);
    run in_place = open_run(&request);
    request.with_gradients = true;
    run apart = open_run(&request);
    for (size_t i = 0; i < graph->n_nodes; i++) {
        lethe__operation *got = &in_place.plan->operations[i], *expected = &apart.plan->operations[i];
        must(lethe__operation_forward(got, LETHE__MODE_PREDICT));
        must(lethe__operation_forward(expected, LETHE__MODE_GRADIENT));
        bool normalised = got->follower != NULL;
        if (!normalised && memcmp(got->dst.data, expected->dst.data, lethe__view_bytes(&got->dst)) != 0)
            fail_msg("operation %zu of %d samples, %s, %d threads: not the same bits", i, n,
                     precision == LETHE_PRECISION_F32 ? "f32" : "bf16", threads);
    }
    close_run(&in_place);
    close_run(&apart);
}

static void predictions_are_the_same_bits_in_place(void **state) {
    (void)state;
    for (int threads = 1; threads <= 2; threads++)
        for (int s = 0; s < N_SIZES; s++) {
            check_prediction(LETHE_PRECISION_F32, threads, sizes[s]);
            check_prediction(LETHE_PRECISION_BF16, threads, sizes[s]);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_who_may_follows),
        cmocka_unit_test(predictions_are_the_same_bits_in_place),
    };
    return cmocka_run_group_tests(tests, open_network, close_network);
}
