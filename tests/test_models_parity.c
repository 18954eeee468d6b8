/* test_models_parity.c - whole networks against PyTorch: logits, loss, every parameter's gradient in
 * evaluation and in training mode, and BatchNorm's running statistics after one forward pass; with the
 * reference kernels and with the ones chosen for this machine, in f32 and in bf16 (where tolerances are 3 %).
 *
 * A ReLU whose input lies near zero may flip between two roundings, so gradients are compared as closely as
 * PyTorch's own float32 comes to its float64 (pytorch_float32_error), and logits within 1e-5. */
#include "fixture_model.h"
#include <omp.h>

enum { BATCH = 8, CLASSES = 10 };

typedef struct parity_case {
    const char *arch;
    lethe_backend backend;
    lethe_precision precision;
    int threads;
} parity_case;

typedef struct parity_run {
    json_t *fixture;
    lethe_model *model;
    lethe__executor *executor;
    uint8_t images[BATCH * 32 * 32 * 3];
    int32_t labels[BATCH];
    double gradient_tolerance, logit_tolerance;
} parity_run;

static void open_run(const parity_case *parity, parity_run *run) {
    char name[64];
    snprintf(name, sizeof name, "model_%s", parity->arch);
    run->fixture = fixture_load(name);
    uint64_t seed = fixture_seed(run->fixture);
    run->model = fixture_model(parity->arch, seed);
    fixture_images("input", seed, BATCH, 3, 32, 32, run->images);
    fixture_labels("label", seed, BATCH, CLASSES, run->labels);
    assert_int_equal(
        lethe__executor_create(run->model->graph, &run->model->weights, parity->precision,
                               &(lethe_runtime){.backend = parity->backend, .threads = parity->threads},
                               &run->executor),
        LETHE_OK);
    const json_t *error = json_object_get(run->fixture, "pytorch_float32_error");
    bool bf16 = parity->precision == LETHE_PRECISION_BF16;
    run->gradient_tolerance = fmax(1e-4, 4 * fixture_number(error, "worst_train_gradient"));
    run->logit_tolerance = bf16 ? 0.03 : 1e-5;
}

static void close_run(parity_run *run) {
    lethe__executor_destroy(&run->executor);
    lethe_model_destroy(&run->model);
    json_decref(run->fixture);
}

/* Forward, loss and backward; returns the mean loss and a copy of the logits, which backward overwrites. */
static double run_step(parity_run *run, lethe__mode mode, float *logits) {
    float diff_logits[BATCH * CLASSES];
    double loss_sum = 0;
    size_t n_correct = 0;
    const float *lent;
    if (lethe__executor_forward(run->executor, mode, run->images, BATCH, &lent) != LETHE_OK)
        fail_msg("%s", lethe_last_message());
    memcpy(logits, lent, BATCH * CLASSES * sizeof *logits);
    lethe__cross_entropy(logits, run->labels, BATCH, CLASSES, 1.0f / BATCH, diff_logits, NULL, &loss_sum,
                         &n_correct);
    if (lethe__executor_backward(run->executor, diff_logits) != LETHE_OK)
        fail_msg("%s", lethe_last_message());
    return loss_sum / BATCH;
}

static void compare_logits(const parity_run *run, const float *logits) {
    const json_t *rows = json_object_get(run->fixture, "eval_logits");
    double squares = 0, error = 0;
    for (int i = 0; i < BATCH; i++)
        for (int k = 0; k < CLASSES; k++) {
            double expected = json_number_value(json_array_get(json_array_get(rows, (size_t)i), (size_t)k));
            squares += expected * expected;
            error += (logits[i * CLASSES + k] - expected) * (logits[i * CLASSES + k] - expected);
        }
    if (!(sqrt(error / squares) <= run->logit_tolerance))
        fail_msg("logits differ by %.3g relative (allowed %.3g)", sqrt(error / squares),
                 run->logit_tolerance);
}

/* In bf16 single entries move by more than norms do, so norms alone are compared, as a whole and tensor by
 * tensor. */
static void compare_gradient_norms(const parity_run *run, const char *key) {
    const json_t *digests = json_object_get(run->fixture, key);
    double ours = 0, theirs = 0;
    for (size_t i = 0; i < run->model->graph->n_parameters; i++) {
        const lethe__slot *slot = &run->model->graph->parameters[i];
        double norm = fixture_number(json_object_get(digests, slot->name), "norm");
        theirs += norm * norm;
        for (size_t k = 0; k < slot->size; k++) {
            double value = run->model->weights.gradients[slot->offset + k];
            ours += value * value;
        }
    }
    if (!(fabs(sqrt(ours) - sqrt(theirs)) <= 0.03 * sqrt(theirs)))
        fail_msg("%s: norm %.6g, PyTorch %.6g", key, sqrt(ours), sqrt(theirs));
}

