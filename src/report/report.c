/* report.c - gathers evaluations, groups and averages them.
 *
 * A group is (forget set, sparsity of the model that the method was given, method); its trials differ in
 * their seeds. The gap of a metric is |mean of the method - mean of Retrain| for the same forget set and
 * sparsity, and the disparity average is the mean of the four gaps: the numbers of the paper's Table 3. */
#include "report/report.h"
#include "base/fail.h"
#include "base/file.h"
#include "base/json.h"
#include <dirent.h>
#include <lethe/unlearn.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

const char *const lethe__metric_names[LETHE__METRICS] = {"UA", "MIA-Efficacy", "RA", "TA"};

/* One evaluation, read. */
typedef struct trial {
    const char *forget, *method;
    double sparsity, metrics[LETHE__METRICS], rte_seconds;
} trial;

typedef struct gathering {
    lethe__arena *texts;
    trial *trials;
    size_t n, capacity;
} gathering;

/* --- reading --- */

static lethe_status copy_text(lethe__arena *texts, const char *text, const char **out) {
    return lethe__arena_format(texts, out, "%s", text);
}

/* A number or null, which stands for "not measured". */
static lethe_status get_measure(const json_t *object, const char *key, const char *place, double *out) {
    if (json_is_null(json_object_get(object, key))) {
        *out = NAN;
        return LETHE_OK;
    }
    return lethe__json_get_real(object, key, place, out);
}

static lethe_status read_fields(gathering *gathered, const json_t *root, const char *path, trial *out) {
    const char *schema, *forget, *method;
    json_t *mia;
    LETHE_TRY(lethe__json_get_text(root, "schema", path, &schema));
    if (strcmp(schema, "lethe.evaluation/1") != 0)
        LETHE_FAIL(LETHE_INPUT, "%s: its schema is '%.64s', but this lethe reads 'lethe.evaluation/1'", path,
                   schema);
    LETHE_TRY(lethe__json_get_text(root, "forget", path, &forget));
    LETHE_TRY(lethe__json_get_text(root, "method", path, &method));
    LETHE_TRY(lethe__json_get_real(root, "parent_sparsity", path, &out->sparsity));
    LETHE_TRY(get_measure(root, "UA", path, &out->metrics[LETHE__UA]));
    LETHE_TRY(get_measure(root, "RA", path, &out->metrics[LETHE__RA]));
    LETHE_TRY(get_measure(root, "TA", path, &out->metrics[LETHE__TA]));
    LETHE_TRY(lethe__json_get_object(root, "MIA_efficacy", path, &mia));
    LETHE_TRY(get_measure(mia, "confidence", path, &out->metrics[LETHE__MIA]));
    LETHE_TRY(get_measure(root, "RTE_seconds", path, &out->rte_seconds));
    LETHE_TRY(copy_text(gathered->texts, forget, &out->forget));
    LETHE_TRY(copy_text(gathered->texts, method, &out->method));
    out->sparsity = round(out->sparsity * 1000) / 1000;
    return LETHE_OK;
}

static lethe_status read_evaluation(gathering *gathered, const char *path) {
    json_t *root;
    trial one = {0};
    LETHE_TRY(lethe__json_read(path, &root));
    lethe_status status = read_fields(gathered, root, path, &one);
    json_decref(root);
    LETHE_TRY(status);
    LETHE_TRY(lethe__grow(&gathered->trials, &gathered->capacity, gathered->n + 1, sizeof one));
    gathered->trials[gathered->n++] = one;
    return LETHE_OK;
}

