/* unlearn_salun.c - saliency unlearning (SalUn): random labels, but only for the weights that matter.
 *
 * Idea: the weights on which the loss of the forget set depends most are the ones to change.
 *   m = [ |grad L_f(theta_o)| >= its s-quantile from above ], L_f the mean of CE on the forget set
 *   theta_u = m * (random labels from theta_o) + (1 - m) * theta_o
 * The gradient is taken with BatchNorm's running statistics and without augmentation. All parameters are
 * ranked together; weights outside m stay exactly as they are, weight decay included, as the formula has it.
 * Running statistics adapt.
 *
 * Source: Fan et al. 2024. Cost: that of random labels, and one pass over the forget set. */
#include "base/fail.h"
#include "base/memory.h"
#include "models/model.h"
#include "unlearn/relabel.h"
#include "unlearn/unlearn.h"
#include <math.h>
#include <string.h>

typedef struct salun_options {
    lethe_fit_options fit;
    double saliency;
} salun_options;

static const lethe_option options[] = {
    LETHE_FIT_ROWS(offsetof(salun_options, fit), "10", "0.01", "constant"),
    {.name = "saliency",
     .type = LETHE_OPTION_DOUBLE,
     .offset = offsetof(salun_options, saliency),
     .value = "0.5",
     .minimum = 1e-7,
     .maximum = 1,
     .placeholder = "S",
     .help = "share of all parameters that may change: those of largest gradient"},
    LETHE_OPTIONS_END,
};

typedef struct salience {
    size_t n_forget;
    float *sums;        /* [parameter_size] the gradient of the mean loss */
    float *diff_logits; /* [batch, classes] */
} salience;

static lethe_status add_gradient(void *user, lethe_trainer *trainer, const lethe__batch *batch,
                                 const float *logits) {
    salience *now = user;
    const lethe_model *model = trainer->model;
    double loss;
    size_t n_correct;
    lethe__cross_entropy(logits, batch->labels, batch->n, model->info.classes, 1.0f / (float)now->n_forget,
                         now->diff_logits, NULL, &loss, &n_correct);
    if (!isfinite(loss))
        LETHE_FAIL(LETHE_DIVERGED, "salun: the loss of the given model on the forget set is %g", loss);
    LETHE_TRY(lethe__executor_backward(trainer->executor, now->diff_logits));
    for (size_t i = 0; i < model->graph->parameter_size; i++)
        now->sums[i] += model->weights.gradients[i];
    return LETHE_OK;
}

/* The bits of a magnitude: their order is its order. */
static uint32_t key_of(float value) {
    float magnitude = fabsf(value);
    uint32_t key;
    memcpy(&key, &magnitude, sizeof key);
    return key;
}

/* The largest key that at least k values reach. */
static uint32_t kth_largest(const float *values, size_t n, size_t k) {
    uint32_t low = 0, high = UINT32_MAX;
    while (low < high) {
        uint32_t middle = high - (high - low) / 2;
        size_t count = 0;
#pragma omp parallel for reduction(+ : count) schedule(static)
        for (size_t i = 0; i < n; i++)
            count += key_of(values[i]) >= middle;
        if (count >= k)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

static void choose(const lethe_model *model, const float *gradient, double share, uint8_t *trainable) {
    size_t n = model->graph->parameter_size, k = (size_t)ceil(share * (double)n);
    uint32_t least = kth_largest(gradient, n, k > 0 ? k : 1);
    for (size_t i = 0; i < n; i++)
        trainable[i] = key_of(gradient[i]) >= least && (model->mask == NULL || model->mask[i]);
}

static lethe_status find_trainable(lethe_unlearning *unlearning, const salun_options *given,
                                   uint8_t *trainable) {
    const lethe_model *model = lethe_unlearning_model(unlearning);
    salience now = {.n_forget = lethe_unlearning_forget(unlearning).n};
    size_t batch = given->fit.batch < now.n_forget ? given->fit.batch : now.n_forget;
    lethe_status status = lethe__allocate(model->graph->parameter_size, sizeof(float), &now.sums);
    if (status == LETHE_OK)
        status = lethe__allocate(batch * (size_t)model->info.classes, sizeof(float), &now.diff_logits);
    if (status == LETHE_OK)
        status = lethe__forget_pass(unlearning, batch, true, add_gradient, &now);
    if (status == LETHE_OK)
        choose(model, now.sums, given->saliency, trainable);
    lethe__free(now.sums);
    lethe__free(now.diff_logits);
    return status;
}

static lethe_status run(lethe_unlearning *unlearning, const void *given) {
    lethe__relabelled relabelled;
    salun_options copy = *(const salun_options *)given;
    uint8_t *trainable = NULL;
    lethe_status status = lethe__relabel_open(unlearning, true, &relabelled);
    if (status == LETHE_OK) {
        lethe__relabel_randomly(unlearning, &relabelled, 0);
        status = lethe__allocate(lethe_unlearning_model(unlearning)->graph->parameter_size, 1, &trainable);
    }
    if (status == LETHE_OK)
        status = find_trainable(unlearning, given, trainable);
    copy.fit.trainable = trainable;
    if (status == LETHE_OK)
        status =
            lethe_trainer_fit(lethe_unlearning_trainer(unlearning), "salun", relabelled.samples, &copy.fit);
    lethe__free(trainable);
    lethe__relabel_close(&relabelled);
    return status;
}

static lethe_status check(const void *given) {
    return lethe_fit_check(&((const salun_options *)given)->fit);
}

const lethe_unlearn_method lethe__unlearn_salun = {
    .name = "salun",
    .title = "Saliency unlearning",
    .label = "SalUn",
    .source = "Fan et al. 2024",
    .summary = "Finds the weights on which the loss of the forget set depends most, and trains those alone, "
               "on the retain set and on the forget set with wrong labels drawn at random.",
    .options = options,
    .options_size = sizeof(salun_options),
    .needs = LETHE_NEEDS_RETAIN | LETHE_NEEDS_FORGET | LETHE_NEEDS_ORIGINAL,
    .check = check,
    .run = run,
};
