/* run_record.h - run.json: what a run did, on what, where, and how it ended. */
#ifndef LETHE_EXPERIMENT_RUN_RECORD_H
#define LETHE_EXPERIMENT_RUN_RECORD_H

#include "experiment/job.h"

typedef struct lethe__run_record {
    const lethe__job *job;
    const lethe__subject *subject;
    const lethe_run_result *result;
    const char *kernels; /* digest of the file with the choice of kernels, or NULL */
    const char *started; /* RFC 3339 */
    const char *outcome; /* "finished", "diverged" */
} lethe__run_record;

lethe_status lethe__run_record_write(const lethe__run_record *record, const char *path);

/* The versions of lethe and its libraries, by name; NULL when out of memory. */
json_t *lethe__versions_to_json(void);
/* {"cpu", "isa", "threads", "precision", "libraries"} as they are for `runtime`; NULL when out of memory. */
json_t *lethe__machine_to_json(const lethe_runtime *runtime);

#endif
