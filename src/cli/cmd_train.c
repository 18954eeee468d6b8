/* cmd_train.c - lethe train */
#include "base/fail.h"
#include "cli/run_show.h"
#include "experiment/job.h"

static lethe_status options(lethe__call *call, void *job) {
    LETHE_TRY(lethe_train_job_defaults(job));
    return lethe__train_job_lend(job, &call->runtime, &call->set);
}

static lethe_status run(lethe__call *call, void *values) {
    const lethe_train_job *job = values;
    lethe_run_result result;
    lethe_estimate estimate;
    if (call->talk.dry_run) {
        LETHE_TRY(lethe_train_job_estimate(job, &call->runtime, &estimate));
        return lethe__show_estimate(call, &estimate);
    }
    LETHE_TRY(lethe_train_job_run(job, &call->runtime, &result));
    return lethe__show_run(call, job->run.out, &result);
}

const lethe__command lethe__cmd_train = {
    .name = "train",
    .summary = "train a model on a data set",
    .details =
        "Trains a new model (--arch) or goes on with one (--model) by SGD, and writes a run directory "
        "(--out): the model, its configuration, the division of the data, the history and a record. A run "
        "that was interrupted continues when the same command is given again, and ends with the same "
        "bits.\nExample: lethe train --arch resnet20s --dataset fashion-mnist --epochs 24 --out "
        "runs/dense",
    .traits = LETHE__CONFIGURED | LETHE__DRY_RUNS | LETHE__COMPUTES | LETHE__HAS_RESULT,
    .job_size = sizeof(lethe_train_job),
    .options = options,
    .run = run,
};
