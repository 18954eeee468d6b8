/* train_job.c - the job `train`: one training on the whole training part.
 *
 * The weights of an early epoch may be kept beside the model: `prune` rewinds to them, so that a sparse model
 * costs one more training, not two. */
#include "base/fail.h"
#include "base/memory.h"
#include "experiment/job.h"
#include "models/model.h"

/* Writes what the trainer has kept, as a model. `steps` is PyTorch's counter of batches at that epoch. */
static lethe_status write_kept(const lethe_trainer *trainer, int64_t steps, const char *path) {
    lethe_model *early;
    LETHE_TRY(lethe_trainer_get_kept(trainer, &early));
    early->num_batches_tracked = steps;
    lethe_status status = lethe_model_save(early, path);
    lethe_model_destroy(&early);
    return status;
}

static lethe_status work(const lethe__job *job, const lethe__subject *subject, lethe_trainer *trainer) {
    const lethe_train_job *options = job->options;
    lethe_samples samples = lethe_split_samples(subject->split, subject->dataset, LETHE_PART_TRAIN);
    int64_t before = subject->model->num_batches_tracked;
    if (options->keep_epoch < 0)
        return lethe_trainer_fit(trainer, "train", samples, &options->fit);
    lethe_trainer_keep_epoch(trainer, options->keep_epoch);
    LETHE_TRY(lethe_trainer_fit(trainer, "train", samples, &options->fit));
    int64_t per_epoch = (int64_t)((samples.n + options->fit.batch - 1) / options->fit.batch);
    char *path;
    LETHE_TRY(lethe__kept_path(options->run.out, options->keep_epoch, &path));
    lethe_status status = write_kept(trainer, before + options->keep_epoch * per_epoch, path);
    lethe__free(path);
    return status;
}

static lethe_status check_options(const lethe_train_job *options) {
    LETHE_TRY(lethe_fit_check(&options->fit));
    if (options->keep_epoch > options->fit.epochs)
        LETHE_FAIL(LETHE_USAGE, "epoch %d cannot be kept of a training of %d epochs", options->keep_epoch,
                   options->fit.epochs);
    return LETHE_OK;
}

/* Makes `job` over `options`; the set must be finished in every case. */
static lethe_status prepare(lethe_train_job *options, const lethe_runtime *runtime, lethe__job *job) {
    *job = (lethe__job){.command = "train",
                        .options = options,
                        .run = &options->run,
                        .subject = {&options->data, &options->split, &options->model, NULL, false},
                        .runtime = *runtime,
                        .work = work};
    LETHE_TRY(lethe__train_job_lend(options, &job->runtime, &job->set));
    LETHE_TRY(lethe__job_complete(&job->set, &options->data, options->model.model));
    return check_options(options);
}

lethe_status lethe_train_job_run(const lethe_train_job *options, const lethe_runtime *runtime,
                                 lethe_run_result *out) {
    lethe_train_job copy = *options;
    lethe__job job;
    lethe_status status = prepare(&copy, runtime, &job);
    if (status == LETHE_OK)
        status = lethe__job_run(&job, out);
    lethe__option_set_fini(&job.set);
    return status;
}

lethe_status lethe_train_job_estimate(const lethe_train_job *options, const lethe_runtime *runtime,
                                      lethe_estimate *out) {
    lethe_train_job copy = *options;
    lethe__job job;
    lethe_status status = prepare(&copy, runtime, &job);
    if (status == LETHE_OK)
        status = lethe__job_estimate(&job, LETHE_PART_TRAIN, 1, out);
    lethe__option_set_fini(&job.set);
    return status;
}
