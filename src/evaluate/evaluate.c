/* evaluate.c - every metric of a model from one forward pass over retain, forget, validation and test.
 *
 *   UA = 100 - accuracy on forget     RA, VA, TA = accuracy on retain, validation, test
 *   loss = mean of -log softmax(logits)_y; MIA: see metric_mia.c
 *
 * When the whole of one class is forgotten, the test set is used without that class, for TA as well as for
 * the non-members of the membership predictors; this is also what the paper's code does. So is the validation
 * set, or VA would fall the more the better a model forgets; that code keeps it whole (--compat official).
 * The test samples of the class are a part of their own, for the class-matched MIA alone. Memory: f32
 * [samples, classes], logits first, then probabilities in their place. */
#include "base/clock.h"
#include "base/fail.h"
#include "base/memory.h"
#include "evaluate/metrics.h"
#include "evaluate/mia.h"
#include "evaluate/predict.h"
#include "models/model.h"
#include <math.h>

const lethe_option lethe_evaluate_option_table[] = {
    {.name = "batch",
     .type = LETHE_OPTION_SIZE,
     .offset = offsetof(lethe_evaluate_options, batch),
     .value = "256",
     .minimum = 1,
     .maximum = 65536,
     .placeholder = "N",
     .help = "samples to predict at a time"},
    {.name = "mia",
     .type = LETHE_OPTION_CHOICE,
     .offset = offsetof(lethe_evaluate_options, mia),
     .value = "svc",
     .choices = "svc|threshold|both",
     .help = "membership predictor: the paper's support vector classifier, one threshold a class, or both"},
    {.name = "mia-features",
     .type = LETHE_OPTION_CHOICE,
     .offset = offsetof(lethe_evaluate_options, all_features),
     .value = "confidence",
     .choices = "confidence|all",
     .help =
         "what the membership predictor sees: the confidence, which is the paper's number, or each of the "
         "five features in turn (a threshold takes numbers, not the vector of probabilities)"},
    {.name = "mia-samples",
     .type = LETHE_OPTION_SIZE,
     .offset = offsetof(lethe_evaluate_options, mia_samples),
     .value = "0",
     .placeholder = "N",
     .help = "members and non-members that the membership predictor learns from, at most N each; 0 takes as "
             "many as there are test samples"},
    LETHE_OPTIONS_END,
};

enum { RETAIN, FORGET, VAL, TEST, CLASS_TEST, PARTS };

/* One part of the data, and what was found on it. */
typedef struct part_result {
    lethe__predictions predictions;
    double loss, accuracy; /* NaN without samples */
} part_result;

typedef struct evaluation_run {
    lethe_samples samples[PARTS];
    part_result parts[PARTS];
    uint32_t *test_ids, *val_ids; /* when a class is left out */
    float *probabilities;         /* [samples, classes] */
    int32_t *labels;              /* [samples] */
} evaluation_run;

/* Writes the ids of those samples that are of `class`, or of the others. */
static size_t pick(const lethe_samples *samples, int class, bool of_class, uint32_t *ids) {
    size_t n = 0;
    for (size_t i = 0; i < samples->n; i++)
        if ((samples->labels[samples->ids[i]] == class) == of_class)
            ids[n++] = samples->ids[i];
    return n;
}

/* Takes `class` out of the samples; in *ids those of the class follow the others. */
static lethe_status leave_out(int class, lethe_samples *samples, uint32_t **ids) {
    lethe_samples whole = *samples;
    LETHE_TRY(lethe__allocate(whole.n, sizeof **ids, ids));
    samples->ids = *ids;
    samples->n = pick(&whole, class, false, *ids);
    pick(&whole, class, true, *ids + samples->n);
    return LETHE_OK;
}

