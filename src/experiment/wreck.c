/* wreck.c - the guard against methods that destroy the model.
 *
 * Unlearning with settings of another model or data set can leave nothing of a model, and a high unlearning
 * accuracy then looks like success. So the accuracy before and after is measured on the same samples: at most
 * 1000 of the retain set, spread over it evenly, in evaluation mode. (The accuracy of the last epoch would be
 * free, but it is that of weights on the move, under augmentation and batch statistics, and a method that
 * reads only the forget set has none.) Cost: two passes over 1000 images, outside the RTE. */
#include "experiment/wreck.h"
#include "base/fail.h"
#include "base/memory.h"
#include "models/model.h"
#include <stdio.h>
#include <string.h>

enum { MOST_SAMPLES = 1000, BATCH = 128 };

static size_t count_hits(lethe_samples samples, const float *logits, int classes) {
    size_t n_correct;
    double loss;
    int32_t labels[MOST_SAMPLES];
    for (size_t i = 0; i < samples.n; i++)
        labels[i] = samples.labels[samples.ids[i]];
    lethe__cross_entropy(logits, labels, (int)samples.n, classes, 0, NULL, NULL, &loss, &n_correct);
    return n_correct;
}

lethe_status lethe__wreck_accuracy(const lethe__subject *subject, const lethe_runtime *runtime, double *out) {
    lethe_samples samples = lethe_split_samples(subject->split, subject->dataset, LETHE_PART_RETAIN);
    size_t n = samples.n < MOST_SAMPLES ? samples.n : MOST_SAMPLES;
    uint32_t ids[MOST_SAMPLES];
    for (size_t i = 0; i < n; i++)
        ids[i] = samples.ids[i * samples.n / n];
    samples.ids = ids;
    samples.n = n;
    lethe_runtime quiet = *runtime; /* too short to be stopped or watched */
    quiet.stop = NULL;
    quiet.progress = NULL;
    int classes = subject->model->info.classes;
    float *logits;
    LETHE_TRY(lethe__allocate(n * (size_t)classes, sizeof *logits, &logits));
    subject->model->weights.version++;
    lethe_status status = lethe_model_predict(subject->model, samples, BATCH, &quiet, logits);
    if (status == LETHE_OK)
        *out = 100 * (double)count_hits(samples, logits, classes) / (double)n;
    lethe__free(logits);
    return status;
}

static bool has_option(const lethe_option *table, const char *name) {
    while (table->name != NULL && strcmp(table->name, name) != 0)
        table++;
    return table->name != NULL;
}

void lethe__wreck_advise(const lethe_unlearn_method *method, char text[LETHE__ADVICE_TEXT]) {
    static const char *const strengths[] = {"lr", "gamma", "alpha", "sparsity"};
    bool is_from_scratch =
        (method->needs & LETHE_NEEDS_ORIGINAL) == 0 && has_option(method->options, "epochs");
    if (is_from_scratch) { /* nothing was destroyed: it has not learned enough */
        snprintf(text, LETHE__ADVICE_TEXT, "try more --epochs");
        return;
    }
    snprintf(text, LETHE__ADVICE_TEXT, "try milder options");
    int length = 0;
    for (size_t i = 0; i < sizeof strengths / sizeof *strengths; i++)
        if (has_option(method->options, strengths[i]))
            length += snprintf(text + length, (size_t)(LETHE__ADVICE_TEXT - length), "%s --%s",
                               length == 0 ? "try a smaller" : " or", strengths[i]);
}
