/* test_prune_parity.c - against PyTorch: which weights each pruning method keeps, layer by layer, and
 * parameters and running statistics after three steps of SGD, gradient ascent and l1-sparse training, on
 * dense and on pruned models, with the reference kernels and with those chosen for this machine.
 *
 * The steps stand here, above the room `train` that makes them, because some of them need a mask. */
#include "fixture_model.h"

#include "base/memory.h"
#include "data/dataset.h"
#include "train/trainer.h"
#include <lethe/prune.h>
#include <omp.h>

enum { BATCH = 8, CLASSES = 10, PIXELS = 32 * 32 * 3 };

static void prune_by_magnitude(lethe_model *model, double sparsity) {
    double *scores;
    assert_int_equal(lethe__allocate(model->graph->parameter_size, sizeof *scores, &scores), LETHE_OK);
    for (size_t i = 0; i < model->graph->parameter_size; i++)
        scores[i] = fabs((double)model->weights.parameters[i]);
    assert_int_equal(lethe_mask_lowest(model, scores, sparsity), LETHE_OK);
    lethe__free(scores);
}

/* --- which weights are kept --- */

static void compare_counts(lethe_model *model, const json_t *counts) {
    size_t n_tensors = lethe_model_tensor_count(model), n_prunable = 0;
    for (size_t i = 0; i < n_tensors; i++) {
        lethe_tensor_view view = lethe_model_tensor(model, i);
        if (!view.prunable)
            continue;
        size_t kept = 0;
        for (size_t k = 0; k < view.size; k++)
            kept += view.mask[k];
        if (kept != (size_t)fixture_number(counts, view.name))
            fail_msg("%s: %zu weights kept, PyTorch %.0f", view.name, kept,
                     fixture_number(counts, view.name));
        n_prunable++;
    }
    assert_int_equal(n_prunable, json_object_size(counts));
}

static void compare_omp(const char *arch) {
    json_t *fixture = fixture_load("prune");
    const json_t *omp = json_object_get(json_object_get(fixture, "omp"), arch);
    assert_true(json_object_size(omp) >= 4);
    const char *sparsity;
    json_t *expected;
    /* the fixture's order is ascending, so each mask is made from the one before and must equal a fresh one
     */
    lethe_model *model = fixture_model(arch, fixture_seed(fixture));
    json_object_foreach((json_t *)omp, sparsity, expected) {
        prune_by_magnitude(model, atof(sparsity));
        compare_counts(model, json_object_get(expected, "kept"));
        double total = fixture_number(expected, "total");
        assert_true(fabs(lethe_model_sparsity(model) - atof(sparsity)) <= 0.5 / total + 1e-12);
    }
    lethe_model_destroy(&model);
    json_decref(fixture);
}

static void test_omp_of_resnet20s(void **state) {
    (void)state;
    compare_omp("resnet20s");
}

static void test_omp_of_resnet18(void **state) {
    (void)state;
    compare_omp("resnet18");
}

/* The fixture's images and labels as the samples of a data set. */
enum { N_SAMPLES = 64 };

static lethe_samples fixture_samples(uint64_t seed, lethe_dataset *dataset) {
    static uint8_t images[N_SAMPLES * PIXELS];
    static int32_t labels[N_SAMPLES];
    static uint32_t ids[N_SAMPLES];
    fixture_images("input", seed, N_SAMPLES, 3, 32, 32, images);
    fixture_labels("label", seed, N_SAMPLES, CLASSES, labels);
    for (uint32_t i = 0; i < N_SAMPLES; i++)
        ids[i] = i;
    *dataset = (lethe_dataset){.info = {.name = "fixture",
                                        .path = "",
                                        .classes = CLASSES,
                                        .height = 32,
                                        .width = 32,
                                        .channels = 3,
                                        .n_train = N_SAMPLES},
                               .train_images = images,
                               .train_labels = labels};
    return (lethe_samples){
        .dataset = dataset, .images = images, .labels = labels, .ids = ids, .n = N_SAMPLES};
}

