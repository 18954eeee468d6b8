/* job_options.c - the option tables of the jobs, and how they make up each job.
 *
 * The same groups give a job its defaults, the command line its options, and a run its stored configuration.
 * The rows for the options that several jobs have are macros over the job's type, since each job holds them
 * at an offset of its own. */
#include "base/fail.h"
#include "experiment/job.h"
#include <string.h>

static const lethe_option run_table[] = {
    {.name = "out",
     .type = LETHE_OPTION_STRING,
     .offset = offsetof(lethe_run_options, out),
     .placeholder = "DIR",
     .help = "run directory to write; an interrupted run in it is continued"},
    {.name = "force",
     .type = LETHE_OPTION_FLAG,
     .offset = offsetof(lethe_run_options, force),
     .help = "replace the finished run in the run directory",
     .transient = true},
    {.name = "resume",
     .type = LETHE_OPTION_CHOICE,
     .offset = offsetof(lethe_run_options, resume),
     .value = "auto",
     .choices = "auto|never",
     .help = "whether to continue an interrupted run in the run directory or to start anew",
     .transient = true},
    LETHE_OPTIONS_END,
};

const lethe_option lethe__split_option_table[] = {
    {.name = "val-fraction",
     .type = LETHE_OPTION_DOUBLE,
     .offset = offsetof(lethe_split_options, val_fraction),
     .value = "0.1",
     .minimum = 0,
     .maximum = 0.99,
     .placeholder = "F",
     .help = "share of each class held out for validation"},
    {.name = "split-seed",
     .type = LETHE_OPTION_UINT64,
     .offset = offsetof(lethe_split_options, split_seed),
     .value = "1",
     .placeholder = "N",
     .help = "seed of the hold-out and of a random forget set, apart from the run's seed"},
    LETHE_OPTIONS_END,
};

static const lethe_option model_table[] = {
    {.name = "model",
     .type = LETHE_OPTION_STRING,
     .offset = offsetof(lethe_model_options, model),
     .placeholder = "RUN_OR_FILE",
     .help = "model to start from: a run directory, whose data and split are reused, or a .safetensors file"},
    {.name = "arch",
     .type = LETHE_OPTION_STRING,
     .offset = offsetof(lethe_model_options, arch),
     .placeholder = "NAME",
     .help = "architecture of a new model, or of a file without lethe's metadata: resnet18, resnet20s, "
             "resnet44s or resnet56s"},
    {.name = "classes",
     .type = LETHE_OPTION_INT,
     .offset = offsetof(lethe_model_options, classes),
     .value = "0",
     .minimum = 0,
     .maximum = 100000,
     .placeholder = "N",
     .help = "with --arch: classes of the model; 0 takes those of the data set"},
    {.name = "mean",
     .type = LETHE_OPTION_STRING,
     .offset = offsetof(lethe_model_options, mean),
     .placeholder = "LIST",
     .help = "with --arch: mean of each channel for the normalisation, as in 0.49,0.48,0.45; without it that "
             "of the data set"},
    {.name = "std",
     .type = LETHE_OPTION_STRING,
     .offset = offsetof(lethe_model_options, std),
     .placeholder = "LIST",
     .help = "with --arch: standard deviation of each channel"},
    LETHE_OPTIONS_END,
};

static const lethe_option keep_table[] = {
    {.name = "keep-epoch",
     .type = LETHE_OPTION_INT,
     .offset = offsetof(lethe_train_job, keep_epoch),
     .value = "-1",
     .minimum = -1,
     .maximum = 1e6,
     .placeholder = "K",
     .help = "also store the model as it is after K epochs, for pruning with rewinding; -1 stores none"},
    LETHE_OPTIONS_END,
};

static const lethe_option prune_method_table[] = {
    {.name = "method",
     .type = LETHE_OPTION_STRING,
     .offset = offsetof(lethe_prune_job, method),
     .value = "omp",
     .placeholder = "NAME",
     .help = "pruning method; 'lethe help prune' lists them"},
    LETHE_OPTIONS_END,
};

#define FORGET_ROW(job)                                                                                      \
    {                                                                                                        \
        .name = "forget", .type = LETHE_OPTION_STRING, .offset = offsetof(job, forget),                      \
        .placeholder = "SET",                                                                                \
        .help =                                                                                              \
            "forget set: class=K, random=F, class=K,random=F or ids=FILE; without it that of the given run"  \
    }

