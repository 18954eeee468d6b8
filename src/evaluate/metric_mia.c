/* metric_mia.c - what membership inference says about a model.
 *
 * MIA-Efficacy: a predictor learns to tell members (the first retain samples) from as many non-members (the
 * first test samples); the share of the forget set that it calls non-members.
 * Class-matched, when a class is forgotten whole: the same with the test samples of that class as
 * non-members. The test set of the paper's number lacks the class, so its predictor has never seen the kind
 * of image that it judges. MIA-Privacy: it learns from half as many of each and judges all other retain and
 * test samples; the mean of the shares that it gets right. Lower is better; 50 is guessing.
 *
 * Members and non-members are as many as the smaller set has. --compat official: as many retain samples as
 * there are test samples, but all test samples even where retain is smaller, as the official code has it.
 *
 * Every (feature, predictor, measure) is one independent measurement, which makes its features from the
 * predictions itself: the official modified entropy of a sample depends on the others of its set. They run in
 * parallel, the costly ones first, and count, so the result does not depend on the number of threads.
 * Source: section 4 and appendix C.3 of "Model Sparsity Can Simplify Machine Unlearning" and its code. */
#include "base/fail.h"
#include "base/memory.h"
#include "evaluate/mia.h"
#include <math.h>

enum { MAX_MEASUREMENTS = 6 * LETHE_MIA_FEATURES };

typedef struct mia_measurement {
    lethe_mia_feature feature;
    lethe__mia_attack *attack;
    lethe__predictions members, non_members, targets[2];
    size_t n_targets;
    double *percent; /* where the result goes */
    lethe_interval *interval;
    lethe_status status;
} mia_measurement;

typedef struct attack_plan {
    const lethe__mia_sets *sets;
    size_t most; /* members, and non-members, to learn from */
    bool uneven; /* as many non-members as there are, whatever the members */
    lethe_compat compat;
    mia_measurement measurements[MAX_MEASUREMENTS];
    size_t n;
} attack_plan;

static lethe__predictions slice(lethe__predictions all, size_t first, size_t n) {
    return (lethe__predictions){.probabilities = all.probabilities + first * all.classes,
                                .labels = all.labels + first,
                                .n = n,
                                .classes = all.classes};
}

static size_t smallest(size_t a, size_t b) {
    return a < b ? a : b;
}

/* --- planning --- */

/* Leaves out what there is nothing to learn from or to judge for. */
static void add(attack_plan *plan, mia_measurement one) {
    bool judges = one.n_targets > 0;
    for (size_t i = 0; i < one.n_targets; i++)
        judges = judges && one.targets[i].n > 0;
    if (judges && one.members.n > 0 && one.non_members.n > 0)
        plan->measurements[plan->n++] = one;
}

/* How many of `retain` and of `others` the predictor learns from. */
static void count_known(const attack_plan *plan, size_t retain, size_t others, size_t known[2]) {
    size_t most = smallest(plan->most, others);
    known[0] = smallest(retain, most);
    known[1] = plan->uneven ? most : known[0];
}

static void add_efficacy(attack_plan *plan, lethe__mia_attack *attack, lethe_mia_feature feature,
                         const lethe__predictions *non_members, double *percent, lethe_interval *interval) {
    size_t known[2];
    count_known(plan, plan->sets->retain.n, non_members->n, known);
    add(plan, (mia_measurement){.feature = feature,
                                .attack = attack,
                                .members = slice(plan->sets->retain, 0, known[0]),
                                .non_members = slice(*non_members, 0, known[1]),
                                .targets = {plan->sets->forget},
                                .n_targets = 1,
                                .percent = percent + feature,
                                .interval = interval + feature});
}

static void add_privacy(attack_plan *plan, lethe__mia_attack *attack, lethe_mia_feature feature,
                        double *percent, lethe_interval *interval) {
    lethe__predictions retain = plan->sets->retain, test = plan->sets->test;
    size_t known[2];
    count_known(plan, retain.n, test.n, known);
    size_t non_members = known[1] / 2, members = smallest(non_members, retain.n);
    add(plan, (mia_measurement){.feature = feature,
                                .attack = attack,
                                .members = slice(retain, 0, members),
                                .non_members = slice(test, 0, non_members),
                                .targets = {slice(retain, members, retain.n - members),
                                            slice(test, non_members, test.n - non_members)},
                                .n_targets = 2,
                                .percent = percent + feature,
                                .interval = interval + feature});
}

static void add_measurements(attack_plan *plan, const lethe_evaluate_options *options,
                             lethe_evaluation *out) {
    lethe_evaluation_intervals *interval = &out->interval;
    size_t n_features = options->all_features ? LETHE_MIA_FEATURES : 1;
    if (options->mia != LETHE_MIA_THRESHOLD) {
        for (size_t f = n_features; f-- > 0;)
            add_efficacy(plan, lethe__mia_svc, f, &plan->sets->test, out->mia_efficacy,
                         interval->mia_efficacy);
        for (size_t f = n_features; f-- > 0;)
            add_privacy(plan, lethe__mia_svc, f, out->mia_privacy, interval->mia_privacy);
        for (size_t f = n_features; f-- > 0;)
            add_efficacy(plan, lethe__mia_svc, f, &plan->sets->class_test, out->mia_class_matched,
                         interval->mia_class_matched);
    }
    if (options->mia == LETHE_MIA_SVC)
        return;
    for (size_t f = 0; f < n_features; f++) {
        if (lethe__mia_width(f, plan->sets->retain.classes) > 1)
            continue;
        add_efficacy(plan, lethe__mia_threshold, f, &plan->sets->test, out->mia_efficacy_threshold,
                     interval->mia_efficacy_threshold);
        add_privacy(plan, lethe__mia_threshold, f, out->mia_privacy_threshold,
                    interval->mia_privacy_threshold);
        add_efficacy(plan, lethe__mia_threshold, f, &plan->sets->class_test, out->mia_class_matched_threshold,
                     interval->mia_class_matched_threshold);
    }
}

