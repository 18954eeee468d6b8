/* run_show.c - the result of a run in a few lines, and the estimate of one that was only tried out. */
#include "cli/run_show.h"
#include "base/fail.h"
#include "base/file.h"
#include "cli/table.h"
#include <math.h>

static lethe_status print_record(const char *directory) {
    char *path;
    json_t *record;
    LETHE_TRY(lethe__path_join(directory, "run.json", &path));
    lethe_status status = lethe__json_read(path, &record);
    lethe__free(path);
    LETHE_TRY(status);
    return lethe__print_json(record);
}

lethe_status lethe__show_run(const lethe__call *call, const char *directory, const lethe_run_result *result) {
    if (call->talk.json)
        return print_record(directory);
    if (call->talk.quiet)
        return LETHE_OK;
    printf("%s: %d epochs in %.1f s", directory, result->epochs, result->seconds);
    if (isfinite(result->rte_seconds))
        printf(" (%.1f s of unlearning)", result->rte_seconds);
    if (result->epochs > 0)
        printf(", loss %.4f, accuracy %.2f %%", result->loss, result->accuracy);
    if (isfinite(result->val_accuracy))
        printf(", validation %.2f %%", result->val_accuracy);
    printf(", sparsity %.2f %%", 100 * result->sparsity);
    if (result->zeros > result->sparsity)
        printf(" (%.2f %% of the weights are zero)", 100 * result->zeros);
    printf("\n");
    if (isfinite(result->retain_accuracy))
        printf("accuracy on retain samples: %.2f %% before, %.2f %% after%s\n", result->original_accuracy,
               result->retain_accuracy, result->wrecked ? "; the model is WRECKED" : "");
    return LETHE_OK;
}

static json_t *estimate_to_json(const lethe_estimate *e) {
    return json_pack(
        "{s:s, s:i, s:[i,i,i], s:I, s:I, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:i, s:I, s:I, s:I, "
        "s:o, s:o}",
        "arch", e->model.arch, "classes", e->model.classes, "input", e->model.height, e->model.width,
        e->model.channels, "parameters", (json_int_t)e->parameters, "parameter_tensors",
        (json_int_t)e->parameter_tensors, "sparsity", lethe__json_real(e->sparsity), "n_train",
        (json_int_t)e->n_train, "n_val", (json_int_t)e->n_val, "n_test", (json_int_t)e->n_test, "n_retain",
        (json_int_t)e->n_retain, "n_forget", (json_int_t)e->n_forget, "steps_per_epoch",
        (json_int_t)e->steps_per_epoch, "epochs", e->epochs, "model_bytes", (json_int_t)e->model_bytes,
        "activation_bytes", (json_int_t)e->activation_bytes, "data_bytes", (json_int_t)e->data_bytes,
        "step_seconds", lethe__json_real(e->step_seconds), "estimated_seconds",
        lethe__json_real(e->total_seconds));
}

static double mebibytes(size_t n) {
    return (double)n / 1048576.0;
}

static void fill_table(const lethe_estimate *e, lethe__table *table) {
    lethe__table_cell(table, "model");
    lethe__table_cell(table, "%s, images %dx%dx%d, %d classes", e->model.arch, e->model.height,
                      e->model.width, e->model.channels, e->model.classes);
    lethe__table_cell(table, "parameters");
    lethe__table_cell(table, "%zu in %zu tensors, sparsity %.2f %%", e->parameters, e->parameter_tensors,
                      100 * e->sparsity);
    lethe__table_cell(table, "samples");
    lethe__table_cell(table, "train %zu (retain %zu, forget %zu), validation %zu, test %zu", e->n_train,
                      e->n_retain, e->n_forget, e->n_val, e->n_test);
    lethe__table_cell(table, "training");
    lethe__table_cell(table, "%d epochs of %zu steps over %zu samples", e->epochs, e->steps_per_epoch,
                      e->n_samples);
    lethe__table_cell(table, "memory");
    lethe__table_cell(table, "model %.1f MiB, activations %.1f MiB, data %.1f MiB", mebibytes(e->model_bytes),
                      mebibytes(e->activation_bytes), mebibytes(e->data_bytes));
    lethe__table_cell(table, "time");
    lethe__table_cell(table, "about %.0f s (%.2f ms a step)", e->total_seconds, 1000 * e->step_seconds);
}

lethe_status lethe__show_estimate(const lethe__call *call, const lethe_estimate *estimate) {
    if (call->talk.json)
        return lethe__print_json(estimate_to_json(estimate));
    lethe__table table;
    lethe__table_init(&table, "ll");
    fill_table(estimate, &table);
    lethe_status status = lethe__table_print(&table, false, stdout);
    lethe__table_fini(&table);
    return status;
}
