/* job_options.c - how the option tables make up each job.
 *
 * The same groups give a job its defaults, the command line its options, and a run its stored configuration.
 */
#include "base/fail.h"
#include "experiment/job.h"
#include "experiment/job_tables.h"
#include <string.h>

lethe_status lethe__option_set_lend(lethe__option_set *set, const char *heading, const lethe_option *table,
                                    void *values) {
    LETHE_TRY(lethe__option_set_add(set, heading, table, NULL));
    set->groups[set->n_groups - 1].values = values;
    return LETHE_OK;
}

static lethe_status lend_runtime(lethe__option_set *set, lethe_runtime *runtime) {
    return runtime == NULL ? LETHE_OK
                           : lethe__option_set_lend(set, "Computation", lethe_runtime_options, runtime);
}

static lethe_status lend_subject(lethe__option_set *set, lethe_dataset_options *data,
                                 lethe_split_options *split, lethe_model_options *model) {
    LETHE_TRY(lethe__option_set_lend(set, "Model", lethe__model_table, model));
    LETHE_TRY(lethe__option_set_lend(set, "Data", lethe_dataset_option_table, data));
    return lethe__option_set_lend(set, "Split", lethe__split_option_table, split);
}

lethe_status lethe__train_job_lend(lethe_train_job *job, lethe_runtime *runtime, lethe__option_set *set) {
    LETHE_TRY(lethe__option_set_lend(set, "Run", lethe__run_table, &job->run));
    LETHE_TRY(lend_subject(set, &job->data, &job->split, &job->model));
    LETHE_TRY(lethe__option_set_lend(set, "Training", lethe_fit_option_table, &job->fit));
    LETHE_TRY(lethe__option_set_lend(set, "Rewinding", lethe__keep_table, job));
    return lend_runtime(set, runtime);
}

lethe_status lethe__prune_job_lend(lethe_prune_job *job, lethe_runtime *runtime, lethe__option_set *set) {
    LETHE_TRY(lethe__option_set_lend(set, "Run", lethe__run_table, &job->run));
    LETHE_TRY(lethe__option_set_lend(set, "Method", lethe__prune_method_table, job));
    if (job->record != NULL)
        LETHE_TRY(lethe__option_set_lend(set, job->record->title, job->record->options, job->method_options));
    LETHE_TRY(lend_subject(set, &job->data, &job->split, &job->model));
    return lend_runtime(set, runtime);
}

lethe_status lethe__unlearn_job_lend(lethe_unlearn_job *job, lethe_runtime *runtime, lethe__option_set *set) {
    LETHE_TRY(lethe__option_set_lend(set, "Run", lethe__run_table, &job->run));
    LETHE_TRY(lethe__option_set_lend(set, "Unlearning", lethe__unlearn_method_table, job));
    if (job->record != NULL)
        LETHE_TRY(lethe__option_set_lend(set, job->record->title, job->record->options, job->method_options));
    LETHE_TRY(lend_subject(set, &job->data, &job->split, &job->model));
    return lend_runtime(set, runtime);
}

lethe_status lethe__evaluate_job_lend(lethe_evaluate_job *job, lethe_runtime *runtime,
                                      lethe__option_set *set) {
    LETHE_TRY(lethe__option_set_lend(set, "Evaluation", lethe__evaluate_table, job));
    LETHE_TRY(lethe__option_set_lend(set, "Metrics", lethe_evaluate_option_table, &job->options));
    LETHE_TRY(lend_subject(set, &job->data, &job->split, &job->model));
    return lend_runtime(set, runtime);
}

lethe_status lethe__tune_job_lend(lethe_tune_job *job, lethe_runtime *runtime, lethe__option_set *set) {
    LETHE_TRY(lethe__option_set_lend(set, "Search", lethe__tune_table, job));
    return lethe__unlearn_job_lend(&job->trial, runtime, set);
}

lethe_status lethe__predict_job_lend(lethe_predict_job *job, lethe_runtime *runtime, lethe__option_set *set) {
    LETHE_TRY(lethe__option_set_lend(set, "Prediction", lethe__predict_table, job));
    LETHE_TRY(lend_subject(set, &job->data, &job->split, &job->model));
    return lend_runtime(set, runtime);
}

lethe_status lethe__analyze_job_lend(lethe_analyze_job *job, lethe_runtime *runtime, lethe__option_set *set) {
    LETHE_TRY(lethe__option_set_lend(set, "Analysis", lethe__analyze_table, job));
    LETHE_TRY(lethe__option_set_lend(set, "Hessian", lethe_eigenvalue_option_table, &job->eigenvalue));
    LETHE_TRY(
        lethe__option_set_lend(set, "Error of gradient ascent", lethe_ga_error_option_table, &job->error));
    LETHE_TRY(lend_subject(set, &job->data, &job->split, &job->model));
    return lend_runtime(set, runtime);
}

static lethe_status fill_defaults(lethe__option_set *set, lethe_status lent) {
    for (int i = 0; i < set->n_groups && lent == LETHE_OK; i++)
        lent = lethe_options_defaults(set->groups[i].table, set->groups[i].values);
    return lent;
}

lethe_status lethe_train_job_defaults(lethe_train_job *job) {
    lethe__option_set set = {0};
    memset(job, 0, sizeof *job);
    return fill_defaults(&set, lethe__train_job_lend(job, NULL, &set));
}

lethe_status lethe_prune_job_defaults(lethe_prune_job *job) {
    lethe__option_set set = {0};
    memset(job, 0, sizeof *job);
    return fill_defaults(&set, lethe__prune_job_lend(job, NULL, &set));
}

lethe_status lethe_unlearn_job_defaults(lethe_unlearn_job *job) {
    lethe__option_set set = {0};
    memset(job, 0, sizeof *job);
    return fill_defaults(&set, lethe__unlearn_job_lend(job, NULL, &set));
}

lethe_status lethe_evaluate_job_defaults(lethe_evaluate_job *job) {
    lethe__option_set set = {0};
    memset(job, 0, sizeof *job);
    return fill_defaults(&set, lethe__evaluate_job_lend(job, NULL, &set));
}

lethe_status lethe_tune_job_defaults(lethe_tune_job *job) {
    lethe__option_set set = {0};
    memset(job, 0, sizeof *job);
    return fill_defaults(&set, lethe__tune_job_lend(job, NULL, &set));
}

lethe_status lethe_predict_job_defaults(lethe_predict_job *job) {
    lethe__option_set set = {0};
    memset(job, 0, sizeof *job);
    return fill_defaults(&set, lethe__predict_job_lend(job, NULL, &set));
}

lethe_status lethe_analyze_job_defaults(lethe_analyze_job *job) {
    lethe__option_set set = {0};
    memset(job, 0, sizeof *job);
    return fill_defaults(&set, lethe__analyze_job_lend(job, NULL, &set));
}

lethe_status lethe__job_complete(lethe__option_set *set, const lethe_dataset_options *data,
                                 const char *model) {
    if (data->name == NULL)
        LETHE_TRY(lethe__option_set_inherit(set, model));
    if (data->name == NULL)
        LETHE_FAIL(LETHE_USAGE, "no data set was named, and there is no run directory to take one from");
    for (int i = 0; i < set->n_groups; i++)
        LETHE_TRY(lethe_options_check(set->groups[i].table, set->groups[i].values));
    return LETHE_OK;
}
