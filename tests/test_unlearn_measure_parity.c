/* test_unlearn_measure_parity.c - what Fisher forgetting and influence unlearning measure, against PyTorch:
 * diagonals and variances, the right-hand side of Proposition 1, its solutions (by a dense inverse there) and
 * the official recursion; with the reference kernels and with those chosen for this machine. */
#include "tiny_training.h"

#include "fixture_model.h"
#include "unlearn/fisher.h"
#include "unlearn/influence.h"
#include <lethe/unlearn.h>

enum { MOST = 80, IMAGE = 32 * 32 * 3 };

/* Retain samples first, then those to forget. */
typedef struct parity {
    json_t *fixture;
    lethe_model *model;
    lethe_trainer *trainer;
    lethe_runtime runtime;
    lethe_dataset dataset;
    lethe_samples retain, forget;
    uint8_t images[MOST * IMAGE];
    int32_t labels[MOST];
    uint32_t ids[MOST];
    float *a, *b; /* [parameter_size] */
} parity;

static parity p;

static void open_parity(const char *name, lethe_backend backend, size_t n_retain, size_t n_forget) {
    memset(&p, 0, sizeof p);
    assert_true(n_retain + n_forget <= MOST);
    p.fixture = fixture_load(name);
    uint64_t seed = fixture_seed(p.fixture);
    p.model = fixture_model("resnet20s", seed);
    fixture_calm(p.model);
    fixture_images("retain", seed, (int)n_retain, 3, 32, 32, p.images);
    fixture_labels("retain_label", seed, (int)n_retain, 10, p.labels);
    fixture_images("forget", seed, (int)n_forget, 3, 32, 32, p.images + n_retain * IMAGE);
    fixture_labels("forget_label", seed, (int)n_forget, 10, p.labels + n_retain);
    for (size_t i = 0; i < MOST; i++)
        p.ids[i] = (uint32_t)i;
    p.dataset.info = (lethe_dataset_info){
        .name = "fixture", .path = "", .classes = 10, .height = 32, .width = 32, .channels = 3};
    p.retain = (lethe_samples){&p.dataset, p.images, p.labels, p.ids, n_retain};
    p.forget = (lethe_samples){&p.dataset, p.images, p.labels, p.ids + n_retain, n_forget};
    assert_ok(lethe_runtime_defaults(&p.runtime));
    p.runtime.precision = LETHE_PRECISION_F32;
    p.runtime.threads = 1;
    p.runtime.backend = backend;
    assert_ok(lethe_trainer_create(p.model, (lethe_samples){.dataset = &p.dataset}, &p.runtime, "test",
                                   &p.trainer));
    assert_ok(lethe__allocate(p.model->graph->parameter_size, sizeof(float), &p.a));
    assert_ok(lethe__allocate(p.model->graph->parameter_size, sizeof(float), &p.b));
}

static void close_parity(void) {
    lethe__free(p.a);
    lethe__free(p.b);
    lethe_trainer_destroy(&p.trainer);
    lethe_model_destroy(&p.model);
    json_decref(p.fixture);
}

static void compare(const char *key, const json_t *object, const float *values, double tolerance) {
    const json_t *digests = json_object_get(object, key);
    fixture_compare_slots(digests, p.model->graph->parameters, p.model->graph->n_parameters, values,
                          tolerance, 1e-5 * fixture_largest_norm(digests), FIXTURE_COMPUTED);
}

static void compare_diagonals(lethe_backend backend) {
    open_parity("fisher_resnet20s", backend, 64, 0);
    const lethe_unlearn_method *method;
    lethe__ff_options ff = {0};
    lethe__measurement m;
    assert_ok(lethe_unlearn_find("ff", &method));
    assert_ok(lethe_options_defaults(method->options, &ff));
    ff.alpha = 3e-8;
    assert_ok(lethe__measurement_open(&m, p.trainer, "test", 32, 64));
    assert_ok(lethe__fisher_diagonal(&m, p.retain, LETHE__LABELS_EMPIRICAL, p.a));
    compare("empirical_diagonal_mean_over_samples", p.fixture, p.a, 1e-3);
    assert_ok(lethe__fisher_diagonal(&m, p.retain, LETHE__LABELS_EXACT, p.a));
    compare("exact_diagonal_mean_over_samples", p.fixture, p.a, 1e-3);
    assert_ok(lethe__fisher_diagonal_official(&m, p.retain, p.a));
    compare("official_batch32_diagonal", p.fixture, p.a, 1e-3);
    lethe__ff_variance(p.model, &ff, true, p.a, p.b);
    compare("official_variance_alpha_3e-8", p.fixture, p.b, 1e-3);
    lethe__measurement_close(&m);
    assert_true(lethe_trainer_seconds(p.trainer) > 0);
    close_parity();
}