static const lethe_option unlearn_method_table[] = {
    FORGET_ROW(lethe_unlearn_job),
    {.name = "method",
     .type = LETHE_OPTION_STRING,
     .offset = offsetof(lethe_unlearn_job, method),
     .placeholder = "NAME",
     .help = "unlearning method; 'lethe help unlearn' lists them"},
    {.name = "wreck-bound",
     .type = LETHE_OPTION_DOUBLE,
     .offset = offsetof(lethe_unlearn_job, wreck_bound),
     .value = "-1",
     .minimum = -1,
     .maximum = 100,
     .placeholder = "PERCENT",
     .help =
         "warn that the model is wrecked if its accuracy on the retain set ends below this; -1 is half of "
         "the original's, 0 never warns"},
    LETHE_OPTIONS_END,
};

static const lethe_option evaluate_table[] = {
    FORGET_ROW(lethe_evaluate_job),
    {.name = "reference",
     .type = LETHE_OPTION_STRING,
     .offset = offsetof(lethe_evaluate_job, reference),
     .placeholder = "RUN_OR_FILE",
     .help = "model to compare with, usually Retrain: adds the gaps and the disparity average"},
    {.name = "reference-2",
     .type = LETHE_OPTION_STRING,
     .offset = offsetof(lethe_evaluate_job, reference_2),
     .placeholder = "RUN_OR_FILE",
     .help = "Retrain with another seed: adds the gaps between the two references, below which no method can "
             "be told from Retrain"},
    {.name = "out",
     .type = LETHE_OPTION_STRING,
     .offset = offsetof(lethe_evaluate_job, out),
     .placeholder = "FILE",
     .help = "file for the result as JSON; without it evaluation.json in the model's run directory"},
    LETHE_OPTIONS_END,
};

static const lethe_option tune_table[] = {
    {.name = "search",
     .type = LETHE_OPTION_STRING,
     .offset = offsetof(lethe_tune_job, search),
     .placeholder = "NAME=LOW..HIGH",
     .help = "numeric option of the method and the range to search, on a log scale: lr=0.001..0.2"},
    {.name = "trials",
     .type = LETHE_OPTION_INT,
     .offset = offsetof(lethe_tune_job, trials),
     .value = "8",
     .minimum = 3,
     .maximum = LETHE_TUNE_MOST_TRIALS,
     .placeholder = "N",
     .help =
         "values to try: half of them over the whole range, then around the best; finished trials in --out "
         "count"},
    {.name = "minutes",
     .type = LETHE_OPTION_DOUBLE,
     .offset = offsetof(lethe_tune_job, minutes),
     .value = "0",
     .minimum = 0,
     .maximum = 1e6,
     .placeholder = "N",
     .help = "start no further trial once runs and evaluations have taken so long in all; 0 sets no bound"},
    {.name = "budget-epochs",
     .type = LETHE_OPTION_INT,
     .offset = offsetof(lethe_tune_job, budget_epochs),
     .value = "0",
     .minimum = 0,
     .maximum = 1e9,
     .placeholder = "N",
     .help =
         "start no further trial once the runs have trained so many epochs in all, where a run of a method "
         "without epochs counts as one; 0 sets no bound"},
    {.name = "reference",
     .type = LETHE_OPTION_STRING,
     .offset = offsetof(lethe_tune_job, reference),
     .placeholder = "RUN_OR_FILE",
     .help = "model to come close to, usually Retrain: the least disparity average wins"},
    {.name = "least-va",
     .type = LETHE_OPTION_DOUBLE,
     .offset = offsetof(lethe_tune_job, least_va),
     .value = "-1",
     .minimum = -1,
     .maximum = 100,
     .placeholder = "PERCENT",
     .help = "validation accuracy, without a forgotten class, below which a trial cannot win; without "
             "--reference "
             "the highest UA above it wins; -1 sets no bound"},
    LETHE_OPTIONS_END,
};

