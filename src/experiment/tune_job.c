/* tune_job.c - the job `tune`: an unlearning run and an evaluation for each value of one option.
 *
 * A trial is an ordinary run directory, OUT/NAME=VALUE, and what it holds is believed only if its record
 * names the very options and model that this search would use. Nothing else has to be remembered to continue
 * a search: the same decisions are made again, finished runs answer at once, and an interrupted one continues
 * from its checkpoint. Cost: for each trial the method and an evaluation of its model; for each sitting that
 * evaluates any, one of the reference.
 */
#include "base/digest.h"
#include "base/fail.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/option.h"
#include "data/split.h"
#include "experiment/job.h"
#include "experiment/tune_record.h"
#include <math.h>
#include <string.h>

typedef struct tuning {
    lethe_tune_job job; /* the caller's; its trial is filled in for each value */
    lethe_runtime runtime;
    lethe__option_set set; /* over the trial and `runtime` */
    void *made, *values;   /* default options of the method, if needed; the trial's own options */
    lethe__tune_range range;
    char parent[LETHE_DIGEST_TEXT], reference[LETHE_DIGEST_TEXT];
    lethe__measured_reference measured;
    json_t *earlier; /* tune.json of an earlier sitting, or NULL */
    lethe_tune_result result;
} tuning;

/* --- before the first trial --- */

static lethe_status check_options(const lethe_tune_job *job) {
    if (job->trial.run.out == NULL || job->trial.run.out[0] == 0)
        LETHE_FAIL(LETHE_USAGE, "a search needs a directory for its trials; give --out DIR");
    if (job->trial.model.model == NULL)
        LETHE_FAIL(LETHE_USAGE, "unlearning needs a trained model; give --model RUN_OR_FILE");
    if (job->reference == NULL && job->least_va < 0)
        LETHE_FAIL(LETHE_USAGE,
                   "nothing says which trial is the best; give --reference RUN, usually Retrain, "
                   "or --least-va PERCENT");
    LETHE_TRY(lethe__origin_spare(job->trial.model.model, job->trial.run.out));
    return lethe__origin_spare(job->reference, job->trial.run.out);
}

static lethe_status check_part(const lethe_split *ours, const lethe_split *theirs, lethe_part part,
                               const char *name, const char *reference) {
    char a[LETHE_DIGEST_TEXT], b[LETHE_DIGEST_TEXT];
    LETHE_TRY(lethe__split_digest(ours, part, a));
    LETHE_TRY(lethe__split_digest(theirs, part, b));
    if (strcmp(a, b) != 0)
        LETHE_FAIL(LETHE_INPUT,
                   "%s: its %s set is another one than here, so its metrics mean nothing for this search; "
                   "give a reference made from the same model and --forget",
                   reference, name);
    return LETHE_OK;
}

/* A plain file does not say what it was trained on. */
static lethe_status check_division(const lethe__origin *reference, const lethe__subject *subject) {
    char *path;
    lethe_split *split;
    if (reference->record == NULL)
        return LETHE_OK;
    LETHE_TRY(lethe__path_join(reference->path, "split.json", &path));
    lethe_status status = lethe_split_load(path, subject->dataset, &split);
    lethe__free(path);
    LETHE_TRY(status);
    status = check_part(subject->split, split, LETHE_PART_FORGET, "forget", reference->path);
    if (status == LETHE_OK)
        status = check_part(subject->split, split, LETHE_PART_RETAIN, "retain", reference->path);
    lethe_split_destroy(&split);
    return status;
}

static lethe_status check_reference(tuning *tune, const lethe__subject *subject) {
    lethe__origin reference;
    if (tune->job.reference == NULL)
        return LETHE_OK;
    LETHE_TRY(lethe__origin_open(tune->job.reference, &reference));
    memcpy(tune->reference, reference.digest, sizeof tune->reference);
    lethe_status status = check_division(&reference, subject);
    lethe__origin_fini(&reference);
    return status;
}

/* Opens what the trials will work on once, to find mistakes before anything is computed. */
static lethe_status check_subject(tuning *tune) {
    const lethe_unlearn_job *trial = &tune->job.trial;
    lethe__subject_options options = {&trial->data, &trial->split, &trial->model, trial->forget, true};
    lethe__subject subject;
    LETHE_TRY(lethe__subject_open(&options, &tune->runtime, &subject));
    memcpy(tune->parent, subject.origin.digest, sizeof tune->parent);
    lethe_status status = LETHE_OK;
    if (tune->job.least_va >= 0 && lethe_split_samples(subject.split, subject.dataset, LETHE_PART_VAL).n == 0)
        status = lethe__fail(LETHE_USAGE, "--least-va needs a validation set, but %s holds none out",
                             trial->model.model);
    if (status == LETHE_OK)
        status = check_reference(tune, &subject);
    lethe__subject_fini(&subject);
    return status;
}