/* --- measuring --- */

static lethe__mia_rows describe(const mia_measurement *one, lethe_compat compat,
                                const lethe__predictions *predictions, double **values) {
    lethe__mia_rows rows = {.values = *values, .labels = predictions->labels, .n = predictions->n};
    lethe__mia_features(one->feature, compat, predictions, *values);
    *values += predictions->n * lethe__mia_width(one->feature, predictions->classes);
    return rows;
}

static void conclude(const mia_measurement *one, const size_t n_called[2]) {
    size_t n_first = one->targets[0].n, n_second = one->targets[1].n;
    double first = 100.0 * (double)n_called[0] / (double)n_first;
    if (one->n_targets == 1) {
        *one->percent = 100.0 - first;
        *one->interval = lethe_rate_interval(*one->percent, n_first);
    } else {
        double second = 100.0 - 100.0 * (double)n_called[1] / (double)n_second;
        *one->percent = (first + second) / 2;
        *one->interval = lethe_mean_rate_interval(first, n_first, second, n_second);
    }
}

static lethe_status measure(const mia_measurement *one, lethe_compat compat) {
    size_t width = lethe__mia_width(one->feature, one->members.classes), n_called[2];
    size_t n = one->members.n + one->non_members.n + one->targets[0].n + one->targets[1].n;
    double *values, *next;
    LETHE_TRY(lethe__allocate(n, width * sizeof *values, &values));
    next = values;
    lethe__mia_task task = {.feature = one->feature,
                            .width = width,
                            .classes = one->members.classes,
                            .members = describe(one, compat, &one->members, &next),
                            .n_targets = one->n_targets};
    task.non_members = describe(one, compat, &one->non_members, &next);
    for (size_t i = 0; i < one->n_targets; i++)
        task.targets[i] = describe(one, compat, &one->targets[i], &next);
    lethe_status status = one->attack(&task, n_called);
    lethe__free(values);
    if (status == LETHE_OK)
        conclude(one, n_called);
    return status;
}

static lethe_status run_measurements(attack_plan *plan, const lethe_runtime *runtime) {
#pragma omp parallel for schedule(dynamic, 1) num_threads(lethe_threads_resolve(runtime->threads))
    for (size_t i = 0; i < plan->n; i++) {
        if (runtime->stop != NULL && *runtime->stop != 0)
            plan->measurements[i].status = LETHE_STOPPED;
        else
            plan->measurements[i].status = measure(&plan->measurements[i], plan->compat);
    }
    for (size_t i = 0; i < plan->n; i++) {
        /* the sentence was recorded in another thread */
        if (plan->measurements[i].status == LETHE_STOPPED)
            LETHE_FAIL(LETHE_STOPPED,
                       "stopped while membership predictors were trained; run again to start over");
        if (plan->measurements[i].status != LETHE_OK)
            LETHE_FAIL(plan->measurements[i].status,
                       "out of memory while membership predictors were trained on %zu and %zu samples",
                       plan->measurements[i].members.n, plan->measurements[i].non_members.n);
    }
    return LETHE_OK;
}

static void clear(double rates[LETHE_MIA_FEATURES], lethe_interval intervals[LETHE_MIA_FEATURES]) {
    for (size_t f = 0; f < LETHE_MIA_FEATURES; f++) {
        rates[f] = NAN;
        intervals[f] = (lethe_interval){NAN, NAN};
    }
}

static void clear_results(lethe_evaluation *out) {
    lethe_evaluation_intervals *interval = &out->interval;
    clear(out->mia_efficacy, interval->mia_efficacy);
    clear(out->mia_privacy, interval->mia_privacy);
    clear(out->mia_efficacy_threshold, interval->mia_efficacy_threshold);
    clear(out->mia_privacy_threshold, interval->mia_privacy_threshold);
    clear(out->mia_class_matched, interval->mia_class_matched);
    clear(out->mia_class_matched_threshold, interval->mia_class_matched_threshold);
}

lethe_status lethe__mia_measure(const lethe__mia_sets *sets, const lethe_evaluate_options *options,
                                const lethe_runtime *runtime, lethe_evaluation *out) {
    attack_plan *plan;
    LETHE_TRY(lethe__allocate(1, sizeof *plan, &plan));
    plan->sets = sets;
    plan->most = options->mia_samples > 0 ? options->mia_samples : SIZE_MAX;
    plan->compat = runtime->compat;
    plan->uneven = runtime->compat == LETHE_COMPAT_OFFICIAL;
    clear_results(out);
    add_measurements(plan, options, out);
    lethe_status status = run_measurements(plan, runtime);
    lethe__free(plan);
    return status;
}
