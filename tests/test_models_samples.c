/* test_models_samples.c - products with the gradients of single samples against backward passes of one sample
 * each, on whole networks and on one with odd shapes, for every backend and type; and the diagonal of the
 * Fisher information against PyTorch's. */
#include "fixture_model.h"

#include "base/memory.h"

enum { MOST_SAMPLES = 64, MOST_CLASSES = 16, IMAGE = 32 * 32 * 3 };

/* A network ready to run, its batch, and what a loss would hand to its backward pass. */
typedef struct bench {
    const lethe__graph *graph;
    lethe__weights *weights;
    lethe__executor *executor;
    uint8_t images[MOST_SAMPLES * IMAGE];
    int32_t labels[MOST_SAMPLES];
    float diff_logits[MOST_SAMPLES * MOST_CLASSES];
    int classes;
    size_t image_bytes;
} bench;

static bench network; /* large, so not on the stack */

static void must(lethe_status status) {
    if (status != LETHE_OK)
        fail_msg("%s", lethe_last_message());
}

static float *vector_of(size_t n) {
    float *values;
    must(lethe__allocate(n, sizeof *values, &values));
    return values;
}

static void open_bench(const lethe__graph *graph, lethe__weights *weights, lethe_backend backend,
                       lethe_precision precision, int threads) {
    const lethe__tensor *input = &graph->tensors[0], *output = &graph->tensors[graph->n_tensors - 1];
    network.graph = graph;
    network.weights = weights;
    network.classes = output->c;
    network.image_bytes = (size_t)input->h * (size_t)input->w * (size_t)input->c;
    must(lethe__executor_create(graph, weights, precision,
                                &(lethe_runtime){.backend = backend, .threads = threads}, &network.executor));
}

/* Forward, and the gradient of each sample's own loss, in the rows from `first` on. */
static void run_forward(int first, int n, const int32_t *labels) {
    const float *logits;
    double loss;
    size_t n_correct;
    must(lethe__executor_forward(network.executor, LETHE__MODE_GRADIENT,
                                 network.images + (size_t)first * network.image_bytes, n, &logits));
    lethe__cross_entropy(logits, labels + first, n, network.classes, 1, network.diff_logits, NULL, &loss,
                         &n_correct);
}

static void run_products(int n, const lethe__sample_products *products) {
    run_forward(0, n, network.labels);
    must(lethe__executor_sample_products(network.executor, network.diff_logits, products));
}

/* --- against single samples --- */

static void expect_one_by_one(int n, const float *vector, double *squares, double *dots) {
    for (int i = 0; i < n; i++) {
        run_forward(i, 1, network.labels);
        must(lethe__executor_backward(network.executor, network.diff_logits));
        dots[i] = 0;
        for (size_t k = 0; k < network.graph->parameter_size; k++) {
            double g = (double)network.weights->gradients[k];
            squares[k] += g * g;
            dots[i] += g * (double)vector[k];
        }
    }
}

static void compare_slot(const lethe__slot *slot, const float *got, const double *want, double tolerance) {
    double error = 0, norm = 0;
    for (size_t k = slot->offset; k < slot->offset + slot->size; k++) {
        double difference = (double)got[k] - want[k];
        error += difference * difference;
        norm += want[k] * want[k];
    }
    if (!(sqrt(error) <= tolerance * sqrt(norm)))
        fail_msg("%s: the sum of squares differs by %.3g of its norm", slot->name, sqrt(error / norm));
}

/* An error in each of parameter_size products, of random sign, is what rounding may add to a dot product. */
static void compare_dots(const double *got, const double *want, int n, double tolerance) {
    double scale = 0;
    for (int i = 0; i < n; i++)
        scale = fmax(scale, fabs(want[i]));
    for (int i = 0; i < n; i++)
        if (!(fabs(got[i] - want[i]) <= tolerance * scale))
            fail_msg("sample %d: product %.9g, should be %.9g", i, got[i], want[i]);
}

