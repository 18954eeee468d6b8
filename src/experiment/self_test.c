/* self_test.c - do the kernels chosen on this machine compute what the reference computes?
 *
 * For each operation a small network is built around it (bytes, normalisation, the operation, global pooling,
 * a linear layer) and run twice on the same random weights and images: by the kernels that the machine gets,
 * and by the plain C reference in f32. Logits and all parameter gradients are compared:
 *   error = max |a - b| / max |b|
 * The channels are enough for the fast kernels to be taken. Cost: milliseconds an operation. */
#include "base/fail.h"
#include "base/memory.h"
#include "base/random.h"
#include "engine/executor.h"
#include <lethe/machine.h>
#include <math.h>
#include <string.h>

enum { SIDE = 12, CHANNELS = 3, WIDTH = 16, CLASSES = 10, BATCH = 4 };

static int build_convolution(lethe__graph *graph, int x) {
    return lethe__graph_convolution(graph, x, "test", 2 * WIDTH, 3, 2, 1, false, LETHE__FILL_UNIFORM_FAN_IN);
}

static int build_batchnorm(lethe__graph *graph, int x) {
    int y = lethe__graph_batchnorm(graph, x, "test", -1, true);
    x = lethe__graph_convolution(graph, y, "between", WIDTH, 3, 1, 1, false, LETHE__FILL_UNIFORM_FAN_IN);
    return lethe__graph_batchnorm(graph, x, "test_residual", y, true);
}

static int build_max_pool(lethe__graph *graph, int x) {
    return lethe__graph_max_pool(graph, x, 3, 2, 1);
}

static int build_pad_shortcut(lethe__graph *graph, int x) {
    return lethe__graph_pad_shortcut(graph, x, 2 * WIDTH, 2);
}

static int build_nothing(lethe__graph *graph, int x) {
    (void)graph;
    return x;
}

/* Normalisation, global pooling and the linear layer are in every network; the last one has nothing else. */
static const char *const names[] = {
    "convolution", "batchnorm", "max pool", "pad shortcut", "normalise, global pool, linear", NULL};
static int (*const builders[])(lethe__graph *, int) = {build_convolution, build_batchnorm, build_max_pool,
                                                       build_pad_shortcut, build_nothing};

const char *const *lethe_self_test_operations(void) {
    return names;
}

static lethe_status build(size_t operation, lethe__graph **out) {
    static const float mean[] = {0.5f, 0.4f, 0.3f}, std[] = {0.2f, 0.3f, 0.25f};
    lethe__graph *graph;
    LETHE_TRY(lethe__graph_create(&graph));
    int x = lethe__graph_input(graph, SIDE, SIDE, CHANNELS, mean, std);
    if (builders[operation] != build_nothing)
        x = lethe__graph_convolution(graph, x, "stem", WIDTH, 3, 1, 1, false, LETHE__FILL_UNIFORM_FAN_IN);
    x = builders[operation](graph, x);
    x = lethe__graph_global_pool(graph, x);
    lethe__graph_linear(graph, x, "head", CLASSES, LETHE__FILL_UNIFORM_FAN_IN);
    lethe_status status = lethe__graph_finish(graph);
    if (status != LETHE_OK) {
        lethe__graph_destroy(&graph);
        return status;
    }
    *out = graph;
    return LETHE_OK;
}

/* One network with its numbers, and what came out of it. */
typedef struct rig {
    lethe__weights weights;
    float *logits; /* [BATCH, CLASSES] */
} rig;

static void fill(const lethe__graph *graph, rig *one) {
    lethe__random random = lethe__random_open(1, LETHE__RANDOM_INITIALISE, 0, 0);
    for (size_t i = 0; i < graph->parameter_size; i++)
        one->weights.parameters[i] = 0.2f * lethe__random_normal(&random);
    for (size_t i = 0; i < graph->n_buffers; i++)
        for (size_t j = 0; j < graph->buffers[i].size; j++)
            one->weights.buffers[graph->buffers[i].offset + j] =
                graph->buffers[i].fill == LETHE__FILL_ONE ? 1.0f : 0.0f;
    one->weights.version = 1;
}

