/* cmd_bench.c - lethe bench */
#include "base/fail.h"
#include "cli/command.h"
#include "experiment/job.h"
#include <lethe/machine.h>

static lethe_status options(lethe__call *call, void *job) {
    LETHE_TRY(lethe__option_set_add(&call->set, "Benchmark", lethe_bench_option_table, job));
    return lethe__option_set_lend(&call->set, "Computation", lethe_runtime_options, &call->runtime);
}

static lethe_status run(lethe__call *call, void *values) {
    const lethe_bench_options *job = values;
    lethe_bench_result result;
    LETHE_TRY(lethe_bench(job, &call->runtime, &result));
    const char *mode = job->mode == LETHE_BENCH_TRAIN ? "train" : "predict";
    const char *precision = lethe_precision_name(lethe_precision_resolve(call->runtime.precision));
    int threads = lethe_threads_resolve(call->runtime.threads);
    if (call->talk.json)
        return lethe__print_json(json_pack(
            "{s:s, s:s, s:s, s:i, s:I, s:[i,i,i], s:o, s:o, s:o, s:o}", "arch", job->arch, "mode", mode,
            "precision", precision, "threads", threads, "batch", (json_int_t)job->batch, "input",
            job->image_size, job->image_size, job->channels, "samples_per_second",
            lethe__json_real(result.samples_per_second), "lowest", lethe__json_real(result.lowest), "highest",
            lethe__json_real(result.highest), "loader_share", lethe__json_real(result.loader_share)));
    printf("%s, %s, %s, %d threads, batch %zu, images %dx%dx%d: %.0f samples/s (%.0f to %.0f), loader %.1f "
           "%% of "
           "the time\n",
           job->arch, mode, precision, threads, job->batch, job->image_size, job->image_size, job->channels,
           result.samples_per_second, result.lowest, result.highest, 100 * result.loader_share);
    return LETHE_OK;
}

const lethe__command lethe__cmd_bench = {
    .name = "bench",
    .summary = "throughput of training and prediction",
    .details =
        "Measures whole training steps (loading, augmentation, forward, backward, update) or prediction of "
        "a model on synthetic images, in samples a second.\nExample: lethe bench --arch resnet18 "
        "--precision f32",
    .traits = LETHE__HAS_RESULT,
    .job_size = sizeof(lethe_bench_options),
    .options = options,
    .run = run,
};