static void compare_gradients(const parity_run *run, const parity_case *parity, const char *key) {
    if (parity->precision == LETHE_PRECISION_BF16) {
        compare_gradient_norms(run, key);
        return;
    }
    const json_t *digests = json_object_get(run->fixture, key);
    fixture_compare_slots(digests, run->model->graph->parameters, run->model->graph->n_parameters,
                          run->model->weights.gradients, run->gradient_tolerance,
                          1e-5 * fixture_largest_norm(digests), FIXTURE_COMPUTED);
}

static void check_network(const parity_case *parity) {
    static parity_run run;
    float logits[BATCH * CLASSES];
    const float *predicted;
    open_run(parity, &run);
    assert_int_equal(lethe_model_parameter_count(run.model),
                     json_integer_value(json_object_get(run.fixture, "parameters")));
    fixture_compare_slots(json_object_get(run.fixture, "filled"), run.model->graph->parameters,
                          run.model->graph->n_parameters, run.model->weights.parameters, 1e-7, 0,
                          FIXTURE_COMPUTED);
    double loss_tolerance = parity->precision == LETHE_PRECISION_BF16 ? 0.03 : 1e-5;

    double loss = run_step(&run, LETHE__MODE_GRADIENT, logits);
    compare_logits(&run, logits);
    assert_true(fabs(loss - fixture_number(run.fixture, "eval_loss")) <= loss_tolerance * loss);
    compare_gradients(&run, parity, "eval_gradients");

    assert_int_equal(
        lethe__executor_forward(run.executor, LETHE__MODE_PREDICT, run.images, BATCH, &predicted), LETHE_OK);
    compare_logits(&run, predicted);

    loss = run_step(&run, LETHE__MODE_TRAIN, logits);
    assert_true(fabs(loss - fixture_number(run.fixture, "train_loss")) <= loss_tolerance * loss);
    compare_gradients(&run, parity, "train_gradients");
    fixture_compare_slots(json_object_get(run.fixture, "buffers_after_one_forward"),
                          run.model->graph->buffers, run.model->graph->n_buffers, run.model->weights.buffers,
                          parity->precision == LETHE_PRECISION_BF16 ? 0.03 : 1e-4, 0, FIXTURE_COMPUTED);
    close_run(&run);
}

static void parity_resnet20s_ref(void **state) {
    (void)state;
    check_network(&(parity_case){"resnet20s", LETHE_BACKEND_REF, LETHE_PRECISION_F32, 1});
}

static void parity_resnet20s_auto(void **state) {
    (void)state;
    check_network(&(parity_case){"resnet20s", LETHE_BACKEND_AUTO, LETHE_PRECISION_F32, 2});
}

static void parity_resnet20s_ref_bf16(void **state) {
    (void)state;
    check_network(&(parity_case){"resnet20s", LETHE_BACKEND_REF, LETHE_PRECISION_BF16, 1});
}

/* Where the CPU computes in bf16 this runs its kernels; elsewhere convolutions fall back to the reference. */
static void parity_resnet20s_auto_bf16(void **state) {
    (void)state;
    check_network(&(parity_case){"resnet20s", LETHE_BACKEND_AUTO, LETHE_PRECISION_BF16, 2});
}

static void parity_resnet18_ref(void **state) {
    (void)state;
    check_network(&(parity_case){"resnet18", LETHE_BACKEND_REF, LETHE_PRECISION_F32, 1});
}

static void parity_resnet18_auto(void **state) {
    (void)state;
    check_network(&(parity_case){"resnet18", LETHE_BACKEND_AUTO, LETHE_PRECISION_F32, 2});
}

static void parity_resnet18_auto_bf16(void **state) {
    (void)state;
    check_network(&(parity_case){"resnet18", LETHE_BACKEND_AUTO, LETHE_PRECISION_BF16, 2});
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parity_resnet20s_ref),      cmocka_unit_test(parity_resnet20s_auto),
        cmocka_unit_test(parity_resnet20s_ref_bf16), cmocka_unit_test(parity_resnet20s_auto_bf16),
        cmocka_unit_test(parity_resnet18_ref),       cmocka_unit_test(parity_resnet18_auto),
        cmocka_unit_test(parity_resnet18_auto_bf16),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
