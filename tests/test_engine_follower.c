/* test_engine_follower.c - BatchNorms that follow their convolutions: who does, that predictions are the same
 * bits as by passes of their own, and that training agrees with the reference for any number of threads. */
#include "engine/plan.h"
#include "operation_cases.h"
#include <math.h>
#include <omp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { HEIGHT = 34, WIDTH = 33, CLASSES = 3, MOST = 13, MOST_BUFFERS = 512 };

static const int sizes[] = {1, 2, 5, MOST};
enum { N_SIZES = sizeof sizes / sizeof sizes[0] };

static uint8_t images[MOST * HEIGHT * WIDTH * 3];
static lethe__graph *graph;
static lethe__weights weights;

/* Which BatchNorms of the network may follow, in their order: the last adds what is made behind its
 * convolution. */
static const bool may_follow[] = {true, true, true, true, true, false};

/* --- the network --- */

static int convolution(int x, const char *name, int channels, int kernel, int stride) {
    return lethe__graph_convolution(graph, x, name, channels, kernel, stride, kernel / 2, false,
                                    LETHE__FILL_ZERO);
}

/* Shapes that the direct convolution takes; the stem's images have more pixels than a chunk of statistics. */
static void build_network(void) {
    const float mean[] = {0.5f, 0.25f, 0.125f}, std[] = {0.25f, 0.5f, 0.75f};
    int x = lethe__graph_input(graph, HEIGHT, WIDTH, 3, mean, std);
    x = lethe__graph_batchnorm(graph, convolution(x, "stem", 16, 3, 1), "bn_stem", -1, true);
    int y = lethe__graph_batchnorm(graph, convolution(x, "half", 32, 3, 2), "bn_half", -1, false);
    x = lethe__graph_batchnorm(graph, convolution(x, "shortcut", 32, 1, 2), "bn_shortcut", y, true);
    x = lethe__graph_batchnorm(graph, convolution(x, "same", 32, 1, 1), "bn_same", x, false);
    int early = convolution(x, "early", 32, 1, 1);
    int late = lethe__graph_batchnorm(graph, convolution(x, "late", 32, 1, 1), "bn_late", -1, true);
    x = lethe__graph_batchnorm(graph, early, "bn_early", late, true);
    lethe__graph_linear(graph, lethe__graph_global_pool(graph, x), "fc", CLASSES, LETHE__FILL_ZERO);
}

static int open_network(void **state) {
    (void)state;
    if (lethe__graph_create(&graph) != LETHE_OK)
        return -1;
    build_network();
    if (lethe__graph_finish(graph) != LETHE_OK || graph->buffer_size > MOST_BUFFERS ||
        lethe__allocate(graph->parameter_size, sizeof(float), &weights.parameters) != LETHE_OK ||
        lethe__allocate(graph->parameter_size, sizeof(float), &weights.gradients) != LETHE_OK ||
        lethe__allocate(graph->buffer_size, sizeof(float), &weights.buffers) != LETHE_OK)
        return -1;
    fill_random(images, LETHE__U8, sizeof images, 1);
    fill_random(weights.parameters, LETHE__F32, graph->parameter_size, 2);
    return 0;
}

static int close_network(void **state) {
    (void)state;
    lethe__graph_destroy(&graph);
    lethe__free(weights.parameters);
    lethe__free(weights.gradients);
    lethe__free(weights.buffers);
    return 0;
}

