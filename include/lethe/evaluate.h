/* evaluate.h - the full-stack evaluation: predictions once, every metric from them. */
#ifndef LETHE_EVALUATE_H
#define LETHE_EVALUATE_H

#include <lethe/model.h>
#include <stdio.h>

/* Features of a sample that a membership predictor reads, in the contract's order. */
#define LETHE_MIA_FEATURE_LIST(X)                                                                            \
    X(CONFIDENCE, "confidence")                                                                              \
    X(CORRECTNESS, "correctness")                                                                            \
    X(ENTROPY, "entropy")                                                                                    \
    X(MODIFIED_ENTROPY, "modified_entropy")                                                                  \
    X(PROBABILITY, "probability")

typedef enum lethe_mia_feature {
#define LETHE_MIA_FEATURE_ENUM(name, text) LETHE_MIA_##name,
    LETHE_MIA_FEATURE_LIST(LETHE_MIA_FEATURE_ENUM)
#undef LETHE_MIA_FEATURE_ENUM
        LETHE_MIA_FEATURES
} lethe_mia_feature;

typedef enum lethe_mia_predictor { LETHE_MIA_SVC, LETHE_MIA_THRESHOLD, LETHE_MIA_BOTH } lethe_mia_predictor;

typedef struct lethe_evaluate_options {
    size_t batch;
    lethe_mia_predictor mia;
    int all_features;   /* 1: all five features; 0: confidence, the paper's number, alone */
    size_t mia_samples; /* members and non-members to train the predictor on, each at most N; 0: as many as
                           the test set has */
} lethe_evaluate_options;

LETHE_API extern const lethe_option lethe_evaluate_option_table[];

/* Percentages; NaN where there is nothing to measure (no forget set, no validation set, predictor not asked
 * for). */
typedef struct lethe_evaluation {
    size_t n_forget, n_retain, n_val, n_test;
    double ua, ra, ta, va;
    double loss_forget, loss_retain, loss_test;                               /* mean cross-entropy */
    double mia_efficacy[LETHE_MIA_FEATURES], mia_privacy[LETHE_MIA_FEATURES]; /* C-SVC */
    double mia_efficacy_threshold[LETHE_MIA_FEATURES],
        mia_privacy_threshold[LETHE_MIA_FEATURES]; /* per class */
    double sparsity;
    double predict_seconds, mia_seconds;
} lethe_evaluation;

/* One forward pass over train, validation and test; everything else reads the predictions. Without a forget
 * set, UA and MIA-Efficacy are NaN and RA is the accuracy on train. */
LETHE_API lethe_status lethe_evaluate(lethe_model *model, const lethe_dataset *dataset,
                                      const lethe_split *split, const lethe_evaluate_options *options,
                                      const lethe_runtime *runtime, lethe_evaluation *out);

/* Absolute gaps of `model` to `reference` in percentage points, and their mean; MIA-Efficacy is the C-SVC's
 * on confidence. NaN where either side was not measured, and so is then the mean. */
typedef struct lethe_gaps {
    double ua, mia_efficacy, ra, ta, disparity_average;
} lethe_gaps;
LETHE_API lethe_gaps lethe_evaluation_gaps(const lethe_evaluation *model, const lethe_evaluation *reference);

LETHE_API const char *lethe_mia_feature_name(lethe_mia_feature feature);

#endif
