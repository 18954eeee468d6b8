/* cmd_predict.c - lethe predict */
#include "base/fail.h"
#include "cli/command.h"
#include "experiment/job.h"

static lethe_status options(lethe__call *call, void *job) {
    LETHE_TRY(lethe_predict_job_defaults(job));
    return lethe__predict_job_lend(job, &call->runtime, &call->set);
}

static lethe_status run(lethe__call *call, void *values) {
    const lethe_predict_job *job = values;
    size_t n;
    LETHE_TRY(lethe_predict_job_run(job, &call->runtime, &n));
    lethe__progress_clear(&call->line);
    if (call->talk.json)
        return lethe__print_json(json_pack("{s:s, s:I, s:s?, s:s?, s:s?}", "model", job->model.model, "n",
                                           (json_int_t)n, "logits", job->logits, "probabilities",
                                           job->probabilities, "images", job->images));
    if (!call->talk.quiet)
        printf("%s: %zu samples\n", job->model.model, n);
    return LETHE_OK;
}

const lethe__command lethe__cmd_predict = {
    .name = "predict",
    .summary = "logits or probabilities of a model on a split",
    .details =
        "Writes what a model (--model) answers to the samples of one part of the data (--split), in data "
        "set order, as NumPy arrays.\nExample: lethe predict --model runs/ga --split forget "
        "--probabilities forget.npy",
    .traits = LETHE__CONFIGURED | LETHE__COMPUTES | LETHE__HAS_RESULT,
    .job_size = sizeof(lethe_predict_job),
    .options = options,
    .run = run,
};
