/* cmd_bench.c - lethe bench */
#include "base/fail.h"
#include "cli/command.h"
#include "cli/table.h"
#include "experiment/job.h"
#include <lethe/machine.h>
#include <string.h>

static lethe_status options(lethe__call *call, void *job) {
    LETHE_TRY(lethe__option_set_add(&call->set, "Benchmark", lethe_bench_option_table, job));
    return lethe__option_set_lend(&call->set, "Computation", lethe_runtime_options, &call->runtime);
}

static lethe_status bench_model(const lethe_bench_options *job, lethe__call *call) {
    lethe_bench_result result;
    LETHE_TRY(lethe_bench(job, &call->runtime, &result));
    const char *mode = job->mode == LETHE_BENCH_TRAIN ? "train" : "predict";
    const char *precision = lethe_precision_name(lethe_precision_resolve(call->runtime.precision));
    int threads = lethe_threads_resolve(call->runtime.threads);
    if (call->talk.json)
        return lethe__print_json(json_pack(
            "{s:s, s:s, s:s, s:i, s:I, s:[i,i,i], s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "arch", job->arch,
            "mode", mode, "precision", precision, "threads", threads, "batch", (json_int_t)job->batch,
            "input", job->image_size, job->image_size, job->channels, "samples_per_second",
            lethe__json_real(result.samples_per_second), "lowest", lethe__json_real(result.lowest), "highest",
            lethe__json_real(result.highest), "loader_share", lethe__json_real(result.loader_share),
            "peak_flops", lethe__json_real(result.peak_flops), "peak_share",
            lethe__json_real(result.peak_share), "peak_bytes", lethe__json_real(result.peak_bytes)));
    printf("%s, %s, %s, %d threads, batch %zu, images %dx%dx%d: %.0f samples/s (%.0f to %.0f)\n"
           "%.1f %% of the %.0f GFLOP/s that products reach here; loader %.1f %% of the time\n",
           job->arch, mode, precision, threads, job->batch, job->image_size, job->image_size, job->channels,
           result.samples_per_second, result.lowest, result.highest, 100 * result.peak_share,
           result.peak_flops / 1e9, 100 * result.loader_share);
    return LETHE_OK;
}

/* --- lethe bench ops --- */

typedef struct listing {
    lethe__table table;
    json_t *rows;   /* NULL: text */
    double seconds; /* of the chosen implementations, for a batch */
    double peak_flops, peak_bytes;
} listing;

static void write_shape(const lethe_bench_operation *operation, char text[64]) {
    const int *in = operation->input, *out = operation->output;
    int n = snprintf(text, 64, "%s%s", operation->kind, operation->residual ? " + residual" : "");
    if (operation->kernel > 0)
        n += snprintf(text + n, 64 - (size_t)n, " %dx%d", operation->kernel, operation->kernel);
    if (operation->stride > 1)
        n += snprintf(text + n, 64 - (size_t)n, "/%d", operation->stride);
    n += snprintf(text + n, 64 - (size_t)n, " %dx%dx%d", in[0], in[1], in[2]);
    if (out[2] != in[2])
        snprintf(text + n, 64 - (size_t)n, "-%d", out[2]);
}

/* Milliseconds, and the share of what limits it: products where it has any, else memory. */
static void add_pass(listing *l, const lethe_bench_operation *operation, int pass) {
    double seconds = operation->seconds[pass], flops = operation->flops[pass];
    double peak = flops > 0 ? operation->peak_flops : operation->peak_bytes;
    if (seconds > 0) {
        lethe__table_cell(&l->table, "%.2f", 1e3 * seconds);
        lethe__table_cell(&l->table, "%.0f %%",
                          100 * (flops > 0 ? flops : operation->bytes[pass]) / seconds / peak);
    } else {
        lethe__table_cell(&l->table, "-");
        lethe__table_cell(&l->table, "-");
    }
}