static void fill_buffers(float *buffers) {
    for (size_t i = 0; i < graph->buffer_size; i++)
        buffers[i] = 0.5f + (float)(i % 11) / 8;
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

static void check_followers(bool with_gradients, bool with_samples) {
    lethe__plan_request request = request_of(LETHE_PRECISION_F32, 2, 5);
    request.with_gradients = with_gradients;
    request.with_samples = with_samples;
    run r = open_run(&request);
    size_t nth = 0;
    for (size_t i = 0; i < r.plan->n_operations; i++) {
        const lethe__operation *operation = &r.plan->operations[i];
        if (operation->node->kind != LETHE__BATCHNORM)
            continue;
        lethe__operation *before = &r.plan->operations[graph->tensors[operation->node->src].producer];
        assert_string_equal(before->implementation->name, "native");
        assert_ptr_equal(operation->leader, may_follow[nth++] && !with_samples ? before : NULL);
        assert_ptr_equal(before->follower, operation->leader != NULL ? operation : NULL);
        assert_int_equal(operation->src.data == operation->dst.data,
                         operation->leader != NULL && !with_gradients);
        assert_ptr_equal(operation->src.data, before->dst.data);
    }
    assert_int_equal(nth, sizeof may_follow);
    close_run(&r);
}

static void only_who_may_follows(void **state) {
    (void)state;
    check_followers(false, false);
    check_followers(true, false);
    check_followers(true, true);
}

/* --- prediction --- */

/* With gradients BatchNorm normalises in a pass of its own, into memory of its own. */
static void check_prediction(lethe_precision precision, int threads, int n) {
    lethe__plan_request request = request_of(precision, threads, n);
    run in_place = open_run(&request);
    request.with_gradients = true;
    run apart = open_run(&request);
    fill_buffers(weights.buffers);
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

/* --- training --- */

/* |got - want| <= tolerance |want| in the Euclidean norm; a NaN anywhere fails. */
static void assert_close(const void *got, const void *want, lethe__dtype dtype, size_t n, double tolerance,
                         const char *what) {
    double error = 0, norm = 0;
    for (size_t i = 0; i < n; i++) {
        double b = (double)value_get(want, dtype, i), difference = (double)value_get(got, dtype, i) - b;
        error += difference * difference;
        norm += b * b;
    }
    if (!(sqrt(error) <= tolerance * sqrt(norm)))
        fail_msg("%s differs by %.3g of its norm", what, sqrt(error / norm));
}

/* The memory of a BatchNorm that the reference runs beside the plan's. */
typedef struct oracle {
    lethe__operation operation;
    float *parameters; /* [4, channels]: running statistics, gradients */
    void *dst, *diff_src, *diff_residual, *workspace, *scratch;
} oracle;

/* The reference for `operation`, whose running statistics were `buffers` before its forward. */
static oracle open_oracle(const lethe__operation *operation, const float *buffers) {
    oracle o = {.operation = *operation};
    lethe__operation *own = &o.operation;
    const lethe__implementation *const *each = lethe__implementations(LETHE__BATCHNORM);
    while (each[1] != NULL)
        each++;
    own->implementation = *each;
    own->leader = NULL;
    must(own->implementation->create(own));
    size_t channels = (size_t)own->src.c, bytes = lethe__view_bytes(&own->dst);
    must(lethe__allocate(4 * channels, sizeof(float), &o.parameters));
    must(lethe__allocate(bytes, 1, &o.dst));
    must(lethe__allocate(bytes, 1, &o.diff_src));
    must(lethe__allocate(bytes, 1, &o.diff_residual));
    must(lethe__allocate(own->workspace_bytes, 1, &o.workspace));
    must(lethe__allocate(own->scratch_bytes, 1, &o.scratch));
    memcpy(o.parameters, buffers + (own->running_mean - weights.buffers), channels * sizeof(float));
    memcpy(o.parameters + channels, buffers + (own->running_var - weights.buffers), channels * sizeof(float));
    own->running_mean = o.parameters;
    own->running_var = o.parameters + channels;
    own->diff_weight = o.parameters + 2 * channels;
    own->diff_bias = o.parameters + 3 * channels;
    own->dst.data = o.dst;
    own->diff_src = o.diff_src;
    own->diff_residual = operation->diff_residual != NULL ? o.diff_residual : NULL;
    own->workspace = o.workspace;
    own->scratch = o.scratch;
    return o;
}

static void close_oracle(oracle *o) {
    void *const blocks[] = {o->parameters, o->dst, o->diff_src, o->diff_residual, o->workspace, o->scratch};
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++)
        lethe__free(blocks[i]);
}

/* Runs the backward pass of a BatchNorm, behind any gradient, and compares all that both passes wrote with
 * the reference. */
static void check_batchnorm(lethe__operation *operation, const float *buffers) {
    oracle o = open_oracle(operation, buffers);
    lethe__operation *expected = &o.operation;
    lethe__dtype dtype = operation->dst.dtype;
    size_t channels = (size_t)operation->src.c, n = view_size(&operation->dst);
    double stored = dtype == LETHE__F32 ? 1e-5 : 1.0 / 256, summed = dtype == LETHE__F32 ? 1e-5 : 1e-4;
    fill_random((void *)operation->diff_dst, dtype, n, 3);
    if (operation->diff_dst_2 != NULL)
        fill_random((void *)operation->diff_dst_2, dtype, n, 4);
    must(expected->implementation->forward(expected, LETHE__MODE_TRAIN));
    assert_close(operation->running_mean, expected->running_mean, LETHE__F32, channels, summed,
                 "running_mean");
    assert_close(operation->running_var, expected->running_var, LETHE__F32, channels, summed, "running_var");
    assert_close(operation->dst.data, expected->dst.data, dtype, n, stored, "dst");
    expected->dst.data = operation->dst.data; /* the same corners of the ReLU */
    must(expected->implementation->backward(expected, LETHE__MODE_TRAIN));
    must(operation->implementation->backward(operation, LETHE__MODE_TRAIN));
    assert_close(operation->diff_src, expected->diff_src, dtype, n, stored, "diff_src");
    if (operation->diff_residual != NULL)
        assert_close(operation->diff_residual, expected->diff_residual, dtype, n, stored, "diff_residual");
    assert_close(operation->diff_weight, expected->diff_weight, LETHE__F32, channels, summed, "diff_weight");
    assert_close(operation->diff_bias, expected->diff_bias, LETHE__F32, channels, summed, "diff_bias");
    close_oracle(&o);
}

static void check_training(lethe_precision precision, int n) {
    float buffers[MOST_BUFFERS];
    fill_buffers(buffers);
    fill_buffers(weights.buffers);
    lethe__plan_request request = request_of(precision, 2, n);
    request.with_gradients = true;
    run r = open_run(&request);
    lethe__operation *operations = r.plan->operations;
    for (size_t i = 0; i < graph->n_nodes; i++)
        must(lethe__operation_forward(&operations[i], LETHE__MODE_TRAIN));
    for (size_t i = graph->n_nodes; i-- > 0;)
        if (operations[i].node->kind == LETHE__BATCHNORM)
            check_batchnorm(&operations[i], buffers);
    close_run(&r);
}

static void training_agrees_with_the_reference(void **state) {
    (void)state;
    for (int s = 0; s < N_SIZES; s++) {
        check_training(LETHE_PRECISION_F32, sizes[s]);
        check_training(LETHE_PRECISION_BF16, sizes[s]);
    }
}

/* A step of `n` samples; its results in weights.gradients, weights.buffers and `logits`. */
static void train(lethe_precision precision, int threads, int n, float *logits) {
    float diff_logits[MOST * CLASSES];
    const float *lent;
    lethe__executor *executor;
    fill_random(diff_logits, LETHE__F32, MOST * CLASSES, 3);
    fill_buffers(weights.buffers);
    must(lethe__executor_create(graph, &weights, precision, &(lethe_runtime){.threads = threads}, &executor));
    must(lethe__executor_forward(executor, LETHE__MODE_TRAIN, images, n, &lent));
    memcpy(logits, lent, (size_t)n * CLASSES * sizeof *logits);
    must(lethe__executor_backward(executor, diff_logits));
    lethe__executor_destroy(&executor);
}

static void check_threads(lethe_precision precision, int n) {
    float logits[2][MOST * CLASSES], buffers[MOST_BUFFERS], *gradients;
    size_t bytes = graph->parameter_size * sizeof *gradients;
    must(lethe__allocate(graph->parameter_size, sizeof *gradients, &gradients));
    train(precision, 1, n, logits[0]);
    memcpy(gradients, weights.gradients, bytes);
    memcpy(buffers, weights.buffers, graph->buffer_size * sizeof *buffers);
    train(precision, 2, n, logits[1]);
    assert_memory_equal(logits[0], logits[1], (size_t)n * CLASSES * sizeof logits[0][0]);
    assert_memory_equal(gradients, weights.gradients, bytes);
    assert_memory_equal(buffers, weights.buffers, graph->buffer_size * sizeof *buffers);
    lethe__free(gradients);
}

static void training_is_the_same_bits_for_any_number_of_threads(void **state) {
    (void)state;
    for (int s = 0; s < N_SIZES; s++) {
        check_threads(LETHE_PRECISION_F32, sizes[s]);
        check_threads(LETHE_PRECISION_BF16, sizes[s]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_who_may_follows),
        cmocka_unit_test(predictions_are_the_same_bits_in_place),
        cmocka_unit_test(training_agrees_with_the_reference),
        cmocka_unit_test(training_is_the_same_bits_for_any_number_of_threads),
    };
    return cmocka_run_group_tests(tests, open_network, close_network);
}
