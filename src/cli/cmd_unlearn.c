/* cmd_unlearn.c - lethe unlearn */
#include "base/fail.h"
#include "cli/run_show.h"
#include "cli/unlearn_method.h"
#include "experiment/job.h"

static lethe_status options(lethe__call *call, void *values) {
    lethe_unlearn_job *job = values;
    LETHE_TRY(lethe_unlearn_job_defaults(job));
    LETHE_TRY(lethe__call_find_method(call, job));
    return lethe__unlearn_job_lend(job, &call->runtime, &call->set);
}

static lethe_status run(lethe__call *call, void *values) {
    const lethe_unlearn_job *job = values;
    lethe_run_result result;
    lethe_estimate estimate;
    if (call->talk.dry_run) {
        LETHE_TRY(lethe_unlearn_job_estimate(job, &call->runtime, &estimate));
        return lethe__show_estimate(call, &estimate);
    }
    LETHE_TRY(lethe_unlearn_job_run(job, &call->runtime, &result));
    return lethe__show_run(call, job->run.out, &result);
}

const lethe__command lethe__cmd_unlearn = {
    .name = "unlearn",
    .summary = "remove the influence of training samples from a model",
    .details =
        "Takes a forget set (--forget) out of a trained model (--model) by a method (--method) and writes "
        "a run directory. The data set and its division come from the model's run. 'lethe help unlearn "
        "METHOD' explains a method and its options.\nExample: lethe unlearn --model runs/dense --forget "
        "class=3 --method ga --out runs/ga",
    .traits = LETHE__CONFIGURED | LETHE__DRY_RUNS | LETHE__COMPUTES | LETHE__HAS_RESULT,
    .job_size = sizeof(lethe_unlearn_job),
    .options = options,
    .run = run,
    .method = lethe__unlearn_method_help,
};
