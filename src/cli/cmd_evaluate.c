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

static void interval_cell(lethe__table *table, lethe_interval interval) {
    if (isfinite(interval.low) && isfinite(interval.high))
        lethe__table_cell(table, "%.2f - %.2f", interval.low, interval.high);
    else
        lethe__table_cell(table, "-");
}

/* The columns behind a metric's name: model, interval; reference, gap; the second reference's gap to it. */
static const char *alignment(const lethe_evaluate_job *job) {
    if (job->reference_2 != NULL)
        return "lrrrrr";
    return job->reference != NULL ? "lrrrr" : "lrr";
}

static void add_heading(lethe__table *table, const lethe_evaluate_job *job) {
    lethe__table_cell(table, "percent");
    lethe__table_cell(table, "model");
    lethe__table_cell(table, "95 %% interval");
    if (job->reference != NULL) {
        lethe__table_cell(table, "reference");
        lethe__table_cell(table, "gap");
    }
    if (job->reference_2 != NULL)
        lethe__table_cell(table, "null gap");
}

static void add_metric(lethe__table *table, const lethe_evaluate_job *job,
                       const lethe_evaluation_result *result, const lethe_metric *metric, int feature) {
    double value = lethe_metric_value(metric, &result->model, feature);
    double reference = lethe_metric_value(metric, &result->reference, feature);
    if (metric->by_feature && !isfinite(value))
        return; /* not asked for */
    if (metric->by_feature)
        lethe__table_cell(table, "%s, %s", metric->title, lethe_mia_feature_name((lethe_mia_feature)feature));
    else
        lethe__table_cell(table, "%s", metric->title);
    number_cell(table, value);
    interval_cell(table, lethe_metric_interval(metric, &result->model, feature));
    if (job->reference != NULL) {
        number_cell(table, reference);
        number_cell(table, fabs(value - reference));
    }
    if (job->reference_2 != NULL)
        number_cell(table, fabs(lethe_metric_value(metric, &result->reference_2, feature) - reference));
}

static void add_average(lethe__table *table, const lethe_evaluate_job *job,
                        const lethe_evaluation_result *result) {
    if (job->reference == NULL)
        return;
    lethe__table_cell(table, "disparity average");
    for (int i = 0; i < 3; i++)
        lethe__table_cell(table, "-");
    number_cell(table, result->gaps.disparity_average);
    if (job->reference_2 != NULL)
        number_cell(table, result->null_gaps.disparity_average);
}

static lethe_status show_table(const lethe_evaluate_job *job, const lethe_evaluation_result *result) {
    lethe__table table;
    lethe__table_init(&table, alignment(job));
    add_heading(&table, job);
    for (const lethe_metric *metric = lethe_metrics(); metric->name != NULL; metric++)
        for (int i = 0; i < (metric->by_feature ? LETHE_MIA_FEATURES : 1); i++)
            add_metric(&table, job, result, metric, i);
    add_average(&table, job, result);
    lethe_status status = lethe__table_print(&table, true, stdout);
    lethe__table_fini(&table);
    return status;
}

static void show_gate(const lethe_gate *gate) {
    if (!isfinite(gate->gap))
        return;
    bool within = gate->gap <= gate->band;
    printf("\n|UA - (100 - TA)| is %.2f, %s %.2f that chance explains (95 %%): the model errs on the forget "
           "set %s "
           "on unseen images.\n",
           gate->gap, within ? "within the" : "beyond the", gate->band,
           within ? "as often as" : "not as often as");
}

static lethe_status show(const lethe_evaluate_job *job, const lethe_evaluation_result *result) {
    const lethe_evaluation *model = &result->model;
    printf("%s (%s): forget %zu, retain %zu, validation %zu, test %zu samples", job->model.model,
           result->method, model->n_forget, model->n_retain, model->n_val, model->n_test);
    if (isfinite(model->sparsity) && model->sparsity > 0)
        printf("; %.1f %% sparse", 100 * model->sparsity);
    if (isfinite(result->rte_seconds))
        printf("; unlearned in %.1f s", result->rte_seconds);
    printf("; predicted in %.1f s, membership inferred in %.1f s\n\n", model->predict_seconds,
           model->mia_seconds);
    LETHE_TRY(show_table(job, result));
    show_gate(&model->gate);
    return LETHE_OK;
}

static lethe_status run(lethe__call *call, void *values) {
    const lethe_evaluate_job *job = values;
    lethe_evaluation_result result;
    LETHE_TRY(lethe_evaluate_job_run(job, &call->runtime, &result));
    lethe__progress_clear(&call->line);
    if (call->talk.json)
        return lethe__print_json(lethe__evaluation_to_json(job, &result, call->runtime.compat));
    return call->talk.quiet ? LETHE_OK : show(job, &result);
}

const lethe__command lethe__cmd_evaluate = {
    .name = "evaluate",
    .summary = "every metric of a model, and its gaps to a reference model",
    .details =
        "Measures a model (--model) by one pass over the data: unlearning accuracy UA, remaining accuracy "
        "RA, test accuracy TA, validation accuracy VA, and membership inference (MIA) on the forget and "
        "retain "
        "sets, each with its 95 % interval. With --reference, usually the Retrain run, also the gaps and "
        "their "
        "average; with --reference-2, Retrain of another seed, beside them the gaps between the two Retrains "
        "(null gap). The result is stored as evaluation.json in the model's run directory, or in the file "
        "given "
        "by --out.\n"
        "When a whole class is forgotten, TA, VA and the paper's MIA leave it out; class-matched "
        "MIA-Efficacy takes the test images of that class as non-members. When the forget set was drawn from "
        "all "
        "classes, UA is also compared with 100 - TA: a model that never saw it errs on both alike.\n"
        "--compat official: the modified entropy is the one that the paper's code computes, and the "
        "membership "
        "predictor learns from all test samples even where fewer are retained; a new hold-out or forget set "
        "is "
        "drawn by numpy's generator, and a --split-seed other than the run's divides the data anew. VA keeps "
        "a forgotten class; TA is the same in both.\n"
        "Example: lethe evaluate --model runs/ga --reference runs/retrain",
    .traits = LETHE__CONFIGURED | LETHE__COMPUTES | LETHE__HAS_RESULT,
    .job_size = sizeof(lethe_evaluate_job),
    .options = options,
    .run = run,
};
