/* report.h - what the writers of tables and pages share: evaluations grouped and averaged. */
#ifndef LETHE_REPORT_REPORT_H
#define LETHE_REPORT_REPORT_H

#include "base/memory.h"
#include <lethe/report.h>
#include <stdbool.h>

/* The columns that have a gap to Retrain, in the order of the paper's tables. */
enum { LETHE__UA, LETHE__MIA, LETHE__RA, LETHE__TA, LETHE__METRICS };

typedef struct lethe__mean {
    double value, deviation; /* sample deviation; NaN with fewer than two trials */
} lethe__mean;

typedef struct lethe__row {
    const char *forget, *method; /* in the report's arena */
    double sparsity;             /* of the model that the method was given, rounded to 0.1 % */
    size_t n_trials;
    lethe__mean metrics[LETHE__METRICS], rte_seconds;
    double gaps[LETHE__METRICS], disparity_average, speed_up; /* NaN without a Retrain in the group */
    bool is_retrain, is_retrain_again;
} lethe__row;

struct lethe_report {
    lethe__arena *texts;
    lethe__row *rows; /* sorted: forget set, method, sparsity */
    size_t n_rows, capacity;
};

extern const char *const lethe__metric_names[LETHE__METRICS];
/* The method of rows that say how far two Retrains lie apart: the models are those of --reference-2. */
extern const char lethe__retrain_again[];
/* What such a row is for, in one sentence; NULL for a report without one. */
const char *lethe__report_band(const lethe_report *report);

/* Is row `i` the first of its forget set? */
bool lethe__row_starts_table(const lethe_report *report, size_t i);
/* "dense" or "90 % sparse". */
void lethe__row_model(const lethe__row *row, char *text, size_t size);
/* The label of the method's record, "FT"; the name itself where no method is called so. */
const char *lethe__row_label(const lethe__row *row);

/* The cells of a row behind method and model, the same in every format: the number of trials, then
 * "12.34 ±0.56 (1.23)"; "" where there is nothing to say. */
enum { LETHE__CELLS = LETHE__METRICS + 4, LETHE__CELL_BYTES = 48 };
extern const char *const lethe__cell_headings[LETHE__CELLS];
void lethe__row_cells(const lethe__row *row, char cells[LETHE__CELLS][LETHE__CELL_BYTES]);

#endif
