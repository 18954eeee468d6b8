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

/* A 95 % confidence interval in per cent; both NaN where there is no rate. */
typedef struct lethe_interval {
    double low, high;
} lethe_interval;

/* Wilson's interval (1927) of a rate of `percent` that was counted over n samples: what other samples of the
 * same kind could have given. Never leaves 0 .. 100, and has a width at 0 and 100 too. */
LETHE_API lethe_interval lethe_rate_interval(double percent, size_t n);
/* The interval of the mean of two rates of independent samples, from theirs (Newcombe 1998). */
LETHE_API lethe_interval lethe_mean_rate_interval(double percent_1, size_t n_1, double percent_2, size_t n_2);

/* Of the rates of the same names below. */
typedef struct lethe_evaluation_intervals {
    lethe_interval ua, ra, ta, va;
    lethe_interval mia_efficacy[LETHE_MIA_FEATURES], mia_privacy[LETHE_MIA_FEATURES];
    lethe_interval mia_efficacy_threshold[LETHE_MIA_FEATURES], mia_privacy_threshold[LETHE_MIA_FEATURES];
    lethe_interval mia_class_matched[LETHE_MIA_FEATURES], mia_class_matched_threshold[LETHE_MIA_FEATURES];
} lethe_evaluation_intervals;

/* A check that needs no Retrain: a model that never saw a randomly drawn forget set errs on it as often as on
 * the test set. gap = |UA - (100 - TA)|; band: what chance alone keeps it below in 95 of 100 cases, by the
 * binomial distribution with the error rate of both sets together. NaN unless the forget set was drawn from
 * all classes. */
typedef struct lethe_gate {
    double gap, band;
} lethe_gate;

/* Percentages; NaN where there is nothing to measure (no forget set, no validation set, predictor not asked
 * for). */
typedef struct lethe_evaluation {
    size_t n_forget, n_retain, n_val, n_test;
    double ua, ra, ta, va;
    double loss_forget, loss_retain, loss_test;                               /* mean cross-entropy */
    double mia_efficacy[LETHE_MIA_FEATURES], mia_privacy[LETHE_MIA_FEATURES]; /* C-SVC */
    double mia_efficacy_threshold[LETHE_MIA_FEATURES],
        mia_privacy_threshold[LETHE_MIA_FEATURES]; /* per class */
    /* MIA-Efficacy when a whole class is forgotten and the predictor learns from the test images of that
     * class as non-members, which mia_efficacy, the paper's number, leaves out: it also is 100 when the model
     * tells the class from the others alone. Members are as many retain samples. */
    size_t n_class_test; /* the test images of that class; they are not among n_test */
    double mia_class_matched[LETHE_MIA_FEATURES], mia_class_matched_threshold[LETHE_MIA_FEATURES];
    lethe_evaluation_intervals interval;
    lethe_gate gate;
    double sparsity;
    double predict_seconds, mia_seconds;
} lethe_evaluation;

/* A rate or a set of rates of an evaluation: what results are printed and stored by. */
typedef struct lethe_metric {
    const char *name;       /* the key in JSON: "UA" */
    const char *title;      /* for people: "MIA-Efficacy by threshold" */
    size_t offset;          /* in lethe_evaluation, of a double, or of one for each feature */
    size_t interval_offset; /* in lethe_evaluation, of a lethe_interval, likewise */
    bool by_feature;
} lethe_metric;

/* All metrics in the order in which they are shown, ended by one without a name. */
LETHE_API const lethe_metric *lethe_metrics(void);
LETHE_API double lethe_metric_value(const lethe_metric *metric, const lethe_evaluation *evaluation,
                                    int feature);
LETHE_API lethe_interval lethe_metric_interval(const lethe_metric *metric, const lethe_evaluation *evaluation,
                                               int feature);

/* One forward pass over train, validation and test; everything else reads the predictions. Without a forget
 * set, UA and MIA-Efficacy are NaN and RA is the accuracy on train. LETHE_INPUT: images or classes are not
 * those of the model; LETHE_DIVERGED: it answers NaN or infinity.
 *
 * When the whole of one class is forgotten, TA and VA are those of the other classes.
 *
 * runtime->compat OFFICIAL: the modified entropy, the sets that membership predictors learn from and the
 * validation set, which keeps a forgotten class, are those of the paper's code; see mia_features.c and
 * metric_mia.c. */
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