/* Prunes by the method's own defaults, which are the fixture's, and compares what each layer keeps. */
static void compare_method(const char *name, const char *arch) {
    json_t *fixture = fixture_load("prune"), *expected;
    const json_t *sparsities = json_object_get(json_object_get(fixture, name), arch);
    const lethe_prune_method *method;
    const char *sparsity;
    lethe_dataset dataset;
    lethe_samples samples = fixture_samples(fixture_seed(fixture), &dataset);
    lethe_runtime runtime;
    assert_int_equal(lethe_runtime_defaults(&runtime), LETHE_OK);
    assert_int_equal(lethe_prune_find(name, &method), LETHE_OK);
    assert_true(json_object_size(sparsities) >= 2);
    json_object_foreach((json_t *)sparsities, sparsity, expected) {
        void *options;
        lethe_model *model = fixture_model(arch, fixture_seed(fixture));
        lethe_trainer *trainer;
        assert_int_equal(lethe__allocate(1, method->options_size, &options), LETHE_OK);
        assert_int_equal(lethe_options_defaults(method->options, options), LETHE_OK);
        lethe_prune_options *shared = options;
        shared->sparsity = atof(sparsity);
        shared->fit.epochs = 0;
        shared->fit.shuffle = false;
        assert_int_equal(lethe_trainer_create(model, (lethe_samples){.n = 0}, &runtime, "parity", &trainer),
                         LETHE_OK);
        if (lethe_prune(method, options, trainer, samples) != LETHE_OK)
            fail_msg("%s", lethe_last_message());
        compare_counts(model, expected);
        lethe_trainer_destroy(&trainer);
        lethe_model_destroy(&model);
        lethe__free(options);
    }
    json_decref(fixture);
}

static void test_synflow_of_resnet20s(void **state) {
    (void)state;
    compare_method("synflow", "resnet20s");
}

/* Three times a hundred passes over 11 million weights take minutes: only where LETHE_SLOW_TESTS is set. */
static void test_synflow_of_resnet18(void **state) {
    (void)state;
    if (getenv("LETHE_SLOW_TESTS") == NULL)
        skip();
    compare_method("synflow", "resnet18");
}

static void test_snip_of_resnet20s(void **state) {
    (void)state;
    compare_method("snip", "resnet20s");
}

static void test_grasp_of_resnet20s(void **state) {
    (void)state;
    compare_method("grasp", "resnet20s");
}

/* 55 layers, 99 %: R is about 10^78, and no layer may be emptied. */
static void test_synflow_of_resnet56s(void **state) {
    (void)state;
    const lethe_prune_method *method;
    lethe_runtime runtime;
    lethe_dataset dataset;
    lethe_samples samples = fixture_samples(1, &dataset);
    assert_int_equal(lethe_runtime_defaults(&runtime), LETHE_OK);
    assert_int_equal(lethe_prune_find("synflow", &method), LETHE_OK);
    lethe_model *model = fixture_model("resnet56s", 1);
    assert_int_equal(lethe_model_initialise(model, 1), LETHE_OK);
    void *options;
    assert_int_equal(lethe__allocate(1, method->options_size, &options), LETHE_OK);
    assert_int_equal(lethe_options_defaults(method->options, options), LETHE_OK);
    lethe_prune_options *shared = options;
    shared->sparsity = 0.99;
    shared->fit.epochs = 0;
    lethe_trainer *trainer;
    assert_int_equal(lethe_trainer_create(model, (lethe_samples){.n = 0}, &runtime, "deep", &trainer),
                     LETHE_OK);
    if (lethe_prune(method, options, trainer, samples) != LETHE_OK)
        fail_msg("%s", lethe_last_message());
    for (size_t t = 0; t < lethe_model_tensor_count(model); t++) {
        lethe_tensor_view view = lethe_model_tensor(model, t);
        size_t kept = 0;
        for (size_t i = 0; view.prunable && i < view.size; i++)
            kept += view.mask[i];
        if (view.prunable && kept == 0)
            fail_msg("%s has lost every weight", view.name);
    }
    lethe_trainer_destroy(&trainer);
    lethe_model_destroy(&model);
    lethe__free(options);
}

/* --- three steps --- */

typedef struct steps_run {
    const json_t *item; /* one case of the fixture */
    uint64_t seed;
    int count;
    bool ascend;
    lethe_fit_options fit; /* an epoch for each step, so that schedules move as in the fixture */
    lethe_model *model;
    lethe__executor *executor;
    float *velocity;
} steps_run;

static void read_options(steps_run *run) {
    static const char *const schedules[] = {"constant", "growing", "decaying"};
    const json_t *options = json_object_get(run->item, "options");
    run->fit = (lethe_fit_options){.epochs = run->count,
                                   .lr = fixture_number(options, "lr"),
                                   .momentum = fixture_number(options, "momentum"),
                                   .weight_decay = fixture_number(options, "weight_decay")};
    const char *kind = json_string_value(json_object_get(run->item, "kind"));
    run->ascend = strcmp(kind, "ga") == 0;
    if (strcmp(kind, "l1") != 0)
        return;
    run->fit.gamma = fixture_number(options, "gamma");
    const char *schedule = json_string_value(json_object_get(options, "schedule"));
    for (int i = 0; i < 3; i++)
        if (strcmp(schedule, schedules[i]) == 0)
            run->fit.gamma_schedule = (lethe_l1_schedule)i;
}

