/* prune_snip.c - SNIP: pruning before training, by the loss's sensitivity to each connection.
 *
 * Idea: a weight matters if taking it away would change the loss.
 *   score = |w g|, g the gradient of the mean cross-entropy of one batch, BatchNorm in training mode
 * The lowest go; then what is left is trained. The gradient is taken in double (engine/exact.h), so that the
 * mask does not depend on rounding.
 *
 * Source: Lee et al. 2019, "SNIP: Single-shot Network Pruning based on Connection Sensitivity"; a baseline of
 * the official code. Cost: one gradient of the batch, and one training. */
#include "base/fail.h"
#include "prune/prune.h"
#include <math.h>

typedef struct snip_options {
    lethe_prune_options shared;
    size_t samples;
} snip_options;

static const lethe_option option_table[] = {
    LETHE_PRUNE_ROWS,
    {.name = "samples",
     .type = LETHE_OPTION_SIZE,
     .offset = offsetof(snip_options, samples),
     .value = "128",
     .minimum = 1,
     .maximum = 65536,
     .placeholder = "N",
     .help = "samples that the weights are scored on, the first of the training's order"},
    LETHE_OPTIONS_END,
};

static lethe_status prune_by_sensitivity(lethe_trainer *trainer, lethe__exact_batch *measure,
                                         double sparsity) {
    const lethe_model *model = measure->wide.model;
    LETHE_TRY(lethe__exact_batch_run(measure, 1));
    for (size_t i = 0; i < model->graph->parameter_size; i++)
        measure->gradient[i] = fabs(measure->wide.parameters[i] * measure->gradient[i]);
    return lethe__prune_lowest(trainer, measure->gradient, lethe__count_removed(model, sparsity));
}

static lethe_status run(lethe_trainer *trainer, lethe_samples samples, const void *given) {
    const snip_options *options = given;
    lethe__exact_batch measure;
    lethe_status status =
        lethe__exact_batch_open(trainer, samples, options->samples, &options->shared.fit, false, &measure);
    if (status == LETHE_OK)
        status = prune_by_sensitivity(trainer, &measure, options->shared.sparsity);
    lethe__exact_batch_close(&measure);
    LETHE_TRY(status);
    return lethe__train_sparse(trainer, samples, &options->shared);
}

const lethe_prune_method lethe__prune_snip = {
    .name = "snip",
    .title = "SNIP, by connection sensitivity",
    .source = "Lee et al. 2019",
    .summary = "Before training, removes the convolution weights with the smallest product of weight and "
               "gradient on a few samples, and trains what is left. With --epochs 0 it prunes the given "
               "model and stops.",
    .options = option_table,
    .options_size = sizeof(snip_options),
    .run = run,
};
