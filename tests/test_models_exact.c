/* test_models_exact.c - exact passes: gradients and Hessian-vector products in double, against PyTorch's
 * float64, and against each other. */
#include "fixture_model.h"

#include "base/memory.h"
#include "engine/exact.h"

enum { CLASSES = 10, PIXELS = 32 * 32 * 3 };

#define assert_ok(call)                                                                                      \
    do {                                                                                                     \
        if ((call) != LETHE_OK)                                                                              \
            fail_msg("%s", lethe_last_message());                                                            \
    } while (0)

static double *new_vector(size_t n) {
    double *vector = NULL;
    assert_ok(lethe__allocate(n, sizeof *vector, &vector));
    return vector;
}

static double *widen(const float *values, size_t n) {
    double *wide = new_vector(n);
    for (size_t i = 0; i < n; i++)
        wide[i] = values[i];
    return wide;
}

typedef struct exact_run {
    lethe_model *model;
    lethe__exact *exact;
    size_t n_parameters;
    int n;
    int32_t labels[64];
    double *parameters, *buffers, *gradient, *product, *direction;
} exact_run;

static void open_run(const char *arch, uint64_t seed, int n, bool tangents, int threads, exact_run *run) {
    static uint8_t images[64 * PIXELS];
    *run = (exact_run){.model = fixture_model(arch, seed), .n = n};
    run->n_parameters = run->model->graph->parameter_size;
    fixture_images("input", seed, n, 3, 32, 32, images);
    fixture_labels("label", seed, n, CLASSES, run->labels);
    assert_ok(lethe__exact_create(run->model->graph, n, tangents, threads, &run->exact));
    lethe__exact_set_images(run->exact, images);
    run->parameters = widen(run->model->weights.parameters, run->n_parameters);
    run->buffers = widen(run->model->weights.buffers, run->model->graph->buffer_size);
    run->gradient = new_vector(run->n_parameters);
    run->product = new_vector(run->n_parameters);
    run->direction = new_vector(run->n_parameters);
}

static void close_run(exact_run *run) {
    lethe__exact_destroy(&run->exact);
    lethe_model_destroy(&run->model);
    lethe__free(run->parameters);
    lethe__free(run->buffers);
    lethe__free(run->gradient);
    lethe__free(run->product);
    lethe__free(run->direction);
}

/* The loss; fills the gradient and, with a direction, the product. */
static double step(exact_run *run, lethe__mode mode, double temperature, bool tangents) {
    double diff[64 * CLASSES], diff_tangent[64 * CLASSES];
    lethe__dual parameters = {run->parameters, tangents ? run->direction : NULL}, logits;
    lethe__dual diff_logits = {diff, tangents ? diff_tangent : NULL};
    assert_ok(lethe__exact_forward(run->exact, mode, parameters, run->buffers, &logits));
    double loss = lethe__exact_cross_entropy(logits, run->labels, run->n, CLASSES, temperature, diff_logits);
    lethe__exact_backward(run->exact, diff_logits,
                          (lethe__dual){run->gradient, tangents ? run->product : NULL});
    return loss;
}

/* As fixture_compare, for doubles. */
static void compare(const json_t *digest, const char *what, const double *values, size_t n, double tolerance,
                    double floor_) {
    double squares = 0, norm = fixture_number(digest, "norm");
    for (size_t i = 0; i < n; i++)
        squares += values[i] * values[i];
    if (!(fabs(sqrt(squares) - norm) <= tolerance * norm + floor_))
        fail_msg("%s: norm %.12g, PyTorch %.12g", what, sqrt(squares), norm);
    size_t index;
    json_t *value;
    json_array_foreach(json_object_get(digest, "first"), index, value) {
        if (!(fabs(values[index] - json_number_value(value)) <= tolerance * norm + floor_))
            fail_msg("%s[%zu]: %.12g, PyTorch %.12g", what, index, values[index], json_number_value(value));
    }
}

static void compare_gradients(const char *arch) {
    char name[64];
    snprintf(name, sizeof name, "model_%s", arch);
    json_t *fixture = fixture_load(name);
    exact_run run;
    open_run(arch, fixture_seed(fixture), 8, false, 2, &run);
    static const char *const keys[] = {"eval_gradients", "train_gradients"};
    for (int train = 0; train < 2; train++) {
        const json_t *digests = json_object_get(fixture, keys[train]);
        step(&run, train ? LETHE__MODE_TRAIN : LETHE__MODE_GRADIENT, 1, false);
        double floor_ = 1e-10 * fixture_largest_norm(digests);
        for (size_t s = 0; s < run.model->graph->n_parameters; s++) {
            const lethe__slot *slot = &run.model->graph->parameters[s];
            /* a model's mean and std are f32, PyTorch's here double: 3e-8 apart */
            compare(json_object_get(digests, slot->name), slot->name, run.gradient + slot->offset, slot->size,
                    1e-6, floor_);
        }
    }
    close_run(&run);
    json_decref(fixture);
}

