/* tune_trial.h - the trials of a search: each is a run directory, and what was measured of its model. */
#ifndef LETHE_EXPERIMENT_TUNE_TRIAL_H
#define LETHE_EXPERIMENT_TUNE_TRIAL_H

#include "experiment/job.h"
#include "experiment/tune_search.h"

typedef struct lethe__tuning {
    lethe_tune_job job; /* the caller's; its trial is filled in for each value */
    lethe_runtime runtime;
    lethe__option_set set; /* over the trial and `runtime` */
    void *made, *values;   /* default options of the method, if needed; the trial's own options */
    lethe__tune_range range;
    char parent[LETHE_DIGEST_TEXT], reference[LETHE_DIGEST_TEXT];
    char kernels[LETHE_DIGEST_TEXT]; /* of the file with the choice of kernels; "": none */
    lethe__measured_reference measured;
    json_t *earlier; /* tune.json of an earlier sitting, or NULL */
    lethe_tune_result result;
} lethe__tuning;

/* Makes or finds the run of a value, measures its model, and adds both to the result. LETHE_USAGE: another
 * run lies in its place. */
lethe_status lethe__tune_try(lethe__tuning *tune, double value);
/* Adds every finished trial of the range that lies in the search's folder, whatever grid chose its value. */
lethe_status lethe__tune_adopt(lethe__tuning *tune);
/* Writes tune.json. */
lethe_status lethe__tune_store(const lethe__tuning *tune);

#endif
