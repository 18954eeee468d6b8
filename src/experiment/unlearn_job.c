/* unlearn_job.c - the job `unlearn`: a method takes the forget set out of a model.
 *
 * The run-time efficiency (RTE) is the trainer's time, all of it spent by the method; loading, validation and
 * writing are not in it. */
#include "base/fail.h"
#include "base/memory.h"
#include "experiment/job.h"

static lethe_status work(const lethe__job *job, const lethe__subject *subject, lethe_trainer *trainer) {
    const lethe_unlearn_job *options = job->options;
    lethe_status status =
        lethe_unlearn(options->record, options->method_options, trainer,
                      lethe_split_samples(subject->split, subject->dataset, LETHE_PART_RETAIN),
                      lethe_split_samples(subject->split, subject->dataset, LETHE_PART_FORGET));
    job->findings->all = lethe_trainer_findings(trainer, &job->findings->n);
    return status;
}

lethe_status lethe__unlearn_job_find_method(lethe_unlearn_job *options, void **made) {
    if (options->record == NULL && options->method == NULL)
        LETHE_FAIL(LETHE_USAGE, "no method was named; give --method NAME ('lethe help unlearn' lists them)");
    if (options->record == NULL)
        LETHE_TRY(lethe_unlearn_find(options->method, &options->record));
    options->method = options->record->name;
    if (options->method_options != NULL)
        return LETHE_OK;
    LETHE_TRY(lethe__allocate(1, options->record->options_size, made));
    options->method_options = *made;
    return lethe_options_defaults(options->record->options, *made);
}

static lethe_status prepare(lethe_unlearn_job *options, const lethe_runtime *runtime, lethe__job *job,
                            void **made) {
    *made = NULL;
    *job = (lethe__job){.command = "unlearn",
                        .options = options,
                        .run = &options->run,
                        .subject = {&options->data, &options->split, &options->model, options->forget, true},
                        .runtime = *runtime,
                        .wreck_bound = options->wreck_bound,
                        .work = work};
    if (options->model.model == NULL)
        LETHE_FAIL(LETHE_USAGE, "unlearning needs a trained model; give --model RUN_OR_FILE");
    LETHE_TRY(lethe__unlearn_job_find_method(options, made));
    job->unlearns = options->record;
    LETHE_TRY(lethe__unlearn_job_lend(options, &job->runtime, &job->set));
    LETHE_TRY(lethe__job_complete(&job->set, &options->data, options->model.model));
    return options->record->check != NULL ? options->record->check(options->method_options) : LETHE_OK;
}

lethe_status lethe_unlearn_job_run(const lethe_unlearn_job *options, const lethe_runtime *runtime,
                                   lethe_run_result *out) {
    lethe_unlearn_job copy = *options;
    lethe__job job;
    lethe__findings findings = {0};
    void *made;
    lethe_status status = prepare(&copy, runtime, &job, &made);
    job.findings = &findings;
    if (status == LETHE_OK)
        status = lethe__job_run(&job, out);
    lethe__option_set_fini(&job.set);
    lethe__free(made);
    return status;
}

lethe_status lethe_unlearn_job_estimate(const lethe_unlearn_job *options, const lethe_runtime *runtime,
                                        lethe_estimate *out) {
    lethe_unlearn_job copy = *options;
    lethe__job job;
    void *made;
    lethe_status status = prepare(&copy, runtime, &job, &made);
    if (status == LETHE_OK) {
        bool retains = (copy.record->needs & LETHE_NEEDS_RETAIN) != 0;
        status = lethe__job_estimate(&job, retains ? LETHE_PART_RETAIN : LETHE_PART_FORGET, 1, out);
    }
    lethe__option_set_fini(&job.set);
    lethe__free(made);
    return status;
}
