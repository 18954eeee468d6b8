/* cmd_unlearn.c - lethe unlearn. The method is looked for before parsing, because it brings options of its
 * own. */
#include "base/fail.h"
#include "cli/run_show.h"
#include "experiment/job.h"

static lethe_status options(lethe__call *call, void *values) {
    lethe_unlearn_job *job = values;
    const char *name;
    LETHE_TRY(lethe_unlearn_job_defaults(job));
    LETHE_TRY(lethe__call_peek(call, "method", &name));
    if (name != NULL) {
        LETHE_TRY(lethe_unlearn_find(name, &job->record));
        LETHE_TRY(lethe__arena_allocate(call->memory, 1, job->record->options_size, &job->method_options));
        LETHE_TRY(lethe_options_defaults(job->record->options, job->method_options));
    }
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

static bool method(size_t index, lethe__method_help *out) {
    const lethe_unlearn_method *record = lethe_unlearn_methods()[index];
    if (record == NULL)
        return false;
    *out =
        (lethe__method_help){record->name, record->title, record->source, record->summary, record->options};
    return true;
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
    .method = method,
};
