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
 * --damping-search on solves for damping after damping, in steps of 10, and takes the least at which
 * conjugate gradient reaches `tolerance` within `iterations`: damping is a bias, a residual an error, and
 * this is the least bias for which there is a solution at the price that was set. It says nothing of how well
 * that solution unlearns; for this, search --damping and --alpha with lethe tune.
 *
 * Source: Koh and Liang 2017; Izzo et al. 2021; Jia et al. 2023, Proposition 1. Cost: a pass over the forget
 * set and `mean-share` of the retain set, and 1 + 2 `iterations` passes over `fisher-share` of it: by default
 * some 0.7 of an epoch; the latter again for each damping of a search. Shares of 1 take all. */
#include "base/fail.h"
#include "base/memory.h"
#include "base/random.h"
#include "unlearn/influence.h"
#include "unlearn/unlearn.h"
#include <math.h>
#include <string.h>

typedef struct iu_options {
    double alpha, mean_share, fisher_share, damping, tolerance;
    bool normalise, search;
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
    {"damping-search", LETHE_OPTION_FLAG, AT(search), "off", 0, 0, NULL, NULL,
     "takes the least damping, by factors of 10 from the given one, at which the tolerance is reached", false},
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

/* (damping trace F + F) x = v, under way. */
typedef struct solving {
    lethe_unlearning *unlearning;
    const iu_options *iu;
    lethe__measurement measurement;
    lethe_samples parts[2]; /* of F */
    const float *v;
} solving;

static bool is_solved(const solving *s, const lethe__influence_report *report) {
    return report->residual <= s->iu->tolerance;
}

static lethe_status solve_at(solving *s, double damping, float *x, lethe__influence_report *report) {
    const iu_options *iu = s->iu;
    LETHE_TRY(lethe__influence_solve(&s->measurement, s->parts, damping, iu->iterations, iu->tolerance, s->v,
                                     x, report));
    lethe_unlearning_log(
        s->unlearning, LETHE_LOG_INFO,
        "iu: relative residual %.3g after %d iterations, damping %.6g (lambda %.3g), F over %zu samples",
        report->residual, report->iterations, damping, report->lambda, s->parts[0].n);
    return LETHE_OK;
}

/* What the step is made of, for the record of the run. */
static lethe_status tell(const solving *s, double damping, const lethe__influence_report *report) {
    const lethe_finding findings[] = {{"residual", report->residual},
                                      {"iterations", report->iterations},
                                      {"damping", damping},
                                      {"lambda", report->lambda},
                                      {"fisher_samples", (double)s->parts[0].n}};
    for (size_t i = 0; i < sizeof findings / sizeof *findings; i++)
        LETHE_TRY(
            lethe_trainer_find(lethe_unlearning_trainer(s->unlearning), findings[i].name, findings[i].value));
    return LETHE_OK;
}

/* From the given damping down to the last that is solved, or up to the first. */
static lethe_status search(solving *s, float *x, float *trial) {
    static const double least = 1e-6, most = 1e9; /* below, f32 products know nothing of the damping */
    size_t n = lethe_model_parameter_count(lethe_unlearning_model(s->unlearning));
    double damping = s->iu->damping, next;
    lethe__influence_report report, tried;
    LETHE_TRY(solve_at(s, damping, x, &report));
    bool down = is_solved(s, &report);
    while (down ? damping / 10 >= least * (1 - 1e-9) : !is_solved(s, &report) && damping * 10 <= most) {
        next = down ? damping / 10 : damping * 10;
        s->measurement.planned += s->parts[0].n * (1 + (size_t)s->iu->iterations);
        LETHE_TRY(solve_at(s, next, trial, &tried));
        if (down && !is_solved(s, &tried))
            break;
        memcpy(x, trial, n * sizeof *x);
        damping = next;
        report = tried;
    }
    if (!is_solved(s, &report))
        LETHE_FAIL(LETHE_FAILED,
                   "iu: no damping up to %g reaches a residual of %g in %d iterations; raise --tolerance or "
                   "--iterations",
                   damping, s->iu->tolerance, s->iu->iterations);
    lethe_unlearning_log(s->unlearning, LETHE_LOG_INFO, "iu: damping %.6g is taken", damping);
    return tell(s, damping, &report);
}

static lethe_status solve_once(solving *s, float *x) {
    const iu_options *iu = s->iu;
    lethe__influence_report report;
    LETHE_TRY(solve_at(s, iu->damping, x, &report));
    if (!is_solved(s, &report) && iu->tolerance > 0) /* 0 asks for all iterations, whatever is reached */
        lethe_unlearning_log(s->unlearning, LETHE_LOG_WARNING,
                             "iu: conjugate gradient has a relative residual of %.3g after %d iterations, "
                             "not the %g asked for; raise "
                             "--iterations or --damping, or let --damping-search on choose",
                             report.residual, report.iterations, iu->tolerance);
    return tell(s, iu->damping, &report);
}

static lethe_status search_or_solve(solving *s, float *x) {
    if (!s->iu->search)
        return solve_once(s, x);
    float *trial;
    LETHE_TRY(lethe__allocate(lethe_model_parameter_count(lethe_unlearning_model(s->unlearning)),
                              sizeof *trial, &trial));
    lethe_status status = search(s, x, trial);
    lethe__free(trial);
    return status;
}

/* F has one direction for each of its samples: few of them know next to nothing of the curvature. */
static void warn_of_few_samples(lethe_unlearning *unlearning, const iu_options *iu, size_t n,
                                size_t n_retain) {
    enum { FEW = 100 };
    if (n >= FEW || n == n_retain)
        return;
    double share = n_retain > FEW ? ceil(1000.0 * FEW / (double)n_retain) / 1000 : 1;
    lethe_unlearning_log(
        unlearning, LETHE_LOG_WARNING,
        "iu: F is estimated from %zu of %zu retain samples; --fisher-share %g takes %.0f, at the "
        "cost of %.3g passes over the retain set in place of %.3g",
        n, n_retain, share, ceil(share * (double)n_retain), share * (1 + 2 * iu->iterations),
        iu->fisher_share * (1 + 2 * iu->iterations));
}

static lethe_status solve(lethe_unlearning *unlearning, const iu_options *iu, const uint32_t *ids, float *v,
                          float *x) {
    lethe_samples retain = lethe_unlearning_retain(unlearning), forget = lethe_unlearning_forget(unlearning);
    lethe_samples mean = take(retain, ids, iu->mean_share), fisher = take(retain, ids, iu->fisher_share);
    size_t planned = forget.n + (iu->normalise ? mean.n : 0) + fisher.n * (1 + (size_t)iu->iterations);
    solving s = {.unlearning = unlearning, .iu = iu, .parts = {fisher, {0}}, .v = v};
    warn_of_few_samples(unlearning, iu, fisher.n, retain.n);
    lethe_status status = lethe__measurement_open(&s.measurement, lethe_unlearning_trainer(unlearning), "iu",
                                                  iu->batch, planned);
    if (status == LETHE_OK)
        status = lethe__influence_direction(&s.measurement, mean, retain.n, forget, iu->normalise, v);
    if (status == LETHE_OK)
        status = search_or_solve(&s, x);
    lethe__measurement_close(&s.measurement);
    return status;
}

static lethe_status solve_official(lethe_unlearning *unlearning, const iu_options *iu, float *x) {
    lethe_trainer *trainer = lethe_unlearning_trainer(unlearning);
    lethe_samples retain = lethe_unlearning_retain(unlearning), forget = lethe_unlearning_forget(unlearning);
    lethe__measurement measurement;
    static const char *const unused[] = {"damping",   "damping-search", "iterations",
                                         "tolerance", "mean-share",     "fisher-share"};
    LETHE_TRY(lethe__unlearn_refuse("iu", options, iu, unused, sizeof unused / sizeof *unused));
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

static lethe_status check(const void *given) {
    const iu_options *iu = given;
    if (iu->search && iu->tolerance <= 0)
        LETHE_FAIL(LETHE_USAGE, "iu: a search of the damping needs a tolerance above 0 to reach");
    return LETHE_OK;
}

const lethe_unlearn_method lethe__unlearn_iu = {
    .name = "iu",
    .title = "Influence unlearning",
    .label = "IU",
    .source = "Koh and Liang 2017; Izzo et al. 2021",
    .summary =
        "Takes one step to where the minimiser moves, to first order, when the forget set leaves the "
        "loss: the inverse of the damped empirical Fisher information times a difference of mean "
        "gradients, by conjugate gradient. Trains nothing. With --compat official, the inverse is that "
        "code's recursion.",
    .options = options,
    .options_size = sizeof(iu_options),
    .needs = LETHE_NEEDS_RETAIN | LETHE_NEEDS_FORGET | LETHE_NEEDS_ORIGINAL,
    .check = check,
    .run = run,
};
