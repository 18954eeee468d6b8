/* report.c - groups evaluations and averages them.
 *
 * A group is (forget set, sparsity of the model that the method was given, method); its trials differ in
 * their seeds. The gap of a metric is |mean of the method - mean of Retrain| for the same forget set and
 * sparsity, and the disparity average is the mean of the four gaps: the numbers of the paper's Table 3. The
 * trials of "Retrain again" are pairs of Retrains, and its gap is the mean of theirs: each is a distance, and
 * the distances of A to B, B to C and C to A do not cancel. */
#include "report/report.h"
#include "base/fail.h"
#include "report/trials.h"
#include <lethe/unlearn.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const lethe__metric_names[LETHE__METRICS] = {"UA", "MIA-Efficacy", "RA", "TA"};
const char lethe__retrain_again[] = "retrain-again";

/* The yardsticks come first, the methods behind them by name. */
static int method_rank(const char *method) {
    static const char *const first[] = {"original", "retrain", lethe__retrain_again};
    int rank = 0;
    while (rank < 3 && strcmp(method, first[rank]) != 0)
        rank++;
    return rank;
}

const char *lethe__row_label(const lethe__row *row) {
    if (strcmp(row->method, "original") == 0)
        return "Original";
    if (row->is_retrain_again)
        return "Retrain again";
    for (const lethe_unlearn_method *const *each = lethe_unlearn_methods(); *each != NULL; each++)
        if (strcmp(row->method, (*each)->name) == 0 && (*each)->label != NULL)
            return (*each)->label;
    return row->method;
}

static int by_group(const void *a, const void *b) {
    const lethe__trial *one = a, *other = b;
    int order = strcmp(one->forget, other->forget);
    if (order == 0)
        order = method_rank(one->method) - method_rank(other->method);
    if (order == 0)
        order = strcmp(one->method, other->method);
    return order != 0 ? order : (one->sparsity > other->sparsity) - (one->sparsity < other->sparsity);
}

/* The number that lies `offset` bytes inside a trial. */
static double number_of(const lethe__trial *one, size_t offset) {
    double number;
    memcpy(&number, (const char *)one + offset, sizeof number);
    return number;
}

static lethe__mean mean_of(const lethe__trial *trials, size_t n, size_t offset) {
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++)
        sum += number_of(&trials[i], offset);
    double mean = sum / (double)n;
    for (size_t i = 0; i < n; i++)
        squares += pow(number_of(&trials[i], offset) - mean, 2);
    return (lethe__mean){mean, n > 1 ? sqrt(squares / (double)(n - 1)) : NAN};
}

static void average(const lethe__trial *trials, size_t n, lethe__row *row) {
    *row = (lethe__row){
        .forget = trials->forget, .method = trials->method, .sparsity = trials->sparsity, .n_trials = n};
    for (size_t i = 0; i < LETHE__METRICS; i++) {
        row->metrics[i] = mean_of(trials, n, offsetof(lethe__trial, metrics) + i * sizeof(double));
        row->gaps[i] = mean_of(trials, n, offsetof(lethe__trial, gaps) + i * sizeof(double)).value;
    }
    row->rte_seconds = mean_of(trials, n, offsetof(lethe__trial, rte_seconds));
    row->is_retrain = strcmp(row->method, "retrain") == 0;
    row->is_retrain_again = strcmp(row->method, lethe__retrain_again) == 0;
}

static const lethe__row *find_retrain(const lethe_report *report, const lethe__row *row) {
    for (size_t i = 0; i < report->n_rows; i++) {
        const lethe__row *each = &report->rows[i];
        if (each->is_retrain && each->sparsity == row->sparsity && strcmp(each->forget, row->forget) == 0)
            return each;
    }
    return NULL;
}

static void compare_with_retrain(const lethe_report *report, lethe__row *row) {
    const lethe__row *retrain = find_retrain(report, row);
    row->speed_up = retrain != NULL ? retrain->rte_seconds.value / row->rte_seconds.value : NAN;
    for (int i = 0; i < LETHE__METRICS; i++) {
        if (!row->is_retrain_again)
            row->gaps[i] = retrain != NULL ? fabs(row->metrics[i].value - retrain->metrics[i].value) : NAN;
        row->disparity_average += row->gaps[i] / LETHE__METRICS;
    }
}

static lethe_status make_rows(lethe_report *report, lethe__trial *trials, size_t n) {
    if (n > 0)
        qsort(trials, n, sizeof *trials, by_group);
    for (size_t first = 0, end; first < n; first = end) {
        for (end = first + 1; end < n && by_group(&trials[first], &trials[end]) == 0; end++)
            ;
        LETHE_TRY(lethe__grow(&report->rows, &report->capacity, report->n_rows + 1, sizeof *report->rows));
        average(trials + first, end - first, &report->rows[report->n_rows++]);
    }
    for (size_t i = 0; i < report->n_rows; i++)
        compare_with_retrain(report, &report->rows[i]);
    return LETHE_OK;
}

static lethe_status fill_report(lethe_report *report, const char *const *folders, size_t n_folders) {
    LETHE_TRY(lethe__arena_create(&report->texts));
    lethe__trials gathered = {.texts = report->texts};
    lethe_status status = LETHE_OK;
    for (size_t i = 0; i < n_folders && status == LETHE_OK; i++)
        status = lethe__trials_gather(&gathered, folders[i]);
    if (status == LETHE_OK && gathered.n == 0)
        status = lethe__fail(LETHE_INPUT, "%s: no evaluation is here; `lethe evaluate --model RUN` makes one",
                             n_folders > 0 ? folders[0] : "no folder");
    if (status == LETHE_OK)
        status = make_rows(report, gathered.all, gathered.n);
    lethe__free(gathered.all);
    return status;
}

lethe_status lethe_report_create(const char *const *folders, size_t n_folders, lethe_report **out) {
    lethe_report *report;
    LETHE_TRY(lethe__allocate(1, sizeof *report, &report));
    lethe_status status = fill_report(report, folders, n_folders);
    if (status != LETHE_OK) {
        lethe_report_destroy(&report);
        return status;
    }
    *out = report;
    return LETHE_OK;
}

void lethe_report_destroy(lethe_report **report) {
    if (*report == NULL)
        return;
    lethe__arena_destroy(&(*report)->texts);
    lethe__free((*report)->rows);
    lethe__free(*report);
    *report = NULL;
}
