/* test_unlearn_influence.c - influence unlearning on a network so small that (lambda I + F) can be written
 * down: the solution against a dense one in double, from gradients of single samples in double; the search of
 * the damping; and what has no solution. */
#include "tiny_training.h"

#include "engine/exact.h"
#include "models/model.h"
#include "unlearn/influence.h"
#include <lethe/unlearn.h>

enum { SIDE = 8, PIXELS = SIDE * SIDE, N_RETAIN = 20, N_FORGET = 6, N = N_RETAIN + N_FORGET, CLASSES = 3 };

typedef struct dense_setup {
    uint8_t images[N * PIXELS];
    int32_t labels[N];
    uint32_t ids[N];
    lethe_dataset dataset;
    lethe_runtime runtime;
    lethe_model model; /* of no architecture: two convolutions and a head */
    lethe_trainer *trainer;
    lethe__measurement measurement;
    lethe_samples retain, forget;
    size_t n;          /* parameters */
    double *gradients; /* [N, n] of single samples, masked */
    float *v, *x;      /* [n] */
} dense_setup;

static void build_model(lethe_model *model) {
    const float mean[LETHE_MAX_CHANNELS] = {0.5f}, std[LETHE_MAX_CHANNELS] = {0.3f};
    lethe__graph *graph;
    model->info = (lethe_model_info){.classes = CLASSES, .height = SIDE, .width = SIDE, .channels = 1};
    assert_ok(lethe__graph_create(&graph));
    int at = lethe__graph_input(graph, SIDE, SIDE, 1, mean, std);
    at = lethe__graph_convolution(graph, at, "conv1", 4, 3, 1, 1, false, LETHE__FILL_KAIMING_NORMAL_FAN_OUT);
    at = lethe__graph_batchnorm(graph, at, "bn1", -1, true);
    at = lethe__graph_convolution(graph, at, "conv2", 6, 3, 2, 1, false, LETHE__FILL_KAIMING_NORMAL_FAN_OUT);
    at = lethe__graph_batchnorm(graph, at, "bn2", -1, true);
    at = lethe__graph_global_pool(graph, at);
    lethe__graph_linear(graph, at, "fc", CLASSES, LETHE__FILL_UNIFORM_FAN_IN);
    assert_ok(lethe__graph_finish(graph));
    model->graph = graph;
    assert_ok(lethe__allocate(graph->parameter_size, sizeof(float), &model->weights.parameters));
    assert_ok(lethe__allocate(graph->parameter_size, sizeof(float), &model->weights.gradients));
    assert_ok(lethe__allocate(graph->buffer_size, sizeof(float), &model->weights.buffers));
    assert_ok(lethe_model_initialise(model, 1));
}

static void fill_samples(dense_setup *s) {
    uint64_t key = fixture_key("influence", 1);
    for (size_t i = 0; i < N; i++) {
        s->labels[i] = (int32_t)(i % CLASSES);
        s->ids[i] = (uint32_t)i;
        for (size_t k = 0; k < PIXELS; k++) /* a class is the side on which the image is bright */
            s->images[i * PIXELS + k] = (uint8_t)((k % SIDE / 3 == i % CLASSES ? 100 : 0) +
                                                  150 * fixture_stream(key, i * PIXELS + k));
    }
    s->dataset.info = (lethe_dataset_info){
        .name = "small", .path = "", .classes = CLASSES, .height = SIDE, .width = SIDE, .channels = 1};
    s->retain = (lethe_samples){&s->dataset, s->images, s->labels, s->ids, N_RETAIN};
    s->forget = (lethe_samples){&s->dataset, s->images, s->labels, s->ids + N_RETAIN, N_FORGET};
}

/* Masks every third weight of the convolutions. */
static void mask_some(lethe_model *model) {
    assert_ok(lethe__model_make_mask(model));
    for (size_t s = 0; s < model->graph->n_parameters; s++) {
        const lethe__slot *slot = &model->graph->parameters[s];
        for (size_t k = slot->offset; slot->prunable && k < slot->offset + slot->size; k += 3)
            model->mask[k] = 0;
    }
    lethe__model_apply_mask(model);
}

static double *widen(const float *values, size_t n) {
    double *wide;
    assert_ok(lethe__allocate(n, sizeof *wide, &wide));
    for (size_t k = 0; k < n; k++)
        wide[k] = (double)values[k];
    return wide;
}

