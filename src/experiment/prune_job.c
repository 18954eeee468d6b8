/* prune_job.c - the job `prune`: a method makes the model sparse, with the training that it needs.
 *
 * A model that is given has been trained. So that a method that trains first need not train it again, its run
 * must have kept the epoch to rewind to (train --keep-epoch); only a new model is trained before it is
 * pruned. */
#include "base/fail.h"
#include "base/file.h"
#include "base/memory.h"
#include "experiment/job.h"
#include "models/model.h"

/* Loads the model that the run of `subject` kept for rewinding; *out stays NULL when none is needed. */
static lethe_status load_early(const lethe_prune_job *options, const lethe_prune_method *method,
                               const lethe__subject *subject, lethe_model **out) {
    lethe_rewind rewind;
    int epoch;
    LETHE_TRY(lethe_rewind_parse(options->prune.rewind, &rewind, &epoch));
    if (!method->trains_first || options->prune.fit.epochs == 0 || rewind == LETHE_REWIND_NONE)
        return LETHE_OK;
    char *path;
    LETHE_TRY(lethe__kept_path(subject->origin.path, epoch, &path));
    lethe_status status =
        lethe__file_exists(path)
            ? lethe_model_load(path, lethe_model_get_info(subject->model), out)
            : lethe__fail(LETHE_INPUT,
                          "%s: there is no such file to rewind to; train the model with --keep-epoch %d, "
                          "choose --rewind none, or give --arch instead of --model to train a new one",
                          path, epoch);
    lethe__free(path);
    return status;
}

static lethe_status work(const lethe__job *job, const lethe__subject *subject, lethe_trainer *trainer) {
    const lethe_prune_job *options = job->options;
    lethe_prune_options prune = options->prune;
    const lethe_prune_method *method;
    lethe_model *early = NULL;
    LETHE_TRY(lethe_prune_find(options->method, &method));
    prune.trained = options->model.model != NULL;
    if (prune.trained)
        LETHE_TRY(load_early(options, method, subject, &early));
    prune.early = early;
    lethe_samples samples = lethe_split_samples(subject->split, subject->dataset, LETHE_PART_TRAIN);
    lethe_status status = lethe_prune(method, &prune, trainer, samples);
    lethe_model_destroy(&early);
    return status;
}

static lethe_status prepare(lethe_prune_job *options, const lethe_runtime *runtime, lethe__job *job) {
    const lethe_prune_method *method;
    lethe_rewind rewind;
    int epoch;
    *job = (lethe__job){.command = "prune",
                        .options = options,
                        .run = &options->run,
                        .subject = {&options->data, &options->split, &options->model, NULL, false},
                        .runtime = *runtime,
                        .work = work};
    LETHE_TRY(lethe__prune_job_lend(options, &job->runtime, &job->set));
    LETHE_TRY(lethe__job_complete(&job->set, &options->data, options->model.model));
    LETHE_TRY(lethe_prune_find(options->method, &method));
    LETHE_TRY(lethe_rewind_parse(options->prune.rewind, &rewind, &epoch));
    return lethe_fit_check(&options->prune.fit);
}

lethe_status lethe_prune_job_run(const lethe_prune_job *options, const lethe_runtime *runtime,
                                 lethe_run_result *out) {
    lethe_prune_job copy = *options;
    lethe__job job;
    lethe_status status = prepare(&copy, runtime, &job);
    if (status == LETHE_OK)
        status = lethe__job_run(&job, out);
    lethe__option_set_fini(&job.set);
    return status;
}

lethe_status lethe_prune_job_estimate(const lethe_prune_job *options, const lethe_runtime *runtime,
                                      lethe_estimate *out) {
    lethe_prune_job copy = *options;
    lethe__job job;
    lethe_status status = prepare(&copy, runtime, &job);
    const lethe_prune_method *method;
    if (status == LETHE_OK)
        status = lethe_prune_find(copy.method, &method);
    if (status == LETHE_OK) {
        bool twice = method->trains_first && copy.model.model == NULL;
        status = lethe__job_estimate(&job, LETHE_PART_TRAIN, twice ? 2 : 1, out);
    }
    lethe__option_set_fini(&job.set);
    return status;
}
