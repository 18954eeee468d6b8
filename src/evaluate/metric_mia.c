/* metric_mia.c - what membership inference says about a model.
 *
 * MIA-Efficacy: a predictor learns to tell members (the first retain samples) from as many non-members (the
 * first test samples); the share of the forget set that it calls non-members.
 * MIA-Privacy: it learns from half as many of each and judges all other retain and test samples; the mean of
 * the shares that it gets right. Lower is better; 50 is guessing.
 *
 * Every (feature, predictor, measure) is one independent task; the tasks run in parallel, the costly ones
 * first. A task computes counts alone, so the result does not depend on the number of threads.
 * Source: section 4 and appendix C.3 of "Model Sparsity Can Simplify Machine Unlearning" and its code. */
#include "base/fail.h"
#include "base/memory.h"
#include "evaluate/mia.h"
#include <math.h>

enum { MAX_TASKS = 4 * LETHE_MIA_FEATURES };

typedef struct mia_measurement {
    lethe__mia_task task;
    lethe__mia_attack *attack;
    double *percent; /* where the result goes */
    lethe_status status;
} mia_measurement;

typedef struct attack_plan {
    lethe__mia_rows retain[LETHE_MIA_FEATURES], test[LETHE_MIA_FEATURES], forget[LETHE_MIA_FEATURES];
    double *values[LETHE_MIA_FEATURES]; /* of a feature: retain, test, forget */
    size_t n_features, classes;
    size_t n_known; /* members, and non-members, to learn from */
    mia_measurement measurements[MAX_TASKS];
    size_t n_measurements;
} attack_plan;

static lethe__mia_rows slice(lethe__mia_rows rows, size_t width, size_t first, size_t n) {
    return (lethe__mia_rows){.values = rows.values + first * width, .labels = rows.labels + first, .n = n};
}

static lethe__mia_rows describe(lethe_mia_feature feature, const lethe__predictions *predictions,
                                double **values) {
    lethe__mia_rows rows = {.values = *values, .labels = predictions->labels, .n = predictions->n};
    lethe__mia_features(feature, predictions, *values);
    *values += predictions->n * lethe__mia_width(feature, predictions->classes);
    return rows;
}

static lethe_status compute_features(attack_plan *plan, const lethe__predictions *retain,
                                     const lethe__predictions *test, const lethe__predictions *forget) {
    for (size_t f = 0; f < plan->n_features; f++) {
        double *values;
        LETHE_TRY(lethe__allocate(retain->n + test->n + forget->n,
                                  lethe__mia_width(f, plan->classes) * sizeof *values, &values));
        plan->values[f] = values;
        plan->retain[f] = describe(f, retain, &values);
        plan->test[f] = describe(f, test, &values);
        plan->forget[f] = describe(f, forget, &values);
    }
    return LETHE_OK;
}

static lethe__mia_task efficacy_task(const attack_plan *plan, lethe_mia_feature f) {
    size_t width = lethe__mia_width(f, plan->classes);
    return (lethe__mia_task){.feature = f,
                             .width = width,
                             .classes = plan->classes,
                             .members = slice(plan->retain[f], width, 0, plan->n_known),
                             .non_members = slice(plan->test[f], width, 0, plan->n_known),
                             .targets = {plan->forget[f]},
                             .n_targets = plan->forget[f].n > 0 ? 1 : 0};
}

static lethe__mia_task privacy_task(const attack_plan *plan, lethe_mia_feature f) {
    size_t width = lethe__mia_width(f, plan->classes), half = plan->n_known / 2;
    lethe__mia_rows retain = plan->retain[f], test = plan->test[f];
    return (lethe__mia_task){
        .feature = f,
        .width = width,
        .classes = plan->classes,
        .members = slice(retain, width, 0, half),
        .non_members = slice(test, width, 0, half),
        .targets = {slice(retain, width, half, retain.n - half), slice(test, width, half, test.n - half)},
        .n_targets = 2};
}

