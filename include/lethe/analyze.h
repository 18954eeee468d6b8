/* analyze.h - why sparsity helps to unlearn: the quantities of Proposition 2 of Jia et al. 2023, measured.
 *
 * The proposition bounds the error of gradient ascent (GA), its distance to retraining without the sample:
 *
 *     e(m) = O( eta^2 t || m * (theta_t - theta_0) || sigma(m) )
 *
 * m mask, eta learning rate, t steps from theta_0 to theta_t, sigma(m) the largest singular value of the
 * Hessian over the weights that m keeps. Each factor can be had of any model; the error, which needs a
 * retraining for every forgotten sample, of trainings that are made for it. */
#ifndef LETHE_ANALYZE_H
#define LETHE_ANALYZE_H

#include <lethe/run.h>

/* --- the Hessian --- */

typedef struct lethe_eigenvalue_options {
    size_t samples;   /* drawn from the training set by the runtime's seed; 0: nothing is measured */
    size_t batch;     /* at a time */
    int iterations;   /* at most */
    double tolerance; /* ends when the relative residual is no larger */
} lethe_eigenvalue_options;

LETHE_API extern const lethe_option lethe_eigenvalue_option_table[];

typedef struct lethe_eigenvalue {
    double value;    /* of largest magnitude; |value| is the largest singular value. NaN: not measured */
    double residual; /* |H v - value v| / |value|: there is an eigenvalue at most this far off, relatively */
    int iterations;
    size_t samples;
} lethe_eigenvalue;

/* Of the Hessian of the mean cross-entropy over the samples, BatchNorm with its running statistics, over the
 * parameters that the mask keeps. LETHE_INPUT: the samples do not fit the model; LETHE_DIVERGED: a product is
 * not finite; LETHE_STOPPED: asked to stop. */
LETHE_API lethe_status lethe_hessian_eigenvalue(const lethe_model *model, lethe_samples samples,
                                                const lethe_eigenvalue_options *options,
                                                const lethe_runtime *runtime, lethe_eigenvalue *out);

/* || m * (theta - theta_0) || over all parameters, m the mask of `model`. LETHE_USAGE: the two are of
 * different networks. */
LETHE_API lethe_status lethe_model_distance(const lethe_model *model, const lethe_model *initial,
                                            double *out);

/* --- the error of GA --- */

enum { LETHE_ANALYZE_MOST_SPARSITIES = 32 };

typedef struct lethe_ga_error_options {
    const char *sparsities; /* "0,0.9,0.99", each in [0, 1); NULL or "": nothing is measured */
    size_t images;          /* of each training; whole batches of them are used */
    size_t batch;           /* images in a step */
    int epochs;
    double lr;
    int forgotten; /* single samples that are unlearned, one after another */
} lethe_ga_error_options;

LETHE_API extern const lethe_option lethe_ga_error_option_table[];

typedef struct lethe_ga_error {
    double sparsity;                  /* share of the prunable weights that the mask removes */
    size_t kept;                      /* parameters that it keeps, all tensors */
    int steps;                        /* t */
    double distance;                  /* || m * (theta_t - theta_0) || */
    lethe_eigenvalue eigenvalue;      /* at theta_t, on the images of the training */
    double bound;                     /* eta^2 t distance sigma(m), the constant taken as 1 */
    double error_mean, error_largest; /* over the forgotten samples: GA's distance to the retraining */
    double untouched;                 /* mean distance of theta_t itself to the retraining */
    double loss_before, loss_after;   /* mean over the images, at m * theta_0 and theta_t */
} lethe_ga_error;

/* Trains from `initial` (whose mask is not read) on images drawn from the samples, dense and then with the
 * masks of the largest weights that the dense training ends with; for each mask, retrains without a sample
 * and takes it back by GA. rows: room for LETHE_ANALYZE_MOST_SPARSITIES. LETHE_DIVERGED: lower the rate. */
LETHE_API lethe_status lethe_ga_error_measure(const lethe_model *initial, lethe_samples samples,
                                              const lethe_ga_error_options *options,
                                              const lethe_eigenvalue_options *eigenvalue,
                                              const lethe_runtime *runtime, lethe_ga_error *rows,
                                              size_t *n_rows);

/* --- the whole --- */

typedef struct lethe_analyze_job {
    lethe_dataset_options data;
    lethe_split_options split;
    lethe_model_options model;
    const char *initial; /* run or file that holds theta_0; NULL: drawn from the seed of the model's run */
    lethe_eigenvalue_options eigenvalue;
    lethe_ga_error_options error;
    const char *out;  /* file for the result as JSON (schema lethe.analysis/1); NULL: not written */
    const char *html; /* file for a page with the plot; NULL: not written */
} lethe_analyze_job;

typedef struct lethe_layer {
    char name[64];
    bool prunable;
    size_t size, kept, zeros; /* entries, those that the mask keeps, those that are 0 */
} lethe_layer;

typedef struct lethe_analysis {
    char arch[32];
    size_t parameters;
    double sparsity;
    lethe_layer *layers; /* [n_layers] parameter tensors in PyTorch's order */
    size_t n_layers;
    lethe_eigenvalue eigenvalue;
    double distance, initial_norm; /* to theta_0, and || m * theta_0 ||; NaN: theta_0 is not known */
    lethe_ga_error errors[LETHE_ANALYZE_MOST_SPARSITIES];
    size_t n_errors;
} lethe_analysis;

LETHE_API lethe_status lethe_analyze_job_defaults(lethe_analyze_job *job);
LETHE_API lethe_status lethe_analyze_job_run(const lethe_analyze_job *job, const lethe_runtime *runtime,
                                             lethe_analysis *out);
LETHE_API void lethe_analysis_fini(lethe_analysis *analysis);

/* One page without any outside resource, written atomically: the tables, and a plot of bound and error. */
LETHE_API lethe_status lethe_analysis_write_html(const lethe_analyze_job *job, const lethe_analysis *analysis,
                                                 const char *path);

#endif
