/* run.h - whole jobs: train, prune, unlearn, evaluate, tune and predict, from options to a run directory.
 *
 * A job is a structure of options. Its `_defaults` fills it, its `_run` carries it out. The program `lethe`
 * is these functions with a command line in front of them. Train, prune and unlearn write a run directory:
 *
 *     config.yaml  split.json  history.csv  log.txt  events.out.tfevents.*  model.safetensors  run.json
 *
 * run.json is written last: where it is, the run has finished. An interrupted run leaves
 * checkpoint.safetensors; the same job run again continues from it and ends with the same bits. `checkpoint`
 * and `resume` of the runtime are the job's own and not read. */
#ifndef LETHE_RUN_H
#define LETHE_RUN_H

#include <lethe/evaluate.h>
#include <lethe/prune.h>
#include <lethe/unlearn.h>

typedef enum lethe_resume { LETHE_RESUME_AUTO, LETHE_RESUME_NEVER } lethe_resume;

typedef struct lethe_run_options {
    const char *out;     /* the run directory; created with its parents */
    bool force;          /* replace a finished run */
    lethe_resume resume; /* auto: continue an interrupted run in `out` */
} lethe_run_options;

typedef struct lethe_split_options {
    double val_fraction; /* of each class, held out for validation */
    uint64_t split_seed; /* of the hold-out and of a random forget set */
} lethe_split_options;

/* The model to start from: `model` is a run directory or a .safetensors file; without it `arch` is created
 * and initialised from the runtime's seed. Beside a file without lethe's metadata, the other fields say what
 * it holds. */
typedef struct lethe_model_options {
    const char *model, *arch;
    int classes;            /* 0: those of the data set */
    const char *mean, *std; /* "0.5,0.5,0.5"; NULL: those of the data set */
} lethe_model_options;

/* When `model` is a run directory, its split is reused, and with data.name NULL its data set as well. The
 * compat of the runtime is not taken from there: a structure cannot tell "not given" from "none". */
typedef struct lethe_train_job {
    lethe_run_options run;
    lethe_dataset_options data;
    lethe_split_options split;
    lethe_model_options model;
    lethe_fit_options fit;
    int keep_epoch; /* also write epoch-K.safetensors, the model after K epochs, to rewind to; -1: not */
} lethe_train_job;

/* A model that is given (model.model) is trained already: omp and imp prune it, rewind it to the epoch that
 * its run has kept, and train it again. A new one (model.arch) is trained first. */
typedef struct lethe_prune_job {
    lethe_run_options run;
    lethe_dataset_options data;
    lethe_split_options split;
    lethe_model_options model;
    const char *method;               /* "omp" */
    const lethe_prune_method *record; /* a method of your own; NULL: the one called `method` */
    void *method_options; /* the method's own structure, which begins with lethe_prune_options; NULL: its
                             defaults */
} lethe_prune_job;

typedef struct lethe_unlearn_job {
    lethe_run_options run;
    lethe_dataset_options data;
    lethe_split_options split;
    const char *forget; /* as for lethe_split_forget; NULL: the forget set of the given run */
    lethe_model_options model;
    const char *method;                 /* "ft" */
    const lethe_unlearn_method *record; /* a method of your own; NULL: the one called `method` */
    void *method_options;               /* the method's own structure; NULL: its defaults */
    double wreck_bound; /* percent: a lower accuracy on the retain set is reported as a wrecked model; -1:
                           half of what the original has there */
} lethe_unlearn_job;

typedef struct lethe_evaluate_job {
    lethe_dataset_options data;
    lethe_split_options split;
    const char *forget; /* NULL: the forget set of the given run, if it has one */
    lethe_model_options model;
    lethe_evaluate_options options;
    const char *reference;   /* run or file to compare with, on the same division of the data; NULL: none */
    const char *reference_2; /* a second one, Retrain with another seed: its gaps to the first are what two
                                Retrains differ by; NULL: none */
    const char *out;         /* file for the result; NULL: evaluation.json in the run directory of `model` */
} lethe_evaluate_job;

enum { LETHE_TUNE_MOST_TRIALS = 64 };

/* Searches one option of an unlearning method; each trial is a run directory OUT/NAME=VALUE in the folder
 * trial.run.out. Without a reference, the trial of the highest UA is the best one. */
typedef struct lethe_tune_job {
    lethe_unlearn_job trial; /* everything but the value searched */
    const char *search;      /* "lr=0.001..0.2": a numeric option of the method and its range, both above 0 */
    const char *reference;   /* run or file whose metrics are to be met: the disparity average decides */
    double least_va;         /* percent: trials with a lower validation accuracy cannot win; -1: any can */
    int trials;              /* at most so many, those included that are in `out` already */
    double minutes;    /* no new trial after so many minutes of runs and evaluations; 0: no such bound */
    int budget_epochs; /* no new trial after so many epochs of training, of which every trial counts as one
                          at least; 0: no such bound */
} lethe_tune_job;

typedef struct lethe_predict_job {
    lethe_dataset_options data;
    lethe_split_options split;
    const char *forget;
    lethe_model_options model;
    lethe_part part;
    size_t batch;
    const char *logits;        /* .npy, float32 [n, classes], in data set order; NULL: not written */
    const char *probabilities; /* .npy, float32 [n, classes] */
    const char *images;        /* .npy, uint8 [n, h, w, c]: what the model was given */
} lethe_predict_job;

