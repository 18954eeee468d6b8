/* report_table.c - the table of the paper's Table 3 as text, Markdown and JSON. */
#include "base/fail.h"
#include "base/json.h"
#include "report/report.h"
#include <math.h>
#include <string.h>

const char *const lethe__cell_headings[LETHE__CELLS] = {"trials", "UA",        "MIA-Efficacy", "RA",
                                                        "TA",     "Disparity", "RTE (s)",      "speed-up"};

void lethe__row_model(const lethe__row *row, char *text, size_t size) {
    if (row->sparsity == 0)
        snprintf(text, size, "dense");
    else
        snprintf(text, size, "%g %% sparse", row->sparsity * 100);
}

bool lethe__row_starts_table(const lethe_report *report, size_t i) {
    return i == 0 || strcmp(report->rows[i].forget, report->rows[i - 1].forget) != 0;
}

/* "12.34 ±0.56 (1.23)": mean, deviation where there is one, gap where there is one. */
static void write_metric(lethe__mean mean, double gap, char *cell) {
    if (isnan(mean.value))
        return;
    int n = snprintf(cell, LETHE__CELL_BYTES, "%.2f", mean.value);
    if (!isnan(mean.deviation))
        n += snprintf(cell + n, LETHE__CELL_BYTES - (size_t)n, " ±%.2f", mean.deviation);
    if (!isnan(gap))
        snprintf(cell + n, LETHE__CELL_BYTES - (size_t)n, " (%.2f)", gap);
}

void lethe__row_cells(const lethe__row *row, char cells[LETHE__CELLS][LETHE__CELL_BYTES]) {
    enum { TRIALS, FIRST_METRIC, DISPARITY = FIRST_METRIC + LETHE__METRICS, RTE, SPEED_UP };
    memset(cells, 0, LETHE__CELLS * LETHE__CELL_BYTES);
    snprintf(cells[TRIALS], LETHE__CELL_BYTES, "%zu", row->n_trials);
    for (int i = 0; i < LETHE__METRICS; i++)
        write_metric(row->metrics[i], row->is_retrain ? NAN : row->gaps[i], cells[FIRST_METRIC + i]);
    if (!row->is_retrain && !isnan(row->disparity_average))
        snprintf(cells[DISPARITY], LETHE__CELL_BYTES, "%.2f", row->disparity_average);
    if (!isnan(row->rte_seconds.value))
        snprintf(cells[RTE], LETHE__CELL_BYTES, "%.1f", row->rte_seconds.value);
    if (!row->is_retrain && isfinite(row->speed_up))
        snprintf(cells[SPEED_UP], LETHE__CELL_BYTES, "%.1fx", row->speed_up);
}

const char *lethe__report_band(const lethe_report *report) {
    for (size_t i = 0; i < report->n_rows; i++)
        if (report->rows[i].is_retrain_again)
            return "Retrain again: Retrain with another seed, its gaps averaged over pairs of single runs; a "
                   "method whose disparity is no larger is as near to Retrain as a second Retrain.";
    return NULL;
}

/* --- text --- */

