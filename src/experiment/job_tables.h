/* job_tables.h - the option tables that job_options.c puts together; offsets are within lethe_run_options and
 * lethe_model_options, of the other tables within their jobs. */
#ifndef LETHE_EXPERIMENT_JOB_TABLES_H
#define LETHE_EXPERIMENT_JOB_TABLES_H

#include <lethe/options.h>

extern const lethe_option lethe__run_table[], lethe__model_table[], lethe__keep_table[],
    lethe__prune_method_table[], lethe__unlearn_method_table[], lethe__evaluate_table[], lethe__tune_table[],
    lethe__predict_table[], lethe__analyze_table[];

#endif