static lethe_status set_class_apart(int class, lethe_compat compat, evaluation_run *run) {
    lethe_samples *test = &run->samples[TEST];
    size_t n = test->n;
    LETHE_TRY(leave_out(class, test, &run->test_ids));
    run->samples[CLASS_TEST] = *test;
    run->samples[CLASS_TEST].ids = run->test_ids + test->n;
    run->samples[CLASS_TEST].n = n - test->n;
    return compat == LETHE_COMPAT_OFFICIAL ? LETHE_OK : leave_out(class, &run->samples[VAL], &run->val_ids);
}

static lethe_status choose_samples(const lethe_dataset *dataset, const lethe_split *split,
                                   lethe_compat compat, evaluation_run *run) {
    static const lethe_part parts[CLASS_TEST] = {LETHE_PART_RETAIN, LETHE_PART_FORGET, LETHE_PART_VAL,
                                                 LETHE_PART_TEST};
    for (int i = 0; i < CLASS_TEST; i++)
        run->samples[i] = lethe_split_samples(split, dataset, parts[i]);
    run->samples[CLASS_TEST] = (lethe_samples){.dataset = dataset};
    int class = lethe_split_get_forget_class(split);
    return class >= 0 ? set_class_apart(class, compat, run) : LETHE_OK;
}

static lethe_status predict_parts(lethe_model *model, const lethe_evaluate_options *options,
                                  const lethe_runtime *runtime, evaluation_run *run) {
    size_t n = 0, classes = (size_t)model->info.classes;
    for (int i = 0; i < PARTS; i++)
        n += run->samples[i].n;
    LETHE_TRY(lethe__allocate(n, classes * sizeof *run->probabilities, &run->probabilities));
    LETHE_TRY(lethe__allocate(n, sizeof *run->labels, &run->labels));
    LETHE_TRY(lethe__predict(model, run->samples, PARTS, options->batch, runtime, run->probabilities));
    n = 0;
    for (int i = 0; i < PARTS; i++) {
        const lethe_samples *samples = &run->samples[i];
        run->parts[i].predictions = (lethe__predictions){.probabilities = run->probabilities + n * classes,
                                                         .labels = run->labels + n,
                                                         .n = samples->n,
                                                         .classes = classes};
        for (size_t k = 0; k < samples->n; k++)
            run->labels[n++] = samples->labels[samples->ids[k]];
    }
    return LETHE_OK;
}

/* A wrecked model has no metrics: its comparisons with NaN would pass for wrong answers. */
static lethe_status check_finite(const lethe_samples *samples, const float *logits, size_t classes) {
    for (size_t i = 0; i < samples->n * classes; i++)
        if (!isfinite(logits[i]))
            LETHE_FAIL(
                LETHE_DIVERGED,
                "the model answers %g for class %zu of sample %u, so nothing can be measured; the step "
                "that made it diverged, repeat it with a smaller learning rate",
                (double)logits[i], i % classes, (unsigned)samples->ids[i / classes]);
    return LETHE_OK;
}

/* Loss and accuracy of a part; turns its logits into probabilities. */
static lethe_status score_part(const lethe_samples *samples, float *logits, part_result *part) {
    size_t n = samples->n, classes = part->predictions.classes, n_correct = 0;
    double loss_sum = 0;
    LETHE_TRY(check_finite(samples, logits, classes));
    lethe__cross_entropy(logits, part->predictions.labels, (int)n, (int)classes, 1, NULL, NULL, &loss_sum,
                         &n_correct);
    lethe__softmax(logits, n, classes);
    part->loss = n > 0 ? loss_sum / (double)n : NAN;
    part->accuracy = n > 0 ? 100.0 * (double)n_correct / (double)n : NAN;
    return LETHE_OK;
}

static lethe_status score_parts(evaluation_run *run) {
    float *logits = run->probabilities;
    for (int i = 0; i < PARTS; i++) {
        LETHE_TRY(score_part(&run->samples[i], logits, &run->parts[i]));
        logits += run->samples[i].n * run->parts[i].predictions.classes;
    }
    return LETHE_OK;
}