static const lethe_option predict_table[] = {
    FORGET_ROW(lethe_predict_job),
    {.name = "split",
     .type = LETHE_OPTION_CHOICE,
     .offset = offsetof(lethe_predict_job, part),
     .value = "test",
     .choices = LETHE_PART_CHOICES,
     .help = "samples to predict"},
    {.name = "batch",
     .type = LETHE_OPTION_SIZE,
     .offset = offsetof(lethe_predict_job, batch),
     .value = "256",
     .minimum = 1,
     .maximum = 65536,
     .placeholder = "N",
     .help = "samples to predict at a time"},
    {.name = "logits",
     .type = LETHE_OPTION_STRING,
     .offset = offsetof(lethe_predict_job, logits),
     .placeholder = "FILE.npy",
     .help = "where to write the logits, float32 [n, classes] in data set order"},
    {.name = "probabilities",
     .type = LETHE_OPTION_STRING,
     .offset = offsetof(lethe_predict_job, probabilities),
     .placeholder = "FILE.npy",
     .help = "where to write their softmax, likewise"},
    {.name = "images",
     .type = LETHE_OPTION_STRING,
     .offset = offsetof(lethe_predict_job, images),
     .placeholder = "FILE.npy",
     .help = "where to write the images that were predicted, uint8 [n, height, width, channels]"},
    LETHE_OPTIONS_END,
};

static const lethe_option analyze_table[] = {
    {.name = "initial",
     .type = LETHE_OPTION_STRING,
     .offset = offsetof(lethe_analyze_job, initial),
     .placeholder = "RUN_OR_FILE",
     .help =
         "the weights that the model's training began with; without it they are drawn from the seed of the "
         "run that it goes back to"},
    {.name = "out",
     .type = LETHE_OPTION_STRING,
     .offset = offsetof(lethe_analyze_job, out),
     .placeholder = "FILE",
     .help = "file for the result as JSON"},
    {.name = "html",
     .type = LETHE_OPTION_STRING,
     .offset = offsetof(lethe_analyze_job, html),
     .placeholder = "FILE",
     .help = "file for a page with the tables and a plot of bound and error"},
    LETHE_OPTIONS_END,
};

lethe_status lethe__option_set_lend(lethe__option_set *set, const char *heading, const lethe_option *table,
                                    void *values) {
    LETHE_TRY(lethe__option_set_add(set, heading, table, NULL));
    set->groups[set->n_groups - 1].values = values;
    return LETHE_OK;
}

static lethe_status lend_runtime(lethe__option_set *set, lethe_runtime *runtime) {
    return runtime == NULL ? LETHE_OK
                           : lethe__option_set_lend(set, "Computation", lethe_runtime_options, runtime);
}

static lethe_status lend_subject(lethe__option_set *set, lethe_dataset_options *data,
                                 lethe_split_options *split, lethe_model_options *model) {
    LETHE_TRY(lethe__option_set_lend(set, "Model", model_table, model));
    LETHE_TRY(lethe__option_set_lend(set, "Data", lethe_dataset_option_table, data));
    return lethe__option_set_lend(set, "Split", lethe__split_option_table, split);
}

lethe_status lethe__train_job_lend(lethe_train_job *job, lethe_runtime *runtime, lethe__option_set *set) {
    LETHE_TRY(lethe__option_set_lend(set, "Run", run_table, &job->run));
    LETHE_TRY(lend_subject(set, &job->data, &job->split, &job->model));
    LETHE_TRY(lethe__option_set_lend(set, "Training", lethe_fit_option_table, &job->fit));
    LETHE_TRY(lethe__option_set_lend(set, "Rewinding", keep_table, job));
    return lend_runtime(set, runtime);
}

lethe_status lethe__prune_job_lend(lethe_prune_job *job, lethe_runtime *runtime, lethe__option_set *set) {
    LETHE_TRY(lethe__option_set_lend(set, "Run", run_table, &job->run));
    LETHE_TRY(lethe__option_set_lend(set, "Method", prune_method_table, job));
    if (job->record != NULL)
        LETHE_TRY(lethe__option_set_lend(set, job->record->title, job->record->options, job->method_options));
    LETHE_TRY(lend_subject(set, &job->data, &job->split, &job->model));
    return lend_runtime(set, runtime);
}

lethe_status lethe__unlearn_job_lend(lethe_unlearn_job *job, lethe_runtime *runtime, lethe__option_set *set) {
    LETHE_TRY(lethe__option_set_lend(set, "Run", run_table, &job->run));
    LETHE_TRY(lethe__option_set_lend(set, "Unlearning", unlearn_method_table, job));
    if (job->record != NULL)
        LETHE_TRY(lethe__option_set_lend(set, job->record->title, job->record->options, job->method_options));
    LETHE_TRY(lend_subject(set, &job->data, &job->split, &job->model));
    return lend_runtime(set, runtime);
}

