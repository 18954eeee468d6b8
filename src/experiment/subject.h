/* subject.h - what a job works on: a data set, its division, and a model with its origin. */
#ifndef LETHE_EXPERIMENT_SUBJECT_H
#define LETHE_EXPERIMENT_SUBJECT_H

#include "experiment/origin.h"
#include <lethe/run.h>

/* Parts of a job's options, lent. */
typedef struct lethe__subject_options {
    const lethe_dataset_options *data;
    const lethe_split_options *split;
    const lethe_model_options *model;
    const char *forget; /* NULL: leave the split as it is */
    bool needs_forget;  /* a forget set there must be */
} lethe__subject_options;

typedef struct lethe__subject {
    lethe__origin origin; /* path NULL: the model was created */
    lethe_dataset *dataset;
    lethe_split *split;
    lethe_model *model;
    double sparsity; /* of the model as it was opened */
} lethe__subject;

/* LETHE_USAGE: neither a model nor an architecture was named, or options contradict each other; LETHE_INPUT:
 * data, split or model are missing, damaged or do not go together. A new model is drawn from the seed. */
lethe_status lethe__subject_open(const lethe__subject_options *options, const lethe_runtime *runtime,
                                 lethe__subject *out);
void lethe__subject_fini(lethe__subject *subject);

/* A new model with weights drawn from the seed. */
lethe_status lethe__subject_draw_model(const lethe_model_info *info, uint64_t seed, lethe_model **out);

/* LETHE_INPUT when the run `reference` has another forget or retain set than the subject, so that comparing
 * the two means nothing. Says nothing of a plain file. */
lethe_status lethe__subject_check_division(const lethe__subject *subject, const lethe__origin *reference);

/* Warns of a forget set of so few samples that rates over it mean nothing. */
void lethe__subject_warn_of_few(const lethe__subject *subject, const lethe_runtime *runtime);

/* Another model over the same data: for references. */
lethe_status lethe__subject_load_model(const lethe__origin *origin, const lethe_model_options *options,
                                       const lethe_dataset *dataset, lethe_model **out);

#endif
