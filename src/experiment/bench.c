/* bench.c - how fast the whole program trains and predicts, on synthetic images.
 *
 * What is timed is what a run does: batches made by the loader (with crop and flip in training), forward,
 * backward and update by the trainer's own loop, or prediction by the evaluator's. One untimed pass plans and
 * warms up; then passes over the same samples are repeated until `seconds` are over, which gives one repeat.
 * The loader's share is measured apart, by making the same batches without computing on them. */
#include "base/clock.h"
#include "base/fail.h"
#include "base/memory.h"
#include "data/loader.h"
#include "engine/peak.h"
#include "engine/profile.h"
#include "models/model.h"
#include <lethe/machine.h>
#include <lethe/train.h>
#include <stdlib.h>

enum { BATCHES = 8, MAX_REPEATS = 100 };

const lethe_option lethe_bench_option_table[] = {
    {.name = "arch",
     .type = LETHE_OPTION_STRING,
     .offset = offsetof(lethe_bench_options, arch),
     .value = "resnet18",
     .placeholder = "NAME",
     .help = "architecture to measure"},
    {.name = "mode",
     .type = LETHE_OPTION_CHOICE,
     .offset = offsetof(lethe_bench_options, mode),
     .value = "train",
     .choices = "train|predict",
     .help = "what to measure: training steps or prediction"},
    {.name = "batch",
     .type = LETHE_OPTION_SIZE,
     .offset = offsetof(lethe_bench_options, batch),
     .value = "128",
     .minimum = 1,
     .maximum = 65536,
     .placeholder = "N",
     .help = "samples in a step"},
    {.name = "image-size",
     .type = LETHE_OPTION_INT,
     .offset = offsetof(lethe_bench_options, image_size),
     .value = "32",
     .minimum = 28,
     .maximum = 256,
     .placeholder = "N",
     .help = "height and width of an image"},
    {.name = "channels",
     .type = LETHE_OPTION_INT,
     .offset = offsetof(lethe_bench_options, channels),
     .value = "3",
     .minimum = 1,
     .maximum = LETHE_MAX_CHANNELS,
     .placeholder = "N",
     .help = "channels of an image"},
    {.name = "classes",
     .type = LETHE_OPTION_INT,
     .offset = offsetof(lethe_bench_options, classes),
     .value = "10",
     .minimum = 2,
     .maximum = 1000,
     .placeholder = "N",
     .help = "classes"},
    {.name = "seconds",
     .type = LETHE_OPTION_DOUBLE,
     .offset = offsetof(lethe_bench_options, seconds),
     .value = "2",
     .minimum = 0.01,
     .maximum = 3600,
     .placeholder = "S",
     .help = "least time of one repeat; of ops, all operations by all implementations"},
    {.name = "repeats",
     .type = LETHE_OPTION_INT,
     .offset = offsetof(lethe_bench_options, repeats),
     .value = "3",
     .minimum = 1,
     .maximum = MAX_REPEATS,
     .placeholder = "N",
     .help = "repeats, whose median counts; of ops, the best"},
    {.name = "save",
     .type = LETHE_OPTION_STRING,
     .offset = offsetof(lethe_bench_options, save),
     .placeholder = "FILE",
     .help =
         "of ops: write the fastest kernels of each shape into FILE, for --kernels FILE; what it holds of "
         "other shapes stays"},
    LETHE_OPTIONS_END,
};

typedef struct timing {
    const lethe_bench_options *options;
    lethe_runtime runtime;
    lethe_samples samples;
    lethe_model *model;
    lethe_trainer *trainer;
    lethe_fit_options fit;
    float *logits;
} timing;

static lethe_status one_pass(timing *bench) {
    if (bench->options->mode == LETHE_BENCH_TRAIN)
        return lethe_trainer_fit(bench->trainer, "bench", bench->samples, &bench->fit);
    return lethe_model_predict(bench->model, bench->samples, bench->options->batch, &bench->runtime,
                               bench->logits);
}

static lethe_status measure(timing *bench, double *samples_per_second) {
    double start = lethe__clock_seconds(), passed = 0;
    size_t n = 0;
    while (passed < bench->options->seconds) {
        LETHE_TRY(one_pass(bench));
        n += bench->samples.n;
        passed = lethe__clock_seconds() - start;
    }
    *samples_per_second = (double)n / passed;
    return LETHE_OK;
}

