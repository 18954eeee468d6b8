/* prune_grasp.c - GraSP: pruning before training so that the gradient keeps flowing.
 *
 * Idea: to first order, removing weight w changes the squared norm of the gradient by -2 w (H g).
 *   score = w (H g), g gradient and H Hessian over the convolution weights of the mean cross-entropy of
 *   logits / temperature on one batch, BatchNorm in training mode
 * The lowest go, those whose removal raises the gradient's norm most; then what is left is trained. H g is
 * exact and in double (engine/exact.h). The high temperature keeps the softmax of an untrained network flat.
 *
 * Source: Wang et al. 2020, "Picking Winning Tickets Before Training by Preserving Gradient Flow": 10 samples
 * of each of 10 classes, temperature 200; a baseline of the official code. Cost: two passes with tangents
 * over the batch, as much as 18 passes forward, and one training. */
#include "base/fail.h"
#include "prune/prune.h"

typedef struct grasp_options {
    lethe_prune_options shared;
    size_t samples;
    double temperature;
} grasp_options;

static const lethe_option option_table[] = {
    LETHE_PRUNE_ROWS,
    {.name = "samples",
     .type = LETHE_OPTION_SIZE,
     .offset = offsetof(grasp_options, samples),
     .value = "100",
     .minimum = 1,
     .maximum = 65536,
     .placeholder = "N",
     .help = "samples that the weights are scored on, the first of the training's order"},
    {.name = "temperature",
     .type = LETHE_OPTION_DOUBLE,
     .offset = offsetof(grasp_options, temperature),
     .value = "200",
     .minimum = 1e-3,
     .maximum = 1e6,
     .placeholder = "T",
     .help = "what the logits are divided by before the softmax"},
    LETHE_OPTIONS_END,
};

/* The direction is the gradient over the weights that may be pruned and are still there. */
static void point_along_gradient(lethe__exact_batch *measure) {
    const lethe_model *model = measure->wide.model;
    for (size_t s = 0; s < model->graph->n_parameters; s++) {
        const lethe__slot *slot = &model->graph->parameters[s];
        for (size_t i = slot->offset; i < slot->offset + slot->size; i++) {
            bool counts = slot->prunable && (model->mask == NULL || model->mask[i]);
            measure->direction[i] = counts ? measure->gradient[i] : 0;
        }
    }
}

static lethe_status prune_by_flow(lethe_trainer *trainer, lethe__exact_batch *measure,
                                  const grasp_options *options) {
    const lethe_model *model = measure->wide.model;
    LETHE_TRY(lethe__exact_batch_run(measure, options->temperature)); /* along 0: the gradient alone counts */
    point_along_gradient(measure);
    LETHE_TRY(lethe__exact_batch_run(measure, options->temperature));
    for (size_t i = 0; i < model->graph->parameter_size; i++)
        measure->product[i] *= measure->wide.parameters[i];
    return lethe__prune_lowest(trainer, measure->product,
                               lethe__count_removed(model, options->shared.sparsity));
}

static lethe_status run(lethe_trainer *trainer, lethe_samples samples, const void *given) {
    const grasp_options *options = given;
    lethe__exact_batch measure;
    lethe_status status =
        lethe__exact_batch_open(trainer, samples, options->samples, &options->shared.fit, true, &measure);
    if (status == LETHE_OK)
        status = prune_by_flow(trainer, &measure, options);
    lethe__exact_batch_close(&measure);
    LETHE_TRY(status);
    return lethe__train_sparse(trainer, samples, &options->shared);
}

const lethe_prune_method lethe__prune_grasp = {
    .name = "grasp",
    .title = "GraSP, by gradient flow",
    .source = "Wang et al. 2020",
    .summary = "Before training, removes the convolution weights whose removal reduces the gradient's norm "
               "least, by a Hessian-vector product on a few samples, and trains what is left. With --epochs "
               "0 it prunes the given model and stops.",
    .options = option_table,
    .options_size = sizeof(grasp_options),
    .run = run,
};
