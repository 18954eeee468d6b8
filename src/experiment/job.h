/* job.h - what the jobs of the experiment room share.
 *
 * A job is carried out in the same steps whatever it does: open the subject (data, split, model), open the
 * run directory, let the job work on a trainer, record. lethe__job_run does all but the work. */
#ifndef LETHE_EXPERIMENT_JOB_H
#define LETHE_EXPERIMENT_JOB_H

#include "base/option_set.h"
#include "experiment/subject.h"
#include <lethe/analyze.h>

/* What a method found out about its own work; lent by the trainer. */
typedef struct lethe__findings {
    const lethe_finding *all;
    size_t n;
} lethe__findings;

typedef struct lethe__job lethe__job;
struct lethe__job {
    const char *command;                  /* "train" */
    const void *options;                  /* the public structure; what the pointers below point into */
    const lethe_run_options *run;         /* part of them */
    lethe__subject_options subject;       /* likewise */
    lethe__option_set set;                /* over them and `runtime`: the run's configuration */
    lethe_runtime runtime;                /* the caller's */
    const lethe_unlearn_method *unlearns; /* the method, when the work is one; else NULL */
    double wreck_bound;                   /* of such a method */
    lethe__findings *findings;            /* where the work leaves them; NULL: it has none */
    lethe_status (*work)(const lethe__job *job, const lethe__subject *subject, lethe_trainer *trainer);
};

lethe_status lethe__job_run(const lethe__job *job, lethe_run_result *out);

/* Runs a few training steps on the job's model, which is opened for that; `part` is what the job trains on,
 * n_trainings how often it goes through its epochs. */
lethe_status lethe__job_estimate(const lethe__job *job, lethe_part part, int n_trainings,
                                 lethe_estimate *out);

/* Removes from a stored configuration what says where things lie, or how often they are stored: that does not
 * change what is computed. */
void lethe__config_strip(json_t *config);

/* The digest of the file runtime->kernels; "" where none is named. */
lethe_status lethe__kernels_digest(const lethe_runtime *runtime, char text[LETHE_DIGEST_TEXT]);

/* Everything that has to be the same for an interrupted run to be continued, as a digest; `kernels`: that of
 * the file with the choice of kernels. */
lethe_status lethe__job_identity(const lethe__job *job, const lethe__subject *subject, const char *kernels,
                                 char text[LETHE_DIGEST_TEXT]);

/* Checks the values of `set` against their tables and, with data->name NULL, fills the options of the data
 * from the run directory `model`. */
lethe_status lethe__job_complete(lethe__option_set *set, const lethe_dataset_options *data,
                                 const char *model);

/* Adds a group whose values stay as they are. */
lethe_status lethe__option_set_lend(lethe__option_set *set, const char *heading, const lethe_option *table,
                                    void *values);

/* The option groups of a job; `runtime` NULL leaves its group out. The method of a job that has one must
 * be set: record and method_options give it a group. */
lethe_status lethe__train_job_lend(lethe_train_job *job, lethe_runtime *runtime, lethe__option_set *set);
lethe_status lethe__prune_job_lend(lethe_prune_job *job, lethe_runtime *runtime, lethe__option_set *set);
lethe_status lethe__unlearn_job_lend(lethe_unlearn_job *job, lethe_runtime *runtime, lethe__option_set *set);
lethe_status lethe__evaluate_job_lend(lethe_evaluate_job *job, lethe_runtime *runtime,
                                      lethe__option_set *set);
lethe_status lethe__tune_job_lend(lethe_tune_job *job, lethe_runtime *runtime, lethe__option_set *set);
lethe_status lethe__predict_job_lend(lethe_predict_job *job, lethe_runtime *runtime, lethe__option_set *set);
lethe_status lethe__analyze_job_lend(lethe_analyze_job *job, lethe_runtime *runtime, lethe__option_set *set);

/* What the first reference of an evaluation came to, for further evaluations on the same division of the
 * data. */
typedef struct lethe__measured_reference {
    bool is_measured;
    lethe_evaluation evaluation;
} lethe__measured_reference;

/* As lethe_evaluate_job_run, but what `kept` holds is taken for the first reference, whose file is then not
 * opened; it is measured and left there the first time. NULL: it is measured. */
lethe_status lethe__evaluate_job_run(const lethe_evaluate_job *options, const lethe_runtime *runtime,
                                     lethe__measured_reference *kept, lethe_evaluation_result *out);

/* Finds the method of the job, and makes its default options when there are none; *made owns them. */
lethe_status lethe__unlearn_job_find_method(lethe_unlearn_job *job, void **made);

/* RUN/epoch-K.safetensors in fresh memory: the model of a run as it was after K epochs. */
lethe_status lethe__kept_path(const char *run, int epoch, char **out);

extern const lethe_option lethe__split_option_table[];

/* Fills the options of the split that were not given with those of the run directory `model`, and those of
 * the data set as well unless `dataset` itself was given. Does nothing when `model` is no folder. */
lethe_status lethe__option_set_inherit(lethe__option_set *set, const char *model);
/* The same for whose reading of the paper the run follows: only a command line tells "not given" from "none".
 */
lethe_status lethe__option_set_inherit_compat(lethe__option_set *set, const char *model);

#endif
