/* job_tables.c - the option tables of the jobs.
 *
 * The rows for the options that several jobs have are macros over the job's type, since each job holds them
 * at an offset of its own. */
#include "experiment/job_tables.h"
#include "experiment/job.h"

const lethe_option lethe__run_table[] = {
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

const lethe_option lethe__model_table[] = {
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

const lethe_option lethe__keep_table[] = {
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

const lethe_option lethe__prune_method_table[] = {
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

const lethe_option lethe__unlearn_method_table[] = {
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

const lethe_option lethe__evaluate_table[] = {
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

const lethe_option lethe__tune_table[] = {
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

const lethe_option lethe__predict_table[] = {
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

const lethe_option lethe__analyze_table[] = {
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