static void check_products(int n, double tolerance) {
    size_t size = network.graph->parameter_size;
    float *squares = vector_of(size), *again = vector_of(size), *vector = vector_of(size);
    double dots[MOST_SAMPLES], dots_again[MOST_SAMPLES], want_dots[MOST_SAMPLES], *want;
    must(lethe__allocate(size, sizeof *want, &want));
    uint64_t key = fixture_key("vector", 1);
    for (size_t k = 0; k < size; k++) {
        vector[k] = (float)(2 * fixture_stream(key, k) - 1);
        network.weights->gradients[k] = 7;
        squares[k] = again[k] = (float)k / (float)size * 1e-3f; /* what is there is added to */
        want[k] = (double)squares[k];
    }
    for (int i = 0; i < n; i++)
        dots[i] = dots_again[i] = 0;
    run_products(n, &(lethe__sample_products){squares, vector, dots});
    for (size_t k = 0; k < size; k++)
        assert_true(network.weights->gradients[k] == 7);
    run_products(n, &(lethe__sample_products){again, NULL, NULL});
    run_products(n, &(lethe__sample_products){NULL, vector, dots_again});
    assert_memory_equal(squares, again, size * sizeof *squares);
    assert_memory_equal(dots, dots_again, (size_t)n * sizeof *dots);
    expect_one_by_one(n, vector, want, want_dots);
    for (size_t i = 0; i < network.graph->n_parameters; i++)
        compare_slot(&network.graph->parameters[i], squares, want, tolerance);
    compare_dots(dots, want_dots, n, tolerance);
    lethe__free(squares);
    lethe__free(again);
    lethe__free(vector);
    lethe__free(want);
}

static void check_model(const char *arch, lethe_backend backend, lethe_precision precision, int threads,
                        int n) {
    lethe_model *model = fixture_model(arch, 1);
    fixture_images("input", 1, n, 3, 32, 32, network.images);
    fixture_labels("label", 1, n, 10, network.labels);
    open_bench(model->graph, &model->weights, backend, precision, threads);
    check_products(n, precision == LETHE_PRECISION_BF16 ? 1e-3 : 2e-5);
    lethe__executor_destroy(&network.executor);
    lethe_model_destroy(&model);
}

static void samples_of_resnet20s(void **state) {
    (void)state;
    check_model("resnet20s", LETHE_BACKEND_REF, LETHE_PRECISION_F32, 1, 3);
    check_model("resnet20s", LETHE_BACKEND_AUTO, LETHE_PRECISION_F32, 1, 9);
    check_model("resnet20s", LETHE_BACKEND_AUTO, LETHE_PRECISION_F32, 2, 11);
}

static void samples_of_resnet20s_in_bf16(void **state) {
    (void)state;
    check_model("resnet20s", LETHE_BACKEND_REF, LETHE_PRECISION_BF16, 1, 2);
    check_model("resnet20s", LETHE_BACKEND_AUTO, LETHE_PRECISION_BF16, 2, 3);
}

static void samples_of_resnet18(void **state) {
    (void)state;
    check_model("resnet18", LETHE_BACKEND_AUTO, LETHE_PRECISION_F32, 2, 3);
}

/* Odd sides and channels, a bias before and behind BatchNorm, strides, a residual without ReLU: what native
 * kernels do not take goes to oneDNN in AUTO. */
static lethe__graph *odd_graph(void) {
    static const float mean[] = {0.5f, 0.4f}, std[] = {0.3f, 0.2f};
    lethe__graph *graph;
    must(lethe__graph_create(&graph));
    int x = lethe__graph_input(graph, 13, 11, 2, mean, std);
    x = lethe__graph_convolution(graph, x, "a", 7, 5, 2, 1, true, LETHE__FILL_KAIMING_NORMAL_FAN_IN);
    x = lethe__graph_batchnorm(graph, x, "b", -1, true);
    int side = lethe__graph_convolution(graph, x, "c", 16, 1, 1, 0, false, LETHE__FILL_KAIMING_NORMAL_FAN_IN);
    side = lethe__graph_batchnorm(graph, side, "d", -1, false);
    x = lethe__graph_convolution(graph, x, "e", 16, 3, 1, 1, true, LETHE__FILL_KAIMING_NORMAL_FAN_IN);
    x = lethe__graph_batchnorm(graph, x, "f", side, false);
    x = lethe__graph_convolution(graph, x, "g", 24, 3, 2, 1, false, LETHE__FILL_KAIMING_NORMAL_FAN_IN);
    x = lethe__graph_batchnorm(graph, x, "h", -1, true);
    x = lethe__graph_max_pool(graph, x, 2, 1, 0);
    x = lethe__graph_global_pool(graph, x);
    lethe__graph_linear(graph, x, "i", 5, LETHE__FILL_UNIFORM_FAN_IN);
    must(lethe__graph_finish(graph));
    return graph;
}

static void check_odd(lethe_backend backend, int threads, int n) {
    lethe__graph *graph = odd_graph();
    lethe__weights weights = {.parameters = vector_of(graph->parameter_size),
                              .gradients = vector_of(graph->parameter_size),
                              .buffers = vector_of(graph->buffer_size),
                              .version = 1};
    for (size_t i = 0; i < graph->n_parameters; i++)
        fixture_fill_slot(&graph->parameters[i], 1, weights.parameters + graph->parameters[i].offset);
    for (size_t i = 0; i < graph->n_buffers; i++)
        fixture_fill_slot(&graph->buffers[i], 1, weights.buffers + graph->buffers[i].offset);
    fixture_images("odd", 1, n, 2, 13, 11, network.images);
    fixture_labels("odd_label", 1, n, 5, network.labels);
    open_bench(graph, &weights, backend, LETHE_PRECISION_F32, threads);
    check_products(n, 2e-5);
    lethe__executor_destroy(&network.executor);
    lethe__free(weights.parameters);
    lethe__free(weights.gradients);
    lethe__free(weights.buffers);
    lethe__graph_destroy(&graph);
}