/* Gradients of the samples one by one, in double. */
static void measure_gradients(dense_setup *s) {
    const lethe_model *model = &s->model;
    double *parameters = widen(model->weights.parameters, s->n), diff[CLASSES];
    double *buffers = widen(model->weights.buffers, model->graph->buffer_size);
    lethe__exact *exact;
    lethe__dual logits;
    assert_ok(lethe__exact_create(model->graph, 1, false, 1, &exact));
    for (size_t i = 0; i < N; i++) {
        double *gradient = s->gradients + i * s->n;
        lethe__exact_set_images(exact, s->images + i * PIXELS);
        assert_ok(lethe__exact_forward(exact, LETHE__MODE_GRADIENT, (lethe__dual){parameters, NULL}, buffers,
                                       &logits));
        lethe__exact_cross_entropy(logits, s->labels + i, 1, CLASSES, 1, (lethe__dual){diff, NULL});
        lethe__exact_backward(exact, (lethe__dual){diff, NULL}, (lethe__dual){gradient, NULL});
        for (size_t k = 0; model->mask != NULL && k < s->n; k++)
            gradient[k] *= model->mask[k];
    }
    lethe__exact_destroy(&exact);
    lethe__free(parameters);
    lethe__free(buffers);
}

static void open_dense(dense_setup *s, bool sparse) {
    memset(s, 0, sizeof *s);
    fill_samples(s);
    build_model(&s->model);
    if (sparse)
        mask_some(&s->model);
    s->n = s->model.graph->parameter_size;
    assert_ok(lethe__allocate(s->n, sizeof(float), &s->v));
    assert_ok(lethe__allocate(s->n, sizeof(float), &s->x));
    assert_ok(lethe__allocate(N * s->n, sizeof(double), &s->gradients));
    measure_gradients(s);
    assert_ok(lethe_runtime_defaults(&s->runtime));
    s->runtime.threads = 1;
    assert_ok(lethe_trainer_create(&s->model, (lethe_samples){.dataset = &s->dataset}, &s->runtime, "dense",
                                   &s->trainer));
    assert_ok(lethe__measurement_open(&s->measurement, s->trainer, "iu", 7, 1000));
}

static void close_dense(dense_setup *s) {
    lethe__measurement_close(&s->measurement);
    lethe_trainer_destroy(&s->trainer);
    lethe__graph_destroy(&s->model.graph);
    lethe__free(s->model.weights.parameters);
    lethe__free(s->model.weights.gradients);
    lethe__free(s->model.weights.buffers);
    lethe__free(s->model.mask);
    lethe__free(s->gradients);
    lethe__free(s->v);
    lethe__free(s->x);
}

/* matrix = lambda I + F over the first m samples; returns lambda = damping * trace F. */
static double build_matrix(const dense_setup *s, size_t m, double damping, double *matrix) {
    size_t n = s->n;
    double trace = 0;
    memset(matrix, 0, n * n * sizeof *matrix);
    for (size_t i = 0; i < m; i++) {
        const double *g = s->gradients + i * n;
        for (size_t r = 0; r < n; r++)
            for (size_t c = 0; c < n; c++)
                matrix[r * n + c] += g[r] * g[c] / (double)m;
    }
    for (size_t r = 0; r < n; r++)
        trace += matrix[r * n + r];
    for (size_t r = 0; r < n; r++)
        matrix[r * n + r] += damping * trace;
    return damping * trace;
}

/* Cholesky: matrix = L L^T in place; then x = matrix^-1 x. */
static void solve_densely(double *matrix, double *x, size_t n) {
    for (size_t c = 0; c < n; c++)
        for (size_t r = c; r < n; r++) {
            double sum = matrix[r * n + c];
            for (size_t k = 0; k < c; k++)
                sum -= matrix[r * n + k] * matrix[c * n + k];
            assert_true(r > c || sum > 0);
            matrix[r * n + c] = r == c ? sqrt(sum) : sum / matrix[c * n + c];
        }
    for (size_t r = 0; r < n; r++) {
        for (size_t k = 0; k < r; k++)
            x[r] -= matrix[r * n + k] * x[k];
        x[r] /= matrix[r * n + r];
    }
    for (size_t r = n; r-- > 0;) {
        for (size_t k = r + 1; k < n; k++)
            x[r] -= matrix[k * n + r] * x[k];
        x[r] /= matrix[r * n + r];
    }
}

