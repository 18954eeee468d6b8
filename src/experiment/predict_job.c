/* predict_job.c - the job `predict`: outputs of a model on one part of the data, as NumPy arrays. */
#include "base/fail.h"
#include "base/memory.h"
#include "evaluate/predict.h"
#include "experiment/job.h"
#include "experiment/npy.h"
#include <string.h>

static lethe_status write_images(const char *path, lethe_samples samples) {
    const lethe_dataset_info *info = lethe_dataset_get_info(samples.dataset);
    const size_t shape[] = {samples.n, (size_t)info->height, (size_t)info->width, (size_t)info->channels};
    size_t image = shape[1] * shape[2] * shape[3];
    uint8_t *images;
    LETHE_TRY(lethe__allocate(samples.n, image, &images));
    for (size_t i = 0; i < samples.n; i++)
        memcpy(images + i * image, samples.images + samples.ids[i] * image, image);
    lethe_status status = lethe__npy_write(path, LETHE__NPY_U8, shape, 4, images);
    lethe__free(images);
    return status;
}

static lethe_status write_outputs(const lethe_predict_job *job, const lethe__subject *subject,
                                  lethe_samples samples, const lethe_runtime *runtime) {
    size_t classes = (size_t)lethe_model_get_info(subject->model)->classes;
    const size_t shape[] = {samples.n, classes};
    float *logits;
    LETHE_TRY(lethe__allocate(samples.n, classes * sizeof *logits, &logits));
    lethe_status status = lethe_model_predict(subject->model, samples, job->batch, runtime, logits);
    if (status == LETHE_OK && job->logits != NULL)
        status = lethe__npy_write(job->logits, LETHE__NPY_F32, shape, 2, logits);
    if (status == LETHE_OK && job->probabilities != NULL) {
        lethe__softmax(logits, samples.n, classes);
        status = lethe__npy_write(job->probabilities, LETHE__NPY_F32, shape, 2, logits);
    }
    lethe__free(logits);
    return status;
}

static lethe_status predict(lethe_predict_job *job, lethe_runtime *runtime, lethe__option_set *set,
                            size_t *n) {
    lethe__subject subject;
    LETHE_TRY(lethe__predict_job_lend(job, runtime, set));
    LETHE_TRY(lethe__job_complete(set, &job->data, job->model.model));
    if (job->logits == NULL && job->probabilities == NULL && job->images == NULL)
        LETHE_FAIL(LETHE_USAGE, "nothing to write; give --logits, --probabilities or --images FILE.npy");
    if (job->model.model == NULL)
        LETHE_FAIL(LETHE_USAGE, "predicting needs a trained model; give --model RUN_OR_FILE");
    const char *const outs[] = {job->logits, job->probabilities, job->images};
    for (size_t i = 0; i < sizeof outs / sizeof *outs; i++)
        LETHE_TRY(lethe__origin_spare(job->model.model, outs[i]));
    lethe__subject_options options = {&job->data, &job->split, &job->model, job->forget, false};
    LETHE_TRY(lethe__subject_open(&options, runtime, &subject));
    lethe_samples samples = lethe_split_samples(subject.split, subject.dataset, job->part);
    lethe_status status = LETHE_OK;
    if (samples.n == 0)
        status =
            lethe__fail(LETHE_INPUT, "there are no samples to predict: the part chosen by --split is empty");
    if (status == LETHE_OK && job->images != NULL)
        status = write_images(job->images, samples);
    if (status == LETHE_OK && (job->logits != NULL || job->probabilities != NULL))
        status = write_outputs(job, &subject, samples, runtime);
    if (status == LETHE_OK)
        *n = samples.n;
    lethe__subject_fini(&subject);
    return status;
}

lethe_status lethe_predict_job_run(const lethe_predict_job *options, const lethe_runtime *runtime,
                                   size_t *n) {
    lethe_predict_job job = *options;
    lethe_runtime copy = *runtime;
    lethe__option_set set = {0};
    lethe_status status = predict(&job, &copy, &set, n);
    lethe__option_set_fini(&set);
    return status;
}
