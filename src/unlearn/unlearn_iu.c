/* unlearn_iu.c - influence unlearning (IU): one Newton step to where the minimiser moves.
 *
 * Idea: taking the forget set out moves the weights of the samples in the loss; to first order (Proposition
 * 1) theta = theta_o + alpha (lambda I + F)^-1 v v = (1/N) sum over forget of grad l_i - (n_f / (N n_r)) sum
 * over retain of grad l_i with F, the empirical Fisher information on the retain set, for the Hessian.
 * Without normalised weights the second sum is left out, the older sum-ERM form. F is never formed (see
 * influence.c); masked weights stay out.
 *
 * --compat official does as that code does: both sums over all samples, then a recursion over the first 1,002
 * retain samples one by one that only ever rescales the first one's gradient, so that x = v + c g_1.
 *
 * Source: Koh and Liang 2017; Izzo et al. 2021; Jia et al. 2023, Proposition 1. Cost: a pass over the forget
 * set and `mean-share` of the retain set, and 1 + 2 `iterations` passes over `fisher-share` of it: by default
 * some 0.7 of an epoch. Shares of 1 take all. */
#include "base/fail.h"
#include "base/memory.h"
#include "base/random.h"
#include "unlearn/influence.h"
#include "unlearn/unlearn.h"
#include <math.h>
#include <string.h>

typedef struct iu_options {
    double alpha, mean_share, fisher_share, damping, tolerance;
    bool normalise;
    size_t batch;
    int iterations;
} iu_options;

#define AT(field) offsetof(iu_options, field)
/* clang-format off */
static const lethe_option options[] = {
    {"alpha", LETHE_OPTION_DOUBLE, AT(alpha), "1", -1e38, 1e38, NULL, "A", "length of the step", false},
    {"normalise-weights", LETHE_OPTION_FLAG, AT(normalise), "on", 0, 0, NULL, NULL,
     "weights of the samples add up to 1 before and after; off is the sum-ERM form", false},
    {"damping", LETHE_OPTION_DOUBLE, AT(damping), "0.1", 1e-9, 1e9, NULL, "D",
     "lambda as a multiple of the mean squared norm of a sample's gradient", false},
    {"iterations", LETHE_OPTION_INT, AT(iterations), "10", 1, 1e6, NULL, "N",
     "conjugate gradient iterations at most", false},
    {"tolerance", LETHE_OPTION_DOUBLE, AT(tolerance), "1e-3", 0, 1, NULL, "T",
     "relative residual at which they end", false},
    {"mean-share", LETHE_OPTION_DOUBLE, AT(mean_share), "0.25", 1e-6, 1, NULL, "S",
     "share of the retain set, drawn at random, for its mean gradient; 1 takes all", false},
    {"fisher-share", LETHE_OPTION_DOUBLE, AT(fisher_share), "0.02", 1e-6, 1, NULL, "S",
     "share of the retain set, drawn at random, for F; 1 takes all", false},
    {"batch", LETHE_OPTION_SIZE, AT(batch), "128", 1, 65536, NULL, "N", "samples in a pass", false},
    LETHE_OPTIONS_END,
};
/* clang-format on */

/* The first share of `samples` in the order of `ids`, at least one. */
static lethe_samples take(lethe_samples samples, const uint32_t *ids, double share) {
    if (share < 1) {
        samples.ids = ids;
        samples.n = (size_t)ceil(share * (double)samples.n);
    }
    return samples;
}

static lethe_status solve(lethe_unlearning *unlearning, const iu_options *iu, const uint32_t *ids, float *v,
                          float *x) {
    lethe_trainer *trainer = lethe_unlearning_trainer(unlearning);
    lethe_samples retain = lethe_unlearning_retain(unlearning), forget = lethe_unlearning_forget(unlearning);
    lethe_samples mean = take(retain, ids, iu->mean_share), fisher = take(retain, ids, iu->fisher_share);
    const lethe_samples parts[2] = {fisher, {0}};
    size_t planned = forget.n + (iu->normalise ? mean.n : 0) + fisher.n * (1 + (size_t)iu->iterations);
    lethe__measurement measurement;
    lethe__influence_report report;
    lethe_status status = lethe__measurement_open(&measurement, trainer, "iu", iu->batch, planned);
    if (status == LETHE_OK)
        status = lethe__influence_direction(&measurement, mean, retain.n, forget, iu->normalise, v);
    if (status == LETHE_OK)
        status = lethe__influence_solve(&measurement, parts, iu->damping, iu->iterations, iu->tolerance, v, x,
                                        &report);
    if (status == LETHE_OK)
        lethe_unlearning_log(
            unlearning, LETHE_LOG_INFO,
            "iu: relative residual %.3g after %d iterations, lambda %.3g, F over %zu samples",
            report.residual, report.iterations, report.lambda, fisher.n);
    lethe__measurement_close(&measurement);
    return status;
}