static void take_operation(void *user, const lethe_bench_operation *operation) {
    listing *l = user;
    char shape[64];
    write_shape(operation, shape);
    l->peak_flops = operation->peak_flops;
    l->peak_bytes = operation->peak_bytes;
    if (operation->chosen)
        l->seconds += (double)operation->count * (operation->seconds[0] + operation->seconds[1]);
    if (l->rows != NULL) {
        json_array_append_new(l->rows,
                              json_pack("{s:s, s:I, s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:o}", "operation",
                                        shape, "count", (json_int_t)operation->count, "implementation",
                                        operation->implementation, "chosen", operation->chosen,
                                        "forward_seconds", lethe__json_real(operation->seconds[0]),
                                        "backward_seconds", lethe__json_real(operation->seconds[1]),
                                        "forward_flops", lethe__json_real(operation->flops[0]),
                                        "backward_flops", lethe__json_real(operation->flops[1]),
                                        "forward_bytes", lethe__json_real(operation->bytes[0]),
                                        "backward_bytes", lethe__json_real(operation->bytes[1])));
        return;
    }
    lethe__table_cell(&l->table, "%s", shape);
    lethe__table_cell(&l->table, "%zu", operation->count);
    lethe__table_cell(&l->table, "%s%s", operation->implementation, operation->chosen ? " *" : "");
    add_pass(l, operation, 0);
    add_pass(l, operation, 1);
    lethe__table_cell(&l->table, "%s", operation->flops[0] > 0 ? "products" : "memory");
}

static lethe_status bench_operations(const lethe_bench_options *job, lethe__call *call) {
    static const char *const heads[] = {"operation", "count",       "kernels", "forward ms",
                                        "share",     "backward ms", "share",   "of the peak of"};
    listing l = {.rows = call->talk.json ? json_array() : NULL};
    lethe__table_init(&l.table, "lrlrrrrl");
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++)
        lethe__table_cell(&l.table, "%s", heads[i]);
    lethe_status status = lethe_bench_operations(job, &call->runtime, take_operation, &l);
    if (status != LETHE_OK) {
        json_decref(l.rows);
    } else if (l.rows != NULL) {
        status = lethe__print_json(json_pack("{s:s, s:I, s:o, s:o, s:o, s:o}", "arch", job->arch, "batch",
                                             (json_int_t)job->batch, "seconds", lethe__json_real(l.seconds),
                                             "peak_flops", lethe__json_real(l.peak_flops), "peak_bytes",
                                             lethe__json_real(l.peak_bytes), "operations", l.rows));
    } else {
        status = lethe__table_print(&l.table, true, stdout);
        printf("\nThe chosen ones (*), each as often as the network has it: %.1f ms a batch, %.0f samples/s "
               "without what lies between them\n",
               1e3 * l.seconds, (double)job->batch / l.seconds);
    }
    lethe__table_fini(&l.table);
    return status;
}

static lethe_status run(lethe__call *call, void *values) {
    const lethe_bench_options *job = values;
    if (call->n_words == 0)
        return bench_model(job, call);
    if (strcmp(call->words[0], "ops") != 0)
        LETHE_FAIL(LETHE_USAGE,
                   "'%s' is not a benchmark: without a word the whole program is measured, with "
                   "'ops' every operation",
                   call->words[0]);
    return bench_operations(job, call);
}

const lethe__command lethe__cmd_bench = {
    .name = "bench",
    .summary = "throughput of training and prediction",
    .words = "[ops]",
    .max_words = 1,
    .details =
        "Measures whole training steps (loading, augmentation, forward, backward, update) or prediction of "
        "a model on synthetic images, in samples a second and in shares of what this machine can do at most, "
        "which it measures too.\nlethe bench ops times every operation of the model alone, by each "
        "implementation that supports its shape; a star marks the one that is used. "
        "Its shares may pass 100 %: Winograd's algorithm saves multiplications that are counted, and what is "
        "in the caches need not come from memory. With --save FILE the fastest implementation of every "
        "shape, "
        "forward and backward together (--mode train) or forward alone (--mode predict), is kept for the "
        "option --kernels FILE of the commands that compute.\n"
        "Example: lethe bench --arch resnet18 --precision f32",
    .traits = LETHE__HAS_RESULT,
    .job_size = sizeof(lethe_bench_options),
    .options = options,
    .run = run,
};
