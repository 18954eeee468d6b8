/* unlearn_ff.c - Fisher forgetting (FF): noise where the retain set does not care.
 *
 * Idea: what the weights know beyond the retain set is hidden by noise, large in the directions to which the
 * retain set is indifferent and small where it is not. To first order,
 *   theta = theta_o + sqrt(alpha / F) N(0, 1),   F = diagonal of the Fisher information on the retain set
 * with the clamps and factors of the official code as options. Masked weights stay zero.
 *
 * --compat official takes that code's F (squares of the mean gradients of batches of 32, for each class) and
 * all of its rules: masked weights enter the means over input channels, and where 4,500 samples of CIFAR-10
 * or 450 of CIFAR-100 are forgotten, the head's row of the forgotten class is replaced by noise of variance
 * 1e-3, and that of the last class when no single class is forgotten, which is an error of that code.
 *
 * Source: Golatkar et al. 2020; Jia et al. 2023. Cost: a forward and a backward pass over the retain set,
 * about an epoch; `--labels exact` and --compat official cost that for each class. */
#include "base/fail.h"
#include "base/memory.h"
#include "base/random.h"
#include "unlearn/fisher.h"
#include "unlearn/unlearn.h"
#include <math.h>
#include <string.h>

#define AT(field) offsetof(lethe__ff_options, field)
/* clang-format off */
static const lethe_option options[] = {
    {"alpha", LETHE_OPTION_DOUBLE, AT(alpha), "3e-8", 0, 1e38, NULL, "A",
     "how much noise: the variance of a parameter is alpha / F", false},
    {"labels", LETHE_OPTION_CHOICE, AT(labels), "model", 0, 0, "model|exact|empirical", NULL,
     "labels of the Fisher information: one drawn from the model's output, all in expectation, or the true one",
     false},
    {"batch", LETHE_OPTION_SIZE, AT(batch), "128", 1, 65536, NULL, "N", "samples in a pass", false},
    {"floor", LETHE_OPTION_DOUBLE, AT(floor), "1e-8", 0, 1e38, NULL, "F", "added to F before it divides",
     false},
    {"max-variance", LETHE_OPTION_DOUBLE, AT(largest), "1e3", 0, 1e38, NULL, "V",
     "largest 1 / F, before alpha", false},
    {"max-variance-head", LETHE_OPTION_DOUBLE, AT(largest_head), "1e2", 0, 1e38, NULL, "V",
     "the same for the last layer", false},
    {"average-inputs", LETHE_OPTION_FLAG, AT(average_inputs), "on", 0, 0, NULL, NULL,
     "the same variance for all input channels of a weight, the mean over them", false},
    {"head-scale", LETHE_OPTION_DOUBLE, AT(head_scale), "10", 0, 1e38, NULL, "S",
     "factor of the variance in the last layer", false},
    {"vector-scale", LETHE_OPTION_DOUBLE, AT(vector_scale), "10", 0, 1e38, NULL, "S",
     "factor of the variance of BatchNorm's parameters and of biases", false},
    LETHE_OPTIONS_END,
};
/* clang-format on */

enum { OFFICIAL_BATCH = 32 };

/* The head's row that the official code replaces; -1: none. */
static int official_class(lethe_samples forget, lethe_samples retain) {
    const lethe_dataset_info *data = lethe_dataset_get_info(forget.dataset);
    bool resets = (forget.n == 4500 && strcmp(data->name, "cifar10") == 0) ||
                  (forget.n == 450 && strcmp(data->name, "cifar100") == 0);
    if (!resets)
        return -1;
    int label = forget.labels[forget.ids[0]];
    bool whole = true; /* all of one class, and none of it retained */
    for (size_t i = 0; i < forget.n && whole; i++)
        whole = forget.labels[forget.ids[i]] == label;
    for (size_t i = 0; i < retain.n && whole; i++)
        whole = retain.labels[retain.ids[i]] != label;
    return whole ? label : data->classes - 1;
}

