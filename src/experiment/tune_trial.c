/* tune_trial.c - one trial: an ordinary run directory, OUT/NAME=VALUE, and an evaluation of its model.
 *
 * What a run directory holds is believed only if its record names the very options and model that this search
 * would use: then a finished run answers at once, and an interrupted one continues from its checkpoint. */
#include "experiment/tune_trial.h"
#include "base/clock.h"
#include "base/fail.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/option.h"
#include "experiment/tune_record.h"
#include <dirent.h>
#include <math.h>
#include <string.h>

/* *same: is the run with this record the one that `trial` would make? */
static lethe_status compare_run(const lethe__tuning *tune, lethe_unlearn_job *trial, const json_t *record,
                                bool *same) {
    lethe__option_set set = {0};
    lethe_runtime runtime = tune->runtime;
    LETHE_TRY(lethe__unlearn_job_lend(trial, &runtime, &set));
    json_t *expected = lethe__option_set_to_json(&set);
    json_t *stored = json_deep_copy(json_object_get(record, "config"));
    lethe__config_strip(expected);
    lethe__config_strip(stored);
    const char *parent = json_string_value(json_object_get(json_object_get(record, "parent"), "digest"));
    const char *kernels = json_string_value(json_object_get(record, "kernels"));
    lethe_status status =
        expected != NULL ? LETHE_OK : lethe__fail(LETHE_MEMORY, "out of memory for the options of a trial");
    *same = parent != NULL && strcmp(parent, tune->parent) == 0 && json_equal(expected, stored) &&
            strcmp(kernels != NULL ? kernels : "", tune->kernels) == 0;
    json_decref(expected);
    json_decref(stored);
    lethe__option_set_fini(&set);
    return status;
}

static lethe_status check_run(const lethe__tuning *tune, lethe_unlearn_job *trial, const json_t *record) {
    bool same;
    LETHE_TRY(compare_run(tune, trial, record, &same));
    if (!same)
        LETHE_FAIL(
            LETHE_USAGE,
            "%s holds a run of another model, with other kernels or with other options than this search; "
            "choose another --out, or replace the runs there with --force",
            trial->run.out);
    return LETHE_OK;
}

/* Carries out the run unless it is there; *record: its run.json. */
static lethe_status obtain_run(const lethe__tuning *tune, lethe_unlearn_job *trial, bool *fresh,
                               json_t **record) {
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
        status = check_run(tune, trial, *record);
    lethe__free(path);
    return status;
}

static double number_of(const json_t *record, const char *key) {
    const json_t *value = json_object_get(record, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static lethe_status measure(lethe__tuning *tune, const lethe_unlearn_job *trial, lethe_tune_trial *out) {
    double started = lethe__clock_seconds();
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
    out->evaluation_seconds = lethe__clock_seconds() - started;
    return LETHE_OK;
}

/* *fresh: something was computed that tune.json does not hold yet. */
static lethe_status obtain_trial(lethe__tuning *tune, lethe_unlearn_job *trial, bool *fresh,
                                 lethe_tune_trial *out) {
    json_t *record = NULL;
    lethe_status status = obtain_run(tune, trial, fresh, &record);
    if (status != LETHE_OK) {
        json_decref(record);
        return status;
    }
    out->epochs = (int)json_integer_value(json_object_get(record, "epochs"));
    out->wrecked = json_is_true(json_object_get(json_object_get(record, "retain"), "wrecked"));
    const char *outcome = json_string_value(json_object_get(record, "outcome"));
    const char *reference = tune->job.reference != NULL ? tune->reference : NULL;
    if (*fresh || !lethe__tune_recall(tune->earlier, reference, out)) {
        *fresh = true;
        out->diverged = outcome == NULL || strcmp(outcome, "finished") != 0;
        out->seconds = number_of(record, "seconds");
        out->rte_seconds = number_of(record, "rte_seconds");
        out->ua = out->mia_efficacy = out->ra = out->ta = out->va = NAN;
        out->disparity_average = out->evaluation_seconds = NAN;
        if (!out->diverged)
            status = measure(tune, trial, out);
    }
    json_decref(record);
    return status;
}

lethe_status lethe__tune_store(const lethe__tuning *tune) {
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

/* The trial of a value; trial->run.out is to be freed. */
static lethe_status make_trial(const lethe__tuning *tune, double value, lethe_unlearn_job *trial,
                               lethe_tune_trial *outcome) {
    char text[LETHE__NUMBER_TEXT], *path;
    *trial = tune->job.trial;
    *outcome = (lethe_tune_trial){.value = value};
    lethe__number_format(value, text);
    LETHE_TRY(lethe__option_read(tune->range.option, trial->method_options, text));
    snprintf(outcome->run, sizeof outcome->run, "%s=%s", tune->range.option->name, text);
    LETHE_TRY(lethe__path_join(tune->job.trial.run.out, outcome->run, &path));
    trial->run.out = path;
    return LETHE_OK;
}

lethe_status lethe__tune_try(lethe__tuning *tune, double value) {
    lethe_unlearn_job trial;
    lethe_tune_trial outcome;
    bool fresh;
    LETHE_TRY(make_trial(tune, value, &trial, &outcome));
    lethe_status status = obtain_trial(tune, &trial, &fresh, &outcome);
    lethe__free((void *)trial.run.out);
    LETHE_TRY(status);
    outcome.admissible = lethe__tune_admissible(&tune->job, &outcome);
    lethe__tune_add(&tune->job, &outcome, &tune->result);
    return fresh ? lethe__tune_store(tune) : LETHE_OK;
}

/* --- trials of earlier sittings --- */

/* The value of a trial by the name of its folder; false: it is none of this option and range. */
static bool read_name(const lethe__tune_range *range, const char *name, double *value) {
    char text[LETHE__NUMBER_TEXT];
    size_t length = strlen(range->option->name);
    if (strncmp(name, range->option->name, length) != 0 || name[length] != '=' ||
        !lethe__number_parse(name + length + 1, value) || *value < range->low || *value > range->high)
        return false;
    lethe__number_format(*value, text);
    return strcmp(text, name + length + 1) == 0;
}

/* *finished: the run of this value is there, and is this search's. */
static lethe_status find_trial(const lethe__tuning *tune, double value, bool *finished) {
    lethe_unlearn_job trial;
    lethe_tune_trial outcome;
    char *path = NULL;
    json_t *record = NULL;
    *finished = false;
    LETHE_TRY(make_trial(tune, value, &trial, &outcome));
    lethe_status status = lethe__path_join(trial.run.out, "run.json", &path);
    if (status == LETHE_OK && lethe__file_exists(path)) {
        status = lethe__json_read(path, &record);
        if (status == LETHE_OK)
            status = compare_run(tune, &trial, record, finished);
    }
    json_decref(record);
    lethe__free(path);
    lethe__free((void *)trial.run.out);
    return status;
}

lethe_status lethe__tune_adopt(lethe__tuning *tune) {
    DIR *folder = opendir(tune->job.trial.run.out);
    lethe_status status = LETHE_OK;
    if (folder == NULL)
        return LETHE_OK; /* a new search */
    for (const struct dirent *entry; status == LETHE_OK && (entry = readdir(folder)) != NULL;) {
        double value;
        bool finished;
        if (tune->result.n == LETHE_TUNE_MOST_TRIALS || !read_name(&tune->range, entry->d_name, &value))
            continue;
        status = find_trial(tune, value, &finished);
        if (status == LETHE_OK && finished)
            status = lethe__tune_try(tune, value);
    }
    closedir(folder);
    return status;
}
