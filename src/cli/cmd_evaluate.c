/* cmd_evaluate.c - lethe evaluate */
#include "base/fail.h"
#include "cli/command.h"
#include "cli/table.h"
#include "experiment/evaluation_record.h"
#include "experiment/job.h"
#include <math.h>

static lethe_status options(lethe__call *call, void *job) {
    LETHE_TRY(lethe_evaluate_job_defaults(job));
    return lethe__evaluate_job_lend(job, &call->runtime, &call->set);
}

static void number_cell(lethe__table *table, double value) {
    if (isfinite(value))
        lethe__table_cell(table, "%.2f", value);
    else
        lethe__table_cell(table, "-");
}

/* A metric of the model, of the reference, and the gap between them. */
static void add_row(lethe__table *table, bool compared, const char *name, double model, double reference,
                    double gap) {
    lethe__table_cell(table, "%s", name);
    number_cell(table, model);
    if (compared) {
        number_cell(table, reference);
        number_cell(table, gap);
    }
}

static void add_features(lethe__table *table, bool compared, const char *name, const double *model,
                         const double *reference) {
    char text[64];
    for (int i = 0; i < LETHE_MIA_FEATURES; i++) {
        if (!isfinite(model[i]))
            continue;
        snprintf(text, sizeof text, "%s, %s", name, lethe_mia_feature_name((lethe_mia_feature)i));
        add_row(table, compared, text, model[i], reference[i], fabs(model[i] - reference[i]));
    }
}

static void fill_table(lethe__table *table, bool compared, const lethe_evaluation_result *result) {
    const lethe_evaluation *model = &result->model, *reference = &result->reference;
    lethe__table_cell(table, "percent");
    lethe__table_cell(table, "model");
    if (compared) {
        lethe__table_cell(table, "reference");
        lethe__table_cell(table, "gap");
    }
    add_row(table, compared, "UA", model->ua, reference->ua, result->gaps.ua);
    add_row(table, compared, "RA", model->ra, reference->ra, result->gaps.ra);
    add_row(table, compared, "TA", model->ta, reference->ta, result->gaps.ta);
    add_row(table, compared, "VA", model->va, reference->va, fabs(model->va - reference->va));
    add_features(table, compared, "MIA-Efficacy", model->mia_efficacy, reference->mia_efficacy);
    add_features(table, compared, "MIA-Privacy", model->mia_privacy, reference->mia_privacy);
    add_features(table, compared, "MIA-Efficacy by threshold", model->mia_efficacy_threshold,
                 reference->mia_efficacy_threshold);
    add_features(table, compared, "MIA-Privacy by threshold", model->mia_privacy_threshold,
                 reference->mia_privacy_threshold);
    add_row(table, compared, "sparsity", 100 * model->sparsity, 100 * reference->sparsity, NAN);
    if (compared)
        add_row(table, compared, "disparity average", NAN, NAN, result->gaps.disparity_average);
}

static lethe_status show(const lethe_evaluate_job *job, const lethe_evaluation_result *result) {
    bool compared = job->reference != NULL;
    const lethe_evaluation *model = &result->model;
    printf("%s (%s): forget %zu, retain %zu, validation %zu, test %zu samples", job->model.model,
           result->method, model->n_forget, model->n_retain, model->n_val, model->n_test);
    if (isfinite(result->rte_seconds))
        printf("; unlearned in %.1f s", result->rte_seconds);
    printf("\n\n");
    lethe__table table;
    lethe__table_init(&table, compared ? "lrrr" : "lr");
    fill_table(&table, compared, result);
    lethe_status status = lethe__table_print(&table, true, stdout);
    lethe__table_fini(&table);
    return status;
}

static lethe_status run(lethe__call *call, void *values) {
    const lethe_evaluate_job *job = values;
    lethe_evaluation_result result;
    LETHE_TRY(lethe_evaluate_job_run(job, &call->runtime, &result));
    lethe__progress_clear(&call->line);
    if (call->talk.json)
        return lethe__print_json(lethe__evaluation_to_json(job, &result));
    return call->talk.quiet ? LETHE_OK : show(job, &result);
}

const lethe__command lethe__cmd_evaluate = {
    .name = "evaluate",
    .summary = "every metric of a model, and its gaps to a reference model",
    .details =
        "Measures a model (--model) by one pass over the data: unlearning accuracy UA, remaining accuracy "
        "RA, "
        "test accuracy TA, validation accuracy VA, and membership inference (MIA) on the forget and retain "
        "sets. With --reference, usually the Retrain run, also the gaps and their average. The result is "
        "stored as evaluation.json in the model's run directory, or in the file given by --out.\nExample: "
        "lethe evaluate --model runs/ga --reference runs/retrain",
    .traits = LETHE__CONFIGURED | LETHE__COMPUTES | LETHE__HAS_RESULT,
    .job_size = sizeof(lethe_evaluate_job),
    .options = options,
    .run = run,
};
