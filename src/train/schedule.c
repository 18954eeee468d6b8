/* schedule.c - the options of a training: their table, their checks, and what they make of each epoch.
 *
 * Learning rate at epoch t of T, with W epochs of warm-up:
 *   t < W          lr (t + 1) / W
 *   constant       lr
 *   multistep      lr factor^(number of milestones at or before t); a milestone below 1 is a share of T and
 *                  stands for epoch floor(share T)
 *   cosine         lr (1 + cos(pi (t - W) / (T - W))) / 2
 *
 * l1 coefficient at epoch t of T (Jia et al. 2023): gamma, 2 gamma t/T or 2 gamma (1 - t/T). The three have
 * about the same sum over a training; the decaying one ends with epochs that hardly shrink the weights. */
#include "base/fail.h"
#include "base/number.h"
#include <lethe/train.h>
#include <math.h>
#include <string.h>

enum { MAX_EPOCHS = 1000000 };

const lethe_option lethe_fit_option_table[] = {
    LETHE_FIT_ROWS(0, "182", "0.1", "multistep"),
    LETHE_OPTIONS_END,
};

/* Reads the milestone at *text and moves *text to the next one, to NULL behind the last. False: it is
 * neither a share between 0 and 1 nor a whole number of epochs. */
static bool read_milestone(const char **text, int epochs, int *milestone) {
    char word[LETHE__NUMBER_TEXT] = {0};
    size_t length = strcspn(*text, ",");
    double number;
    if (length >= sizeof word)
        return false;
    memcpy(word, *text, length);
    if (!lethe__number_parse(word, &number) || number <= 0 || number > MAX_EPOCHS)
        return false;
    if (number >= 1 && number != floor(number))
        return false;
    /* 0.29 * 100 is a little below 29 */
    *milestone = number < 1 ? (int)floor(number * epochs + 1e-9) : (int)number;
    *text = (*text)[length] == ',' ? *text + length + 1 : NULL;
    return true;
}

static lethe_status check_milestones(const lethe_fit_options *options) {
    int milestone;
    if (options->milestones == NULL)
        LETHE_FAIL(LETHE_USAGE, "the multistep schedule needs milestones, such as 0.5,0.75");
    for (const char *at = options->milestones; at != NULL;)
        if (!read_milestone(&at, options->epochs, &milestone))
            LETHE_FAIL(
                LETHE_USAGE,
                "milestones '%s': '%.*s' is neither a share between 0 and 1 nor a whole epoch from 1 to "
                "%d; write for example 0.5,0.75 or 91,136",
                options->milestones, (int)strcspn(at, ","), at, MAX_EPOCHS);
    return LETHE_OK;
}

lethe_status lethe_fit_check(const lethe_fit_options *options) {
    LETHE_TRY(lethe_options_check(lethe_fit_option_table, options));
    if (options->warmup > options->epochs)
        LETHE_FAIL(LETHE_USAGE, "a warm-up of %d epochs does not fit into a training of %d", options->warmup,
                   options->epochs);
    if (!(options->gamma >= 0) || !isfinite(options->gamma))
        LETHE_FAIL(LETHE_USAGE, "the l1 coefficient gamma is %g; it must be 0 or more", options->gamma);
    if (options->l1 == LETHE_L1_PROXIMAL && options->momentum >= 1)
        LETHE_FAIL(
            LETHE_USAGE,
            "the proximal l1 penalty has the threshold lr gamma / (1 - momentum), which a momentum of %g "
            "does not allow; it must be below 1",
            options->momentum);
    return options->lr_schedule == LETHE_LR_MULTISTEP ? check_milestones(options) : LETHE_OK;
}

static double multistep_factor(const lethe_fit_options *options, int epoch) {
    double factor = 1;
    int milestone;
    for (const char *at = options->milestones;
         at != NULL && read_milestone(&at, options->epochs, &milestone);)
        if (milestone <= epoch)
            factor *= options->lr_factor;
    return factor;
}

double lethe_fit_lr(const lethe_fit_options *options, int epoch) {
    if (epoch < options->warmup)
        return options->lr * (epoch + 1) / options->warmup;
    switch (options->lr_schedule) {
    case LETHE_LR_MULTISTEP:
        return options->lr * multistep_factor(options, epoch);
    case LETHE_LR_COSINE: {
        double done = (double)(epoch - options->warmup) / (options->epochs - options->warmup);
        return options->lr * (1 + cos(M_PI * done)) / 2;
    }
    case LETHE_LR_CONSTANT:
        break;
    }
    return options->lr;
}

double lethe_fit_gamma(const lethe_fit_options *options, int epoch) {
    double done = (double)epoch / options->epochs;
    switch (options->gamma_schedule) {
    case LETHE_L1_GROWING:
        return 2 * options->gamma * done;
    case LETHE_L1_DECAYING:
        return 2 * options->gamma * (1 - done);
    case LETHE_L1_CONSTANT:
        break;
    }
    return options->gamma;
}
