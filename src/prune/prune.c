/* prune.c - what the pruning methods share: the registry by name, rewinding texts, and the checks before a
 * run. */
#include "prune/prune.h"
#include "base/fail.h"
#include "base/log.h"
#include "base/suggest.h"
#include <stdlib.h>
#include <string.h>

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
    LETHE_FAIL_UNKNOWN("pruning method", name, names, n);
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
    LETHE_TRY(lethe_rewind_parse(options->rewind, &kind, &epoch));
    if (!options->trained && options->fit.epochs > 0 && epoch > options->fit.epochs)
        LETHE_FAIL(LETHE_USAGE,
                   "cannot rewind to epoch %d of a training of %d epochs; choose an earlier epoch or init",
                   epoch, options->fit.epochs);
    return LETHE_OK;
}

lethe_status lethe_prune_check(const lethe_prune_method *method, const void *given) {
    const lethe_prune_options *options = given;
    LETHE_TRY(lethe_options_check(method->options, given));
    if (method->trains_first)
        LETHE_TRY(check_rewind(options));
    return lethe_fit_check(&options->fit);
}

/* No weight comes back, so that a model which is sparser than asked for stays as it is. */
static void warn_if_sparser(const lethe_model *model, const lethe_runtime *runtime, double sparsity) {
    size_t n_prunable, n_present;
    lethe__count_prunable(model, &n_prunable, &n_present);
    size_t n_gone = n_prunable - n_present;
    if (n_gone > lethe__count_removed(model, sparsity))
        lethe__log(
            runtime, LETHE_LOG_WARNING,
            "the model has a sparsity of %.5g already, more than the %.5g asked for: pruning brings no "
            "weight back; prune the dense model instead",
            (double)n_gone / (double)n_prunable, sparsity);
}

lethe_status lethe_prune(const lethe_prune_method *method, const void *options, lethe_trainer *trainer,
                         lethe_samples samples) {
    LETHE_TRY(lethe_prune_check(method, options));
    warn_if_sparser(lethe_trainer_model(trainer), lethe_trainer_runtime(trainer),
                    ((const lethe_prune_options *)options)->sparsity);
    return method->run(trainer, samples, options);
}
