/* analyze_job.c - the job `analyze`: what Proposition 2 is made of, for a model and for small trainings.
 *
 * theta_0 is what the first run of the model's chain drew from its seed: train, prune and unlearn name their
 * parent, so it is found by going back to the run that has none. A plain file does not say where it comes
 * from; its initial weights must be given, or the distance to them is not known. */
#include "base/fail.h"
#include "base/log.h"
#include "base/memory.h"
#include "experiment/analysis_record.h"
#include "experiment/job.h"
#include "models/model.h"
#include <math.h>
#include <stdio.h>

/* --- the initial weights --- */

static lethe_status load_initial(const lethe_analyze_job *job, const lethe__subject *subject,
                                 lethe_model **out) {
    lethe__origin origin;
    LETHE_TRY(lethe__origin_open(job->initial, &origin));
    lethe_status status = lethe__subject_load_model(&origin, &job->model, subject->dataset, out);
    lethe__origin_fini(&origin);
    return status;
}

/* *known: it is theta_0 of the model; else it is drawn from the runtime's seed, for the trainings. */
static lethe_status open_initial(const lethe_analyze_job *job, const lethe__subject *subject,
                                 const lethe_runtime *runtime, lethe_model **out, bool *known) {
    uint64_t seed = runtime->seed;
    *known = true;
    if (job->initial != NULL)
        return load_initial(job, subject, out);
    if (subject->origin.path != NULL) {
        *known = lethe__origin_initial_seed(subject->origin.record, &seed);
        if (!*known)
            lethe__log(runtime, LETHE_LOG_WARNING,
                       "%s does not lead back to the run that drew the initial weights: the distance to them "
                       "is not measured; give --initial RUN_OR_FILE",
                       subject->origin.path);
    }
    return lethe__subject_draw_model(lethe_model_get_info(subject->model), seed, out);
}

/* --- measuring --- */

static void describe_layer(const lethe_model *model, const lethe__slot *slot, lethe_layer *layer) {
    *layer = (lethe_layer){.prunable = slot->prunable, .size = slot->size};
    snprintf(layer->name, sizeof layer->name, "%s", slot->name);
    for (size_t i = slot->offset; i < slot->offset + slot->size; i++) {
        layer->kept += model->mask == NULL || model->mask[i];
        layer->zeros += model->weights.parameters[i] == 0;
    }
}

static lethe_status describe(const lethe_model *model, lethe_analysis *out) {
    snprintf(out->arch, sizeof out->arch, "%s", model->info.arch);
    out->parameters = model->graph->parameter_size;
    out->sparsity = lethe_model_sparsity(model);
    out->n_layers = model->graph->n_parameters;
    LETHE_TRY(lethe__allocate(out->n_layers, sizeof *out->layers, &out->layers));
    for (size_t i = 0; i < out->n_layers; i++)
        describe_layer(model, &model->graph->parameters[i], &out->layers[i]);
    return LETHE_OK;
}

static lethe_status measure_distance(const lethe_model *model, const lethe_model *initial,
                                     lethe_analysis *out) {
    double squares = 0;
    LETHE_TRY(lethe_model_distance(model, initial, &out->distance));
    for (size_t i = 0; i < model->graph->parameter_size; i++) {
        double weight = (double)initial->weights.parameters[i];
        squares += model->mask == NULL || model->mask[i] ? weight * weight : 0;
    }
    out->initial_norm = sqrt(squares);
    return LETHE_OK;
}

static lethe_status measure(const lethe_analyze_job *job, const lethe__subject *subject,
                            const lethe_runtime *runtime, lethe_analysis *out) {
    lethe_samples samples = lethe_split_samples(subject->split, subject->dataset, LETHE_PART_TRAIN);
    lethe_model *initial = NULL;
    bool known;
    LETHE_TRY(describe(subject->model, out));
    LETHE_TRY(open_initial(job, subject, runtime, &initial, &known));
    lethe_status status = known ? measure_distance(subject->model, initial, out) : LETHE_OK;
    if (status == LETHE_OK)
        status =
            lethe_hessian_eigenvalue(subject->model, samples, &job->eigenvalue, runtime, &out->eigenvalue);
    if (status == LETHE_OK)
        status = lethe_ga_error_measure(initial, samples, &job->error, &job->eigenvalue, runtime, out->errors,
                                        &out->n_errors);
    lethe_model_destroy(&initial);
    return status;
}

static void warn_of_residual(const lethe_analyze_job *job, const lethe_runtime *runtime,
                             const lethe_eigenvalue *eigenvalue, double sparsity) {
    if (eigenvalue->residual > job->eigenvalue.tolerance)
        lethe__log(
            runtime, LETHE_LOG_WARNING,
            "the eigenvalue at sparsity %.4g has a residual of %.2g after %d iterations, not %g; raise "
            "--iterations",
            sparsity, eigenvalue->residual, eigenvalue->iterations, job->eigenvalue.tolerance);
}

static lethe_status store(const lethe_analyze_job *job, const lethe_analysis *analysis) {
    if (job->out == NULL)
        return LETHE_OK;
    json_t *json = lethe__analysis_to_json(job, analysis);
    lethe_status status = json != NULL
                              ? lethe__json_write(job->out, json)
                              : lethe__fail(LETHE_MEMORY, "%s: out of memory for the analysis", job->out);
    json_decref(json);
    return status;
}

static lethe_status analyze(lethe_analyze_job *job, lethe_runtime *runtime, lethe__option_set *set,
                            lethe_analysis *analysis) {
    lethe__subject subject;
    LETHE_TRY(lethe__analyze_job_lend(job, runtime, set));
    LETHE_TRY(lethe__job_complete(set, &job->data, job->model.model));
    const char *const outs[] = {job->out, job->html};
    for (size_t i = 0; i < sizeof outs / sizeof *outs; i++) {
        LETHE_TRY(lethe__origin_spare(job->model.model, outs[i]));
        LETHE_TRY(lethe__origin_spare(job->initial, outs[i]));
    }
    lethe__subject_options options = {&job->data, &job->split, &job->model, NULL, false};
    LETHE_TRY(lethe__subject_open(&options, runtime, &subject));
    lethe_status status = measure(job, &subject, runtime, analysis);
    lethe__subject_fini(&subject);
    LETHE_TRY(status);
    warn_of_residual(job, runtime, &analysis->eigenvalue, analysis->sparsity);
    for (size_t i = 0; i < analysis->n_errors; i++)
        warn_of_residual(job, runtime, &analysis->errors[i].eigenvalue, analysis->errors[i].sparsity);
    return store(job, analysis);
}

lethe_status lethe_analyze_job_run(const lethe_analyze_job *options, const lethe_runtime *runtime,
                                   lethe_analysis *out) {
    lethe_analyze_job job = *options;
    lethe_runtime copy = *runtime;
    lethe__option_set set = {0};
    lethe_analysis analysis = {.distance = NAN, .initial_norm = NAN};
    lethe_status status = analyze(&job, &copy, &set, &analysis);
    lethe__option_set_fini(&set);
    if (status != LETHE_OK) {
        lethe_analysis_fini(&analysis);
        return status;
    }
    *out = analysis;
    return LETHE_OK;
}

void lethe_analysis_fini(lethe_analysis *analysis) {
    lethe__free(analysis->layers);
    analysis->layers = NULL;
    analysis->n_layers = 0;
}