/* What follows from the counts of right answers alone. */
static lethe_evaluation rate_parts(const evaluation_run *run) {
    const part_result *parts = run->parts;
    const lethe_samples *samples = run->samples;
    lethe_evaluation rates = {.n_forget = samples[FORGET].n,
                              .n_retain = samples[RETAIN].n,
                              .n_val = samples[VAL].n,
                              .n_test = samples[TEST].n,
                              .n_class_test = samples[CLASS_TEST].n,
                              .ua = 100 - parts[FORGET].accuracy,
                              .ra = parts[RETAIN].accuracy,
                              .ta = parts[TEST].accuracy,
                              .va = parts[VAL].accuracy,
                              .loss_forget = parts[FORGET].loss,
                              .loss_retain = parts[RETAIN].loss,
                              .loss_test = parts[TEST].loss,
                              .gate = {NAN, NAN}};
    rates.interval.ua = lethe_rate_interval(rates.ua, rates.n_forget);
    rates.interval.ra = lethe_rate_interval(rates.ra, rates.n_retain);
    rates.interval.ta = lethe_rate_interval(rates.ta, rates.n_test);
    rates.interval.va = lethe_rate_interval(rates.va, rates.n_val);
    return rates;
}

static lethe_status evaluate(lethe_model *model, const lethe_dataset *dataset, const lethe_split *split,
                             const lethe_evaluate_options *options, const lethe_runtime *runtime,
                             evaluation_run *run, lethe_evaluation *out) {
    double started = lethe__clock_seconds();
    LETHE_TRY(choose_samples(dataset, split, runtime->compat, run));
    LETHE_TRY(predict_parts(model, options, runtime, run));
    LETHE_TRY(score_parts(run));
    double predicted = lethe__clock_seconds();
    lethe_evaluation result = rate_parts(run);
    lethe__mia_sets sets = {run->parts[RETAIN].predictions, run->parts[TEST].predictions,
                            run->parts[FORGET].predictions, run->parts[CLASS_TEST].predictions};
    LETHE_TRY(lethe__mia_measure(&sets, options, runtime, &result));
    if (lethe_split_get_forget_random(split))
        result.gate = lethe__gate(&result);
    result.sparsity = lethe_model_sparsity(model);
    result.predict_seconds = predicted - started;
    result.mia_seconds = lethe__clock_seconds() - predicted;
    *out = result;
    return LETHE_OK;
}

lethe_status lethe_evaluate(lethe_model *model, const lethe_dataset *dataset, const lethe_split *split,
                            const lethe_evaluate_options *options, const lethe_runtime *runtime,
                            lethe_evaluation *out) {
    const lethe_dataset_info *data = lethe_dataset_get_info(dataset);
    LETHE_TRY(lethe_options_check(lethe_evaluate_option_table, options));
    if (model->info.classes != data->classes)
        LETHE_FAIL(LETHE_INPUT,
                   "the model tells %d classes apart, data set '%s' has %d; evaluate it on the data set that "
                   "it was made for",
                   model->info.classes, data->name, data->classes);
    evaluation_run run = {0};
    lethe_status status = evaluate(model, dataset, split, options, runtime, &run, out);
    lethe__free(run.test_ids);
    lethe__free(run.val_ids);
    lethe__free(run.probabilities);
    lethe__free(run.labels);
    return status;
}

lethe_gaps lethe_evaluation_gaps(const lethe_evaluation *model, const lethe_evaluation *reference) {
    lethe_gaps gaps = {.ua = fabs(model->ua - reference->ua),
                       .mia_efficacy = fabs(model->mia_efficacy[LETHE_MIA_CONFIDENCE] -
                                            reference->mia_efficacy[LETHE_MIA_CONFIDENCE]),
                       .ra = fabs(model->ra - reference->ra),
                       .ta = fabs(model->ta - reference->ta)};
    gaps.disparity_average = (gaps.ua + gaps.mia_efficacy + gaps.ra + gaps.ta) / 4;
    return gaps;
}
