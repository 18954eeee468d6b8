/* trials.c - reads evaluations: the files named evaluation.json or *.evaluation.json below a folder.
 *
 * One that was made with a second reference is two trials: its model, and the second Retrain. The latter is
 * the same for every model that was compared with the same two, so a pair of Retrains counts once. It belongs
 * to models as sparse as the Retrains, whatever the sparsity of the model that was compared with them. */
#include "report/trials.h"
#include "base/fail.h"
#include "base/file.h"
#include "base/json.h"
#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* --- one evaluation --- */

/* A number or null, which stands for "not measured". */
static lethe_status get_measure(const json_t *object, const char *key, const char *place, double *out) {
    if (json_is_null(json_object_get(object, key))) {
        *out = NAN;
        return LETHE_OK;
    }
    return lethe__json_get_real(object, key, place, out);
}

static lethe_status get_sparsity(const json_t *object, const char *key, const char *place, double *out) {
    LETHE_TRY(lethe__json_get_real(object, key, place, out));
    *out = round(*out * 1000) / 1000;
    return LETHE_OK;
}

static lethe_status get_text(const json_t *object, const char *key, const char *place, lethe__arena *texts,
                             const char **out) {
    const char *text;
    LETHE_TRY(lethe__json_get_text(object, key, place, &text));
    return lethe__arena_format(texts, out, "%s", text);
}

static lethe_status get_accuracies(const json_t *object, const char *place, double metrics[LETHE__METRICS]) {
    LETHE_TRY(get_measure(object, "UA", place, &metrics[LETHE__UA]));
    LETHE_TRY(get_measure(object, "RA", place, &metrics[LETHE__RA]));
    return get_measure(object, "TA", place, &metrics[LETHE__TA]);
}

static lethe_status get_metrics(const json_t *object, const char *place, double metrics[LETHE__METRICS]) {
    json_t *mia;
    LETHE_TRY(get_accuracies(object, place, metrics));
    LETHE_TRY(lethe__json_get_object(object, "MIA_efficacy", place, &mia));
    return get_measure(mia, "confidence", place, &metrics[LETHE__MIA]);
}

static lethe_status add(lethe__trials *gathered, const lethe__trial *added) {
    LETHE_TRY(lethe__grow(&gathered->all, &gathered->capacity, gathered->n + 1, sizeof *added));
    gathered->all[gathered->n++] = *added;
    return LETHE_OK;
}

static lethe_status read_model(lethe__trials *gathered, const json_t *root, const char *path) {
    lethe__trial one = {.first = NULL};
    LETHE_TRY(get_text(root, "forget", path, gathered->texts, &one.forget));
    LETHE_TRY(get_text(root, "method", path, gathered->texts, &one.method));
    LETHE_TRY(get_sparsity(root, "parent_sparsity", path, &one.sparsity));
    LETHE_TRY(get_metrics(root, path, one.metrics));
    LETHE_TRY(get_measure(root, "RTE_seconds", path, &one.rte_seconds));
    return add(gathered, &one);
}

static bool are_same(const double *some, const double *others) {
    for (int i = 0; i < LETHE__METRICS; i++)
        if (some[i] != others[i] && !(isnan(some[i]) && isnan(others[i])))
            return false;
    return true;
}

/* Two names for one pair do no harm, as a mean is the same; one name for two pairs gives other numbers. */
static bool is_same_pair(const lethe__trial *one, const lethe__trial *other) {
    return one->first != NULL && strcmp(one->first, other->first) == 0 &&
           strcmp(one->second, other->second) == 0 && strcmp(one->forget, other->forget) == 0 &&
           are_same(one->metrics, other->metrics) && are_same(one->gaps, other->gaps);
}

static lethe_status read_second_retrain(lethe__trials *gathered, const json_t *root, const char *path) {
    lethe__trial one = {.method = lethe__retrain_again, .rte_seconds = NAN};
    json_t *first, *second, *gaps;
    if (json_object_get(root, "reference_2") == NULL)
        return LETHE_OK;
    LETHE_TRY(lethe__json_get_object(root, "reference", path, &first));
    LETHE_TRY(lethe__json_get_object(root, "reference_2", path, &second));
    LETHE_TRY(lethe__json_get_object(root, "null_gap", path, &gaps));
    LETHE_TRY(get_text(root, "forget", path, gathered->texts, &one.forget));
    LETHE_TRY(get_text(first, "model", path, gathered->texts, &one.first));
    LETHE_TRY(get_text(second, "model", path, gathered->texts, &one.second));
    LETHE_TRY(get_sparsity(first, "sparsity", path, &one.sparsity));
    LETHE_TRY(get_metrics(second, path, one.metrics));
    LETHE_TRY(get_accuracies(gaps, path, one.gaps));
    LETHE_TRY(get_measure(gaps, "MIA_efficacy", path, &one.gaps[LETHE__MIA]));
    for (size_t i = 0; i < gathered->n; i++)
        if (is_same_pair(&gathered->all[i], &one))
            return LETHE_OK;
    return add(gathered, &one);
}

static lethe_status read_trials(lethe__trials *gathered, const json_t *root, const char *path) {
    const char *schema;
    LETHE_TRY(lethe__json_get_text(root, "schema", path, &schema));
    if (strcmp(schema, "lethe.evaluation/1") != 0)
        LETHE_FAIL(LETHE_INPUT, "%s: its schema is '%.64s', but this lethe reads 'lethe.evaluation/1'", path,
                   schema);
    LETHE_TRY(read_model(gathered, root, path));
    return read_second_retrain(gathered, root, path);
}

static lethe_status read_evaluation(lethe__trials *gathered, const char *path) {
    json_t *root;
    LETHE_TRY(lethe__json_read(path, &root));
    lethe_status status = read_trials(gathered, root, path);
    json_decref(root);
    return status;
}

/* --- folders --- */

static bool is_evaluation(const char *name) {
    static const char ending[] = "evaluation.json";
    size_t length = strlen(name), n = sizeof ending - 1;
    return length >= n && strcmp(name + length - n, ending) == 0 &&
           (length == n || name[length - n - 1] == '.');
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static lethe_status gather_entry(lethe__trials *gathered, const char *folder, const char *name) {
    char *path;
    struct stat info;
    LETHE_TRY(lethe__path_join(folder, name, &path));
    lethe_status status = LETHE_OK;
    if (lstat(path, &info) == 0 && S_ISDIR(info.st_mode)) /* a link would count its trials twice */
        status = lethe__trials_gather(gathered, path);
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

lethe_status lethe__trials_gather(lethe__trials *gathered, const char *folder) {
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