static void samples_of_odd_shapes(void **state) {
    (void)state;
    check_odd(LETHE_BACKEND_REF, 1, 4);
    check_odd(LETHE_BACKEND_AUTO, 1, 1);
    check_odd(LETHE_BACKEND_AUTO, 2, 17);
}

static void samples_need_running_statistics(void **state) {
    (void)state;
    lethe_model *model = fixture_model("resnet20s", 1);
    double dots[2] = {0};
    const float *logits;
    fixture_images("input", 1, 2, 3, 32, 32, network.images);
    open_bench(model->graph, &model->weights, LETHE_BACKEND_AUTO, LETHE_PRECISION_F32, 1);
    must(lethe__executor_forward(network.executor, LETHE__MODE_TRAIN, network.images, 2, &logits));
    lethe__sample_products products = {.vector = model->weights.parameters, .dots = dots};
    assert_int_equal(lethe__executor_sample_products(network.executor, network.diff_logits, &products),
                     LETHE_FAILED);
    assert_non_null(strstr(lethe_last_message(), "running statistics"));
    lethe__executor_destroy(&network.executor);
    lethe_model_destroy(&model);
}

/* --- against PyTorch --- */

/* The mean over samples of g^2 with the label of the sample. */
static void add_diagonal(int n, const int32_t *labels, float *diagonal) {
    run_forward(0, n, labels);
    for (int i = 0; i < n * network.classes; i++)
        network.diff_logits[i] /= sqrtf((float)n);
    must(lethe__executor_sample_products(network.executor, network.diff_logits,
                                         &(lethe__sample_products){.squares = diagonal}));
}

/* The same in expectation over the labels that the model gives probability p: rows scaled by sqrt(p). */
static void add_exact_diagonal(int n, float *diagonal) {
    for (int label = 0; label < network.classes; label++) {
        int32_t labels[MOST_SAMPLES];
        for (int i = 0; i < n; i++)
            labels[i] = label;
        run_forward(0, n, labels);
        for (int i = 0; i < n; i++) {
            float *row = network.diff_logits + (size_t)i * (size_t)network.classes;
            float root = sqrtf((1 + row[label]) / (float)n); /* row[label] = p - 1 */
            for (int k = 0; k < network.classes; k++)
                row[k] *= root;
        }
        must(lethe__executor_sample_products(network.executor, network.diff_logits,
                                             &(lethe__sample_products){.squares = diagonal}));
    }
}

static void diagonal_is_that_of_pytorch(void **state) {
    (void)state;
    json_t *fixture = fixture_load("fisher_resnet20s");
    uint64_t seed = fixture_seed(fixture);
    int n = (int)fixture_number(fixture, "n");
    assert_true(n <= MOST_SAMPLES);
    lethe_model *model = fixture_model("resnet20s", seed);
    fixture_calm(model);
    fixture_images("retain", seed, n, 3, 32, 32, network.images);
    fixture_labels("retain_label", seed, n, 10, network.labels);
    open_bench(model->graph, &model->weights, LETHE_BACKEND_AUTO, LETHE_PRECISION_F32, 2);
    float *empirical = vector_of(model->graph->parameter_size),
          *exact = vector_of(model->graph->parameter_size);
    add_diagonal(n, network.labels, empirical);
    add_exact_diagonal(n, exact);
    fixture_compare_slots(json_object_get(fixture, "empirical_diagonal_mean_over_samples"),
                          model->graph->parameters, model->graph->n_parameters, empirical, 1e-3, 0,
                          FIXTURE_COMPUTED);
    fixture_compare_slots(json_object_get(fixture, "exact_diagonal_mean_over_samples"),
                          model->graph->parameters, model->graph->n_parameters, exact, 1e-3, 0,
                          FIXTURE_COMPUTED);
    lethe__free(empirical);
    lethe__free(exact);
    lethe__executor_destroy(&network.executor);
    lethe_model_destroy(&model);
    json_decref(fixture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_of_resnet20s),
        cmocka_unit_test(samples_of_resnet20s_in_bf16),
        cmocka_unit_test(samples_of_resnet18),
        cmocka_unit_test(samples_of_odd_shapes),
        cmocka_unit_test(samples_need_running_statistics),
        cmocka_unit_test(diagonal_is_that_of_pytorch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
