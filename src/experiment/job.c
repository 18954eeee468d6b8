/* job.c - carrying out a job that writes a run directory.
 *
 *   refuse early -> open subject -> open directory -> trainer (reads a checkpoint) -> work -> record
 *
 * The order of writing is what makes a run safe to interrupt at any point: the checkpoint during the work,
 * then the model, then run.json, which makes the run finished, and only then is the checkpoint removed.
 *
 * The job's own log and progress callbacks stand between the library and the caller's: every sentence goes to
 * log.txt as well, and each progress call looks for epochs that have ended since the last one. What cannot be
 * written from there is written again at the end, where failures count. */
#include "experiment/job.h"
#include "base/clock.h"
#include "base/fail.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "experiment/history.h"
#include "experiment/run_directory.h"
#include "experiment/run_record.h"
#include "experiment/wreck.h"
#include "models/model.h"
#include <math.h>
#include <string.h>

typedef struct running {
    const lethe__job *job;
    lethe__subject subject;
    lethe__run_directory directory;
    lethe_runtime runtime; /* the caller's, with the directory's checkpoint and our callbacks */
    lethe_trainer *trainer;
    lethe__events *events;
    size_t epochs_written;
    char kernels[LETHE_DIGEST_TEXT]; /* of the file with the choice of kernels; "": none */
    char started_text[32];
    double started, earlier_seconds; /* clock; of sittings before this one */
    double original_accuracy;        /* on retain samples, of a model that is to be unlearned */
} running;

/* --- messages and history --- */

static void write_log(const running *run, lethe_log_level level, const char *sentence) {
    static const char *const names[] = {"error", "warning", "info", "debug"};
    char now[32];
    lethe__clock_text(now);
    fprintf(run->directory.log, "%s %s: %s\n", now, names[level], sentence);
    fflush(run->directory.log);
}

static void on_log(void *user, lethe_log_level level, const char *sentence) {
    const running *run = user;
    const lethe_runtime *outer = &run->job->runtime;
    write_log(run, level, sentence);
    if (outer->log != NULL)
        outer->log(outer->user, level, sentence);
}

lethe_status lethe__kept_path(const char *run, int epoch, char **out) {
    return lethe__format_text(out, "%s/epoch-%d.safetensors", run, epoch);
}

static lethe_status path_in(const running *run, const char *name, char **path) {
    return lethe__path_join(run->directory.path, name, path);
}

static lethe_status write_history(running *run) {
    size_t n;
    const lethe_epoch_record *records = lethe_trainer_history(run->trainer, &n);
    if (n == run->epochs_written && n > 0)
        return LETHE_OK;
    char *path;
    LETHE_TRY(path_in(run, "history.csv", &path));
    lethe_status status = lethe__history_write(path, records, n);
    lethe__free(path);
    for (size_t i = run->epochs_written; i < n && status == LETHE_OK; i++)
        status = lethe__events_add(run->events, (int64_t)i + 1, &records[i]);
    if (status == LETHE_OK)
        run->epochs_written = n;
    return status;
}

static void on_progress(void *user, const lethe_progress *progress) {
    running *run = user;
    const lethe_runtime *outer = &run->job->runtime;
    size_t n;
    lethe_trainer_history(run->trainer, &n);
    if (n > run->epochs_written)
        write_history(run);
    if (outer->progress != NULL)
        outer->progress(outer->user, progress);
}

/* --- beginning --- */

static lethe_status write_config(const running *run) {
    char *path;
    lethe__writer *writer;
    LETHE_TRY(path_in(run, "config.yaml", &path));
    lethe_status status = lethe__writer_open(path, &writer);
    lethe__free(path);
    LETHE_TRY(status);
    status = lethe__option_set_write_yaml(&run->job->set, lethe__writer_stream(writer));
    if (status == LETHE_OK)
        return lethe__writer_commit(&writer);
    lethe__writer_abandon(&writer);
    return status;
}

static lethe_status write_split(const running *run) {
    char *path;
    LETHE_TRY(path_in(run, "split.json", &path));
    lethe_status status = lethe_split_save(run->subject.split, run->subject.dataset, path);
    lethe__free(path);
    return status;
}

