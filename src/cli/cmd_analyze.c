/* cmd_analyze.c - lethe analyze */
#include "base/fail.h"
#include "cli/command.h"
#include "cli/table.h"
#include "experiment/analysis_record.h"
#include "experiment/job.h"
#include <math.h>

static lethe_status options(lethe__call *call, void *job) {
    LETHE_TRY(lethe_analyze_job_defaults(job));
    return lethe__analyze_job_lend(job, &call->runtime, &call->set);
}

static void number_cell(lethe__table *table, double value) {
    if (isfinite(value))
        lethe__table_cell(table, "%.4g", value);
    else
        lethe__table_cell(table, "-");
}

static void add_heading(lethe__table *table, const char *const *titles) {
    for (; *titles != NULL; titles++)
        lethe__table_cell(table, "%s", *titles);
}

static void add_layer(lethe__table *table, const lethe_layer *layer) {
    lethe__table_cell(table, "%s", layer->name);
    lethe__table_cell(table, "%zu", layer->size);
    if (layer->prunable)
        lethe__table_cell(table, "%.2f", 100 * (double)layer->kept / (double)layer->size);
    else
        lethe__table_cell(table, "-");
    lethe__table_cell(table, "%.2f", 100 * (double)layer->zeros / (double)layer->size);
}

static lethe_status show_layers(const lethe_analysis *analysis) {
    static const char *const titles[] = {"parameter", "size", "kept %", "zeros %", NULL};
    lethe__table table;
    lethe__table_init(&table, "lrrr");
    add_heading(&table, titles);
    for (size_t i = 0; i < analysis->n_layers; i++)
        add_layer(&table, &analysis->layers[i]);
    lethe_status status = lethe__table_print(&table, true, stdout);
    lethe__table_fini(&table);
    return status;
}

static void add_error(lethe__table *table, const lethe_ga_error *row) {
    lethe__table_cell(table, "%.2f", 100 * row->sparsity);
    lethe__table_cell(table, "%zu", row->kept);
    const double values[] = {row->loss_after, row->distance,      row->eigenvalue.value, row->bound,
                             row->error_mean, row->error_largest, row->untouched};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        number_cell(table, values[i]);
    number_cell(table, row->error_mean / row->bound);
}

static lethe_status show_errors(const lethe_analyze_job *job, const lethe_analysis *analysis) {
    static const char *const titles[] = {"sparsity %", "kept",        "loss",  "distance",
                                         "eigenvalue", "bound",       "error", "largest",
                                         "untouched",  "error/bound", NULL};
    lethe__table table;
    printf("\nGA on one sample (mean of %d), %d steps of %zu images at rate %g:\n\n", job->error.forgotten,
           analysis->errors[0].steps, job->error.batch, job->error.lr);
    lethe__table_init(&table, "rrrrrrrrrr");
    add_heading(&table, titles);
    for (size_t i = 0; i < analysis->n_errors; i++)
        add_error(&table, &analysis->errors[i]);
    lethe_status status = lethe__table_print(&table, true, stdout);
    lethe__table_fini(&table);
    return status;
}

static lethe_status show(const lethe_analyze_job *job, const lethe_analysis *analysis) {
    const lethe_eigenvalue *eigenvalue = &analysis->eigenvalue;
    printf("%s: %s, %zu parameters, %.2f %% of the prunable weights removed\n",
           job->model.model != NULL ? job->model.model : "a new model", analysis->arch, analysis->parameters,
           100 * analysis->sparsity);
    if (isfinite(eigenvalue->value))
        printf("largest Hessian eigenvalue over the unmasked weights: %.6g (relative residual %.1e after %d "
               "iterations, %zu samples)\n",
               eigenvalue->value, eigenvalue->residual, eigenvalue->iterations, eigenvalue->samples);
    if (isfinite(analysis->distance))
        printf("distance of the unmasked weights to their start: %.6g (norm at the start %.6g)\n",
               analysis->distance, analysis->initial_norm);
    putchar('\n');
    LETHE_TRY(show_layers(analysis));
    return analysis->n_errors > 0 ? show_errors(job, analysis) : LETHE_OK;
}

static lethe_status answer(const lethe__call *call, const lethe_analyze_job *job,
                           const lethe_analysis *analysis) {
    if (job->html != NULL)
        LETHE_TRY(lethe_analysis_write_html(job, analysis, job->html));
    if (call->talk.json)
        return lethe__print_json(lethe__analysis_to_json(job, analysis));
    return call->talk.quiet ? LETHE_OK : show(job, analysis);
}

static lethe_status run(lethe__call *call, void *values) {
    const lethe_analyze_job *job = values;
    lethe_analysis analysis;
    LETHE_TRY(lethe_analyze_job_run(job, &call->runtime, &analysis));
    lethe__progress_clear(&call->line);
    lethe_status status = answer(call, job, &analysis);
    lethe_analysis_fini(&analysis);
    return status;
}

const lethe__command lethe__cmd_analyze = {
    .name = "analyze",
    .summary = "Hessian eigenvalue, weight distance, error bound; sparsity layer by layer",
    .details =
        "Measures what Proposition 2 of the paper is made of: the error of gradient ascent (GA) is at most "
        "of "
        "the order eta^2 t |m (theta_t - theta_0)| sigma(m), smaller for a sparser mask m. Of a model "
        "(--model): the largest eigenvalue of the loss's Hessian over the unmasked weights, by power "
        "iteration on exact Hessian-vector products; the distance of these weights to where training began; "
        "and how much of each layer the mask keeps.\n"
        "With --sparsities, bound and error side by side: from the initial weights small trainings are made "
        "for each sparsity, by plain SGD in double with fixed BatchNorm statistics, whole and again without "
        "a single image; the error is how far GA on that image ends from the training without it. The column "
        "untouched is how far the trained weights are from it without any unlearning, and the constant of "
        "the bound is taken as 1, so only its course counts. Without --model, --arch names a new model.\n"
        "Example: lethe analyze --model runs/omp --sparsities 0,0.5,0.9,0.95,0.99 --html bound.html",
    .traits = LETHE__CONFIGURED | LETHE__COMPUTES | LETHE__HAS_RESULT,
    .job_size = sizeof(lethe_analyze_job),
    .options = options,
    .run = run,
};
