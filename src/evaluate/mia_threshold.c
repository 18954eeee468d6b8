/* mia_threshold.c - the membership predictor with one threshold a class.
 *
 * Within a class, a sample is called a member when its feature reaches t (entropies: when it does not exceed
 * t). t is the value, among those of the class's known samples, with the best balanced accuracy
 *     (share of members on the member side + share of non-members on the other) / 2,
 * the first in the order members, then non-members where several are equally good. A class without members or
 * without non-members, such as a wholly forgotten one, takes the threshold of all classes together.
 * Source: Song & Mittal, "Systematic evaluation of privacy risks of machine learning models" (2020).
 * Cost: n log n. */
#include "base/fail.h"
#include "base/memory.h"
#include "evaluate/mia.h"
#include <stdlib.h>
#include <string.h>

enum { ALL_CLASSES = -1 };

/* Values of one class, turned so that larger means member. */
typedef struct value_group {
    double *values, *sorted; /* room for the values of all classes */
    size_t n;
} value_group;

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static lethe_status create_group(value_group *group, size_t room) {
    LETHE_TRY(lethe__allocate(room, sizeof *group->values, &group->values));
    return lethe__allocate(room, sizeof *group->sorted, &group->sorted);
}

static void destroy_group(value_group *group) {
    lethe__free(group->values);
    lethe__free(group->sorted);
}

static void gather(value_group *group, const lethe__mia_rows *rows, int class, double sign) {
    group->n = 0;
    for (size_t i = 0; i < rows->n; i++)
        if (class == ALL_CLASSES || rows->labels[i] == class)
            group->values[group->n++] = sign * rows->values[i];
    memcpy(group->sorted, group->values, group->n * sizeof *group->values);
    qsort(group->sorted, group->n, sizeof *group->sorted, compare_doubles);
}

/* How many of the group's values are less than x. */
static size_t count_below(const value_group *group, double x) {
    size_t low = 0, high = group->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (group->sorted[middle] < x)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The first value of `candidates` that separates better than *accuracy, and better than those after it. */
static void improve_threshold(const value_group *candidates, const value_group *members,
                              const value_group *non_members, double *accuracy, double *threshold) {
    for (size_t i = 0; i < candidates->n; i++) {
        double x = candidates->values[i];
        double caught = (double)(members->n - count_below(members, x)) / (double)members->n;
        double spared = (double)count_below(non_members, x) / (double)non_members->n;
        if ((caught + spared) / 2 > *accuracy) {
            *accuracy = (caught + spared) / 2;
            *threshold = x;
        }
    }
}

/* of_class: [classes]. */
static void learn_thresholds(const lethe__mia_task *task, double sign, value_group *members,
                             value_group *non_members, double *of_class) {
    double of_all = 0;
    for (int class = ALL_CLASSES; class < (int)task->classes; class ++) {
        double accuracy = 0, threshold = of_all;
        gather(members, &task->members, class, sign);
        gather(non_members, &task->non_members, class, sign);
        if (members->n > 0 && non_members->n > 0) {
            improve_threshold(members, members, non_members, &accuracy, &threshold);
            improve_threshold(non_members, members, non_members, &accuracy, &threshold);
        }
        if (class == ALL_CLASSES)
            of_all = threshold;
        else
            of_class[class] = threshold;
    }
}

lethe_status lethe__mia_threshold(const lethe__mia_task *task, size_t n_called[2]) {
    bool is_entropy = task->feature == LETHE_MIA_ENTROPY || task->feature == LETHE_MIA_MODIFIED_ENTROPY;
    double sign = is_entropy ? -1 : 1, *of_class = NULL;
    value_group members = {0}, non_members = {0};
    lethe_status status = create_group(&members, task->members.n);
    if (status == LETHE_OK)
        status = create_group(&non_members, task->non_members.n);
    if (status == LETHE_OK)
        status = lethe__allocate(task->classes, sizeof *of_class, &of_class);
    if (status == LETHE_OK) {
        learn_thresholds(task, sign, &members, &non_members, of_class);
        for (size_t i = 0; i < task->n_targets; i++) {
            const lethe__mia_rows *target = &task->targets[i];
            n_called[i] = 0;
            for (size_t k = 0; k < target->n; k++)
                n_called[i] += sign * target->values[k] >= of_class[target->labels[k]];
        }
    }
    lethe__free(of_class);
    destroy_group(&members);
    destroy_group(&non_members);
    return status;
}
