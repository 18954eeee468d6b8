/* prune_synflow.c - SynFlow: pruning before training, without data, so that no layer dies.
 *
 * Idea: a weight matters by the flow that passes through it when everything is positive.
 *   R = sum of the outputs for an all-ones input, with |theta| for theta, BatchNorm in evaluation mode on
 *   |running statistics|;   score = |theta dR/dtheta|
 *   in round r of n all but density^(r / n) of the weights are removed, and the rest are scored again
 * The scores of a layer add up to about R whatever its size, so that small layers are not emptied; removing
 * little at a time is what keeps this true.
 *
 * Range: R grows by a factor of some 30 to 80 a layer and is a product over all layers, 10^78 for ResNet-56s:
 * it leaves f32, not double. So the network is run in double (engine/exact.h), which also orders scores that
 * f32 could not tell apart. Nothing is scaled, and what does overflow is an error, not a mask.
 *
 * The ones are what the first layer sees: no normalisation. The official code sends them through it.
 *
 * Source: Tanaka et al. 2020, "Pruning neural networks without any data by iteratively conserving synaptic
 * flow". Cost: a gradient of one image a round, in double, and one training. */
#include "base/clock.h"
#include "base/fail.h"
#include "base/memory.h"
#include "prune/prune.h"
#include <math.h>

typedef struct synflow_options {
    lethe_prune_options shared;
    int rounds;
} synflow_options;

static const lethe_option option_table[] = {
    LETHE_PRUNE_ROWS,
    {.name = "rounds",
     .type = LETHE_OPTION_INT,
     .offset = offsetof(synflow_options, rounds),
     .value = "100",
     .minimum = 1,
     .maximum = 100000,
     .placeholder = "N",
     .help = "rounds of scoring and removing, in equal steps of the logarithm of the density"},
    LETHE_OPTIONS_END,
};

typedef struct flow_run {
    lethe_trainer *trainer;
    lethe_model *model;
    lethe__exact *exact;
    double *parameters, *buffers, *scores, *ones; /* ones: d R / d logits */
} flow_run;

/* The all-ones image, or what the official code's normalisation makes of it. */
static lethe_status set_input(flow_run *flow) {
    const lethe_model_info *info = &flow->model->info;
    bool official = lethe_trainer_runtime(flow->trainer)->compat == LETHE_COMPAT_OFFICIAL;
    size_t size;
    double *input = lethe__exact_input(flow->exact, &size);
    for (size_t i = 0; i < size; i++) {
        size_t c = i % (size_t)info->channels;
        input[i] = official ? (1 - (double)info->mean[c]) / (double)info->std[c] : 1;
        if (input[i] < 0)
            LETHE_FAIL(LETHE_USAGE,
                       "synflow needs a positive input, but a mean of %g in channel %zu makes the official "
                       "code's negative; leave out --compat official, or give a --mean below 1",
                       (double)info->mean[c], c);
    }
    return LETHE_OK;
}

static lethe_status open_flow(lethe_trainer *trainer, flow_run *flow) {
    flow->trainer = trainer;
    flow->model = lethe_trainer_model(trainer);
    const lethe__graph *graph = flow->model->graph;
    size_t classes = (size_t)flow->model->info.classes;
    LETHE_TRY(lethe__exact_create(
        graph, 1, false, lethe_threads_resolve(lethe_trainer_runtime(trainer)->threads), &flow->exact));
    LETHE_TRY(lethe__allocate(graph->parameter_size, sizeof(double), &flow->parameters));
    LETHE_TRY(lethe__allocate(graph->parameter_size, sizeof(double), &flow->scores));
    LETHE_TRY(lethe__allocate(graph->buffer_size, sizeof(double), &flow->buffers));
    LETHE_TRY(lethe__allocate(classes, sizeof(double), &flow->ones));
    for (size_t i = 0; i < graph->buffer_size; i++)
        flow->buffers[i] = fabs((double)flow->model->weights.buffers[i]);
    for (size_t i = 0; i < classes; i++)
        flow->ones[i] = 1;
    return set_input(flow);
}

