/* eigenvalue.c - the curvature of the loss: the Hessian's eigenvalue of largest magnitude, by power
 * iteration.
 *
 *   v_0 normal, then v <- H v / |H v|;   value = v . H v,   residual = |H v - value v| / |value|
 *
 * over the parameters that the mask keeps: direction and product are zero elsewhere. H is symmetric, so an
 * eigenvalue lies within residual * |value| of the value, and where it stands apart from the others the value
 * is off by the residual's square only. Products are exact, in double (engine/exact.h): the loss is never
 * seen as smooth, a ReLU's second derivative counts as 0.
 *
 * Source: Proposition 2 of Jia et al. 2023 needs it; products after Pearlmutter 1994. Cost of an iteration:
 * nine forward passes in double over the samples. The ratio of the two largest eigenvalues says how many
 * iterations: some tens, where they lie close more than a hundred. */
#include "analyze/measuring.h"
#include "base/fail.h"
#include "base/memory.h"
#include "base/random.h"
#include "train/trainer.h"
#include "train/wide.h"
#include <lethe/analyze.h>
#include <math.h>
#include <string.h>

const lethe_option lethe_eigenvalue_option_table[] = {
    {.name = "samples",
     .type = LETHE_OPTION_SIZE,
     .offset = offsetof(lethe_eigenvalue_options, samples),
     .value = "64",
     .minimum = 0,
     .maximum = 1e9,
     .placeholder = "N",
     .help = "training samples, drawn by the seed, whose mean loss the Hessian is of; 0 leaves the "
             "eigenvalue out"},
    {.name = "batch",
     .type = LETHE_OPTION_SIZE,
     .offset = offsetof(lethe_eigenvalue_options, batch),
     .value = "32",
     .minimum = 1,
     .maximum = 65536,
     .placeholder = "N",
     .help = "samples of them at a time"},
    {.name = "iterations",
     .type = LETHE_OPTION_INT,
     .offset = offsetof(lethe_eigenvalue_options, iterations),
     .value = "100",
     .minimum = 1,
     .maximum = 1e6,
     .placeholder = "N",
     .help = "power iterations at most"},
    {.name = "tolerance",
     .type = LETHE_OPTION_DOUBLE,
     .offset = offsetof(lethe_eigenvalue_options, tolerance),
     .value = "0.02",
     .minimum = 0,
     .maximum = 1,
     .placeholder = "T",
     .help = "residual of the eigenvector, relative to the eigenvalue, at which the iteration ends"},
    LETHE_OPTIONS_END,
};

typedef struct iteration {
    const lethe_runtime *runtime;
    lethe__wide wide;
    uint32_t *ids;
    lethe_samples samples;
    lethe__loader *loader;
    size_t n;                        /* parameters */
    double *vector, *product, *part; /* [n] */
    size_t step, n_steps;            /* batches */
} iteration;

static lethe_status open_iteration(const lethe_model *model, lethe_samples samples,
                                   const lethe_eigenvalue_options *options, iteration *it) {
    const lethe_runtime *runtime = it->runtime;
    LETHE_TRY(lethe__draw_samples(samples, options->samples, runtime->seed, &it->ids, &it->samples));
    size_t batch = options->batch < it->samples.n ? options->batch : it->samples.n;
    LETHE_TRY(
        lethe__loader_create(it->samples, batch, false, false, runtime->seed, runtime->threads, &it->loader));
    it->n_steps = (size_t)options->iterations * lethe__loader_batches(it->loader);
    LETHE_TRY(lethe__allocate(it->n, sizeof(double), &it->vector));
    LETHE_TRY(lethe__allocate(it->n, sizeof(double), &it->product));
    LETHE_TRY(lethe__allocate(it->n, sizeof(double), &it->part));
    return lethe__wide_open(model, batch, true, runtime->threads, &it->wide);
}

