/* evaluate_job.c - the job `evaluate`: every metric of a model, and its gaps to a reference.
 *
 * A reference is measured on the very same division of the data, never read from an earlier result: gaps
 * between numbers of different divisions mean nothing. For the same reason a reference run that was made with
 * another forget or retain set is refused. A caller with many models on one division, as a search
 * is, keeps what was measured (lethe__measured_reference). */
#include "base/fail.h"
#include "base/file.h"
#include "base/memory.h"
#include "experiment/evaluation_record.h"
#include "experiment/job.h"
#include <stdio.h>
#include <string.h>

static lethe_status measure_reference(const lethe_evaluate_job *job, const lethe__origin *origin,
                                      const lethe__subject *subject, const lethe_runtime *runtime,
                                      lethe_evaluation *out) {
    lethe_model *model;
    LETHE_TRY(lethe__subject_load_model(origin, &job->model, subject->dataset, &model));
    lethe_status status =
        lethe_evaluate(model, subject->dataset, subject->split, &job->options, runtime, out);
    lethe_model_destroy(&model);
    return status;
}

typedef struct references {
    lethe__origin first, second;
} references;

static lethe_status open_reference(const char *path, const lethe__subject *subject, lethe__origin *out) {
    if (path == NULL)
        return LETHE_OK;
    LETHE_TRY(lethe__origin_open(path, out));
    return lethe__subject_check_division(subject, out);
}

/* Mistakes show before anything is measured. */
static lethe_status open_references(const lethe_evaluate_job *job, const lethe__subject *subject,
                                    references *out) {
    LETHE_TRY(open_reference(job->reference, subject, &out->first));
    LETHE_TRY(open_reference(job->reference_2, subject, &out->second));
    if (job->reference_2 != NULL && strcmp(out->first.digest, out->second.digest) == 0)
        LETHE_FAIL(LETHE_USAGE, /* two copies of one model would make a band of no width */
                   "--reference %s and --reference-2 %s are the same model; give two Retrains of different "
                   "seeds",
                   job->reference, job->reference_2);
    return LETHE_OK;
}

static lethe_status measure_references(const lethe_evaluate_job *job, const references *both,
                                       const lethe__subject *subject, const lethe_runtime *runtime,
                                       lethe_evaluation_result *result) {
    LETHE_TRY(measure_reference(job, &both->first, subject, runtime, &result->reference));
    result->gaps = lethe_evaluation_gaps(&result->model, &result->reference);
    if (job->reference_2 == NULL)
        return LETHE_OK;
    LETHE_TRY(measure_reference(job, &both->second, subject, runtime, &result->reference_2));
    result->null_gaps = lethe_evaluation_gaps(&result->reference_2, &result->reference);
    return LETHE_OK;
}

static lethe_status compare(const lethe_evaluate_job *job, const references *both,
                            const lethe__subject *subject, const lethe_runtime *runtime,
                            lethe__measured_reference *kept, lethe_evaluation_result *result) {
    if (kept == NULL || !kept->is_measured)
        LETHE_TRY(measure_references(job, both, subject, runtime, result));
    if (kept == NULL)
        return LETHE_OK;
    if (!kept->is_measured)
        *kept = (lethe__measured_reference){true, result->reference};
    result->reference = kept->evaluation;
    result->gaps = lethe_evaluation_gaps(&result->model, &result->reference);
    return LETHE_OK;
}

static lethe_status measure_with(const lethe_evaluate_job *job, const references *both,
                                 const lethe__subject *subject, const lethe_runtime *runtime,
                                 lethe__measured_reference *kept, lethe_evaluation_result *result) {
    LETHE_TRY(lethe_evaluate(subject->model, subject->dataset, subject->split, &job->options, runtime,
                             &result->model));
    lethe__unlearned unlearned = lethe__origin_unlearned(&subject->origin);
    bool was_unlearned = unlearned.method != NULL;
    result->rte_seconds = unlearned.rte_seconds;
    result->parent_sparsity = was_unlearned ? unlearned.parent_sparsity : subject->sparsity;
    snprintf(result->method, sizeof result->method, "%s", was_unlearned ? unlearned.method : "original");
    snprintf(result->forget, sizeof result->forget, "%s", lethe_split_get_forget(subject->split));
    return job->reference != NULL ? compare(job, both, subject, runtime, kept, result) : LETHE_OK;
}