LETHE_API lethe_status lethe_train_job_defaults(lethe_train_job *job);
LETHE_API lethe_status lethe_prune_job_defaults(lethe_prune_job *job);
LETHE_API lethe_status lethe_unlearn_job_defaults(lethe_unlearn_job *job);
LETHE_API lethe_status lethe_evaluate_job_defaults(lethe_evaluate_job *job);
LETHE_API lethe_status lethe_tune_job_defaults(lethe_tune_job *job);
LETHE_API lethe_status lethe_predict_job_defaults(lethe_predict_job *job);

/* What a finished run has to tell. NaN: nothing was measured. */
typedef struct lethe_run_result {
    int epochs;
    double loss, accuracy, val_accuracy; /* of the last epoch */
    double sparsity;
    double seconds;     /* this sitting, everything included, and the training of earlier ones */
    double rte_seconds; /* the method alone: no loading of data, validation or checkpoints */
    double zeros;       /* share of the prunable weights that are 0, by the mask or by themselves */
    double near_zeros;  /* share of them below 1e-3 in magnitude */
    /* Unlearning only, else NaN: accuracy in percent before and after on at most 1000 retain samples, and the
     * bound below which the model counts as wrecked. It is written all the same. */
    double original_accuracy, retain_accuracy, wreck_bound;
    bool wrecked;
} lethe_run_result;

/* LETHE_USAGE: contradicting options, or `out` holds a finished run; LETHE_INPUT: a file is missing or
 * damaged, or the checkpoint is of another run; LETHE_DIVERGED: run.json says so and no model is written;
 * LETHE_STOPPED: there is a checkpoint and no run.json. */
LETHE_API lethe_status lethe_train_job_run(const lethe_train_job *job, const lethe_runtime *runtime,
                                           lethe_run_result *out);
LETHE_API lethe_status lethe_prune_job_run(const lethe_prune_job *job, const lethe_runtime *runtime,
                                           lethe_run_result *out);
LETHE_API lethe_status lethe_unlearn_job_run(const lethe_unlearn_job *job, const lethe_runtime *runtime,
                                             lethe_run_result *out);

/* Writes nothing: what the job would do, and how long it would take by a few steps made on a copy. */
typedef struct lethe_estimate {
    lethe_model_info model;
    size_t n_train, n_val, n_test, n_retain, n_forget;
    size_t parameters, parameter_tensors;
    double sparsity;
    size_t n_samples, steps_per_epoch; /* of a training pass */
    int epochs;                        /* over all stages */
    size_t model_bytes;                /* parameters, gradients, momentum and statistics */
    size_t activation_bytes;           /* one training step */
    size_t data_bytes;                 /* the images */
    double step_seconds, total_seconds;
} lethe_estimate;

LETHE_API lethe_status lethe_train_job_estimate(const lethe_train_job *job, const lethe_runtime *runtime,
                                                lethe_estimate *out);
LETHE_API lethe_status lethe_prune_job_estimate(const lethe_prune_job *job, const lethe_runtime *runtime,
                                                lethe_estimate *out);
LETHE_API lethe_status lethe_unlearn_job_estimate(const lethe_unlearn_job *job, const lethe_runtime *runtime,
                                                  lethe_estimate *out);

typedef struct lethe_evaluation_result {
    lethe_evaluation model, reference, reference_2; /* the references: when the job names them */
    lethe_gaps gaps;                                /* of the model to the reference */
    lethe_gaps
        null_gaps;      /* of the second reference to the first: a model this near is as good as a Retrain */
    double rte_seconds; /* of the run that made the model; NaN: not known */
    double parent_sparsity; /* of the model that was unlearned, or of the model itself if it was not */
    char method[32];        /* the unlearning method of the run, or "original" */
    char forget[256];       /* the forget set's specification, cut to fit; "" without one */
} lethe_evaluation_result;

/* Also writes the result as JSON (schema lethe.evaluation/1), see `out` of the job. */
LETHE_API lethe_status lethe_evaluate_job_run(const lethe_evaluate_job *job, const lethe_runtime *runtime,
                                              lethe_evaluation_result *out);

/* Metrics in percent, as of an evaluation; NaN where nothing was measured. */
typedef struct lethe_tune_trial {
    double value;
    char run[96]; /* the name of its run directory in OUT */
    bool diverged;
    bool wrecked;    /* as its run says: see wreck_bound of lethe_unlearn_job */
    bool admissible; /* may win: it has a model, not a wrecked one, that keeps the bound on validation
                        accuracy */
    double ua, mia_efficacy, ra, ta, va, disparity_average;
    double seconds, rte_seconds; /* of its run */
    double evaluation_seconds;
    int epochs; /* trained by its run; 0: the method does not train */
} lethe_tune_trial;

typedef struct lethe_tune_result {
    lethe_tune_trial trials[LETHE_TUNE_MOST_TRIALS]; /* by value */
    int n, best;                                     /* best: index; -1: no trial is admissible */
} lethe_tune_result;

/* Also writes OUT/tune.json (schema lethe.tune/1) after every trial. Finished runs that are there already, of
 * the same options and model and with a value in the range, are trials too, so the same job continues an
 * interrupted one and one with more trials keeps those of before. LETHE_USAGE: a run there is another one
 * (see trial.run.force), or the search makes no sense; LETHE_INPUT: the reference was made on another
 * division of the data; LETHE_STOPPED: run it again to continue. A trial that diverges is a result.
 */
LETHE_API lethe_status lethe_tune_job_run(const lethe_tune_job *job, const lethe_runtime *runtime,
                                          lethe_tune_result *out);

/* *n: the samples that were predicted. */
LETHE_API lethe_status lethe_predict_job_run(const lethe_predict_job *job, const lethe_runtime *runtime,
                                             size_t *n);

#endif