/* What every model that comes out of the run says of its origin. */
static void describe_origin(const lethe__job *job, const lethe__subject *subject) {
    lethe_model_info *info = &subject->model->info;
    snprintf(info->command, sizeof info->command, "%s", job->command);
    memcpy(info->parent_digest, subject->origin.digest, sizeof info->parent_digest);
    memcpy(info->data_digest, lethe_dataset_get_info(subject->dataset)->digest, sizeof info->data_digest);
}

static lethe_status begin(running *run) {
    const lethe__job *job = run->job;
    lethe__subject *subject = &run->subject;
    char identity[LETHE_DIGEST_TEXT];
    LETHE_TRY(lethe__kernels_digest(&job->runtime, run->kernels));
    LETHE_TRY(lethe__job_identity(job, subject, run->kernels, identity));
    describe_origin(job, subject);
    run->runtime = job->runtime;
    run->runtime.checkpoint = run->directory.checkpoint;
    run->runtime.resume = run->directory.resumes;
    if (run->runtime.kernels_digest == NULL && run->kernels[0] != 0)
        run->runtime.kernels_digest = run->kernels;
    run->runtime.log = on_log;
    run->runtime.progress = on_progress;
    run->runtime.user = run;
    lethe_samples val = lethe_split_samples(subject->split, subject->dataset, LETHE_PART_VAL);
    LETHE_TRY(lethe_trainer_create(subject->model, val, &run->runtime, identity, &run->trainer));
    run->earlier_seconds = lethe_trainer_seconds(run->trainer);
    LETHE_TRY(write_config(run));
    LETHE_TRY(write_split(run));
    LETHE_TRY(lethe__run_directory_remove_events(&run->directory));
    LETHE_TRY(lethe__events_open(run->directory.path, &run->events));
    const lethe_dataset_info *data = lethe_dataset_get_info(subject->dataset);
    lethe__log(&run->runtime, LETHE_LOG_INFO, "%s of %s on %s: %zu train, %zu val, %zu forget%s",
               job->command, lethe_model_get_info(subject->model)->arch, data->name,
               lethe_split_samples(subject->split, subject->dataset, LETHE_PART_TRAIN).n, val.n,
               lethe_split_samples(subject->split, subject->dataset, LETHE_PART_FORGET).n,
               run->directory.resumes ? "; continuing an interrupted run" : "");
    if (job->unlearns != NULL)
        lethe__subject_warn_of_few(subject, &run->runtime);
    return LETHE_OK;
}

/* --- ending --- */

/* What the weights have come to, whatever the mask says. */
static void count_zeros(const lethe_model *model, lethe_run_result *result) {
    size_t n = 0, n_zero = 0, n_near = 0;
    for (size_t s = 0; s < model->graph->n_parameters; s++) {
        const lethe__slot *slot = &model->graph->parameters[s];
        for (size_t i = slot->offset; slot->prunable && i < slot->offset + slot->size; i++) {
            float size = fabsf(model->weights.parameters[i]);
            n++;
            n_zero += size == 0;
            n_near += size < 1e-3f;
        }
    }
    result->zeros = n > 0 ? (double)n_zero / (double)n : 0;
    result->near_zeros = n > 0 ? (double)n_near / (double)n : 0;
}

static lethe_run_result sum_up(const running *run) {
    size_t n;
    const lethe_epoch_record *records = lethe_trainer_history(run->trainer, &n);
    lethe_run_result result = {.epochs = (int)n,
                               .loss = NAN,
                               .accuracy = NAN,
                               .val_accuracy = NAN,
                               .sparsity = lethe_model_sparsity(run->subject.model),
                               .seconds = lethe__clock_seconds() - run->started + run->earlier_seconds,
                               .rte_seconds =
                                   run->job->unlearns != NULL ? lethe_trainer_seconds(run->trainer) : NAN,
                               .original_accuracy = run->original_accuracy,
                               .retain_accuracy = NAN,
                               .wreck_bound = NAN};
    count_zeros(run->subject.model, &result);
    if (n > 0) {
        result.loss = records[n - 1].loss;
        result.accuracy = records[n - 1].accuracy;
        result.val_accuracy = records[n - 1].val_accuracy;
    }
    return result;
}

