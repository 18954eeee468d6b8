/* evaluation_record.c - evaluation.json, the form that scripts and the report read.
 *
 * Written for the model and, without the parts that only one of them has, for its references. Every metric of
 * lethe_metrics stands under its own name, and its interval under the same name in "interval_95" as [low,
 * high]. The values of the threshold predictor stand beside those of the C-SVC, which the paper's numbers
 * are. A value that was not measured is null, an interval of one likewise. */
#include "experiment/evaluation_record.h"
#include <math.h>

static bool put(json_t *object, const char *key, json_t *value) {
    return json_object_set_new(object, key, value) == 0;
}

static json_t *value_or_null(json_t *value, bool complete) {
    if (complete)
        return value;
    json_decref(value);
    return NULL;
}

static json_t *interval_to_json(lethe_interval interval) {
    if (!isfinite(interval.low) || !isfinite(interval.high))
        return json_null();
    return json_pack("[o, o]", lethe__json_real(interval.low), lethe__json_real(interval.high));
}

static json_t *number_to_json(const lethe_metric *metric, const lethe_evaluation *evaluation, int feature) {
    return lethe__json_real(lethe_metric_value(metric, evaluation, feature));
}

static json_t *metric_interval_to_json(const lethe_metric *metric, const lethe_evaluation *evaluation,
                                       int feature) {
    return interval_to_json(lethe_metric_interval(metric, evaluation, feature));
}

typedef json_t *field_writer(const lethe_metric *metric, const lethe_evaluation *evaluation, int feature);

/* What `write` says of the metric: one value, or an object of one for each feature. */
static json_t *metric_to_json(const lethe_metric *metric, const lethe_evaluation *evaluation,
                              field_writer *write) {
    if (!metric->by_feature)
        return write(metric, evaluation, 0);
    json_t *object = json_object();
    bool complete = true;
    for (int i = 0; i < LETHE_MIA_FEATURES; i++)
        complete = complete &&
                   put(object, lethe_mia_feature_name((lethe_mia_feature)i), write(metric, evaluation, i));
    return value_or_null(object, complete);
}

static bool put_metrics(json_t *object, const lethe_evaluation *evaluation, field_writer *write) {
    bool complete = true;
    for (const lethe_metric *metric = lethe_metrics(); metric->name != NULL; metric++)
        complete = complete && put(object, metric->name, metric_to_json(metric, evaluation, write));
    return complete;
}

static json_t *intervals_to_json(const lethe_evaluation *evaluation) {
    json_t *object = json_object();
    return value_or_null(object, put_metrics(object, evaluation, metric_interval_to_json));
}

static json_t *gate_to_json(const lethe_gate *gate) {
    if (!isfinite(gate->gap) || !isfinite(gate->band))
        return json_null();
    return json_pack("{s:o, s:o, s:b}", "gap", lethe__json_real(gate->gap), "band_95",
                     lethe__json_real(gate->band), "within", gate->gap <= gate->band);
}

static json_t *loss_to_json(const lethe_evaluation *evaluation) {
    return json_pack("{s:o, s:o, s:o}", "forget", lethe__json_real(evaluation->loss_forget), "retain",
                     lethe__json_real(evaluation->loss_retain), "test",
                     lethe__json_real(evaluation->loss_test));
}

/* Adds the fields of one model. */
static bool put_model(json_t *object, const char *path, const lethe_evaluation *evaluation) {
    return put(object, "model", json_string(path)) &&
           put(object, "n_forget", json_integer((json_int_t)evaluation->n_forget)) &&
           put(object, "n_retain", json_integer((json_int_t)evaluation->n_retain)) &&
           put(object, "n_val", json_integer((json_int_t)evaluation->n_val)) &&
           put(object, "n_test", json_integer((json_int_t)evaluation->n_test)) &&
           put(object, "n_class_test", json_integer((json_int_t)evaluation->n_class_test)) &&
           put_metrics(object, evaluation, number_to_json) &&
           put(object, "interval_95", intervals_to_json(evaluation)) &&
           put(object, "gate", gate_to_json(&evaluation->gate)) &&
           put(object, "sparsity", lethe__json_real(evaluation->sparsity)) &&
           put(object, "loss", loss_to_json(evaluation));
}

static json_t *model_to_json(const char *path, const lethe_evaluation *evaluation) {
    json_t *object = json_object();
    return value_or_null(object, put_model(object, path, evaluation));
}

static json_t *gaps_to_json(const lethe_gaps *gaps) {
    return json_pack("{s:o, s:o, s:o, s:o}", "UA", lethe__json_real(gaps->ua), "MIA_efficacy",
                     lethe__json_real(gaps->mia_efficacy), "RA", lethe__json_real(gaps->ra), "TA",
                     lethe__json_real(gaps->ta));
}

static bool put_comparison(json_t *object, const lethe_evaluate_job *job,
                           const lethe_evaluation_result *result) {
    if (job->reference == NULL)
        return true;
    bool complete = put(object, "reference", model_to_json(job->reference, &result->reference)) &&
                    put(object, "gap", gaps_to_json(&result->gaps)) &&
                    put(object, "disparity_average", lethe__json_real(result->gaps.disparity_average));
    if (!complete || job->reference_2 == NULL)
        return complete;
    return put(object, "reference_2", model_to_json(job->reference_2, &result->reference_2)) &&
           put(object, "null_gap", gaps_to_json(&result->null_gaps)) &&
           put(object, "null_disparity_average", lethe__json_real(result->null_gaps.disparity_average));
}

json_t *lethe__evaluation_to_json(const lethe_evaluate_job *job, const lethe_evaluation_result *result,
                                  lethe_compat compat) {
    json_t *object = json_object();
    bool complete =
        put(object, "schema", json_string("lethe.evaluation/1")) &&
        put_model(object, job->model.model, &result->model) &&
        put(object, "compat", json_string(compat == LETHE_COMPAT_OFFICIAL ? "official" : "none")) &&
        put(object, "forget", json_string(result->forget)) &&
        put(object, "method", json_string(result->method)) &&
        put(object, "parent_sparsity", lethe__json_real(result->parent_sparsity)) &&
        put(object, "RTE_seconds", lethe__json_real(result->rte_seconds)) &&
        put_comparison(object, job, result);
    return value_or_null(object, complete);
}
