/* mia.h - membership inference: features of predictions, two predictors, and what is measured with them. */
#ifndef LETHE_EVALUATE_MIA_H
#define LETHE_EVALUATE_MIA_H

#include <lethe/evaluate.h>

/* Softmax outputs of a set of samples; every number finite, every label below classes. */
typedef struct lethe__predictions {
    const float *probabilities; /* [n, classes] */
    const int32_t *labels;      /* [n] */
    size_t n, classes;
} lethe__predictions;

/* Numbers that `feature` has for a sample: `classes` for the probability vector, else one. */
size_t lethe__mia_width(lethe_mia_feature feature, size_t classes);
/* values: [n, width], memory of the caller. */
void lethe__mia_features(lethe_mia_feature feature, lethe_compat compat,
                         const lethe__predictions *predictions, double *values);

/* One feature of a set of samples, lent. */
typedef struct lethe__mia_rows {
    const double *values;  /* [n, width] */
    const int32_t *labels; /* [n] */
    size_t n;
} lethe__mia_rows;

/* What a predictor learns from, and whom it judges. Neither set to learn from is empty. */
typedef struct lethe__mia_task {
    lethe_mia_feature feature;
    size_t width, classes;
    lethe__mia_rows members, non_members;
    lethe__mia_rows targets[2];
    size_t n_targets;
} lethe__mia_task;

/* A predictor: n_called[i] = how many samples of targets[i] it calls members. */
typedef lethe_status lethe__mia_attack(const lethe__mia_task *task, size_t n_called[2]);
lethe__mia_attack lethe__mia_svc;
lethe__mia_attack lethe__mia_threshold; /* features of width 1 */

/* The support vector classifier by itself; what it learnt from may go before it does. */
typedef struct lethe__svc lethe__svc;
lethe_status lethe__svc_create(const lethe__mia_task *task, lethe__svc **out);
void lethe__svc_destroy(lethe__svc **svc);
size_t lethe__svc_vector_count(const lethe__svc *svc);

/* Whose predictions membership inference reads; class_test: the test samples of the class that was forgotten
 * whole, which are not in test; empty otherwise. */
typedef struct lethe__mia_sets {
    lethe__predictions retain, test, forget, class_test;
} lethe__mia_sets;

/* Fills the arrays mia_* of `out` and their intervals; NaN where nothing was asked for or can be measured. */
lethe_status lethe__mia_measure(const lethe__mia_sets *sets, const lethe_evaluate_options *options,
                                const lethe_runtime *runtime, lethe_evaluation *out);

#endif