static lethe_status write_record(const running *run, const lethe_run_result *result, const char *outcome) {
    char *path;
    LETHE_TRY(path_in(run, "run.json", &path));
    lethe__run_record record = {.job = run->job,
                                .subject = &run->subject,
                                .result = result,
                                .kernels = run->kernels[0] != 0 ? run->kernels : NULL,
                                .started = run->started_text,
                                .outcome = outcome};
    lethe_status status = lethe__run_record_write(&record, path);
    lethe__free(path);
    return status;
}

static lethe_status save_model(const running *run) {
    char *path;
    LETHE_TRY(path_in(run, "model.safetensors", &path));
    lethe_status status = lethe_model_save(run->subject.model, path);
    lethe__free(path);
    return status;
}

/* Compares the unlearned model with the original; nothing is done about a wrecked one but to say so. */
static lethe_status judge(const running *run, lethe_run_result *result) {
    if (run->job->unlearns == NULL)
        return LETHE_OK;
    double bound = run->job->wreck_bound;
    result->wreck_bound = bound < 0 ? result->original_accuracy / 2 : bound;
    LETHE_TRY(lethe__wreck_accuracy(&run->subject, &run->runtime, &result->retain_accuracy));
    result->wrecked = result->retain_accuracy < result->wreck_bound;
    if (!result->wrecked)
        return LETHE_OK;
    char advice[LETHE__ADVICE_TEXT];
    lethe__wreck_advise(run->job->unlearns, advice);
    lethe__log(&run->runtime, LETHE_LOG_WARNING,
               "the model is wrecked: its accuracy on the retain set is %.2f %%, below the bound of %.2f %% "
               "(the original's is %.2f %%); %s",
               result->retain_accuracy, result->wreck_bound, result->original_accuracy, advice);
    return LETHE_OK;
}

static lethe_status finish(running *run, lethe_run_result *out) {
    lethe_run_result result = sum_up(run);
    LETHE_TRY(judge(run, &result));
    LETHE_TRY(write_history(run));
    LETHE_TRY(save_model(run));
    LETHE_TRY(write_record(run, &result, "finished"));
    LETHE_TRY(lethe__run_directory_remove(&run->directory, "checkpoint.safetensors"));
    lethe__log(&run->runtime, LETHE_LOG_INFO, "finished after %.1f s", result.seconds);
    *out = result;
    return LETHE_OK;
}

/* A failure of the work is kept as it is, unless its record cannot be written. */
static lethe_status end_badly(running *run, lethe_status status) {
    char sentence[1024];
    snprintf(sentence, sizeof sentence, "%s", lethe_last_message());
    write_log(run, LETHE_LOG_ERROR, sentence);
    if (status == LETHE_DIVERGED || status == LETHE_STOPPED)
        LETHE_TRY(write_history(run));
    if (status == LETHE_DIVERGED) {
        lethe_run_result result = sum_up(run);
        LETHE_TRY(write_record(run, &result, "diverged"));
        LETHE_TRY(lethe__run_directory_remove(&run->directory, "checkpoint.safetensors"));
    }
    return lethe__fail(status, "%s", sentence);
}

static lethe_status carry_out(running *run, lethe_run_result *out) {
    const lethe__job *job = run->job;
    const char *model = job->subject.model->model;
    LETHE_TRY(lethe__run_directory_check(job->run, model));
    LETHE_TRY(lethe__subject_open(&job->subject, &job->runtime, &run->subject));
    LETHE_TRY(lethe__run_directory_open(job->run, model, &run->directory));
    LETHE_TRY(begin(run));
    if (job->unlearns != NULL)
        LETHE_TRY(lethe__wreck_accuracy(&run->subject, &run->runtime, &run->original_accuracy));
    lethe_status status = job->work(job, &run->subject, run->trainer);
    return status == LETHE_OK ? finish(run, out) : end_badly(run, status);
}

lethe_status lethe__job_run(const lethe__job *job, lethe_run_result *out) {
    running run = {.job = job, .started = lethe__clock_seconds(), .original_accuracy = NAN};
    lethe__clock_text(run.started_text);
    lethe_status status = carry_out(&run, out);
    lethe__events_close(&run.events);
    lethe_trainer_destroy(&run.trainer);
    lethe__subject_fini(&run.subject);
    lethe__run_directory_close(&run.directory);
    return status;
}