static void assert_near(const float *actual, const double *expected, size_t n, double tolerance) {
    double error = 0, norm = 0;
    for (size_t k = 0; k < n; k++) {
        error += pow((double)actual[k] - expected[k], 2);
        norm += expected[k] * expected[k];
    }
    assert_true(norm > 0);
    if (!(sqrt(error) <= tolerance * sqrt(norm)))
        fail_msg("relative error %.3g, allowed %.3g", sqrt(error / norm), tolerance);
}

/* v of Proposition 1, from the gradients of single samples. */
static void direction(const dense_setup *s, bool normalise, double *v) {
    memset(v, 0, s->n * sizeof *v);
    for (size_t i = 0; i < N; i++) {
        double weight = i >= N_RETAIN ? 1.0 / N : normalise ? -(double)N_FORGET / N / N_RETAIN : 0;
        for (size_t k = 0; k < s->n; k++)
            v[k] += weight * s->gradients[i * s->n + k];
    }
}

static void compare_with_dense(dense_setup *s, bool normalise, bool all, double damping, double *matrix,
                               double *expected) {
    const lethe_samples parts[2] = {s->retain, all ? s->forget : (lethe_samples){0}};
    lethe__influence_report report;
    direction(s, normalise, expected);
    assert_ok(lethe__influence_direction(&s->measurement, s->retain, N_RETAIN, s->forget, normalise, s->v));
    assert_near(s->v, expected, s->n, 1e-5);
    double lambda = build_matrix(s, all ? N : N_RETAIN, damping, matrix);
    solve_densely(matrix, expected, s->n);
    assert_ok(lethe__influence_solve(&s->measurement, parts, damping, 500, 1e-7, s->v, s->x, &report));
    assert_true(report.residual <= 1e-7);
    assert_true(fabs(report.lambda - lambda) <= 1e-5 * lambda);
    assert_near(s->x, expected, s->n, 1e-4);
}

static void solutions_are_those_of_the_dense_matrix(void **state) {
    static dense_setup s;
    static const double dampings[] = {1, 0.1, 0.01};
    (void)state;
    for (int sparse = 0; sparse < 2; sparse++) {
        double *matrix, *expected;
        open_dense(&s, sparse);
        assert_ok(lethe__allocate(s.n * s.n, sizeof *matrix, &matrix));
        assert_ok(lethe__allocate(s.n, sizeof *expected, &expected));
        for (size_t d = 0; d < sizeof dampings / sizeof *dampings; d++)
            for (int form = 0; form < 2; form++)
                compare_with_dense(&s, form == 0, form == 1, dampings[d], matrix, expected);
        lethe__free(matrix);
        lethe__free(expected);
        close_dense(&s);
    }
}

/* --- the search of the damping --- */

static void remember_sentence(void *user, lethe_log_level level, const char *sentence) {
    (void)level;
    snprintf(user, 64, "%s", sentence);
}

static double finding(const lethe_trainer *trainer, const char *name) {
    size_t n;
    const lethe_finding *all = lethe_trainer_findings(trainer, &n);
    for (size_t i = 0; i < n; i++)
        if (strcmp(all[i].name, name) == 0)
            return all[i].value;
    fail_msg("'%s' was not found out", name);
    return 0;
}

/* Runs iu with the given damping and returns the one that the search takes. */
static double run_iu(dense_setup *s, const char *damping, bool search) {
    static char sentence[64];
    double taken = 0;
    const lethe_unlearn_method *method;
    void *options;
    assert_ok(lethe_unlearn_find("iu", &method));
    assert_ok(lethe__allocate(1, method->options_size, &options));
    assert_ok(lethe_options_defaults(method->options, options));
    const char *const settings[][2] = {{"damping", damping},  {"damping-search", search ? "on" : "off"},
                                       {"iterations", "6"},   {"tolerance", "0.01"},
                                       {"fisher-share", "1"}, {"mean-share", "1"}};
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        assert_ok(lethe_options_set(method->options, options, settings[i][0], settings[i][1]));
    s->runtime.log = remember_sentence;
    s->runtime.user = sentence;
    assert_ok(lethe_unlearn(method, options, s->trainer, s->retain, s->forget));
    s->runtime.log = NULL;
    assert_int_equal(sscanf(sentence, "iu: damping %lf is taken", &taken), search);
    assert_true(!search || fabs(finding(s->trainer, "damping") - taken) <= 1e-5 * taken);
    lethe__free(options);
    return taken;
}