static lethe_status solve_official(lethe_unlearning *unlearning, const iu_options *iu, float *x) {
    lethe_trainer *trainer = lethe_unlearning_trainer(unlearning);
    lethe_samples retain = lethe_unlearning_retain(unlearning), forget = lethe_unlearning_forget(unlearning);
    lethe__measurement measurement;
    lethe_status status =
        lethe__measurement_open(&measurement, trainer, "iu", iu->batch, forget.n + retain.n);
    if (status == LETHE_OK)
        status = lethe__influence_direction(&measurement, retain, retain.n, forget, iu->normalise, x);
    lethe__measurement_close(&measurement);
    LETHE_TRY(status);
    status = lethe__measurement_open(&measurement, trainer, "iu", 1, retain.n);
    if (status == LETHE_OK)
        status = lethe__influence_official(&measurement, retain, x);
    lethe__measurement_close(&measurement);
    return status;
}

static lethe_status step(lethe_unlearning *unlearning, double alpha, const float *x) {
    lethe_model *model = lethe_unlearning_model(unlearning);
    const lethe__measurement measurement = {.trainer = lethe_unlearning_trainer(unlearning), .title = "iu"};
    for (size_t k = 0; k < model->graph->parameter_size; k++)
        model->weights.parameters[k] += (float)(alpha * (double)x[k]);
    lethe__model_apply_mask(model);
    return lethe__measure_check(&measurement);
}

static lethe_status run(lethe_unlearning *unlearning, const void *given) {
    const iu_options *iu = given;
    const lethe_runtime *runtime = lethe_trainer_runtime(lethe_unlearning_trainer(unlearning));
    lethe_samples retain = lethe_unlearning_retain(unlearning);
    size_t n = lethe_model_parameter_count(lethe_unlearning_model(unlearning));
    float *v = NULL, *x = NULL;
    uint32_t *ids = NULL;
    lethe_status status = lethe__allocate(n, sizeof *v, &v);
    if (status == LETHE_OK)
        status = lethe__allocate(n, sizeof *x, &x);
    if (status == LETHE_OK)
        status = lethe__allocate(retain.n, sizeof *ids, &ids);
    if (status == LETHE_OK) {
        lethe__random random =
            lethe__random_open(runtime->seed, LETHE__RANDOM_METHOD, LETHE__METHOD_SUBSET, 0);
        memcpy(ids, retain.ids, retain.n * sizeof *ids);
        lethe__random_permute(&random, ids, retain.n);
        status = runtime->compat == LETHE_COMPAT_OFFICIAL ? solve_official(unlearning, iu, x)
                                                          : solve(unlearning, iu, ids, v, x);
    }
    if (status == LETHE_OK)
        status = step(unlearning, iu->alpha, x);
    lethe__free(v);
    lethe__free(x);
    lethe__free(ids);
    return status;
}

const lethe_unlearn_method lethe__unlearn_iu = {
    .name = "iu",
    .title = "Influence unlearning",
    .source = "Koh and Liang 2017; Izzo et al. 2021",
    .summary =
        "Takes one step to where the minimiser moves, to first order, when the forget set leaves the "
        "loss: the inverse of the damped empirical Fisher information times a difference of mean "
        "gradients, by conjugate gradient. Trains nothing. With --compat official, the inverse is that "
        "code's recursion.",
    .options = options,
    .options_size = sizeof(iu_options),
    .needs = LETHE_NEEDS_RETAIN | LETHE_NEEDS_FORGET | LETHE_NEEDS_ORIGINAL,
    .run = run,
};
