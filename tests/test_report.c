/* test_report.c - reports from evaluation files: grouping, means, gaps, and what happens to damaged input. */
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "report/report.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/lethe-report-XXXXXX";

/* `more`: what stands behind the model's own numbers, after a comma. */
static void write_more(const char *name, const char *method, const char *forget, double sparsity, double ua,
                       double mia, double ra, double ta, double rte, const char *more) {
    char path[256], text[1024];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(lethe__folder_create(path), LETHE_OK);
    snprintf(path, sizeof path, "%s/%s/evaluation.json", folder, name);
    snprintf(text, sizeof text,
             "{\"schema\": \"lethe.evaluation/1\", \"method\": \"%s\", \"forget\": \"%s\", "
             "\"parent_sparsity\": %g, \"UA\": %g, "
             "\"RA\": %g, \"TA\": %g, \"MIA_efficacy\": {\"confidence\": %g}, \"RTE_seconds\": %g%s}",
             method, forget, sparsity, ua, ra, ta, mia, rte, more);
    assert_int_equal(lethe__file_write(path, text, strlen(text)), LETHE_OK);
}

static void write_evaluation(const char *name, const char *method, const char *forget, double sparsity,
                             double ua, double mia, double ra, double ta, double rte) {
    write_more(name, method, forget, sparsity, ua, mia, ra, ta, rte, "");
}

/* A second Retrain of these gaps to the first, whose metrics are all 90. */
static void write_pair(const char *name, const char *second, double ua, double mia, double ra, double ta) {
    char more[512];
    snprintf(more, sizeof more,
             ", \"reference\": {\"model\": \"first\", \"sparsity\": 0.9001}, \"reference_2\": {\"model\": "
             "\"%s\", \"UA\": %g, \"RA\": %g, \"TA\": %g, \"MIA_efficacy\": {\"confidence\": %g}}, "
             "\"null_gap\": {\"UA\": %g, \"RA\": %g, \"TA\": %g, \"MIA_efficacy\": %g}",
             second, 90 + ua, 90 + ra, 90 + ta, 90 + mia, ua, ra, ta, mia);
    write_more(name, "ft", "random=0.2", 0, 50, 50, 50, 50, 1, more);
}

static int make_folder(void **state) {
    (void)state;
    if (mkdtemp(folder) == NULL)
        return 1;
    write_evaluation("trial1/retrain", "retrain", "class=3", 0, 100, 100, 99, 90, 60);
    write_evaluation("trial2/retrain", "retrain", "class=3", 0, 100, 100, 97, 88, 40);
    write_evaluation("trial1/ga", "ga", "class=3", 0, 80, 70, 95, 85, 2);
    write_evaluation("trial2/ga", "ga", "class=3", 0, 90, 80, 95, 87, 3);
    write_evaluation("trial1/ga-sparse", "ga", "class=3", 0.8999, 95, 90, 96, 86, 2);
    write_evaluation("trial1/ft", "ft", "random=0.1", 0, 5, 10, 99, 90, 10);
    write_pair("trial1/paired", "second", 1, 2, 3, 4);
    write_pair("trial2/paired", "second", 1, 2, 3, 4);
    write_pair("trial3/paired", "third", 3, 4, 5, 8);
    char link[256];
    snprintf(link, sizeof link, "%s/latest", folder); /* must not count the trials again */
    return symlink(".", link);
}