static void reset_row(lethe_model *model, int row, float *variance) {
    const lethe__node *last = &model->graph->nodes[model->graph->n_nodes - 1];
    const int slots[] = {last->weight, last->bias};
    for (int s = 0; s < 2; s++) {
        const lethe__slot *slot = &model->graph->parameters[slots[s]];
        size_t size = slot->size / slot->shape[0], first = slot->offset + (size_t)row * size;
        for (size_t k = first; k < first + size; k++) {
            model->weights.parameters[k] = 0;
            variance[k] = 1e-3f;
        }
    }
}

/* Streams are keyed by the parameter, so that the number of threads does not matter. */
static void add_noise(lethe_model *model, uint64_t seed, const float *variance) {
    size_t n_slots = model->graph->n_parameters;
#pragma omp parallel for schedule(dynamic)
    for (size_t s = 0; s < n_slots; s++) {
        const lethe__slot *slot = &model->graph->parameters[s];
        lethe__random random =
            lethe__random_open(seed, LETHE__RANDOM_METHOD, LETHE__METHOD_NOISE, (uint32_t)s);
        for (size_t k = slot->offset; k < slot->offset + slot->size; k++)
            model->weights.parameters[k] += sqrtf(variance[k]) * lethe__random_normal(&random);
    }
    model->weights.version++;
}

static lethe_status measure(lethe__measurement *measurement, lethe_unlearning *unlearning,
                            const lethe__ff_options *ff, bool official, float *diagonal, float *variance) {
    lethe_model *model = measurement->trainer->model;
    lethe_samples retain = lethe_unlearning_retain(unlearning), forget = lethe_unlearning_forget(unlearning);
    LETHE_TRY(official ? lethe__fisher_diagonal_official(measurement, retain, diagonal)
                       : lethe__fisher_diagonal(measurement, retain, ff->labels, diagonal));
    lethe__ff_variance(model, ff, official, diagonal, variance);
    int row = official && forget.n > 0 ? official_class(forget, retain) : -1;
    if (row >= 0)
        reset_row(model, row, variance);
    add_noise(model, measurement->trainer->runtime->seed, variance);
    lethe_unlearning_log(unlearning, LETHE_LOG_INFO, "ff: noise from the Fisher information on %zu samples",
                         retain.n);
    return lethe__measure_check(measurement);
}

static lethe_status run(lethe_unlearning *unlearning, const void *given) {
    const lethe__ff_options *ff = given;
    lethe_trainer *trainer = lethe_unlearning_trainer(unlearning);
    bool official = lethe_trainer_runtime(trainer)->compat == LETHE_COMPAT_OFFICIAL;
    size_t n = lethe_model_parameter_count(lethe_unlearning_model(unlearning));
    static const char *const unused[] = {"labels", "batch"};
    if (official)
        LETHE_TRY(lethe__unlearn_refuse("ff", options, ff, unused, sizeof unused / sizeof *unused));
    lethe__measurement measurement;
    float *diagonal = NULL, *variance = NULL;
    lethe_status status =
        lethe__measurement_open(&measurement, trainer, "ff", official ? OFFICIAL_BATCH : ff->batch,
                                lethe_unlearning_retain(unlearning).n);
    if (status == LETHE_OK)
        status = lethe__allocate(n, sizeof *diagonal, &diagonal);
    if (status == LETHE_OK)
        status = lethe__allocate(n, sizeof *variance, &variance);
    if (status == LETHE_OK)
        status = measure(&measurement, unlearning, ff, official, diagonal, variance);
    lethe__free(diagonal);
    lethe__free(variance);
    lethe__measurement_close(&measurement);
    return status;
}

const lethe_unlearn_method lethe__unlearn_ff = {
    .name = "ff",
    .title = "Fisher forgetting",
    .label = "FF",
    .source = "Golatkar et al. 2020",
    .summary = "Adds noise to the parameters, the more the less the retain set depends on them: the variance "
               "is alpha / F, F the diagonal of the Fisher information on the retain set. Trains nothing. "
               "With --compat official, F and its rules are those of the official code, which includes its "
               "reset of the head's row of the forgotten class (or, wrongly, of the last class).",
    .options = options,
    .options_size = sizeof(lethe__ff_options),
    .needs = LETHE_NEEDS_RETAIN | LETHE_NEEDS_ORIGINAL,
    .run = run,
};
