/* tune_search.h - which value of an option to try next, and which trial is the best: pure decisions. */
#ifndef LETHE_EXPERIMENT_TUNE_SEARCH_H
#define LETHE_EXPERIMENT_TUNE_SEARCH_H

#include "base/number.h"
#include <lethe/run.h>

typedef struct lethe__tune_range {
    const lethe_option *option;
    double low, high; /* 0 < low < high */
} lethe__tune_range;

/* Reads "lr=0.001..0.2"; the option is one of `method`'s, and both ends are values that it takes. */
lethe_status lethe__tune_range_read(const char *text, const lethe_unlearn_method *method,
                                    lethe__tune_range *out);

/* Whether a trial may win: it needs a model that is not wrecked, the bound and the number that
 * decides. */
bool lethe__tune_admissible(const lethe_tune_job *job, const lethe_tune_trial *trial);
/* Puts a trial in its place by value, and finds the best one anew. */
void lethe__tune_add(const lethe_tune_job *job, const lethe_tune_trial *trial, lethe_tune_result *result);
/* The value to try next; false: there is none left that would tell more. */
bool lethe__tune_next(const lethe_tune_job *job, const lethe__tune_range *range,
                      const lethe_tune_result *result, double *out);

#endif