/* Returns the mean loss. */
static double do_step(steps_run *run, int step) {
    static uint8_t images[BATCH * PIXELS];
    int32_t labels[BATCH];
    float diff_logits[BATCH * CLASSES];
    char name[16];
    const float *logits;
    double loss;
    size_t n_correct;
    lethe_model *model = run->model;
    snprintf(name, sizeof name, "input%d", step);
    fixture_images(name, run->seed, BATCH, 3, 32, 32, images);
    snprintf(name, sizeof name, "label%d", step);
    fixture_labels(name, run->seed, BATCH, CLASSES, labels);
    if (lethe__executor_forward(run->executor, LETHE__MODE_TRAIN, images, BATCH, &logits) != LETHE_OK)
        fail_msg("%s", lethe_last_message());
    lethe__cross_entropy(logits, labels, BATCH, CLASSES, (run->ascend ? -1.0f : 1.0f) / BATCH, diff_logits,
                         NULL, &loss, &n_correct);
    assert_int_equal(lethe__executor_backward(run->executor, diff_logits), LETHE_OK);
    lethe__sgd sgd = lethe__fit_sgd(&run->fit, step);
    lethe__sgd_step(&sgd, model->weights.parameters, run->velocity, model->weights.gradients, model->mask,
                    model->graph->parameter_size);
    model->weights.version++;
    return loss / BATCH;
}

static void compare_steps(steps_run *run, lethe_backend backend) {
    const char *name = json_string_value(json_object_get(run->item, "name"));
    const json_t *losses = json_object_get(run->item, "cross_entropy");
    double error = fixture_number(run->item, "pytorch_float32_error"), tolerance = fmax(1e-4, 4 * error);
    lethe_model *model = run->model = fixture_model("resnet20s", run->seed);
    read_options(run);
    if (json_is_true(json_object_get(run->item, "masked")))
        prune_by_magnitude(model, 0.9);
    assert_int_equal(lethe__allocate(model->graph->parameter_size, sizeof(float), &run->velocity), LETHE_OK);
    assert_int_equal(lethe__executor_create(model->graph, &model->weights, LETHE_PRECISION_F32,
                                            &(lethe_runtime){.backend = backend, .threads = 1},
                                            &run->executor),
                     LETHE_OK);
    for (int step = 0; step < run->count; step++) {
        double loss = do_step(run, step), expected = json_number_value(json_array_get(losses, (size_t)step));
        if (!(fabs(loss - expected) <= tolerance * expected))
            fail_msg("%s, step %d: loss %.9g, PyTorch %.9g", name, step, loss, expected);
    }
    const json_t *parameters = json_object_get(run->item, "parameters");
    /* a layer whose weights are all masked has a gradient of rounding errors only */
    fixture_compare_slots(parameters, model->graph->parameters, model->graph->n_parameters,
                          model->weights.parameters, tolerance, 1e-5 * fixture_largest_norm(parameters),
                          FIXTURE_TRAINED);
    fixture_compare_slots(json_object_get(run->item, "buffers"), model->graph->buffers,
                          model->graph->n_buffers, model->weights.buffers, tolerance, 1e-7, FIXTURE_TRAINED);
    lethe__executor_destroy(&run->executor);
    lethe__free(run->velocity);
    lethe_model_destroy(&run->model);
}

static void compare_all_steps(lethe_backend backend) {
    json_t *fixture = fixture_load("steps_resnet20s");
    const json_t *cases = json_object_get(fixture, "cases");
    assert_int_equal(json_array_size(cases), 9);
    assert_int_equal(fixture_number(fixture, "batch"), BATCH);
    size_t index;
    json_t *item;
    json_array_foreach((json_t *)cases, index, item) {
        steps_run run = {
            .item = item, .seed = fixture_seed(fixture), .count = (int)fixture_number(fixture, "steps")};
        compare_steps(&run, backend);
    }
    json_decref(fixture);
}

static void test_steps_with_reference_kernels(void **state) {
    (void)state;
    compare_all_steps(LETHE_BACKEND_REF);
}

static void test_steps_with_chosen_kernels(void **state) {
    (void)state;
    compare_all_steps(LETHE_BACKEND_AUTO);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_omp_of_resnet20s),          cmocka_unit_test(test_omp_of_resnet18),
        cmocka_unit_test(test_synflow_of_resnet20s),      cmocka_unit_test(test_synflow_of_resnet18),
        cmocka_unit_test(test_synflow_of_resnet56s),      cmocka_unit_test(test_snip_of_resnet20s),
        cmocka_unit_test(test_grasp_of_resnet20s),        cmocka_unit_test(test_steps_with_reference_kernels),
        cmocka_unit_test(test_steps_with_chosen_kernels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
