/* prune_job.c - the job `prune`: a method makes the model sparse, with the training that it needs.
 *
 * A model that is given has been trained. So that a method that trains first need not train it again, its run
 * must have kept the epoch to rewind to (train --keep-epoch); only epoch 0 can be had again, from the seed.
 * Only a new model is trained before it is pruned. */
#include "base/fail.h"
#include "base/file.h"
#include "base/memory.h"
#include "experiment/job.h"
#include "models/model.h"
#include <string.h>

/* The model that the run of `subject` kept after `epoch`. One that it did not keep can be had again only at
 * epoch 0, from the seed that its chain began with. */
static lethe_status open_kept(const lethe__subject *subject, int epoch, const char *path, lethe_model **out) {
    const lethe_model_info *info = lethe_model_get_info(subject->model);
    uint64_t seed;
    if (lethe__file_exists(path))
        return lethe_model_load(path, info, out);
    if (epoch == 0 && lethe__origin_initial_seed(subject->origin.record, &seed))
        return lethe__subject_draw_model(info, seed, out);
    LETHE_FAIL(
        LETHE_INPUT,
        "%s: there is no such file to rewind to; train the model with --keep-epoch %d, choose --rewind "
        "none, or give --arch instead of --model to train a new one",
        path, epoch);
}

/* What the method rewinds to; *out stays NULL when it needs nothing. */
static lethe_status load_early(const lethe_prune_method *method, const lethe_prune_options *options,
                               const lethe__subject *subject, lethe_model **out) {
    lethe_rewind rewind;
    int epoch;
    if (!options->trained || !method->trains_first || options->fit.epochs == 0)
        return LETHE_OK;
    LETHE_TRY(lethe_rewind_parse(options->rewind, &rewind, &epoch));
    if (rewind == LETHE_REWIND_NONE)
        return LETHE_OK;
    char *path;
    LETHE_TRY(lethe__kept_path(subject->origin.path, epoch, &path));
    lethe_status status = open_kept(subject, epoch, path, out);
    lethe__free(path);
    return status;
}

static lethe_status work(const lethe__job *job, const lethe__subject *subject, lethe_trainer *trainer) {
    const lethe_prune_job *options = job->options;
    lethe_prune_options *shared = options->method_options; /* the job's own copy */
    lethe_model *early = NULL;
    LETHE_TRY(load_early(options->record, shared, subject, &early));
    shared->early = early;
    lethe_samples samples = lethe_split_samples(subject->split, subject->dataset, LETHE_PART_TRAIN);
    lethe_status status = lethe_prune(options->record, shared, trainer, samples);
    shared->early = NULL;
    lethe_model_destroy(&early);
    return status;
}

/* Finds the method of the job, and gives the job options of its own: a copy of the given ones, or the
 * method's defaults. */
static lethe_status find_method(lethe_prune_job *options, void **copy) {
    if (options->record == NULL)
        LETHE_TRY(lethe_prune_find(options->method, &options->record));
    options->method = options->record->name;
    LETHE_TRY(lethe__allocate(1, options->record->options_size, copy));
    if (options->method_options != NULL)
        memcpy(*copy, options->method_options, options->record->options_size);
    else
        LETHE_TRY(lethe_options_defaults(options->record->options, *copy));
    options->method_options = *copy;
    ((lethe_prune_options *)*copy)->trained = options->model.model != NULL;
    return LETHE_OK;
}

static lethe_status prepare(lethe_prune_job *options, const lethe_runtime *runtime, lethe__job *job,
                            void **copy) {
    *copy = NULL;
    *job = (lethe__job){.command = "prune",
                        .options = options,
                        .run = &options->run,
                        .subject = {&options->data, &options->split, &options->model, NULL, false},
                        .runtime = *runtime,
                        .work = work};
    LETHE_TRY(find_method(options, copy));
    LETHE_TRY(lethe__prune_job_lend(options, &job->runtime, &job->set));
    LETHE_TRY(lethe__job_complete(&job->set, &options->data, options->model.model));
    return lethe_prune_check(options->record, options->method_options);
}

lethe_status lethe_prune_job_run(const lethe_prune_job *options, const lethe_runtime *runtime,
                                 lethe_run_result *out) {
    lethe_prune_job job_options = *options;
    lethe__job job;
    void *copy;
    lethe_status status = prepare(&job_options, runtime, &job, &copy);
    if (status == LETHE_OK)
        status = lethe__job_run(&job, out);
    lethe__option_set_fini(&job.set);
    lethe__free(copy);
    return status;
}

lethe_status lethe_prune_job_estimate(const lethe_prune_job *options, const lethe_runtime *runtime,
                                      lethe_estimate *out) {
    lethe_prune_job job_options = *options;
    lethe__job job;
    void *copy;
    lethe_status status = prepare(&job_options, runtime, &job, &copy);
    if (status == LETHE_OK) {
        const lethe_prune_method *method = job_options.record;
        int n_fits = method->count_fits != NULL ? method->count_fits(copy) : 1;
        status = lethe__job_estimate(&job, LETHE_PART_TRAIN, n_fits, out);
    }
    lethe__option_set_fini(&job.set);
    lethe__free(copy);
    return status;
}