static lethe_status read_earlier(tuning *tune) {
    char *path;
    LETHE_TRY(lethe__path_join(tune->job.trial.run.out, "tune.json", &path));
    lethe_status status = LETHE_OK;
    if (lethe__file_exists(path) && !tune->job.trial.run.force)
        status = lethe__json_read(path, &tune->earlier);
    lethe__free(path);
    return status;
}

static lethe_status prepare(tuning *tune) {
    lethe_unlearn_job *trial = &tune->job.trial;
    LETHE_TRY(check_options(&tune->job));
    LETHE_TRY(lethe__unlearn_job_find_method(trial, &tune->made));
    LETHE_TRY(lethe__allocate(1, trial->record->options_size, &tune->values));
    memcpy(tune->values, trial->method_options, trial->record->options_size);
    trial->method_options = tune->values;
    LETHE_TRY(lethe__tune_job_lend(&tune->job, &tune->runtime, &tune->set));
    LETHE_TRY(lethe__job_complete(&tune->set, &trial->data, trial->model.model));
    LETHE_TRY(lethe__tune_range_read(tune->job.search, trial->record, &tune->range));
    LETHE_TRY(check_subject(tune));
    return read_earlier(tune);
}

/* --- one trial --- */

/* Is the run in `path`, whose record is given, the one that `trial` would make? */
static lethe_status check_run(const tuning *tune, lethe_unlearn_job *trial, const json_t *record,
                              const char *path) {
    lethe__option_set set = {0};
    lethe_runtime runtime = tune->runtime;
    LETHE_TRY(lethe__unlearn_job_lend(trial, &runtime, &set));
    json_t *expected = lethe__option_set_to_json(&set);
    json_t *stored = json_deep_copy(json_object_get(record, "config"));
    lethe__config_strip(expected);
    lethe__config_strip(stored);
    const char *parent = json_string_value(json_object_get(json_object_get(record, "parent"), "digest"));
    lethe_status status = LETHE_OK;
    if (expected == NULL)
        status = lethe__fail(LETHE_MEMORY, "out of memory for the options of a trial");
    else if (parent == NULL || strcmp(parent, tune->parent) != 0 || !json_equal(expected, stored))
        status = lethe__fail(LETHE_USAGE,
                             "%s holds a run of another model or with other options than this search; choose "
                             "another --out, or replace the runs there with --force",
                             path);
    json_decref(expected);
    json_decref(stored);
    lethe__option_set_fini(&set);
    return status;
}

/* Carries out the run unless it is there; *record: its run.json. */
static lethe_status obtain_run(const tuning *tune, lethe_unlearn_job *trial, bool *fresh, json_t **record) {
    char *path;
    LETHE_TRY(lethe__path_join(trial->run.out, "run.json", &path));
    lethe_run_result result;
    lethe_status status = LETHE_OK;
    *fresh = trial->run.force || !lethe__file_exists(path);
    if (*fresh)
        status = lethe_unlearn_job_run(trial, &tune->runtime, &result);
    if (status == LETHE_OK || status == LETHE_DIVERGED)
        status = lethe__json_read(path, record);
    if (status == LETHE_OK && !*fresh)
        status = check_run(tune, trial, *record, trial->run.out);
    lethe__free(path);
    return status;
}