static void close_iteration(iteration *it) {
    lethe__wide_close(&it->wide);
    lethe__loader_destroy(&it->loader);
    lethe__free(it->ids);
    lethe__free(it->vector);
    lethe__free(it->product);
    lethe__free(it->part);
}

/* A normal vector of length 1 over what the mask keeps. */
static void draw_vector(iteration *it) {
    lethe__random random = lethe__random_open(it->runtime->seed, LETHE__RANDOM_ANALYZE, 1, 0);
    const uint8_t *mask = it->wide.model->mask;
    for (size_t i = 0; i < it->n; i++) {
        double value = (double)lethe__random_normal(&random);
        it->vector[i] = mask == NULL || mask[i] ? value : 0;
    }
    double norm = lethe__vector_norm(it->vector, it->n);
    for (size_t i = 0; i < it->n; i++)
        it->vector[i] /= norm;
}

/* product = H vector */
static lethe_status multiply(iteration *it) {
    memset(it->product, 0, it->n * sizeof *it->product);
    for (size_t i = 0; i < lethe__loader_batches(it->loader); i++) {
        lethe__batch batch;
        lethe__wide_pass pass = {.mode = LETHE__MODE_GRADIENT,
                                 .scale = 1 / (double)it->samples.n,
                                 .left_out = LETHE__NOBODY,
                                 .direction = it->vector,
                                 .product = it->part};
        LETHE_TRY(lethe__analyze_step(it->runtime, "eigenvalue", it->step++, it->n_steps));
        lethe__loader_batch(it->loader, 0, i, &batch);
        LETHE_TRY(lethe__wide_run(&it->wide, &batch, &pass));
        for (size_t k = 0; k < it->n; k++)
            it->product[k] += it->part[k];
    }
    return LETHE_OK;
}

/* The value and its residual, from vector and product; then the next vector. */
static lethe_status move(iteration *it, lethe_eigenvalue *out) {
    double value = 0, rest = 0, norm = lethe__vector_norm(it->product, it->n);
    for (size_t i = 0; i < it->n; i++)
        value += it->vector[i] * it->product[i];
    for (size_t i = 0; i < it->n; i++) {
        double difference = it->product[i] - value * it->vector[i];
        rest += difference * difference;
    }
    if (!isfinite(norm))
        LETHE_FAIL(LETHE_DIVERGED, "a product with the Hessian is not finite: the weights are too large");
    out->value = value;
    out->residual = norm > 0 ? sqrt(rest) / fabs(value) : 0; /* H = 0 is an answer */
    for (size_t i = 0; i < it->n && norm > 0; i++)
        it->vector[i] = it->product[i] / norm;
    return LETHE_OK;
}

static lethe_status iterate(iteration *it, const lethe_eigenvalue_options *options, lethe_eigenvalue *out) {
    *out = (lethe_eigenvalue){.samples = it->samples.n};
    draw_vector(it);
    do {
        LETHE_TRY(multiply(it));
        LETHE_TRY(move(it, out));
        out->iterations++;
    } while (out->iterations < options->iterations && !(out->residual <= options->tolerance));
    return LETHE_OK;
}

lethe_status lethe_hessian_eigenvalue(const lethe_model *model, lethe_samples samples,
                                      const lethe_eigenvalue_options *options, const lethe_runtime *runtime,
                                      lethe_eigenvalue *out) {
    iteration it = {.runtime = runtime, .n = model->graph->parameter_size};
    LETHE_TRY(lethe_options_check(lethe_eigenvalue_option_table, options));
    if (options->samples == 0) {
        *out = (lethe_eigenvalue){.value = NAN, .residual = NAN};
        return LETHE_OK;
    }
    LETHE_TRY(lethe__check_samples(model, "eigenvalue", samples));
    lethe_status status = open_iteration(model, samples, options, &it);
    if (status == LETHE_OK)
        status = iterate(&it, options, out);
    close_iteration(&it);
    return status;
}
