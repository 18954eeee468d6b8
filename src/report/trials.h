/* trials.h - what the evaluations below some folders measured, read for the report. */
#ifndef LETHE_REPORT_TRIALS_H
#define LETHE_REPORT_TRIALS_H

#include "report/report.h"

/* One model; or, as method lethe__retrain_again, a second Retrain that is compared with a first one. */
typedef struct lethe__trial {
    const char *forget, *method; /* in the arena */
    double sparsity, metrics[LETHE__METRICS], rte_seconds;
    const char *first, *second;  /* the two Retrains; else NULL */
    double gaps[LETHE__METRICS]; /* of the second to the first */
} lethe__trial;

typedef struct lethe__trials {
    lethe__arena *texts;
    lethe__trial *all;
    size_t n, capacity;
} lethe__trials;

/* Adds what lies below a folder. Free `all` in every case. */
lethe_status lethe__trials_gather(lethe__trials *gathered, const char *folder);

#endif
