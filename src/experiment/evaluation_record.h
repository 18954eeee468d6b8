/* evaluation_record.h - the result of an evaluation as JSON, schema lethe.evaluation/1. */
#ifndef LETHE_EXPERIMENT_EVALUATION_RECORD_H
#define LETHE_EXPERIMENT_EVALUATION_RECORD_H

#include "base/json.h"
#include <lethe/run.h>

/* All accuracies and rates are percentages, null where nothing was measured. NULL when out of memory. */
json_t *lethe__evaluation_to_json(const lethe_evaluate_job *job, const lethe_evaluation_result *result,
                                  lethe_compat compat);

#endif