/* Columns on a terminal: code points, since ± takes two bytes. */
static int text_width(const char *text) {
    int n = 0;
    for (; *text != '\0'; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

static void write_cell(FILE *stream, const char *text, int width) {
    fprintf(stream, "  %*s%s", width - text_width(text), "", text);
}

static lethe_status check_stream(FILE *stream) {
    if (fflush(stream) != 0 || ferror(stream))
        LETHE_FAIL(LETHE_FAILED, "the report could not be written");
    return LETHE_OK;
}

static void write_band(const lethe_report *report, FILE *stream) {
    const char *sentence = lethe__report_band(report);
    if (sentence != NULL)
        fprintf(stream, "\n%s\n", sentence);
}

static int label_width(const lethe_report *report) {
    int width = text_width("method");
    for (size_t i = 0; i < report->n_rows; i++)
        if (text_width(lethe__row_label(&report->rows[i])) > width)
            width = text_width(lethe__row_label(&report->rows[i]));
    return width;
}

lethe_status lethe_report_write_text(const lethe_report *report, FILE *stream) {
    int widths[LETHE__CELLS], first = label_width(report);
    char cells[LETHE__CELLS][LETHE__CELL_BYTES], model[32];
    for (int k = 0; k < LETHE__CELLS; k++)
        widths[k] = text_width(lethe__cell_headings[k]);
    for (size_t i = 0; i < report->n_rows; i++) {
        lethe__row_cells(&report->rows[i], cells);
        for (int k = 0; k < LETHE__CELLS; k++)
            if (text_width(cells[k]) > widths[k])
                widths[k] = text_width(cells[k]);
    }
    for (size_t i = 0; i < report->n_rows; i++) {
        const lethe__row *row = &report->rows[i];
        if (lethe__row_starts_table(report, i)) {
            fprintf(stream, "%sForget %s (mean ±deviation over trials; gap to Retrain in brackets)\n",
                    i > 0 ? "\n" : "", row->forget);
            fprintf(stream, "%-*s  %-12s", first, "method", "model");
            for (int k = 0; k < LETHE__CELLS; k++)
                write_cell(stream, lethe__cell_headings[k], widths[k]);
            fputc('\n', stream);
        }
        lethe__row_cells(row, cells);
        lethe__row_model(row, model, sizeof model);
        fprintf(stream, "%-*s  %-12s", first, lethe__row_label(row), model);
        for (int k = 0; k < LETHE__CELLS; k++)
            write_cell(stream, cells[k], widths[k]);
        fputc('\n', stream);
    }
    write_band(report, stream);
    return check_stream(stream);
}

/* --- Markdown --- */

lethe_status lethe_report_write_markdown(const lethe_report *report, FILE *stream) {
    char cells[LETHE__CELLS][LETHE__CELL_BYTES], model[32];
    for (size_t i = 0; i < report->n_rows; i++) {
        const lethe__row *row = &report->rows[i];
        if (lethe__row_starts_table(report, i)) {
            fprintf(stream, "%s**Forget %s**\n\n| method | model |", i > 0 ? "\n" : "", row->forget);
            for (int k = 0; k < LETHE__CELLS; k++)
                fprintf(stream, " %s |", lethe__cell_headings[k]);
            fprintf(stream, "\n|---|---|");
            for (int k = 0; k < LETHE__CELLS; k++)
                fprintf(stream, "---:|");
            fputc('\n', stream);
        }
        lethe__row_cells(row, cells);
        lethe__row_model(row, model, sizeof model);
        fprintf(stream, "| %s | %s |", lethe__row_label(row), model);
        for (int k = 0; k < LETHE__CELLS; k++)
            fprintf(stream, " %s |", cells[k]);
        fputc('\n', stream);
    }
    write_band(report, stream);
    return check_stream(stream);
}

/* --- JSON --- */

static json_t *row_to_json(const lethe__row *row) {
    json_t *metrics = json_object(), *gaps = json_object();
    for (int i = 0; i < LETHE__METRICS; i++) {
        json_object_set_new(metrics, lethe__metric_names[i],
                            json_pack("{s:o, s:o}", "mean", lethe__json_real(row->metrics[i].value),
                                      "deviation", lethe__json_real(row->metrics[i].deviation)));
        json_object_set_new(gaps, lethe__metric_names[i], lethe__json_real(row->gaps[i]));
    }
    return json_pack("{s:s, s:s, s:f, s:I, s:o, s:o, s:o, s:o, s:o}", "forget", row->forget, "method",
                     row->method, "sparsity", row->sparsity, "trials", (json_int_t)row->n_trials, "metrics",
                     metrics, "gaps", gaps, "disparity_average", lethe__json_real(row->disparity_average),
                     "RTE_seconds", lethe__json_real(row->rte_seconds.value), "speed_up",
                     lethe__json_real(row->speed_up));
}

lethe_status lethe_report_write_json(const lethe_report *report, FILE *stream) {
    json_t *rows = json_array(), *root = json_pack("{s:s, s:o}", "schema", "lethe.report/1", "rows", rows);
    bool whole = root != NULL;
    for (size_t i = 0; i < report->n_rows && whole; i++)
        whole = json_array_append_new(rows, row_to_json(&report->rows[i])) == 0;
    lethe_status status = whole ? lethe__json_dump(root, stream)
                                : lethe__fail(LETHE_MEMORY, "out of memory for the report as JSON");
    json_decref(root);
    return status == LETHE_OK ? check_stream(stream) : status;
}