static void close_flow(flow_run *flow) {
    lethe__exact_destroy(&flow->exact);
    lethe__free(flow->parameters);
    lethe__free(flow->scores);
    lethe__free(flow->buffers);
    lethe__free(flow->ones);
}

static lethe_status score(flow_run *flow) {
    const lethe__graph *graph = flow->model->graph;
    lethe__dual logits;
    for (size_t i = 0; i < graph->parameter_size; i++)
        flow->parameters[i] = fabs((double)flow->model->weights.parameters[i]);
    LETHE_TRY(lethe__exact_forward(flow->exact, LETHE__MODE_GRADIENT, (lethe__dual){flow->parameters, NULL},
                                   flow->buffers, &logits));
    lethe__exact_backward(flow->exact, (lethe__dual){flow->ones, NULL}, (lethe__dual){flow->scores, NULL});
    double total = 0;
    for (size_t i = 0; i < graph->parameter_size; i++) {
        flow->scores[i] = fabs(flow->parameters[i] * flow->scores[i]);
        total += flow->scores[i];
    }
    if (!isfinite(total) || total == 0)
        LETHE_FAIL(LETHE_FAILED,
                   "synflow cannot score the weights: the flow through the network is %s; prune weights as "
                   "they are before training, and to a sparsity that leaves some in each layer",
                   total == 0 ? "zero" : "beyond double precision");
    return LETHE_OK;
}

static lethe_status tell(const flow_run *flow, int round, int n_rounds, double started) {
    const lethe_runtime *runtime = lethe_trainer_runtime(flow->trainer);
    if (runtime->stop != NULL && *runtime->stop != 0)
        LETHE_FAIL(LETHE_STOPPED, "synflow was stopped after round %d of %d; run it again to start over",
                   round, n_rounds);
    lethe_progress progress = {.title = "synflow",
                               .step = (size_t)round,
                               .n_steps = (size_t)n_rounds,
                               .eta_seconds = (lethe__clock_seconds() - started) / round * (n_rounds - round),
                               .loss = NAN,
                               .accuracy = NAN};
    if (runtime->progress != NULL)
        runtime->progress(runtime->user, &progress);
    return LETHE_OK;
}

static lethe_status prune_by_flow(flow_run *flow, const synflow_options *options) {
    double density = 1 - options->shared.sparsity, started = lethe__clock_seconds();
    size_t n_prunable, n_present;
    lethe__count_prunable(flow->model, &n_prunable, &n_present);
    for (int round = 1; round <= options->rounds; round++) {
        double kept = nearbyint((double)n_prunable * pow(density, (double)round / options->rounds));
        size_t n_removed = round == options->rounds
                               ? lethe__count_removed(flow->model, options->shared.sparsity)
                               : n_prunable - (size_t)kept;
        LETHE_TRY(score(flow));
        LETHE_TRY(lethe__prune_lowest(flow->trainer, flow->scores, n_removed));
        LETHE_TRY(tell(flow, round, options->rounds, started));
    }
    return LETHE_OK;
}

static lethe_status run(lethe_trainer *trainer, lethe_samples samples, const void *given) {
    const synflow_options *options = given;
    flow_run flow = {0};
    lethe_status status = open_flow(trainer, &flow);
    if (status == LETHE_OK)
        status = prune_by_flow(&flow, options);
    close_flow(&flow);
    LETHE_TRY(status);
    return lethe__train_sparse(trainer, samples, &options->shared);
}

const lethe_prune_method lethe__prune_synflow = {
    .name = "synflow",
    .title = "SynFlow, by synaptic flow",
    .source = "Tanaka et al. 2020",
    .summary = "Before training and without data, removes in many small rounds the convolution weights that "
               "the least flow of an all-positive network passes through, and trains what is left. No layer "
               "is emptied, even at high sparsity. With --epochs 0 it prunes the given model and stops.",
    .options = option_table,
    .options_size = sizeof(synflow_options),
    .run = run,
};
