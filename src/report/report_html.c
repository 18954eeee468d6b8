/* report_html.c - the report as one HTML page without outside resources: the tables, and a bar for each
 * disparity. */
#include "base/fail.h"
#include "base/file.h"
#include "report/page.h"
#include "report/report.h"
#include <math.h>

static const char style[] = "table { width: 100%; }\n"
                            "th, td { white-space: nowrap; }\n"
                            "th:nth-child(-n+2), td:nth-child(-n+2) { text-align: left; }\n"
                            "td.bar { width: 12em; text-align: left; }\n"
                            "td.bar span { display: inline-block; height: .8em; background: #4a7ab5; }\n"
                            "td.bar span.again { background: #999; }\n";

static const char introduction[] =
    "<p>Mean &plusmn; standard deviation over trials, in per cent; in brackets the gap to Retrain on the "
    "same "
    "kind of model. Disparity is the mean of the four gaps: smaller is closer to having never seen the data."
    "</p>\n";

static void write_heading(FILE *stream, const lethe__row *row) {
    fputs("<h2>Forget ", stream);
    lethe__page_text(stream, row->forget);
    fputs("</h2>\n<table>\n<tr><th>method</th><th>model</th>", stream);
    for (int k = 0; k < LETHE__CELLS; k++)
        fprintf(stream, "<th>%s</th>", lethe__cell_headings[k]);
    fputs("<th></th></tr>\n", stream);
}

/* largest: the largest disparity of the page, which has the longest bar. */
static void write_row(FILE *stream, const lethe__row *row, double largest) {
    char cells[LETHE__CELLS][LETHE__CELL_BYTES], model[32];
    lethe__row_cells(row, cells);
    lethe__row_model(row, model, sizeof model);
    fputs("<tr><td>", stream);
    lethe__page_text(stream, lethe__row_label(row));
    fprintf(stream, "</td><td>%s</td>", model);
    for (int k = 0; k < LETHE__CELLS; k++)
        fprintf(stream, "<td>%s</td>", cells[k]);
    fputs("<td class=\"bar\">", stream);
    if (!row->is_retrain && row->disparity_average > 0)
        fprintf(stream, "<span%s style=\"width: %.1f%%\"></span>",
                row->is_retrain_again ? " class=\"again\"" : "", 100 * row->disparity_average / largest);
    fputs("</td></tr>\n", stream);
}

lethe_status lethe_report_write_html(const lethe_report *report, const char *path) {
    lethe__writer *writer;
    LETHE_TRY(lethe__writer_open(path, &writer));
    FILE *stream = lethe__writer_stream(writer);
    double largest = 0;
    for (size_t i = 0; i < report->n_rows; i++)
        largest = fmax(largest, report->rows[i].disparity_average);
    lethe__page_begin(stream, "Unlearning compared with Retrain", style);
    fputs(introduction, stream);
    if (lethe__report_band(report) != NULL)
        fprintf(stream, "<p>%s</p>\n", lethe__report_band(report));
    for (size_t i = 0; i < report->n_rows; i++) {
        bool first = lethe__row_starts_table(report, i);
        if (first && i > 0)
            fputs("</table>\n", stream);
        if (first)
            write_heading(stream, &report->rows[i]);
        write_row(stream, &report->rows[i], largest);
    }
    fputs("</table>\n", stream);
    lethe__page_end(stream);
    return lethe__writer_commit(&writer);
}