static double number_of(const json_t *record, const char *key) {
    const json_t *value = json_object_get(record, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static lethe_status measure(tuning *tune, const lethe_unlearn_job *trial, lethe_tune_trial *out) {
    lethe_evaluate_job job;
    lethe_evaluation_result result;
    LETHE_TRY(lethe_evaluate_job_defaults(&job));
    job.data = trial->data;
    job.split = trial->split;
    job.model = trial->model;
    job.model.model = trial->run.out;
    job.reference = tune->job.reference;
    LETHE_TRY(lethe__evaluate_job_run(&job, &tune->runtime, &tune->measured, &result));
    out->ua = result.model.ua;
    out->mia_efficacy = result.model.mia_efficacy[LETHE_MIA_CONFIDENCE];
    out->ra = result.model.ra;
    out->ta = result.model.ta;
    out->va = result.model.va;
    if (job.reference != NULL)
        out->disparity_average = result.gaps.disparity_average;
    return LETHE_OK;
}

/* *fresh: something was computed that tune.json does not hold yet. */
static lethe_status obtain_trial(tuning *tune, lethe_unlearn_job *trial, bool *fresh, lethe_tune_trial *out) {
    json_t *record = NULL;
    lethe_status status = obtain_run(tune, trial, fresh, &record);
    if (status != LETHE_OK) {
        json_decref(record);
        return status;
    }
    const char *outcome = json_string_value(json_object_get(record, "outcome"));
    const char *reference = tune->job.reference != NULL ? tune->reference : NULL;
    if (*fresh || !lethe__tune_recall(tune->earlier, reference, out)) {
        *fresh = true;
        out->diverged = outcome == NULL || strcmp(outcome, "finished") != 0;
        out->seconds = number_of(record, "seconds");
        out->rte_seconds = number_of(record, "rte_seconds");
        out->ua = out->mia_efficacy = out->ra = out->ta = out->va = out->disparity_average = NAN;
        if (!out->diverged)
            status = measure(tune, trial, out);
    }
    json_decref(record);
    return status;
}

static lethe_status store(const tuning *tune) {
    char *path;
    LETHE_TRY(lethe__path_join(tune->job.trial.run.out, "tune.json", &path));
    const char *reference = tune->job.reference != NULL ? tune->reference : NULL;
    json_t *json = lethe__tune_to_json(&tune->job, &tune->range, reference, &tune->result);
    lethe_status status = json != NULL ? lethe__json_write(path, json)
                                       : lethe__fail(LETHE_MEMORY, "%s: out of memory for the search", path);
    json_decref(json);
    lethe__free(path);
    return status;
}

static lethe_status try_value(tuning *tune, double value) {
    lethe_unlearn_job trial = tune->job.trial;
    lethe_tune_trial outcome = {.value = value};
    char text[LETHE__NUMBER_TEXT], *path;
    bool fresh;
    lethe__number_format(value, text);
    LETHE_TRY(lethe__option_read(tune->range.option, trial.method_options, text));
    snprintf(outcome.run, sizeof outcome.run, "%s=%s", tune->range.option->name, text);
    lethe__log(&tune->runtime, LETHE_LOG_INFO, "trial %d of %d: %s", tune->result.n + 1, tune->job.trials,
               outcome.run);
    LETHE_TRY(lethe__path_join(tune->job.trial.run.out, outcome.run, &path));
    trial.run.out = path;
    lethe_status status = obtain_trial(tune, &trial, &fresh, &outcome);
    lethe__free(path);
    LETHE_TRY(status);
    outcome.admissible = lethe__tune_admissible(&tune->job, &outcome);
    lethe__tune_add(&tune->job, &outcome, &tune->result);
    return fresh ? store(tune) : LETHE_OK;
}

/* By what the records say, so that a search that is continued ends where the unbroken one would. */
static bool is_time_up(const tuning *tune) {
    double seconds = 0;
    for (int i = 0; i < tune->result.n; i++)
        seconds += tune->result.trials[i].seconds;
    return tune->job.minutes > 0 && seconds >= 60 * tune->job.minutes;
}

static lethe_status search(tuning *tune) {
    double value;
    LETHE_TRY(prepare(tune));
    while (!is_time_up(tune) && lethe__tune_next(&tune->job, &tune->range, &tune->result, &value))
        LETHE_TRY(try_value(tune, value));
    if (tune->result.best < 0)
        lethe__log(&tune->runtime, LETHE_LOG_WARNING,
                   "no trial can be called the best: all diverged or stay below --least-va; search another "
                   "range of %s",
                   tune->range.option->name);
    return store(tune);
}

lethe_status lethe_tune_job_run(const lethe_tune_job *job, const lethe_runtime *runtime,
                                lethe_tune_result *out) {
    tuning tune = {.job = *job, .runtime = *runtime, .result = {.best = -1}};
    lethe_status status = search(&tune);
    if (status == LETHE_OK)
        *out = tune.result;
    json_decref(tune.earlier);
    lethe__option_set_fini(&tune.set);
    lethe__free(tune.values);
    lethe__free(tune.made);
    return status;
}
