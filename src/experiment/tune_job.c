/* tune_job.c - the job `tune`: an unlearning run and an evaluation for each value of one option.
 *
 * The trials that lie in the search's folder come first, whatever number of trials they were made for: they
 * have cost their time. From there on each value follows from the results so far (tune_search.c), so nothing
 * else has to be remembered to continue a search. Cost: for each trial the method and an evaluation of its
 * model; for each sitting that evaluates any, one of the reference. */
#include "base/fail.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "data/split.h"
#include "experiment/tune_trial.h"
#include <math.h>
#include <string.h>

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

static lethe_status check_reference(lethe__tuning *tune, const lethe__subject *subject) {
    lethe__origin reference;
    if (tune->job.reference == NULL)
        return LETHE_OK;
    LETHE_TRY(lethe__origin_open(tune->job.reference, &reference));
    memcpy(tune->reference, reference.digest, sizeof tune->reference);
    lethe_status status = lethe__subject_check_division(subject, &reference);
    lethe__origin_fini(&reference);
    return status;
}

/* Opens what the trials will work on once, to find mistakes before anything is computed. */
static lethe_status check_subject(lethe__tuning *tune) {
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

static lethe_status read_earlier(lethe__tuning *tune) {
    char *path;
    LETHE_TRY(lethe__path_join(tune->job.trial.run.out, "tune.json", &path));
    lethe_status status = LETHE_OK;
    if (lethe__file_exists(path) && !tune->job.trial.run.force)
        status = lethe__json_read(path, &tune->earlier);
    lethe__free(path);
    return status;
}

static lethe_status prepare(lethe__tuning *tune) {
    lethe_unlearn_job *trial = &tune->job.trial;
    LETHE_TRY(check_options(&tune->job));
    LETHE_TRY(lethe__unlearn_job_find_method(trial, &tune->made));
    LETHE_TRY(lethe__allocate(1, trial->record->options_size, &tune->values));
    memcpy(tune->values, trial->method_options, trial->record->options_size);
    trial->method_options = tune->values;
    LETHE_TRY(lethe__tune_job_lend(&tune->job, &tune->runtime, &tune->set));
    LETHE_TRY(lethe__job_complete(&tune->set, &trial->data, trial->model.model));
    LETHE_TRY(lethe__kernels_digest(&tune->runtime, tune->kernels));
    if (tune->kernels[0] != 0)
        tune->runtime.kernels_digest = tune->kernels;
    LETHE_TRY(lethe__tune_range_read(tune->job.search, trial->record, &tune->range));
    LETHE_TRY(check_subject(tune));
    return read_earlier(tune);
}

static double or_zero(double seconds) {
    return isfinite(seconds) ? seconds : 0;
}

/* By what the records say, so that a search that is continued ends where the unbroken one would. */
static bool is_budget_spent(const lethe__tuning *tune) {
    const lethe_tune_job *job = &tune->job;
    double seconds = 0, epochs = 0;
    for (int i = 0; i < tune->result.n; i++) {
        const lethe_tune_trial *trial = &tune->result.trials[i];
        seconds += or_zero(trial->seconds) + or_zero(trial->evaluation_seconds);
        epochs += trial->epochs > 0 ? trial->epochs : 1;
    }
    return (job->minutes > 0 && seconds >= 60 * job->minutes) ||
           (job->budget_epochs > 0 && epochs >= job->budget_epochs);
}

static lethe_status search(lethe__tuning *tune) {
    double value;
    LETHE_TRY(prepare(tune));
    if (!tune->job.trial.run.force)
        LETHE_TRY(lethe__tune_adopt(tune));
    while (!is_budget_spent(tune) && lethe__tune_next(&tune->job, &tune->range, &tune->result, &value)) {
        lethe__log(&tune->runtime, LETHE_LOG_INFO, "trial %d of %d: %s=%g", tune->result.n + 1,
                   tune->job.trials, tune->range.option->name, value);
        LETHE_TRY(lethe__tune_try(tune, value));
    }
    if (tune->result.best < 0)
        lethe__log(&tune->runtime, LETHE_LOG_WARNING,
                   "no trial can be called the best: all diverged, are wrecked or stay below --least-va; "
                   "search another range of %s",
                   tune->range.option->name);
    return lethe__tune_store(tune);
}

lethe_status lethe_tune_job_run(const lethe_tune_job *job, const lethe_runtime *runtime,
                                lethe_tune_result *out) {
    lethe__tuning tune = {.job = *job, .runtime = *runtime, .result = {.best = -1}};
    lethe_status status = search(&tune);
    if (status == LETHE_OK)
        *out = tune.result;
    json_decref(tune.earlier);
    lethe__option_set_fini(&tune.set);
    lethe__free(tune.values);
    lethe__free(tune.made);
    return status;
}