static void solve_like_pytorch(lethe__measurement *m, const json_t *solve, int iterations, double tolerance) {
    bool normalised = strcmp(json_string_value(json_object_get(solve, "right_hand_side")), "normalised") == 0;
    bool all = strcmp(json_string_value(json_object_get(solve, "fisher_over")), "all") == 0;
    double scale = fixture_number(solve, "mean_squared_gradient_norm");
    double damping = fixture_number(solve, "damping");
    const lethe_samples parts[2] = {p.retain, all ? p.forget : (lethe_samples){0}};
    lethe__influence_report report;
    assert_ok(lethe__influence_direction(m, p.retain, p.retain.n, p.forget, normalised, p.a));
    assert_ok(lethe__influence_solve(m, parts, damping / scale, iterations, tolerance, p.a, p.b, &report));
    assert_true(fabs(report.lambda - damping) <= 1e-4 * damping);
    assert_true(report.residual <= 2 * tolerance);
    compare("solution", solve, p.b, 2e-3);
}

/* At the lesser damping conjugate gradient takes many more products: those solves are a test apart. */
static void compare_solves(lethe__measurement *m, bool lesser) {
    size_t index, n = 0;
    json_t *solve;
    json_array_foreach(json_object_get(p.fixture, "solves"), index, solve) {
        if (lesser !=
            (fixture_number(solve, "damping") < 1e-2 * fixture_number(solve, "mean_squared_gradient_norm")))
            continue;
        solve_like_pytorch(m, solve, lesser ? 300 : 25, lesser ? 1e-6 : 1e-4);
        n++;
    }
    assert_int_equal(n, 4);
}

static void compare_influence(lethe_backend backend) {
    open_parity("influence_resnet20s", backend, 64, 16);
    lethe__measurement m;
    assert_ok(lethe__measurement_open(&m, p.trainer, "test", 40, 1000));
    assert_ok(lethe__influence_direction(&m, p.retain, p.retain.n, p.forget, false, p.a));
    compare("v_sum_form", p.fixture, p.a, 1e-3);
    assert_ok(lethe__influence_direction(&m, p.retain, p.retain.n, p.forget, true, p.a));
    compare("v_normalised", p.fixture, p.a, 1e-3);
    compare_solves(&m, false);
    assert_ok(lethe__influence_direction(&m, p.retain, p.retain.n, p.forget, true, p.a));
    lethe__measurement_close(&m);
    assert_ok(lethe__measurement_open(&m, p.trainer, "test", 1, 64));
    assert_ok(lethe__influence_official(&m, p.retain, p.a));
    compare("official_recursion_N_1000", p.fixture, p.a, 1e-3);
    lethe__measurement_close(&m);
    close_parity();
}

static void diagonals_with_reference_kernels(void **state) {
    (void)state;
    compare_diagonals(LETHE_BACKEND_REF);
}

static void diagonals_with_chosen_kernels(void **state) {
    (void)state;
    compare_diagonals(LETHE_BACKEND_AUTO);
}

/* This and the last one take minutes: only where LETHE_SLOW_TESTS is set. */
static void influence_with_reference_kernels(void **state) {
    (void)state;
    if (getenv("LETHE_SLOW_TESTS") == NULL)
        skip();
    compare_influence(LETHE_BACKEND_REF);
}

static void influence_with_chosen_kernels(void **state) {
    (void)state;
    compare_influence(LETHE_BACKEND_AUTO);
}

static void solves_at_the_lesser_damping(void **state) {
    (void)state;
    if (getenv("LETHE_SLOW_TESTS") == NULL)
        skip();
    open_parity("influence_resnet20s", LETHE_BACKEND_AUTO, 64, 16);
    lethe__measurement m;
    assert_ok(lethe__measurement_open(&m, p.trainer, "test", 40, 100000));
    compare_solves(&m, true);
    lethe__measurement_close(&m);
    close_parity();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(diagonals_with_reference_kernels), cmocka_unit_test(diagonals_with_chosen_kernels),
        cmocka_unit_test(influence_with_reference_kernels), cmocka_unit_test(influence_with_chosen_kernels),
        cmocka_unit_test(solves_at_the_lesser_damping),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