lethe_status lethe__evaluate_job_lend(lethe_evaluate_job *job, lethe_runtime *runtime,
                                      lethe__option_set *set) {
    LETHE_TRY(lethe__option_set_lend(set, "Evaluation", evaluate_table, job));
    LETHE_TRY(lethe__option_set_lend(set, "Metrics", lethe_evaluate_option_table, &job->options));
    LETHE_TRY(lend_subject(set, &job->data, &job->split, &job->model));
    return lend_runtime(set, runtime);
}

lethe_status lethe__tune_job_lend(lethe_tune_job *job, lethe_runtime *runtime, lethe__option_set *set) {
    LETHE_TRY(lethe__option_set_lend(set, "Search", tune_table, job));
    return lethe__unlearn_job_lend(&job->trial, runtime, set);
}

lethe_status lethe__predict_job_lend(lethe_predict_job *job, lethe_runtime *runtime, lethe__option_set *set) {
    LETHE_TRY(lethe__option_set_lend(set, "Prediction", predict_table, job));
    LETHE_TRY(lend_subject(set, &job->data, &job->split, &job->model));
    return lend_runtime(set, runtime);
}

lethe_status lethe__analyze_job_lend(lethe_analyze_job *job, lethe_runtime *runtime, lethe__option_set *set) {
    LETHE_TRY(lethe__option_set_lend(set, "Analysis", analyze_table, job));
    LETHE_TRY(lethe__option_set_lend(set, "Hessian", lethe_eigenvalue_option_table, &job->eigenvalue));
    LETHE_TRY(
        lethe__option_set_lend(set, "Error of gradient ascent", lethe_ga_error_option_table, &job->error));
    LETHE_TRY(lend_subject(set, &job->data, &job->split, &job->model));
    return lend_runtime(set, runtime);
}

static lethe_status fill_defaults(lethe__option_set *set, lethe_status lent) {
    for (int i = 0; i < set->n_groups && lent == LETHE_OK; i++)
        lent = lethe_options_defaults(set->groups[i].table, set->groups[i].values);
    return lent;
}

lethe_status lethe_train_job_defaults(lethe_train_job *job) {
    lethe__option_set set = {0};
    memset(job, 0, sizeof *job);
    return fill_defaults(&set, lethe__train_job_lend(job, NULL, &set));
}

lethe_status lethe_prune_job_defaults(lethe_prune_job *job) {
    lethe__option_set set = {0};
    memset(job, 0, sizeof *job);
    return fill_defaults(&set, lethe__prune_job_lend(job, NULL, &set));
}

lethe_status lethe_unlearn_job_defaults(lethe_unlearn_job *job) {
    lethe__option_set set = {0};
    memset(job, 0, sizeof *job);
    return fill_defaults(&set, lethe__unlearn_job_lend(job, NULL, &set));
}

lethe_status lethe_evaluate_job_defaults(lethe_evaluate_job *job) {
    lethe__option_set set = {0};
    memset(job, 0, sizeof *job);
    return fill_defaults(&set, lethe__evaluate_job_lend(job, NULL, &set));
}

lethe_status lethe_tune_job_defaults(lethe_tune_job *job) {
    lethe__option_set set = {0};
    memset(job, 0, sizeof *job);
    return fill_defaults(&set, lethe__tune_job_lend(job, NULL, &set));
}

lethe_status lethe_predict_job_defaults(lethe_predict_job *job) {
    lethe__option_set set = {0};
    memset(job, 0, sizeof *job);
    return fill_defaults(&set, lethe__predict_job_lend(job, NULL, &set));
}

lethe_status lethe_analyze_job_defaults(lethe_analyze_job *job) {
    lethe__option_set set = {0};
    memset(job, 0, sizeof *job);
    return fill_defaults(&set, lethe__analyze_job_lend(job, NULL, &set));
}

lethe_status lethe__job_complete(lethe__option_set *set, const lethe_dataset_options *data,
                                 const char *model) {
    if (data->name == NULL)
        LETHE_TRY(lethe__option_set_inherit(set, model));
    if (data->name == NULL)
        LETHE_FAIL(LETHE_USAGE, "no data set was named, and there is no run directory to take one from");
    for (int i = 0; i < set->n_groups; i++)
        LETHE_TRY(lethe_options_check(set->groups[i].table, set->groups[i].values));
    return LETHE_OK;
}
