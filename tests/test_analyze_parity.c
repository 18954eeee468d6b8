/* test_analyze_parity.c - the Hessian's largest eigenvalue against PyTorch's, dense and under a mask.
 * Iterations take seconds in double: they end early, where the eigenvalue is off by the residual's
 * square over the gap to the next one, and never too large: v H v is not above the largest of a vector v. */
#include "fixture_model.h"

#include "base/memory.h"
#include "data/dataset.h"
#include "prune/prune.h"
#include <lethe/analyze.h>

enum { BATCH = 32, PIXELS = 32 * 32 * 3, CLASSES = 10 };

#define assert_ok(call)                                                                                      \
    do {                                                                                                     \
        if ((call) != LETHE_OK)                                                                              \
            fail_msg("%s", lethe_last_message());                                                            \
    } while (0)

/* Keeps the largest weights. */
static void prune_by_magnitude(lethe_model *model, double sparsity) {
    size_t n = model->graph->parameter_size;
    double *scores;
    if (sparsity == 0)
        return;
    assert_ok(lethe__allocate(n, sizeof *scores, &scores));
    for (size_t i = 0; i < n; i++)
        scores[i] = fabs((double)model->weights.parameters[i]);
    assert_ok(lethe_mask_lowest(model, scores, sparsity));
    lethe__free(scores);
}

static void compare(const char *name) {
    static uint8_t images[BATCH * PIXELS];
    int32_t labels[BATCH];
    uint32_t ids[BATCH];
    json_t *fixture = fixture_load("hessian_resnet20s");
    uint64_t seed = fixture_seed(fixture);
    lethe_dataset dataset = {
        .info = {.name = "fixture", .classes = CLASSES, .height = 32, .width = 32, .channels = 3}};
    lethe_model *model = fixture_model("resnet20s", seed);
    fixture_calm(model);
    assert_int_equal(fixture_number(fixture, "batch"), BATCH);
    fixture_images("input", seed, BATCH, 3, 32, 32, images);
    fixture_labels("label", seed, BATCH, CLASSES, labels);
    for (uint32_t i = 0; i < BATCH; i++)
        ids[i] = i;
    const json_t *cases = json_object_get(fixture, "cases");
    const json_t *item = NULL;
    for (size_t i = 0; i < json_array_size(cases); i++)
        if (strcmp(json_string_value(json_object_get(json_array_get(cases, i), "name")), name) == 0)
            item = json_array_get(cases, i);
    assert_non_null(item);
    prune_by_magnitude(model, fixture_number(item, "sparsity"));
    lethe_runtime runtime;
    lethe_eigenvalue found;
    lethe_eigenvalue_options options = {
        .samples = BATCH, .batch = BATCH, .iterations = 300, .tolerance = 0.03};
    assert_ok(lethe_runtime_defaults(&runtime));
    runtime.threads = 2;
    assert_ok(lethe_hessian_eigenvalue(model, (lethe_samples){&dataset, images, labels, ids, BATCH}, &options,
                                       &runtime, &found));
    assert_true(found.residual <= options.tolerance);
    double expected = fixture_number(item, "eigenvalue_of_largest_magnitude");
    if (!(fabs(found.value - expected) <= 1e-2 * expected && found.value <= (1 + 1e-6) * expected))
        fail_msg("%s: eigenvalue %.9g after %d iterations, PyTorch %.9g", name, found.value, found.iterations,
                 expected);
    lethe_model_destroy(&model);
    json_decref(fixture);
}

static void test_dense(void **state) {
    (void)state;
    compare("dense");
}

static void test_90_percent_sparse(void **state) {
    (void)state;
    compare("omp_90");
}

static void test_99_percent_sparse(void **state) {
    (void)state;
    compare("omp_99");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dense),
        cmocka_unit_test(test_90_percent_sparse),
        cmocka_unit_test(test_99_percent_sparse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
