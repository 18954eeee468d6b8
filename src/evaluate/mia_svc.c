/* mia_svc.c - the membership predictor of the paper: a support vector classifier on features of predictions.
 *
 * C-SVC with C = 3 and the kernel exp(-gamma |a - b|^2), gamma = 1 / number of features, solved by libsvm
 * with the settings that the official code has through scikit-learn (tolerance 1e-3, shrinking). Non-members
 * come first in the problem, the order in which scikit-learn groups its classes, so that the solver takes the
 * same path. Cost: training grows with the square of the samples, judging is one kernel value for each
 * support vector and distinct row. Only counts are asked for, so the rows to judge are sorted and equal ones
 * are judged once: correctness has two values, and the confidences of a memorising model crowd below 1. */
#include "base/fail.h"
#include "base/memory.h"
#include "evaluate/mia.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <svm.h>

enum { NON_MEMBER, MEMBER };

struct lethe__svc {
    struct svm_problem problem;
    struct svm_node *nodes;  /* rows of width + 1, one for each sample that is learnt from */
    struct svm_node *judged; /* one row */
    double *sorted;          /* the rows of the larger target */
    struct svm_model *model;
};

static void say_nothing(const char *text) {
    (void)text;
}

static void silence_libsvm(void) {
    svm_set_print_string_function(say_nothing);
}

static void put_row(const double *values, size_t width, struct svm_node *nodes) {
    for (size_t i = 0; i < width; i++)
        nodes[i] = (struct svm_node){.index = (int)i + 1, .value = values[i]};
    nodes[width].index = -1;
}

static void add_rows(lethe__svc *svc, const lethe__mia_rows *rows, size_t width, double label) {
    for (size_t i = 0; i < rows->n; i++) {
        int at = svc->problem.l++;
        struct svm_node *row = svc->nodes + (size_t)at * (width + 1);
        put_row(rows->values + i * width, width, row);
        svc->problem.x[at] = row;
        svc->problem.y[at] = label;
    }
}

static void train(lethe__svc *svc, const lethe__mia_task *task) {
    static pthread_once_t silenced = PTHREAD_ONCE_INIT;
    pthread_once(&silenced, silence_libsvm);
    const struct svm_parameter parameter = {.svm_type = C_SVC,
                                            .kernel_type = RBF,
                                            .gamma = 1.0 / (double)task->width,
                                            .cache_size = 200, /* MB */
                                            .eps = 1e-3,
                                            .C = 3,
                                            .shrinking = 1};
    add_rows(svc, &task->non_members, task->width, NON_MEMBER);
    add_rows(svc, &task->members, task->width, MEMBER);
    svc->model = svm_train(&svc->problem, &parameter);
}

/* Orders rows by their first number, which brings equal rows of one number together. */
static int compare_rows(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static size_t count_members(const lethe__svc *svc, const lethe__mia_rows *rows, size_t width) {
    size_t row_bytes = width * sizeof(double), n_members = 0;
    bool is_member = false;
    memcpy(svc->sorted, rows->values, rows->n * row_bytes);
    qsort(svc->sorted, rows->n, row_bytes, compare_rows);
    for (size_t i = 0; i < rows->n; i++) {
        const double *row = svc->sorted + i * width;
        if (i == 0 || memcmp(row, row - width, row_bytes) != 0) {
            put_row(row, width, svc->judged);
            is_member = svm_predict(svc->model, svc->judged) == MEMBER;
        }
        n_members += is_member;
    }
    return n_members;
}

static lethe_status allocate(lethe__svc *svc, const lethe__mia_task *task) {
    size_t n = task->members.n + task->non_members.n, longest = 0, width = task->width;
    for (size_t i = 0; i < task->n_targets; i++)
        if (task->targets[i].n > longest)
            longest = task->targets[i].n;
    LETHE_TRY(lethe__allocate(n, sizeof *svc->problem.y, &svc->problem.y));
    LETHE_TRY(lethe__allocate(n, sizeof(struct svm_node *), &svc->problem.x));
    LETHE_TRY(lethe__allocate(n, (width + 1) * sizeof *svc->nodes, &svc->nodes));
    LETHE_TRY(lethe__allocate(width + 1, sizeof *svc->judged, &svc->judged));
    return lethe__allocate(longest, width * sizeof *svc->sorted, &svc->sorted);
}

lethe_status lethe__svc_create(const lethe__mia_task *task, lethe__svc **out) {
    lethe__svc *svc;
    LETHE_TRY(lethe__allocate(1, sizeof *svc, &svc));
    lethe_status status = allocate(svc, task);
    if (status != LETHE_OK) {
        lethe__svc_destroy(&svc);
        return status;
    }
    train(svc, task);
    *out = svc;
    return LETHE_OK;
}

void lethe__svc_destroy(lethe__svc **svc) {
    if (*svc == NULL)
        return;
    svm_free_and_destroy_model(&(*svc)->model);
    lethe__free((*svc)->problem.y);
    lethe__free((*svc)->problem.x);
    lethe__free((*svc)->nodes);
    lethe__free((*svc)->judged);
    lethe__free((*svc)->sorted);
    lethe__free(*svc);
    *svc = NULL;
}

size_t lethe__svc_vector_count(const lethe__svc *svc) {
    return (size_t)svc->model->l;
}

lethe_status lethe__mia_svc(const lethe__mia_task *task, size_t n_called[2]) {
    lethe__svc *svc;
    LETHE_TRY(lethe__svc_create(task, &svc));
    for (size_t i = 0; i < task->n_targets; i++)
        n_called[i] = count_members(svc, &task->targets[i], task->width);
    lethe__svc_destroy(&svc);
    return LETHE_OK;
}
