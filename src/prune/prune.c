/* prune.c - what the pruning methods share: their options, the registry by name, rewinding texts, and the
 * mask of the lowest scores.
 *
 * The k-th smallest score is found by bisection, without sorting: a float's bits, turned so that unsigned
 * order is numeric order, are a key of 32 bits, and 32 counts of the keys at or below a bound leave one. All
 * smaller keys are removed, and of those equal to it the first ones, until k are gone: what a stable sort
 * would have removed, in 32 reads of the keys (0.1 s for ResNet-18) and one copy of them, whatever the
 * values. */
#include "base/fail.h"
#include "base/memory.h"
#include "base/suggest.h"
#include "models/model.h"
#include <lethe/prune.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const lethe_option lethe_prune_option_table[] = {
    {.name = "sparsity",
     .type = LETHE_OPTION_DOUBLE,
     .offset = offsetof(lethe_prune_options, sparsity),
     .value = "0.9",
     .maximum = 0.9999999,
     .placeholder = "S",
     .help = "share of the convolution weights to remove"},
    {.name = "rewind",
     .type = LETHE_OPTION_STRING,
     .offset = offsetof(lethe_prune_options, rewind),
     .value = "epoch=8",
     .placeholder = "none|init|epoch=K",
     .help = "omp: the weights that training starts from again after pruning; none keeps the trained ones"},
    LETHE_OPTIONS_END,
};

lethe_status lethe_prune_find(const char *name, const lethe_prune_method **out) {
    const char *names[64];
    size_t n = 0;
    for (const lethe_prune_method *const *method = lethe_prune_methods(); *method != NULL; method++) {
        if (strcmp((*method)->name, name) == 0) {
            *out = *method;
            return LETHE_OK;
        }
        if (n < sizeof names / sizeof *names)
            names[n++] = (*method)->name;
    }
    return lethe__fail_unknown("pruning method", name, names, n);
}

lethe_status lethe_rewind_parse(const char *text, lethe_rewind *kind, int *epoch) {
    static const char prefix[] = "epoch=";
    enum { MAX_EPOCH = 1000000 };
    if (strcmp(text, "none") == 0 || strcmp(text, "init") == 0) {
        *kind = text[0] == 'n' ? LETHE_REWIND_NONE : LETHE_REWIND_INIT;
        *epoch = 0;
        return LETHE_OK;
    }
    if (strncmp(text, prefix, strlen(prefix)) == 0) {
        const char *digits = text + strlen(prefix);
        size_t length = strlen(digits);
        if (length > 0 && length <= 7 && strspn(digits, "0123456789") == length &&
            atoi(digits) <= MAX_EPOCH) {
            *kind = LETHE_REWIND_EPOCH;
            *epoch = atoi(digits);
            return LETHE_OK;
        }
    }
    LETHE_FAIL(LETHE_USAGE, "rewind must be none, init or epoch=K with K from 0 to %d, not '%s'", MAX_EPOCH,
               text);
}

static lethe_status check_rewind(const lethe_prune_options *options) {
    lethe_rewind kind;
    int epoch;
    if (options->rewind == NULL)
        LETHE_FAIL(LETHE_USAGE, "rewind is not given; it must be none, init or epoch=K");
    return lethe_rewind_parse(options->rewind, &kind, &epoch);
}

lethe_status lethe_prune(const lethe_prune_method *method, const lethe_prune_options *options,
                         lethe_trainer *trainer, lethe_samples samples) {
    LETHE_TRY(lethe_options_check(lethe_prune_option_table, options));
    LETHE_TRY(check_rewind(options));
    LETHE_TRY(lethe_fit_check(&options->fit));
    return method->run(trainer, samples, options);
}

/* --- the mask of the lowest scores --- */

/* Unsigned order of the keys is the order of the scores; both zeros have one key. */
static uint32_t key_of(float score) {
    union {
        float f;
        uint32_t u;
    } bits = {score + 0.0f};
    return bits.u ^ (bits.u >> 31 != 0 ? 0xffffffffu : 0x80000000u);
}

static bool is_present(const lethe_model *model, size_t i) {
    return model->mask == NULL || model->mask[i];
}

/* Counts the prunable weights and those still present. */
static lethe_status survey(const lethe_model *model, const float *scores, size_t *n_prunable,
                           size_t *n_present) {
    *n_prunable = *n_present = 0;
    for (size_t s = 0; s < model->graph->n_parameters; s++) {
        const lethe__slot *slot = &model->graph->parameters[s];
        if (!slot->prunable)
            continue;
        *n_prunable += slot->size;
        for (size_t i = slot->offset; i < slot->offset + slot->size; i++) {
            *n_present += is_present(model, i);
            if (isnan(scores[i]))
                LETHE_FAIL(LETHE_FAILED, "cannot prune: the score of %s[%zu] is not a number", slot->name,
                           i - slot->offset);
        }
    }
    return LETHE_OK;
}

/* The keys of the weights present, in their order. */
static void gather_keys(const lethe_model *model, const float *scores, uint32_t *keys) {
    for (size_t s = 0; s < model->graph->n_parameters; s++) {
        const lethe__slot *slot = &model->graph->parameters[s];
        for (size_t i = slot->offset; slot->prunable && i < slot->offset + slot->size; i++)
            if (is_present(model, i))
                *keys++ = key_of(scores[i]);
    }
}

static size_t count_at_most(const uint32_t *keys, size_t n, uint32_t bound) {
    size_t count = 0;
#pragma omp parallel for simd reduction(+ : count) schedule(static)
    for (size_t i = 0; i < n; i++)
        count += keys[i] <= bound;
    return count;
}

/* The smallest key that at least k > 0 keys do not exceed. */
static uint32_t kth_key(const uint32_t *keys, size_t n, size_t k) {
    uint32_t low = 0, high = UINT32_MAX;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (count_at_most(keys, n, middle) >= k)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* Removes the weights present whose key is below `last`, and the first `n_last` of those whose key is it. */
static void remove_weights(lethe_model *model, const float *scores, uint32_t last, size_t n_last) {
    for (size_t s = 0; s < model->graph->n_parameters; s++) {
        const lethe__slot *slot = &model->graph->parameters[s];
        for (size_t i = slot->offset; slot->prunable && i < slot->offset + slot->size; i++) {
            uint32_t key = key_of(scores[i]);
            if (!model->mask[i] || key > last || (key == last && n_last == 0))
                continue;
            model->mask[i] = 0;
            n_last -= key == last;
        }
    }
}

lethe_status lethe_mask_lowest(lethe_model *model, const float *scores, double sparsity) {
    size_t n_prunable, n_present;
    if (!(sparsity >= 0 && sparsity < 1))
        LETHE_FAIL(LETHE_USAGE, "the sparsity is %g; it must be at least 0 and below 1", sparsity);
    LETHE_TRY(survey(model, scores, &n_prunable, &n_present));
    size_t k = (size_t)nearbyint(sparsity * (double)n_prunable), n_removed = n_prunable - n_present;
    if (k <= n_removed)
        return LETHE_OK;
    k -= n_removed;
    uint32_t *keys;
    LETHE_TRY(lethe__allocate(n_present, sizeof *keys, &keys));
    lethe_status status = lethe__model_make_mask(model);
    if (status == LETHE_OK) {
        gather_keys(model, scores, keys);
        uint32_t last = kth_key(keys, n_present, k);
        size_t n_below = last > 0 ? count_at_most(keys, n_present, last - 1) : 0;
        remove_weights(model, scores, last, k - n_below);
        lethe__model_apply_mask(model);
    }
    lethe__free(keys);
    return status;
}
