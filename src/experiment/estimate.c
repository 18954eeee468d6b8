/* estimate.c - what a job would do, without writing anything.
 *
 * The time of a step is measured: two short trainings over the first few batches, with learning rate 0, of
 * which the first pays for planning and the second counts. The subject is opened for the estimate alone, so
 * the model may be stepped on. The epochs and the batch are read from the job's option table by name, since a
 * method's options are its own; a method without epochs has no estimate of time. */
#include "base/fail.h"
#include "base/option.h"
#include "experiment/job.h"
#include "models/model.h"
#include "train/trainer.h"
#include <math.h>
#include <string.h>

enum { MEASURED_STEPS = 3 };

/* The value of the job's integer option `name`, or `otherwise`. */
static long long option_number(const lethe__job *job, const char *name, long long otherwise) {
    lethe__option_at at = lethe__option_set_find(&job->set, name);
    if (at.option == NULL)
        return otherwise;
    const void *field = (const char *)at.values + at.option->offset;
    return at.option->type == LETHE_OPTION_INT ? *(const int *)field : (long long)*(const size_t *)field;
}

static lethe_status measure_steps(const lethe__job *job, lethe__subject *subject, lethe_samples samples,
                                  size_t batch, lethe_estimate *estimate) {
    lethe_runtime runtime = job->runtime;
    runtime.checkpoint = NULL;
    runtime.progress = NULL;
    lethe_fit_options fit = {.gamma = 0};
    LETHE_TRY(lethe_options_defaults(lethe_fit_option_table, &fit));
    fit.epochs = 1;
    fit.batch = batch;
    fit.lr = 0;
    samples.n = samples.n < MEASURED_STEPS * batch ? samples.n : MEASURED_STEPS * batch;
    lethe_trainer *trainer;
    LETHE_TRY(lethe_trainer_create(subject->model, (lethe_samples){.n = 0}, &runtime, "", &trainer));
    lethe_status status = lethe_trainer_fit(trainer, "warm-up", samples, &fit);
    if (status == LETHE_OK)
        status = lethe_trainer_fit(trainer, "estimate", samples, &fit);
    if (status == LETHE_OK) {
        size_t n;
        const lethe_epoch_record *history = lethe_trainer_history(trainer, &n);
        size_t steps = (samples.n + batch - 1) / batch;
        estimate->step_seconds = history[n - 1].seconds / (double)steps;
        estimate->activation_bytes = lethe__executor_bytes(trainer->executor);
    }
    lethe_trainer_destroy(&trainer);
    return status;
}

static void count(const lethe__subject *subject, lethe_estimate *estimate) {
    size_t *const counts[] = {&estimate->n_train, &estimate->n_val, &estimate->n_test, &estimate->n_retain,
                              &estimate->n_forget};
    for (int part = LETHE_PART_TRAIN; part <= LETHE_PART_FORGET; part++)
        *counts[part] = lethe_split_samples(subject->split, subject->dataset, (lethe_part)part).n;
    const lethe_dataset_info *data = lethe_dataset_get_info(subject->dataset);
    estimate->data_bytes =
        (data->n_train + data->n_test) * (size_t)data->height * (size_t)data->width * (size_t)data->channels;
    const lethe__graph *graph = subject->model->graph;
    estimate->model = subject->model->info;
    estimate->parameters = graph->parameter_size;
    estimate->parameter_tensors = graph->n_parameters;
    estimate->model_bytes = (3 * graph->parameter_size + graph->buffer_size) * sizeof(float);
    estimate->sparsity = lethe_model_sparsity(subject->model);
}

static lethe_status fill_estimate(const lethe__job *job, lethe__subject *subject, lethe_part part,
                                  int n_trainings, lethe_estimate *estimate) {
    lethe_samples samples = lethe_split_samples(subject->split, subject->dataset, part);
    size_t batch = (size_t)option_number(job, "batch", 128);
    count(subject, estimate);
    estimate->n_samples = samples.n;
    estimate->steps_per_epoch = (samples.n + batch - 1) / batch;
    estimate->epochs = (int)option_number(job, "epochs", 0) * n_trainings;
    if (estimate->epochs == 0)
        return LETHE_OK;
    LETHE_TRY(measure_steps(job, subject, samples, batch, estimate));
    estimate->total_seconds =
        estimate->step_seconds * (double)estimate->steps_per_epoch * (double)estimate->epochs;
    return LETHE_OK;
}

lethe_status lethe__job_estimate(const lethe__job *job, lethe_part part, int n_trainings,
                                 lethe_estimate *out) {
    lethe__subject subject;
    lethe_estimate estimate = {.n_samples = 0};
    LETHE_TRY(lethe__subject_open(&job->subject, &job->runtime, &subject));
    lethe_status status = fill_estimate(job, &subject, part, n_trainings, &estimate);
    lethe__subject_fini(&subject);
    if (status == LETHE_OK)
        *out = estimate;
    return status;
}
