/* analysis_record.c - an analysis as JSON. jansson's packing answers NULL for any part that is NULL, so
 * exhausted memory shows once, at the end. */
#include "experiment/analysis_record.h"
#include <math.h>

static json_t *layer_to_json(const lethe_layer *layer) {
    return json_pack("{s:s, s:b, s:I, s:I, s:I}", "name", layer->name, "prunable", layer->prunable, "size",
                     (json_int_t)layer->size, "kept", (json_int_t)layer->kept, "zeros",
                     (json_int_t)layer->zeros);
}

static json_t *eigenvalue_to_json(const lethe_eigenvalue *eigenvalue) {
    if (isnan(eigenvalue->value))
        return json_null();
    return json_pack("{s:o, s:o, s:i, s:I}", "eigenvalue", lethe__json_real(eigenvalue->value), "residual",
                     lethe__json_real(eigenvalue->residual), "iterations", eigenvalue->iterations, "samples",
                     (json_int_t)eigenvalue->samples);
}

static json_t *error_to_json(const lethe_ga_error *row) {
    return json_pack("{s:o, s:I, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "sparsity",
                     lethe__json_real(row->sparsity), "kept", (json_int_t)row->kept, "steps", row->steps,
                     "distance", lethe__json_real(row->distance), "hessian",
                     eigenvalue_to_json(&row->eigenvalue), "bound", lethe__json_real(row->bound),
                     "error_mean", lethe__json_real(row->error_mean), "error_largest",
                     lethe__json_real(row->error_largest), "untouched", lethe__json_real(row->untouched),
                     "error_over_bound", lethe__json_real(row->error_mean / row->bound), "loss_before",
                     lethe__json_real(row->loss_before), "loss_after", lethe__json_real(row->loss_after));
}

/* The array, or NULL in place of one that is not whole. */
static json_t *append(json_t *array, json_t *value) {
    if (array == NULL || json_array_append_new(array, value) == 0)
        return array;
    json_decref(array);
    return NULL;
}

static json_t *distance_to_json(const lethe_analysis *analysis) {
    if (isnan(analysis->distance))
        return json_null();
    return json_pack("{s:o, s:o}", "distance", lethe__json_real(analysis->distance), "initial_norm",
                     lethe__json_real(analysis->initial_norm));
}

static json_t *trainings_to_json(const lethe_analyze_job *job, const lethe_analysis *analysis) {
    json_t *rows = json_array();
    if (analysis->n_errors == 0) {
        json_decref(rows);
        return json_null();
    }
    for (size_t i = 0; i < analysis->n_errors && rows != NULL; i++)
        rows = append(rows, error_to_json(&analysis->errors[i]));
    return json_pack("{s:I, s:i, s:o, s:i, s:o}", "batch", (json_int_t)job->error.batch, "epochs",
                     job->error.epochs, "lr", lethe__json_real(job->error.lr), "forgotten",
                     job->error.forgotten, "sparsities", rows);
}

json_t *lethe__analysis_to_json(const lethe_analyze_job *job, const lethe_analysis *analysis) {
    json_t *layers = json_array();
    for (size_t i = 0; i < analysis->n_layers && layers != NULL; i++)
        layers = append(layers, layer_to_json(&analysis->layers[i]));
    return json_pack("{s:s, s:s?, s:s, s:I, s:o, s:o, s:o, s:o, s:o}", "schema", "lethe.analysis/1", "model",
                     job->model.model, "arch", analysis->arch, "parameters", (json_int_t)analysis->parameters,
                     "sparsity", lethe__json_real(analysis->sparsity), "hessian",
                     eigenvalue_to_json(&analysis->eigenvalue), "weights", distance_to_json(analysis),
                     "ga_error", trainings_to_json(job, analysis), "layers", layers);
}
