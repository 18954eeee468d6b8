/* influence.c - Proposition 1 of Jia et al. 2023 with products instead of matrices.
 *
 *   F x = (1/m) sum over i of g_i (g_i . x)
 *
 * The products g_i . x of a batch come from one pass (lethe__executor_sample_products); a backward pass whose
 * rows of the logits' gradient are multiplied by them then adds up F x: no g_i and no F is ever there.
 * Conjugate gradient (Hestenes and Stiefel 1952) solves with nothing but such products; they run in f32, its
 * scalars in double. Cost of an iteration: two forward and two backward passes over the m samples. */
#include "unlearn/influence.h"
#include "base/fail.h"
#include "base/memory.h"
#include <math.h>
#include <string.h>

static double dot(const float *a, const float *b, size_t n) {
    double sum = 0;
    for (size_t k = 0; k < n; k++)
        sum += (double)a[k] * (double)b[k];
    return sum;
}

/* to += factor * from */
static void add(double factor, const float *from, float *to, size_t n) {
    for (size_t k = 0; k < n; k++)
        to[k] += (float)(factor * (double)from[k]);
}

static void apply_mask(const lethe_model *model, float *vector) {
    for (size_t k = 0; model->mask != NULL && k < model->graph->parameter_size; k++)
        vector[k] = model->mask[k] ? vector[k] : 0;
}

/* --- the right-hand side --- */

typedef struct gradient_sum {
    float scale;
    float *sum;
} gradient_sum;

static lethe_status visit_gradient(lethe__measurement *measurement, const lethe__batch *batch, void *user) {
    const gradient_sum *pass = user;
    const lethe_model *model = measurement->trainer->model;
    LETHE_TRY(lethe__measure_forward(measurement, batch, batch->labels, pass->scale));
    LETHE_TRY(lethe__executor_backward(measurement->executor, measurement->diff_logits));
    add(1, model->weights.gradients, pass->sum, model->graph->parameter_size);
    return LETHE_OK;
}

lethe_status lethe__influence_direction(lethe__measurement *measurement, lethe_samples retain,
                                        size_t n_retain, lethe_samples forget, bool normalise, float *v) {
    const lethe_model *model = measurement->trainer->model;
    double n = (double)n_retain + (double)forget.n;
    memset(v, 0, model->graph->parameter_size * sizeof *v);
    LETHE_TRY(lethe__measure_pass(measurement, forget, visit_gradient, &(gradient_sum){(float)(1 / n), v}));
    double scale = -(double)forget.n / (n * (double)retain.n);
    if (normalise)
        LETHE_TRY(lethe__measure_pass(measurement, retain, visit_gradient, &(gradient_sum){(float)scale, v}));
    apply_mask(model, v);
    return LETHE_OK;
}

/* --- products with F --- */

typedef struct fisher_product {
    const float *vector;
    float *sum;
    double *dots; /* [batch] */
    float scale;  /* of the gradients */
} fisher_product;

static lethe_status visit_product(lethe__measurement *measurement, const lethe__batch *batch, void *user) {
    const fisher_product *pass = user;
    const lethe_model *model = measurement->trainer->model;
    size_t classes = (size_t)model->info.classes, n = (size_t)batch->n;
    lethe__sample_products products = {.vector = pass->vector, .dots = pass->dots};
    memset(pass->dots, 0, n * sizeof *pass->dots);
    LETHE_TRY(lethe__measure_forward(measurement, batch, batch->labels, pass->scale));
    LETHE_TRY(lethe__executor_sample_products(measurement->executor, measurement->diff_logits, &products));
    /* the backward half has used the memory of the activations */
    LETHE_TRY(lethe__measure_forward(measurement, batch, batch->labels, pass->scale));
    for (size_t i = 0; i < n * classes; i++)
        measurement->diff_logits[i] *= (float)pass->dots[i / classes];
    LETHE_TRY(lethe__executor_backward(measurement->executor, measurement->diff_logits));
    add(1, model->weights.gradients, pass->sum, model->graph->parameter_size);
    return LETHE_OK;
}

static lethe_status visit_squares(lethe__measurement *measurement, const lethe__batch *batch, void *user) {
    LETHE_TRY(lethe__measure_forward(measurement, batch, batch->labels, 1));
    return lethe__executor_sample_products(measurement->executor, measurement->diff_logits,
                                           &(lethe__sample_products){.squares = user});
}

/* --- conjugate gradient --- */

typedef struct solver {
    lethe__measurement *measurement;
    const lethe_samples *parts; /* [2] */
    size_t n;
    double damping, trace;
    double *dots;
    float *residual, *direction, *product; /* [n] */
} solver;

static lethe_status both_parts(const solver *s, lethe__measure_batch *visit, void *user) {
    for (int i = 0; i < 2; i++)
        if (s->parts[i].n > 0)
            LETHE_TRY(lethe__measure_pass(s->measurement, s->parts[i], visit, user));
    return LETHE_OK;
}

/* trace F, the mean squared norm of a gradient over the entries that the mask keeps; spoils s->product. */
static lethe_status find_trace(solver *s) {
    double sum = 0;
    memset(s->product, 0, s->n * sizeof *s->product);
    LETHE_TRY(both_parts(s, visit_squares, s->product));
    apply_mask(s->measurement->trainer->model, s->product);
    for (size_t k = 0; k < s->n; k++)
        sum += (double)s->product[k];
    s->trace = sum / (double)(s->parts[0].n + s->parts[1].n);
    if (!isfinite(s->trace))
        LETHE_FAIL(LETHE_DIVERGED, "iu: the mean squared norm of the gradients is %g; the model has diverged",
                   s->trace);
    if (s->trace <= 0)
        LETHE_FAIL(
            LETHE_FAILED,
            "iu: the gradient of every retain sample is zero, so that F has no inverse: either the mask "
            "keeps no weight, or the model's outputs are certain to the last bit; choose a method that "
            "trains, such as ft");
    return LETHE_OK;
}