static lethe_status measure(const lethe_evaluate_job *job, const lethe__subject *subject,
                            const lethe_runtime *runtime, lethe__measured_reference *kept,
                            lethe_evaluation_result *result) {
    references both = {0};
    lethe_status status = LETHE_OK;
    if (kept == NULL || !kept->is_measured)
        status = open_references(job, subject, &both);
    if (status == LETHE_OK)
        status = measure_with(job, &both, subject, runtime, kept, result);
    lethe__origin_fini(&both.first);
    lethe__origin_fini(&both.second);
    return status;
}

/* The file for the result, its folder made; NULL: the model is a plain file and no --out was given. */
static lethe_status make_place(const lethe_evaluate_job *job, const lethe__subject *subject, char **out) {
    char *path = NULL;
    if (job->out == NULL) {
        if (subject->origin.record != NULL)
            LETHE_TRY(lethe__path_join(subject->origin.path, "evaluation.json", &path));
        *out = path;
        return LETHE_OK;
    }
    LETHE_TRY(lethe__copy_text(job->out, &path));
    char *slash = strrchr(path, '/');
    lethe_status status = LETHE_OK;
    if (slash != NULL && slash != path) {
        *slash = 0;
        status = lethe__folder_create(path);
        *slash = '/';
    }
    if (status != LETHE_OK) {
        lethe__free(path);
        return status;
    }
    *out = path;
    return LETHE_OK;
}

static lethe_status store(const lethe_evaluate_job *job, const lethe__subject *subject,
                          const lethe_runtime *runtime, const lethe_evaluation_result *result) {
    char *path = NULL;
    LETHE_TRY(make_place(job, subject, &path));
    if (path == NULL)
        return LETHE_OK;
    json_t *json = lethe__evaluation_to_json(job, result, runtime->compat);
    lethe_status status = json != NULL
                              ? lethe__json_write(path, json)
                              : lethe__fail(LETHE_MEMORY, "out of memory for the result of the evaluation");
    json_decref(json);
    lethe__free(path);
    return status;
}

static lethe_status evaluate(lethe_evaluate_job *job, lethe_runtime *runtime, lethe__option_set *set,
                             lethe__measured_reference *kept, lethe_evaluation_result *out) {
    lethe__subject subject;
    lethe_evaluation_result result = {.rte_seconds = 0};
    LETHE_TRY(lethe__evaluate_job_lend(job, runtime, set));
    LETHE_TRY(lethe__job_complete(set, &job->data, job->model.model));
    if (job->model.model == NULL)
        LETHE_FAIL(LETHE_USAGE, "evaluating needs a trained model; give --model RUN_OR_FILE");
    if (job->reference_2 != NULL && job->reference == NULL)
        LETHE_FAIL(LETHE_USAGE, "--reference-2 is compared with --reference RUN_OR_FILE, which is missing");
    const char *const inputs[] = {job->model.model, job->reference, job->reference_2};
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++)
        LETHE_TRY(lethe__origin_spare(inputs[i], job->out));
    lethe__subject_options options = {&job->data, &job->split, &job->model, job->forget, false};
    LETHE_TRY(lethe__subject_open(&options, runtime, &subject));
    if (kept == NULL) /* in a search the runs have warned */
        lethe__subject_warn_of_few(&subject, runtime);
    lethe_status status = measure(job, &subject, runtime, kept, &result);
    if (status == LETHE_OK)
        status = store(job, &subject, runtime, &result);
    if (status == LETHE_OK)
        *out = result;
    lethe__subject_fini(&subject);
    return status;
}

lethe_status lethe__evaluate_job_run(const lethe_evaluate_job *options, const lethe_runtime *runtime,
                                     lethe__measured_reference *kept, lethe_evaluation_result *out) {
    lethe_evaluate_job job = *options;
    lethe_runtime copy = *runtime;
    lethe__option_set set = {0};
    lethe_status status = evaluate(&job, &copy, &set, kept, out);
    lethe__option_set_fini(&set);
    return status;
}

lethe_status lethe_evaluate_job_run(const lethe_evaluate_job *options, const lethe_runtime *runtime,
                                    lethe_evaluation_result *out) {
    return lethe__evaluate_job_run(options, runtime, NULL, out);
}