static lethe_status measure_loader(const timing *bench, double *samples_per_second) {
    bool training = bench->options->mode == LETHE_BENCH_TRAIN;
    lethe__loader *loader;
    LETHE_TRY(lethe__loader_create(bench->samples, bench->options->batch, training, training, 1,
                                   lethe_threads_resolve(bench->runtime.threads), &loader));
    double start = lethe__clock_seconds(), passed = 0;
    size_t n = 0;
    for (uint32_t epoch = 0; passed < 0.1 * bench->options->seconds; epoch++) {
        for (size_t i = 0; i < lethe__loader_batches(loader); i++) {
            lethe__batch batch;
            lethe__loader_batch(loader, epoch, i, &batch);
            n += (size_t)batch.n;
        }
        passed = lethe__clock_seconds() - start;
    }
    *samples_per_second = (double)n / passed;
    lethe__loader_destroy(&loader);
    return LETHE_OK;
}

static int by_value(const void *a, const void *b) {
    double one = *(const double *)a, other = *(const double *)b;
    return (one > other) - (one < other);
}

static lethe_status run(timing *bench, lethe_bench_result *out) {
    double rates[MAX_REPEATS], loader_rate;
    int n = bench->options->repeats;
    LETHE_TRY(one_pass(bench));
    for (int i = 0; i < n; i++)
        LETHE_TRY(measure(bench, &rates[i]));
    LETHE_TRY(measure_loader(bench, &loader_rate));
    lethe__peak peak;
    LETHE_TRY(lethe__peak_measure(lethe_precision_resolve(bench->runtime.precision),
                                  lethe_threads_resolve(bench->runtime.threads), &peak));
    qsort(rates, (size_t)n, sizeof *rates, by_value);
    double median = (rates[(n - 1) / 2] + rates[n / 2]) / 2;
    double flops = lethe__graph_flops(bench->model->graph, bench->options->mode == LETHE_BENCH_TRAIN);
    *out = (lethe_bench_result){.samples_per_second = median,
                                .lowest = rates[0],
                                .highest = rates[n - 1],
                                .loader_share = median / loader_rate,
                                .peak_flops = peak.flops,
                                .peak_share = flops * median / peak.flops,
                                .peak_bytes = peak.bytes};
    return LETHE_OK;
}

static lethe_status open_data(const lethe_bench_options *options, lethe_dataset **dataset,
                              lethe_split **split) {
    lethe_dataset_options data;
    LETHE_TRY(lethe_options_defaults(lethe_dataset_option_table, &data));
    data.name = "synthetic";
    data.synthetic_classes = options->classes;
    data.synthetic_channels = options->channels;
    data.synthetic_size = options->image_size;
    data.synthetic_train = BATCHES * options->batch;
    data.synthetic_test = 1;
    LETHE_TRY(lethe_dataset_open(&data, dataset));
    return lethe_split_create(*dataset, 0, 1, split);
}

static lethe_status fill_bench(const lethe_dataset *dataset, const lethe_split *split, timing *bench) {
    lethe_model_info info;
    bench->samples = lethe_split_samples(split, dataset, LETHE_PART_TRAIN);
    LETHE_TRY(lethe_model_info_for(lethe_dataset_get_info(dataset), bench->options->arch, &info));
    LETHE_TRY(lethe_model_create(&info, &bench->model));
    LETHE_TRY(lethe_model_initialise(bench->model, bench->runtime.seed));
    LETHE_TRY(lethe_options_defaults(lethe_fit_option_table, &bench->fit));
    bench->fit.epochs = 1;
    bench->fit.batch = bench->options->batch;
    bench->fit.lr = 0.01;
    if (bench->options->mode == LETHE_BENCH_PREDICT)
        return lethe__allocate(bench->samples.n, (size_t)info.classes * sizeof(float), &bench->logits);
    return lethe_trainer_create(bench->model, (lethe_samples){.n = 0}, &bench->runtime, "", &bench->trainer);
}

lethe_status lethe_bench(const lethe_bench_options *options, const lethe_runtime *runtime,
                         lethe_bench_result *out) {
    LETHE_TRY(lethe_options_check(lethe_bench_option_table, options));
    if (options->save != NULL)
        LETHE_FAIL(LETHE_USAGE, "--save %s: only 'lethe bench ops' measures what is saved", options->save);
    timing bench = {.options = options, .runtime = *runtime};
    bench.runtime.checkpoint = NULL;
    bench.runtime.progress = NULL;
    lethe_dataset *dataset = NULL;
    lethe_split *split = NULL;
    lethe_status status = open_data(options, &dataset, &split);
    if (status == LETHE_OK)
        status = fill_bench(dataset, split, &bench);
    if (status == LETHE_OK)
        status = run(&bench, out);
    lethe_trainer_destroy(&bench.trainer);
    lethe_model_destroy(&bench.model);
    lethe_split_destroy(&split);
    lethe_dataset_destroy(&dataset);
    lethe__free(bench.logits);
    return status;
}