/* product = (damping I + F / trace) direction */
static lethe_status multiply(const solver *s) {
    fisher_product pass = {s->direction, s->product, s->dots, (float)(1 / sqrt(s->trace))};
    double m = (double)(s->parts[0].n + s->parts[1].n);
    memset(s->product, 0, s->n * sizeof *s->product);
    LETHE_TRY(both_parts(s, visit_product, &pass));
    apply_mask(s->measurement->trainer->model, s->product);
    for (size_t k = 0; k < s->n; k++)
        s->product[k] = (float)((double)s->product[k] / m + s->damping * (double)s->direction[k]);
    return LETHE_OK;
}

/* With v and F scaled to norm and trace 1, so that nothing overflows however large gradients are:
 * (damping I + F / trace) x' = v / |v|,   x = x' |v| / trace. */
static lethe_status iterate(const solver *s, int iterations, double tolerance, const float *v, float *x,
                            lethe__influence_report *report) {
    double norm = sqrt(dot(v, v, s->n)), square = norm > 0 ? 1 : 0;
    memset(x, 0, s->n * sizeof *x);
    memset(s->residual, 0, s->n * sizeof *s->residual);
    add(norm > 0 ? 1 / norm : 0, v, s->residual, s->n);
    memcpy(s->direction, s->residual, s->n * sizeof *s->residual);
    report->iterations = 0;
    while (report->iterations < iterations && square > tolerance * tolerance) {
        LETHE_TRY(multiply(s));
        double curvature = dot(s->direction, s->product, s->n), before = square;
        if (!isfinite(curvature) || curvature <= 0)
            LETHE_FAIL(LETHE_DIVERGED,
                       "iu: conjugate gradient broke down at a curvature of %g; raise the damping",
                       curvature);
        add(square / curvature, s->direction, x, s->n);
        add(-square / curvature, s->product, s->residual, s->n);
        square = dot(s->residual, s->residual, s->n);
        for (size_t k = 0; k < s->n; k++)
            s->direction[k] = (float)((double)s->residual[k] + square / before * (double)s->direction[k]);
        report->iterations++;
    }
    for (size_t k = 0; k < s->n; k++)
        x[k] = (float)((double)x[k] * norm / s->trace);
    report->residual = sqrt(square);
    report->lambda = s->damping * s->trace;
    return LETHE_OK;
}

static lethe_status open_solver(solver *s) {
    LETHE_TRY(lethe__allocate(s->measurement->batch, sizeof *s->dots, &s->dots));
    LETHE_TRY(lethe__allocate(s->n, sizeof(float), &s->residual));
    LETHE_TRY(lethe__allocate(s->n, sizeof(float), &s->direction));
    return lethe__allocate(s->n, sizeof(float), &s->product);
}

lethe_status lethe__influence_solve(lethe__measurement *measurement, const lethe_samples parts[2],
                                    double damping, int iterations, double tolerance, const float *v,
                                    float *x, lethe__influence_report *report) {
    solver s = {.measurement = measurement,
                .parts = parts,
                .damping = damping,
                .n = measurement->trainer->model->graph->parameter_size};
    lethe_status status = open_solver(&s);
    if (status == LETHE_OK)
        status = find_trace(&s);
    if (status == LETHE_OK)
        status = iterate(&s, iterations, tolerance, v, x, report);
    lethe__free(s.dots);
    lethe__free(s.residual);
    lethe__free(s.direction);
    lethe__free(s.product);
    return status;
}

/* --- the official code --- */

typedef struct recursion {
    bool begun;
    float *x, *o; /* o never leaves the direction of the first sample's gradient */
} recursion;

static lethe_status visit_official(lethe__measurement *measurement, const lethe__batch *batch, void *user) {
    static const double n_official = 1000; /* whatever the number of samples */
    recursion *pass = user;
    const lethe_model *model = measurement->trainer->model;
    size_t n = model->graph->parameter_size;
    float *g = model->weights.gradients;
    LETHE_TRY(lethe__measure_forward(measurement, batch, batch->labels, 1));
    LETHE_TRY(lethe__executor_backward(measurement->executor, measurement->diff_logits));
    apply_mask(model, g);
    if (!pass->begun) {
        memcpy(pass->o, g, n * sizeof *g);
        pass->begun = true;
        return LETHE_OK;
    }
    double along = dot(pass->o, g, n);
    add(-dot(pass->x, g, n) / (n_official + along), pass->o, pass->x, n);
    add(-along / (n_official + along), pass->o, pass->o, n);
    return LETHE_OK;
}

lethe_status lethe__influence_official(lethe__measurement *measurement, lethe_samples retain, float *x) {
    enum { MOST_SAMPLES = 1002 };
    recursion pass = {.x = x};
    if (retain.n > MOST_SAMPLES)
        retain.n = MOST_SAMPLES;
    LETHE_TRY(lethe__allocate(measurement->trainer->model->graph->parameter_size, sizeof(float), &pass.o));
    lethe_status status = lethe__measure_pass(measurement, retain, visit_official, &pass);
    lethe__free(pass.o);
    return status;
}