static void test_gradients_of_resnet20s(void **state) {
    (void)state;
    compare_gradients("resnet20s");
}

static void test_gradients_of_resnet18(void **state) {
    (void)state;
    compare_gradients("resnet18");
}

/* H g with BatchNorm in training mode, over the convolution weights: GraSP's. */
static void test_hessian_times_gradient(void **state) {
    (void)state;
    json_t *fixture = fixture_load("prune");
    exact_run run;
    open_run("resnet20s", fixture_seed(fixture), 64, true, 2, &run);
    const json_t *digests = json_object_get(fixture, "grasp_Hg");
    step(&run, LETHE__MODE_TRAIN, 200, true); /* along 0: the gradient alone */
    for (size_t s = 0; s < run.model->graph->n_parameters; s++) {
        const lethe__slot *slot = &run.model->graph->parameters[s];
        if (slot->prunable)
            memcpy(run.direction + slot->offset, run.gradient + slot->offset, slot->size * sizeof(double));
    }
    step(&run, LETHE__MODE_TRAIN, 200, true);
    for (size_t s = 0; s < run.model->graph->n_parameters; s++) {
        const lethe__slot *slot = &run.model->graph->parameters[s];
        if (slot->prunable)
            compare(json_object_get(digests, slot->name), slot->name, run.product + slot->offset, slot->size,
                    1e-7, 0);
    }
    close_run(&run);
    json_decref(fixture);
}

/* Over all parameters and in both modes: H v against the difference of two gradients, and u H v = v H u. */
static void check_product(lethe__mode mode) {
    exact_run run;
    open_run("resnet20s", 3, 6, true, 2, &run);
    size_t n = run.n_parameters;
    double *u = new_vector(n), *product_v = new_vector(n), *ahead = new_vector(n), h = 1e-7;
    for (size_t i = 0; i < n; i++) {
        run.direction[i] = 0.01 * (2 * fixture_stream(11, i) - 1);
        u[i] = 0.01 * (2 * fixture_stream(12, i) - 1);
    }
    step(&run, mode, 2, true);
    memcpy(product_v, run.product, n * sizeof(double));
    for (size_t i = 0; i < n; i++)
        run.parameters[i] += h * run.direction[i];
    step(&run, mode, 2, true);
    memcpy(ahead, run.gradient, n * sizeof(double));
    for (size_t i = 0; i < n; i++)
        run.parameters[i] -= 2 * h * run.direction[i];
    step(&run, mode, 2, true);
    double squares = 0, errors = 0, v_hu = 0, u_hv = 0;
    for (size_t i = 0; i < n; i++) {
        double difference = (ahead[i] - run.gradient[i]) / (2 * h);
        errors += (difference - product_v[i]) * (difference - product_v[i]);
        squares += product_v[i] * product_v[i];
        run.parameters[i] += h * run.direction[i];
        u_hv += u[i] * product_v[i];
    }
    if (!(sqrt(errors / squares) < 1e-5))
        fail_msg("H v differs from the difference of gradients by %.3g", sqrt(errors / squares));
    double *v = new_vector(n);
    memcpy(v, run.direction, n * sizeof(double));
    memcpy(run.direction, u, n * sizeof(double));
    step(&run, mode, 2, true);
    for (size_t i = 0; i < n; i++)
        v_hu += v[i] * run.product[i];
    if (!(fabs(u_hv - v_hu) <= 1e-9 * (fabs(u_hv) + 1e-3 * sqrt(squares))))
        fail_msg("u H v is %.12g, v H u %.12g", u_hv, v_hu);
    lethe__free(u);
    lethe__free(v);
    lethe__free(product_v);
    lethe__free(ahead);
    close_run(&run);
}

static void test_products_in_training_mode(void **state) {
    (void)state;
    check_product(LETHE__MODE_TRAIN);
}

static void test_products_in_evaluation_mode(void **state) {
    (void)state;
    check_product(LETHE__MODE_GRADIENT);
}

static void test_threads_do_not_change_bits(void **state) {
    (void)state;
    exact_run one, two;
    open_run("resnet20s", 1, 3, true, 1, &one);
    open_run("resnet20s", 1, 3, true, 2, &two);
    for (size_t i = 0; i < one.n_parameters; i++)
        one.direction[i] = two.direction[i] = fixture_stream(5, i);
    assert_true(step(&one, LETHE__MODE_TRAIN, 1, true) == step(&two, LETHE__MODE_TRAIN, 1, true));
    assert_memory_equal(one.gradient, two.gradient, one.n_parameters * sizeof(double));
    assert_memory_equal(one.product, two.product, one.n_parameters * sizeof(double));
    close_run(&one);
    close_run(&two);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradients_of_resnet20s),      cmocka_unit_test(test_gradients_of_resnet18),
        cmocka_unit_test(test_hessian_times_gradient),      cmocka_unit_test(test_products_in_training_mode),
        cmocka_unit_test(test_products_in_evaluation_mode), cmocka_unit_test(test_threads_do_not_change_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
