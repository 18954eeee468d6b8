/* analysis_record.h - the result of an analysis as JSON, schema lethe.analysis/1. */
#ifndef LETHE_EXPERIMENT_ANALYSIS_RECORD_H
#define LETHE_EXPERIMENT_ANALYSIS_RECORD_H

#include "base/json.h"
#include <lethe/analyze.h>

/* null where nothing was measured. NULL when out of memory. */
json_t *lethe__analysis_to_json(const lethe_analyze_job *job, const lethe_analysis *analysis);

#endif
