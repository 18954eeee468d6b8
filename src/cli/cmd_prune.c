/* cmd_prune.c - lethe prune. The method is looked for before parsing, because it brings options of its own.
 */
#include "base/fail.h"
#include "cli/run_show.h"
#include "experiment/job.h"

static lethe_status options(lethe__call *call, void *values) {
    lethe_prune_job *job = values;
    const char *name;
    LETHE_TRY(lethe_prune_job_defaults(job));
    LETHE_TRY(lethe__call_peek(call, "method", &name));
    LETHE_TRY(lethe_prune_find(name != NULL ? name : job->method, &job->record));
    LETHE_TRY(lethe__arena_allocate(call->memory, 1, job->record->options_size, &job->method_options));
    LETHE_TRY(lethe_options_defaults(job->record->options, job->method_options));
    return lethe__prune_job_lend(job, &call->runtime, &call->set);
}

static lethe_status run(lethe__call *call, void *values) {
    const lethe_prune_job *job = values;
    lethe_run_result result;
    lethe_estimate estimate;
    if (call->talk.dry_run) {
        LETHE_TRY(lethe_prune_job_estimate(job, &call->runtime, &estimate));
        return lethe__show_estimate(call, &estimate);
    }
    LETHE_TRY(lethe_prune_job_run(job, &call->runtime, &result));
    return lethe__show_run(call, job->run.out, &result);
}

static bool method(size_t index, lethe__method_help *out) {
    const lethe_prune_method *record = lethe_prune_methods()[index];
    if (record == NULL)
        return false;
    *out =
        (lethe__method_help){record->name, record->title, record->source, record->summary, record->options};
    return true;
}

const lethe__command lethe__cmd_prune = {
    .name = "prune",
    .summary = "make a sparse model, with the training the method needs",
    .details =
        "Removes a share of the convolution weights (--sparsity) and writes a run directory. With omp, a "
        "trained model (--model) is pruned, rewound to an early epoch that its run has kept (train "
        "--keep-epoch) and trained again; a new one (--arch) is trained first. With --epochs 0 the "
        "given model is pruned and nothing else. 'lethe help prune METHOD' explains a method and its "
        "options.\nExample: lethe prune --model runs/dense --sparsity "
        "0.9 --rewind epoch=2 --epochs 24 --out runs/sparse",
    .traits = LETHE__CONFIGURED | LETHE__DRY_RUNS | LETHE__COMPUTES | LETHE__HAS_RESULT,
    .job_size = sizeof(lethe_prune_job),
    .options = options,
    .run = run,
    .method = method,
};
