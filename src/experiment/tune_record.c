/* tune_record.c - tune.json, of the schema lethe.tune/1:
 *
 *     {"schema", "model", "forget", "method", "option", "low", "high", "reference", "reference_digest",
 *      "least_va", "trials": [{"value", "run", "outcome", "wrecked", "admissible", "UA", "MIA_efficacy",
 *      "RA", "TA", "VA", "disparity_average", "epochs", "seconds", "RTE_seconds", "evaluation_seconds"},
 *      ...], "best": {"value", "run"} or null}
 *
 * A search that goes on takes the metrics of finished trials from here, if they were measured against the
 * same reference; whether their runs are the same is for run.json to say. */
#include "experiment/tune_record.h"
#include <math.h>
#include <string.h>

typedef struct field {
    const char *key;
    size_t offset;
} field;

static const field fields[] = {
    {"UA", offsetof(lethe_tune_trial, ua)},
    {"MIA_efficacy", offsetof(lethe_tune_trial, mia_efficacy)},
    {"RA", offsetof(lethe_tune_trial, ra)},
    {"TA", offsetof(lethe_tune_trial, ta)},
    {"VA", offsetof(lethe_tune_trial, va)},
    {"disparity_average", offsetof(lethe_tune_trial, disparity_average)},
    {"seconds", offsetof(lethe_tune_trial, seconds)},
    {"RTE_seconds", offsetof(lethe_tune_trial, rte_seconds)},
    {"evaluation_seconds", offsetof(lethe_tune_trial, evaluation_seconds)},
};
enum { N_FIELDS = sizeof fields / sizeof *fields };

static json_t *trial_to_json(const lethe_tune_trial *trial) {
    json_t *object =
        json_pack("{s:o, s:s, s:s, s:b, s:b, s:i}", "value", lethe__json_real(trial->value), "run",
                  trial->run, "outcome", trial->diverged ? "diverged" : "finished", "wrecked", trial->wrecked,
                  "admissible", trial->admissible, "epochs", trial->epochs);
    for (int i = 0; i < N_FIELDS; i++) {
        double value;
        memcpy(&value, (const char *)trial + fields[i].offset, sizeof value);
        if (json_object_set_new(object, fields[i].key, lethe__json_real(value)) != 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

static json_t *trials_to_json(const lethe_tune_result *result) {
    json_t *array = json_array();
    for (int i = 0; i < result->n; i++) {
        if (json_array_append_new(array, trial_to_json(&result->trials[i])) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static json_t *best_to_json(const lethe_tune_result *result) {
    if (result->best < 0)
        return json_null();
    const lethe_tune_trial *best = &result->trials[result->best];
    return json_pack("{s:o, s:s}", "value", lethe__json_real(best->value), "run", best->run);
}

json_t *lethe__tune_to_json(const lethe_tune_job *job, const lethe__tune_range *range,
                            const char *reference_digest, const lethe_tune_result *result) {
    return json_pack("{s:s, s:s, s:s?, s:s, s:s, s:o, s:o, s:s?, s:s?, s:o, s:o, s:o}", "schema",
                     "lethe.tune/1", "model", job->trial.model.model, "forget", job->trial.forget, "method",
                     job->trial.method, "option", range->option->name, "low", lethe__json_real(range->low),
                     "high", lethe__json_real(range->high), "reference", job->reference, "reference_digest",
                     reference_digest, "least_va", lethe__json_real(job->least_va >= 0 ? job->least_va : NAN),
                     "trials", trials_to_json(result), "best", best_to_json(result));
}

static bool same_text(const json_t *value, const char *text) {
    const char *stored = json_string_value(value);
    return stored == NULL || text == NULL ? stored == text : strcmp(stored, text) == 0;
}

bool lethe__tune_recall(const json_t *record, const char *reference_digest, lethe_tune_trial *trial) {
    const json_t *entries = json_object_get(record, "trials"), *entry = NULL;
    if (!same_text(json_object_get(record, "schema"), "lethe.tune/1") ||
        !same_text(json_object_get(record, "reference_digest"), reference_digest))
        return false;
    for (size_t i = 0; i < json_array_size(entries) && entry == NULL; i++)
        if (same_text(json_object_get(json_array_get(entries, i), "run"), trial->run))
            entry = json_array_get(entries, i);
    if (entry == NULL)
        return false;
    for (int i = 0; i < N_FIELDS; i++) {
        const json_t *stored = json_object_get(entry, fields[i].key);
        double value = json_is_number(stored) ? json_number_value(stored) : NAN;
        memcpy((char *)trial + fields[i].offset, &value, sizeof value);
    }
    trial->diverged = same_text(json_object_get(entry, "outcome"), "diverged");
    return true;
}
