/* report.h - tables and pages from the results of `lethe evaluate`; reads files only, computes nothing but
 * means. */
#ifndef LETHE_REPORT_H
#define LETHE_REPORT_H

#include <lethe/export.h>
#include <lethe/status.h>
#include <stddef.h>
#include <stdio.h>

typedef struct lethe_report lethe_report;

/* Gathers every evaluation (files named evaluation.json or *.evaluation.json) under the folders, however
 * deep but not through links, and groups them: forget set, then model (dense, 90 % sparse, ...), then method;
 * trials of one group are averaged. Gaps are those of the paper's Table 3: of the means, to Retrain of the
 * same group. Evaluations with a second reference add a row "Retrain again", whose trials are the pairs of
 * Retrains and whose gaps are the means of theirs. LETHE_INPUT: no evaluation is found, or one is damaged. */
LETHE_API lethe_status lethe_report_create(const char *const *folders, size_t n_folders, lethe_report **out);
LETHE_API void lethe_report_destroy(lethe_report **report);

/* The table of the paper's Table 3, one for each forget set: every metric as mean +- deviation with its gap
 * to Retrain in brackets, the disparity average, RTE, and the speed-up over Retrain. */
LETHE_API lethe_status lethe_report_write_text(const lethe_report *report, FILE *stream);
LETHE_API lethe_status lethe_report_write_markdown(const lethe_report *report, FILE *stream);
LETHE_API lethe_status lethe_report_write_json(const lethe_report *report, FILE *stream);
/* One page without any outside resource, written atomically. */
LETHE_API lethe_status lethe_report_write_html(const lethe_report *report, const char *path);

#endif