static int remove_folder(void **state) {
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

static lethe_report *open_report(void) {
    const char *folders[] = {folder};
    lethe_report *report = NULL;
    if (lethe_report_create(folders, 1, &report) != LETHE_OK)
        fail_msg("%s", lethe_last_message());
    return report;
}

static void trials_are_averaged_and_compared_with_retrain(void **state) {
    (void)state;
    lethe_report *report = open_report();
    assert_int_equal(report->n_rows, 6);
    const lethe__row *retrain = &report->rows[0], *ga = &report->rows[1], *sparse = &report->rows[2],
                     *ft = &report->rows[3];
    assert_true(retrain->is_retrain);
    assert_int_equal(retrain->n_trials, 2);
    assert_float_equal(retrain->metrics[LETHE__RA].value, 98, 1e-12);
    assert_float_equal(retrain->metrics[LETHE__RA].deviation, sqrt(2), 1e-12);

    assert_string_equal(ga->method, "ga");
    assert_float_equal(ga->gaps[LETHE__UA], 15, 1e-12);
    assert_float_equal(ga->gaps[LETHE__MIA], 25, 1e-12);
    assert_float_equal(ga->gaps[LETHE__RA], 3, 1e-12);
    assert_float_equal(ga->gaps[LETHE__TA], 3, 1e-12);
    assert_float_equal(ga->disparity_average, 11.5, 1e-12);
    assert_float_equal(ga->speed_up, 20, 1e-12);

    assert_float_equal(sparse->sparsity, 0.9, 1e-12); /* no Retrain of a sparse model: no gap */
    assert_int_equal(sparse->n_trials, 1);
    assert_true(isnan(sparse->metrics[LETHE__UA].deviation));
    assert_true(isnan(sparse->disparity_average));
    assert_string_equal(ft->forget, "random=0.1");
    lethe_report_destroy(&report);
    assert_null(report);
}

/* Three models were compared with two pairs of 90 % sparse Retrains. */
static void a_pair_of_retrains_counts_once(void **state) {
    (void)state;
    lethe_report *report = open_report();
    const lethe__row *again = &report->rows[4], *ft = &report->rows[5];
    assert_string_equal(lethe__row_label(again), "Retrain again");
    assert_int_equal(again->n_trials, 2);
    assert_float_equal(again->sparsity, 0.9, 1e-12);
    assert_float_equal(again->metrics[LETHE__UA].value, 92, 1e-12);
    assert_float_equal(again->gaps[LETHE__UA], 2, 1e-12);
    assert_float_equal(again->gaps[LETHE__MIA], 3, 1e-12);
    assert_float_equal(again->gaps[LETHE__RA], 4, 1e-12);
    assert_float_equal(again->gaps[LETHE__TA], 6, 1e-12);
    assert_float_equal(again->disparity_average, 3.75, 1e-12);
    assert_true(isnan(again->speed_up));
    assert_int_equal(ft->n_trials, 3);
    assert_true(isnan(ft->disparity_average));
    lethe_report_destroy(&report);
}

static char *written(lethe_status (*write)(const lethe_report *, FILE *)) {
    lethe_report *report = open_report();
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    assert_int_equal(write(report, stream), LETHE_OK);
    fclose(stream);
    lethe_report_destroy(&report);
    return text;
}

static void tables_hold_the_numbers(void **state) {
    (void)state;
    char *text = written(lethe_report_write_text);
    assert_non_null(strstr(text, "Forget class=3 (mean"));
    assert_non_null(strstr(text, "GA             dense              2  "));
    assert_non_null(strstr(text, "GA             90 % sparse        1  ")); /* each row has its own number */
    assert_non_null(strstr(text, "85.00 ±7.07 (15.00)"));
    assert_non_null(strstr(text, "90 % sparse"));
    assert_non_null(strstr(text, "20.0x"));
    assert_non_null(strstr(text, "Retrain again  90 % sparse        2  "));
    assert_non_null(strstr(text, "\n\nRetrain again: Retrain with another seed"));
    free(text);
    text = written(lethe_report_write_markdown);
    assert_non_null(strstr(text, "| GA | dense | 2 | 85.00 ±7.07 (15.00) |"));
    assert_non_null(strstr(text, "| Retrain again | 90 % sparse | 2 | 92.00 ±1.41 (2.00) |"));
    assert_non_null(strstr(text, "\n\nRetrain again: Retrain with another seed"));
    free(text);
    text = written(lethe_report_write_json);
    json_t *root = NULL;
    assert_int_equal(lethe__json_parse(text, strlen(text), "report", &root), LETHE_OK);
    assert_int_equal(json_array_size(json_object_get(root, "rows")), 6);
    assert_true(
        json_is_null(json_object_get(json_array_get(json_object_get(root, "rows"), 3), "disparity_average")));
    json_decref(root);
    free(text);
}

static void page_is_written_whole(void **state) {
    (void)state;
    lethe_report *report = open_report();
    char path[256];
    uint8_t *text;
    size_t n;
    snprintf(path, sizeof path, "%s/report.html", folder);
    assert_int_equal(lethe_report_write_html(report, path), LETHE_OK);
    lethe_report_destroy(&report);
    assert_int_equal(lethe__file_read(path, 1 << 20, &text, &n), LETHE_OK);
    assert_non_null(strstr((char *)text, "<td>2</td><td>85.00 ±7.07 (15.00)</td>"));
    assert_non_null(strstr((char *)text, "<p>Retrain again: Retrain with another seed"));
    assert_non_null(strstr((char *)text, "<span class=\"again\" style=\"width: 32.6%\">")); /* 3.75 of 11.5 */
    assert_non_null(strstr((char *)text, "</html>"));
    assert_null(strstr((char *)text, "http")); /* no outside resource */
    lethe__free(text);
}

static void bad_input_is_refused(void **state) {
    (void)state;
    char empty[] = "/tmp/lethe-report-XXXXXX", path[256];
    assert_non_null(mkdtemp(empty));
    const char *folders[] = {empty};
    lethe_report *report = NULL;
    assert_int_equal(lethe_report_create(folders, 1, &report), LETHE_INPUT);
    snprintf(path, sizeof path, "%s/evaluation.json", empty);
    static const char *const damaged[][2] = {
        {"{\"UA\": 1}", "schema"},
        {"{\"schema\": \"lethe.evaluation/9\"}", "evaluation/9"},
        {"{\"schema\": \"lethe.evaluation/1\"}", "forget"},
        {"{\"schema\": \"lethe.evaluation/1\", \"forget\": \"class=3\", "
         "\"method\": \"ga\", \"parent_sparsity\": 0, \"UA\": null, \"RA\": "
         "null, \"TA\": null, \"MIA_efficacy\": {\"confidence\": null}, "
         "\"RTE_seconds\": null, \"reference_2\": {}}",
         "'reference'"}};
    for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
        assert_int_equal(lethe__file_write(path, damaged[i][0], strlen(damaged[i][0])), LETHE_OK);
        assert_int_equal(lethe_report_create(folders, 1, &report), LETHE_INPUT);
        assert_non_null(strstr(lethe_last_message(), path));
        assert_non_null(strstr(lethe_last_message(), damaged[i][1]));
    }
    assert_int_equal(lethe__file_remove(path), LETHE_OK);
    assert_int_equal(rmdir(empty), 0);
    assert_int_equal(lethe_report_create(folders, 1, &report), LETHE_INPUT); /* the folder is gone */
    assert_null(report);
}

static void every_allocation_failure_is_clean(void **state) {
    (void)state;
    const char *folders[] = {folder};
    for (uint64_t nth = 1;; nth++) {
        int64_t live = lethe__memory_live_blocks();
        lethe_report *report = NULL;
        lethe__memory_fail_nth(nth);
        lethe_status status = lethe_report_create(folders, 1, &report);
        lethe__memory_fail_nth(0);
        lethe_report_destroy(&report);
        assert_int_equal(lethe__memory_live_blocks(), live);
        if (status == LETHE_OK)
            return;
        assert_int_equal(status, LETHE_MEMORY);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trials_are_averaged_and_compared_with_retrain),
        cmocka_unit_test(a_pair_of_retrains_counts_once),
        cmocka_unit_test(tables_hold_the_numbers),
        cmocka_unit_test(page_is_written_whole),
        cmocka_unit_test(bad_input_is_refused),
        cmocka_unit_test(every_allocation_failure_is_clean),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