static bool is_evaluation(const char *name) {
    static const char ending[] = "evaluation.json";
    size_t length = strlen(name), n = sizeof ending - 1;
    return length >= n && strcmp(name + length - n, ending) == 0 &&
           (length == n || name[length - n - 1] == '.');
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static lethe_status gather(gathering *gathered, const char *folder);

static lethe_status gather_entry(gathering *gathered, const char *folder, const char *name) {
    char *path;
    struct stat info;
    LETHE_TRY(lethe__path_join(folder, name, &path));
    lethe_status status = LETHE_OK;
    if (lstat(path, &info) == 0 && S_ISDIR(info.st_mode)) /* a link would count its trials twice */
        status = gather(gathered, path);
    else if (is_evaluation(name))
        status = read_evaluation(gathered, path);
    lethe__free(path);
    return status;
}

/* The entries of a folder in the order of their names, so that reports do not depend on the file system. */
static lethe_status list_folder(DIR *stream, char ***names, size_t *n) {
    size_t capacity = 0;
    for (struct dirent *entry; (entry = readdir(stream)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        LETHE_TRY(lethe__grow(names, &capacity, *n + 1, sizeof **names));
        LETHE_TRY(lethe__copy_text(entry->d_name, &(*names)[*n]));
        ++*n;
    }
    if (*n > 0)
        qsort(*names, *n, sizeof **names, by_name);
    return LETHE_OK;
}

static lethe_status gather(gathering *gathered, const char *folder) {
    char **names = NULL;
    size_t n = 0;
    DIR *stream = opendir(folder);
    if (stream == NULL)
        LETHE_FAIL(LETHE_INPUT, "%s: this folder cannot be read", folder);
    lethe_status status = list_folder(stream, &names, &n);
    closedir(stream);
    for (size_t i = 0; i < n; i++) {
        if (status == LETHE_OK)
            status = gather_entry(gathered, folder, names[i]);
        lethe__free(names[i]);
    }
    lethe__free(names);
    return status;
}

/* --- averaging --- */

/* The yardsticks come first, the methods behind them by name. */
static int method_rank(const char *method) {
    static const char *const first[] = {"original", "retrain"};
    int rank = 0;
    while (rank < 2 && strcmp(method, first[rank]) != 0)
        rank++;
    return rank;
}

const char *lethe__row_label(const lethe__row *row) {
    if (strcmp(row->method, "original") == 0)
        return "Original";
    for (const lethe_unlearn_method *const *each = lethe_unlearn_methods(); *each != NULL; each++)
        if (strcmp(row->method, (*each)->name) == 0 && (*each)->label != NULL)
            return (*each)->label;
    return row->method;
}

static int by_group(const void *a, const void *b) {
    const trial *one = a, *other = b;
    int order = strcmp(one->forget, other->forget);
    if (order == 0)
        order = method_rank(one->method) - method_rank(other->method);
    if (order == 0)
        order = strcmp(one->method, other->method);
    return order != 0 ? order : (one->sparsity > other->sparsity) - (one->sparsity < other->sparsity);
}

/* The number that lies `offset` bytes inside a trial. */
static double number_of(const trial *one, size_t offset) {
    double number;
    memcpy(&number, (const char *)one + offset, sizeof number);
    return number;
}

static lethe__mean mean_of(const trial *trials, size_t n, size_t offset) {
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++)
        sum += number_of(&trials[i], offset);
    double mean = sum / (double)n;
    for (size_t i = 0; i < n; i++)
        squares += pow(number_of(&trials[i], offset) - mean, 2);
    return (lethe__mean){mean, n > 1 ? sqrt(squares / (double)(n - 1)) : NAN};
}

static void average(const trial *trials, size_t n, lethe__row *row) {
    *row = (lethe__row){
        .forget = trials->forget, .method = trials->method, .sparsity = trials->sparsity, .n_trials = n};
    for (size_t i = 0; i < LETHE__METRICS; i++)
        row->metrics[i] = mean_of(trials, n, offsetof(trial, metrics) + i * sizeof(double));
    row->rte_seconds = mean_of(trials, n, offsetof(trial, rte_seconds));
    row->is_retrain = strcmp(row->method, "retrain") == 0;
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
    row->disparity_average = retrain != NULL ? 0 : NAN;
    row->speed_up = retrain != NULL ? retrain->rte_seconds.value / row->rte_seconds.value : NAN;
    for (int i = 0; i < LETHE__METRICS; i++) {
        row->gaps[i] = retrain != NULL ? fabs(row->metrics[i].value - retrain->metrics[i].value) : NAN;
        row->disparity_average += row->gaps[i] / LETHE__METRICS;
    }
}

static lethe_status make_rows(lethe_report *report, trial *trials, size_t n) {
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
    gathering gathered = {.texts = report->texts};
    lethe_status status = LETHE_OK;
    for (size_t i = 0; i < n_folders && status == LETHE_OK; i++)
        status = gather(&gathered, folders[i]);
    if (status == LETHE_OK && gathered.n == 0)
        status = lethe__fail(LETHE_INPUT, "%s: no evaluation is here; `lethe evaluate --model RUN` makes one",
                             n_folders > 0 ? folders[0] : "no folder");
    if (status == LETHE_OK)
        status = make_rows(report, gathered.trials, gathered.n);
    lethe__free(gathered.trials);
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