/* Leaves out what there is nothing to learn from or to judge for. */
static void plan_measurement(attack_plan *plan, lethe__mia_task task, lethe__mia_attack *attack,
                             double *percent) {
    if (task.members.n > 0 && task.n_targets > 0)
        plan->measurements[plan->n_measurements++] =
            (mia_measurement){.task = task, .attack = attack, .percent = percent};
}

static void plan_measurements(attack_plan *plan, lethe_mia_predictor predictor, lethe_evaluation *out) {
    if (predictor != LETHE_MIA_THRESHOLD) {
        for (size_t f = plan->n_features; f-- > 0;)
            plan_measurement(plan, efficacy_task(plan, f), lethe__mia_svc, &out->mia_efficacy[f]);
        for (size_t f = plan->n_features; f-- > 0;)
            plan_measurement(plan, privacy_task(plan, f), lethe__mia_svc, &out->mia_privacy[f]);
    }
    if (predictor != LETHE_MIA_SVC) {
        for (size_t f = 0; f < plan->n_features && lethe__mia_width(f, plan->classes) == 1; f++) {
            plan_measurement(plan, efficacy_task(plan, f), lethe__mia_threshold,
                             &out->mia_efficacy_threshold[f]);
            plan_measurement(plan, privacy_task(plan, f), lethe__mia_threshold,
                             &out->mia_privacy_threshold[f]);
        }
    }
}

static void measure(mia_measurement *measurement) {
    const lethe__mia_task *task = &measurement->task;
    size_t n_called[2];
    measurement->status = measurement->attack(task, n_called);
    if (measurement->status != LETHE_OK)
        return;
    double first = 100.0 * (double)n_called[0] / (double)task->targets[0].n;
    if (task->n_targets == 1)
        *measurement->percent = 100.0 - first;
    else
        *measurement->percent =
            (first + 100.0 - 100.0 * (double)n_called[1] / (double)task->targets[1].n) / 2;
}

static lethe_status run_measurements(attack_plan *plan, const lethe_runtime *runtime) {
    int threads = lethe_threads_resolve(runtime->threads);
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
    for (size_t i = 0; i < plan->n_measurements; i++) {
        if (runtime->stop != NULL && *runtime->stop != 0)
            plan->measurements[i].status = LETHE_STOPPED;
        else
            measure(&plan->measurements[i]);
    }
    for (size_t i = 0; i < plan->n_measurements; i++) {
        /* the sentence was recorded in another thread */
        if (plan->measurements[i].status == LETHE_STOPPED)
            LETHE_FAIL(LETHE_STOPPED,
                       "stopped while membership predictors were trained; run again to start over");
        if (plan->measurements[i].status != LETHE_OK)
            LETHE_FAIL(plan->measurements[i].status,
                       "out of memory while membership predictors were trained on 2 x %zu samples",
                       plan->n_known);
    }
    return LETHE_OK;
}

static void clear_results(lethe_evaluation *out) {
    for (size_t f = 0; f < LETHE_MIA_FEATURES; f++) {
        out->mia_efficacy[f] = out->mia_privacy[f] = NAN;
        out->mia_efficacy_threshold[f] = out->mia_privacy_threshold[f] = NAN;
    }
}

lethe_status lethe__mia_measure(const lethe__predictions *retain, const lethe__predictions *test,
                                const lethe__predictions *forget, const lethe_evaluate_options *options,
                                const lethe_runtime *runtime, lethe_evaluation *out) {
    attack_plan *plan;
    LETHE_TRY(lethe__allocate(1, sizeof *plan, &plan));
    plan->n_features = options->all_features ? LETHE_MIA_FEATURES : 1;
    plan->classes = retain->classes;
    plan->n_known = retain->n < test->n ? retain->n : test->n;
    if (options->mia_samples > 0 && options->mia_samples < plan->n_known)
        plan->n_known = options->mia_samples;
    clear_results(out);
    lethe_status status = compute_features(plan, retain, test, forget);
    if (status == LETHE_OK) {
        plan_measurements(plan, options->mia, out);
        status = run_measurements(plan, runtime);
    }
    for (size_t f = 0; f < plan->n_features; f++)
        lethe__free(plan->values[f]);
    lethe__free(plan);
    return status;
}