static lethe_status rig_init(const lethe__graph *graph, rig *one) {
    LETHE_TRY(lethe__allocate(graph->parameter_size, sizeof(float), &one->weights.parameters));
    LETHE_TRY(lethe__allocate(graph->parameter_size, sizeof(float), &one->weights.gradients));
    LETHE_TRY(lethe__allocate(graph->buffer_size, sizeof(float), &one->weights.buffers));
    LETHE_TRY(lethe__allocate(BATCH * CLASSES, sizeof(float), &one->logits));
    fill(graph, one);
    return LETHE_OK;
}

static void rig_fini(rig *one) {
    lethe__free(one->weights.parameters);
    lethe__free(one->weights.gradients);
    lethe__free(one->weights.buffers);
    lethe__free(one->logits);
}

static lethe_status rig_step(lethe__executor *executor, rig *one) {
    uint8_t images[BATCH * SIDE * SIDE * CHANNELS];
    int32_t labels[BATCH];
    float diff[BATCH * CLASSES];
    const float *logits;
    double loss;
    size_t n_correct;
    lethe__random random = lethe__random_open(1, LETHE__RANDOM_SYNTHETIC, 0, 0);
    for (size_t i = 0; i < sizeof images; i++)
        images[i] = (uint8_t)lethe__random_below(&random, 256);
    for (int i = 0; i < BATCH; i++)
        labels[i] = i % CLASSES;
    LETHE_TRY(lethe__executor_forward(executor, LETHE__MODE_TRAIN, images, BATCH, &logits));
    memcpy(one->logits, logits, BATCH * CLASSES * sizeof *logits);
    lethe__cross_entropy(logits, labels, BATCH, CLASSES, 1.0f / BATCH, diff, NULL, &loss, &n_correct);
    return lethe__executor_backward(executor, diff);
}

static lethe_status rig_run(const lethe__graph *graph, lethe_precision precision,
                            const lethe_runtime *runtime, rig *one) {
    lethe__executor *executor;
    LETHE_TRY(rig_init(graph, one));
    LETHE_TRY(lethe__executor_create(graph, &one->weights, precision, runtime, &executor));
    lethe_status status = rig_step(executor, one);
    lethe__executor_destroy(&executor);
    return status;
}

static double relative_error(const float *values, const float *expected, size_t n) {
    double difference = 0, magnitude = 0;
    for (size_t i = 0; i < n; i++) {
        difference = fmax(difference, fabs((double)values[i] - expected[i]));
        magnitude = fmax(magnitude, fabs((double)expected[i]));
        if (!isfinite(values[i]))
            return INFINITY;
    }
    return magnitude > 0 ? difference / magnitude : difference;
}

static lethe_status compare(const lethe__graph *graph, const lethe_runtime *runtime, lethe_self_test *test) {
    lethe_precision precision = lethe_precision_resolve(runtime->precision);
    lethe_runtime plain = {.backend = LETHE_BACKEND_REF, .threads = 1};
    rig fast = {.logits = NULL}, reference = {.logits = NULL};
    lethe_status status = rig_run(graph, LETHE_PRECISION_F32, &plain, &reference);
    if (status == LETHE_OK)
        status = rig_run(graph, precision, runtime, &fast);
    if (status == LETHE_OK) {
        test->forward_error = relative_error(fast.logits, reference.logits, BATCH * CLASSES);
        test->backward_error =
            relative_error(fast.weights.gradients, reference.weights.gradients, graph->parameter_size);
        test->tolerance = precision == LETHE_PRECISION_BF16 ? 0.05 : 1e-4;
        test->passed = test->forward_error <= test->tolerance && test->backward_error <= test->tolerance;
    }
    rig_fini(&fast);
    rig_fini(&reference);
    return status;
}

lethe_status lethe_self_test_run(const char *operation, const lethe_runtime *runtime, lethe_self_test *out) {
    size_t index = 0;
    while (names[index] != NULL && strcmp(names[index], operation) != 0)
        index++;
    if (names[index] == NULL)
        LETHE_FAIL(LETHE_USAGE, "there is no self-test of '%s'", operation);
    lethe__graph *graph;
    lethe_self_test test = {.operation = names[index]};
    LETHE_TRY(build(index, &graph));
    lethe_status status = compare(graph, runtime, &test);
    lethe__graph_destroy(&graph);
    if (status == LETHE_OK)
        *out = test;
    return status;
}