static double residual_at(dense_setup *s, double damping) {
    const lethe_samples parts[2] = {s->retain, {0}};
    lethe__influence_report report;
    assert_ok(lethe__influence_direction(&s->measurement, s->retain, N_RETAIN, s->forget, true, s->v));
    assert_ok(lethe__influence_solve(&s->measurement, parts, damping, 6, 0.01, s->v, s->x, &report));
    return report.residual;
}

/* From either side the search ends at the same damping: the least that is solved. */
static void search_takes_the_least_damping_that_is_solved(void **state) {
    static dense_setup s;
    (void)state;
    float *found[3];
    double taken = 0;
    for (int i = 0; i < 3; i++) {
        char damping[32] = "100";
        open_dense(&s, true);
        if (i == 1)
            snprintf(damping, sizeof damping, "1e-6");
        if (i == 2)
            snprintf(damping, sizeof damping, "%g", taken);
        double now = run_iu(&s, damping, i < 2);
        assert_true(i != 1 || fabs(now - taken) <= 1e-5 * taken);
        taken = i < 2 ? now : taken;
        found[i] = s.model.weights.parameters;
        s.model.weights.parameters = NULL;
        close_dense(&s);
    }
    open_dense(&s, true);
    assert_true(taken > 1e-6 && taken < 100);
    assert_true(residual_at(&s, taken) <= 0.01);
    assert_true(residual_at(&s, taken / 10) > 0.01);
    for (int i = 0; i < 3; i++) {
        double *expected = widen(found[2], s.n);
        assert_near(found[i], expected, s.n, 1e-5);
        assert_memory_not_equal(found[i], s.model.weights.parameters, s.n * sizeof(float));
        lethe__free(expected);
    }
    for (int i = 0; i < 3; i++)
        lethe__free(found[i]);
    close_dense(&s);
}

/* --- what has no solution --- */

static lethe_status solve_default(dense_setup *s) {
    const lethe_samples parts[2] = {s->retain, {0}};
    lethe__influence_report report;
    assert_ok(lethe__influence_direction(&s->measurement, s->retain, N_RETAIN, s->forget, true, s->v));
    return lethe__influence_solve(&s->measurement, parts, 0.1, 10, 1e-3, s->v, s->x, &report);
}

/* Nothing may change, or nothing is left to learn: F is zero. */
static void a_zero_matrix_is_refused(void **state) {
    static dense_setup s;
    (void)state;
    open_dense(&s, true);
    memset(s.model.mask, 0, s.n);
    assert_int_equal(solve_default(&s), LETHE_FAILED);
    assert_non_null(strstr(lethe_last_message(), "no inverse"));
    close_dense(&s);
    open_dense(&s, false);
    for (size_t i = 0; i < N_RETAIN; i++)
        s.labels[i] = 0;
    s.model.weights.parameters[s.n - CLASSES] = 1000; /* the bias of class 0 */
    s.model.weights.version++;
    assert_int_equal(solve_default(&s), LETHE_FAILED);
    assert_non_null(strstr(lethe_last_message(), "certain"));
    close_dense(&s);
}

static void searches_that_cannot_end_are_refused(void **state) {
    static dense_setup s;
    (void)state;
    const lethe_unlearn_method *method;
    void *options;
    open_dense(&s, false);
    assert_ok(lethe_unlearn_find("iu", &method));
    assert_ok(lethe__allocate(1, method->options_size, &options));
    assert_ok(lethe_options_defaults(method->options, options));
    assert_ok(lethe_options_set(method->options, options, "damping-search", "on"));
    assert_ok(lethe_options_set(method->options, options, "tolerance", "0"));
    assert_int_equal(lethe_unlearn(method, options, s.trainer, s.retain, s.forget), LETHE_USAGE);
    assert_non_null(strstr(lethe_last_message(), "tolerance"));
    assert_ok(lethe_options_set(method->options, options, "tolerance", "1e-30"));
    assert_ok(lethe_options_set(method->options, options, "iterations", "1"));
    assert_int_equal(lethe_unlearn(method, options, s.trainer, s.retain, s.forget), LETHE_FAILED);
    assert_non_null(strstr(lethe_last_message(), "--iterations"));
    s.runtime.compat = LETHE_COMPAT_OFFICIAL;
    assert_int_equal(lethe_unlearn(method, options, s.trainer, s.retain, s.forget), LETHE_USAGE);
    assert_non_null(strstr(lethe_last_message(), "--compat"));
    lethe__free(options);
    close_dense(&s);
}

