/* cmd_report.c - lethe report */
#include "base/fail.h"
#include "cli/command.h"
#include <lethe/report.h>

enum { MAX_FOLDERS = 256 };

typedef struct report_options {
    const char *html;
    bool markdown;
} report_options;

static const lethe_option report_table[] = {
    {.name = "html",
     .type = LETHE_OPTION_STRING,
     .offset = offsetof(report_options, html),
     .placeholder = "FILE",
     .help = "also write the tables as one HTML page"},
    {.name = "markdown",
     .type = LETHE_OPTION_FLAG,
     .offset = offsetof(report_options, markdown),
     .help = "print the tables in Markdown"},
    LETHE_OPTIONS_END,
};

static lethe_status options(lethe__call *call, void *job) {
    return lethe__option_set_add(&call->set, "Report", report_table, job);
}

static lethe_status write_report(const lethe__call *call, const report_options *wanted,
                                 const lethe_report *report) {
    if (call->talk.json)
        LETHE_TRY(lethe_report_write_json(report, stdout));
    else if (wanted->markdown)
        LETHE_TRY(lethe_report_write_markdown(report, stdout));
    else
        LETHE_TRY(lethe_report_write_text(report, stdout));
    return wanted->html != NULL ? lethe_report_write_html(report, wanted->html) : LETHE_OK;
}

static lethe_status run(lethe__call *call, void *job) {
    lethe_report *report = NULL;
    if (call->n_words == 0)
        LETHE_FAIL(LETHE_USAGE, "no folder is given; lethe report FOLDER reads the evaluations below it");
    LETHE_TRY(lethe_report_create((const char *const *)call->words, (size_t)call->n_words, &report));
    lethe_status status = write_report(call, job, report);
    lethe_report_destroy(&report);
    return status;
}

const lethe__command lethe__cmd_report = {
    .name = "report",
    .summary = "tables and a page that compare methods with Retrain",
    .words = "FOLDER...",
    .max_words = MAX_FOLDERS,
    .details =
        "Gathers what lethe evaluate has stored below the folders (evaluation.json and "
        "*.evaluation.json) and prints the "
        "table of the paper's Table 3 for each forget set: every metric as mean and deviation over "
        "trials, its gap to "
        "Retrain in brackets, the disparity average, the time and the speed-up over "
        "Retrain. Where models were evaluated with --reference-2, the row Retrain again says how far two "
        "Retrains lie apart, which is as near as a method can be asked to come.\nExample: lethe report demo "
        "--html report.html",
    .traits = LETHE__HAS_RESULT,
    .job_size = sizeof(report_options),
    .options = options,
    .run = run,
};
