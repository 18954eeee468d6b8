/* tune_record.h - tune.json: a search as far as it has come. */
#ifndef LETHE_EXPERIMENT_TUNE_RECORD_H
#define LETHE_EXPERIMENT_TUNE_RECORD_H

#include "base/json.h"
#include "experiment/tune_search.h"

/* `reference_digest` is that of the reference's file, or NULL. NULL when out of memory. */
json_t *lethe__tune_to_json(const lethe_tune_job *job, const lethe__tune_range *range,
                            const char *reference_digest, const lethe_tune_result *result);

/* Fills the metrics of `trial` (all but what its run.json says) from a record that measured it against the
 * same reference; false: the record does not hold it. `record` may be NULL. */
bool lethe__tune_recall(const json_t *record, const char *reference_digest, lethe_tune_trial *trial);

#endif
