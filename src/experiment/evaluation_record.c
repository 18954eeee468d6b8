/* evaluation_record.c - evaluation.json, the form that scripts and the report read.
 *
 * Written for the model and, without the parts that only one of them has, for its reference. The values of
 * the threshold predictor stand beside those of the C-SVC, which the paper's numbers are. */
#include "experiment/evaluation_record.h"

static json_t *rates_to_json(const double rates[LETHE_MIA_FEATURES]) {
    json_t *object = json_object();
    for (int i = 0; i < LETHE_MIA_FEATURES; i++) {
        if (json_object_set_new(object, lethe_mia_feature_name((lethe_mia_feature)i),
                                lethe__json_real(rates[i])) != 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

/* The fields of one model, in an object that starts with its path. */
static json_t *model_to_json(const char *path, const lethe_evaluation *evaluation) {
    json_t *loss =
        json_pack("{s:o, s:o, s:o}", "forget", lethe__json_real(evaluation->loss_forget), "retain",
                  lethe__json_real(evaluation->loss_retain), "test", lethe__json_real(evaluation->loss_test));
    return json_pack(
        "{s:s, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "model", path,
        "n_forget", (json_int_t)evaluation->n_forget, "n_retain", (json_int_t)evaluation->n_retain, "n_val",
        (json_int_t)evaluation->n_val, "n_test", (json_int_t)evaluation->n_test, "UA",
        lethe__json_real(evaluation->ua), "RA", lethe__json_real(evaluation->ra), "TA",
        lethe__json_real(evaluation->ta), "VA", lethe__json_real(evaluation->va), "MIA_efficacy",
        rates_to_json(evaluation->mia_efficacy), "MIA_privacy", rates_to_json(evaluation->mia_privacy),
        "MIA_efficacy_threshold", rates_to_json(evaluation->mia_efficacy_threshold), "MIA_privacy_threshold",
        rates_to_json(evaluation->mia_privacy_threshold), "sparsity", lethe__json_real(evaluation->sparsity),
        "loss", loss);
}

static json_t *gaps_to_json(const lethe_gaps *gaps) {
    return json_pack("{s:o, s:o, s:o, s:o}", "UA", lethe__json_real(gaps->ua), "MIA_efficacy",
                     lethe__json_real(gaps->mia_efficacy), "RA", lethe__json_real(gaps->ra), "TA",
                     lethe__json_real(gaps->ta));
}

static bool put(json_t *object, const char *key, json_t *value) {
    return json_object_set_new(object, key, value) == 0;
}

json_t *lethe__evaluation_to_json(const lethe_evaluate_job *job, const lethe_evaluation_result *result) {
    json_t *model = model_to_json(job->model.model, &result->model);
    json_t *object = json_pack("{s:s}", "schema", "lethe.evaluation/1");
    bool complete = model != NULL && json_object_update(object, model) == 0 &&
                    put(object, "forget", json_string(result->forget)) &&
                    put(object, "method", json_string(result->method)) &&
                    put(object, "parent_sparsity", lethe__json_real(result->parent_sparsity)) &&
                    put(object, "RTE_seconds", lethe__json_real(result->rte_seconds));
    if (complete && job->reference != NULL)
        complete = put(object, "reference", model_to_json(job->reference, &result->reference)) &&
                   put(object, "gap", gaps_to_json(&result->gaps)) &&
                   put(object, "disparity_average", lethe__json_real(result->gaps.disparity_average));
    json_decref(model);
    if (complete)
        return object;
    json_decref(object);
    return NULL;
}