/* --- what is told, and what is refused --- */

static void remember_warnings(void *user, lethe_log_level level, const char *sentence) {
    char *warnings = user;
    size_t used = strlen(warnings);
    if (level == LETHE_LOG_WARNING)
        snprintf(warnings + used, 1024 - used, "%s\n", sentence);
}

/* Runs iu with one setting and leaves the warnings in `warnings`. */
static lethe_status run_with(dense_setup *s, const char *name, const char *value, char warnings[1024]) {
    const lethe_unlearn_method *method;
    void *options;
    assert_ok(lethe_unlearn_find("iu", &method));
    assert_ok(lethe__allocate(1, method->options_size, &options));
    assert_ok(lethe_options_defaults(method->options, options));
    assert_ok(lethe_options_set(method->options, options, name, value));
    warnings[0] = 0;
    s->runtime.log = remember_warnings;
    s->runtime.user = warnings;
    lethe_status status = lethe_unlearn(method, options, s->trainer, s->retain, s->forget);
    s->runtime.log = NULL;
    lethe__free(options);
    return status;
}

static void a_poor_solution_is_told(void **state) {
    static dense_setup s;
    char warnings[1024];
    (void)state;
    open_dense(&s, false);
    assert_ok(run_with(&s, "iterations", "1", warnings)); /* a share of 0.02 is one sample */
    assert_true(finding(s.trainer, "iterations") == 1);
    assert_true(finding(s.trainer, "damping") == 0.1);
    assert_true(finding(s.trainer, "lambda") > 0);
    assert_true(finding(s.trainer, "fisher_samples") == 1);
    assert_true(finding(s.trainer, "residual") > 1e-3);
    assert_non_null(strstr(warnings, "after 1 iterations, not the 0.001 asked for"));
    assert_non_null(strstr(warnings,
                           "F is estimated from 1 of 20 retain samples; --fisher-share 1 takes 20, at the "
                           "cost of 3 passes over the retain set in place of 0.06"));
    assert_ok(run_with(&s, "tolerance", "0.5", warnings));
    assert_true(finding(s.trainer, "residual") <= 0.5);
    assert_null(strstr(warnings, "conjugate gradient"));
    assert_ok(run_with(&s, "fisher-share", "1", warnings)); /* there are no more */
    assert_null(strstr(warnings, "F is estimated"));
    close_dense(&s);
}

static void the_official_recursion_refuses_options_of_the_default(void **state) {
    static dense_setup s;
    static const char *const settings[][2] = {{"damping", "0.2"},    {"damping-search", "on"},
                                              {"iterations", "11"},  {"tolerance", "0.01"},
                                              {"mean-share", "0.5"}, {"fisher-share", "1"}};
    char warnings[1024];
    (void)state;
    open_dense(&s, false);
    s.runtime.compat = LETHE_COMPAT_OFFICIAL;
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        assert_int_equal(run_with(&s, settings[i][0], settings[i][1], warnings), LETHE_USAGE);
        assert_non_null(strstr(lethe_last_message(), settings[i][0]));
        assert_non_null(strstr(lethe_last_message(), "--compat official"));
    }
    assert_ok(run_with(&s, "damping", "0.1", warnings)); /* as it is */
    assert_ok(run_with(&s, "alpha", "0.5", warnings));
    close_dense(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(solutions_are_those_of_the_dense_matrix),
        cmocka_unit_test(search_takes_the_least_damping_that_is_solved),
        cmocka_unit_test(a_zero_matrix_is_refused),
        cmocka_unit_test(searches_that_cannot_end_are_refused),
        cmocka_unit_test(a_poor_solution_is_told),
        cmocka_unit_test(the_official_recursion_refuses_options_of_the_default),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
