/* tune_search.c - a log grid over the range, then bisection around the best.
 *
 * What learning rates and penalties do depends on their order of magnitude, so everything happens on a log
 * scale. Of N trials, (N+1)/2 but at least 3 lie evenly over the whole range, both ends included. Each
 * further one halves the wider of the two gaps beside the leading trial, so the two sides take turns. A
 * unimodal curve is narrowed down; of a curve with several valleys the grid decides which is entered. The
 * next value follows from the results so far, so a search that is continued makes the same trials. Values are
 * rounded to three digits, to be read, typed and used as file names. */
#include "experiment/tune_search.h"
#include "base/fail.h"
#include "base/memory.h"
#include "base/option.h"
#include "base/suggest.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_OPTIONS = 64, DIGITS = 3 };

static bool is_numeric(const lethe_option *option) {
    return option->type == LETHE_OPTION_INT || option->type == LETHE_OPTION_SIZE ||
           option->type == LETHE_OPTION_DOUBLE;
}

static lethe_status find_option(const char *name, const lethe_option *table, const lethe_option **out) {
    const char *names[MOST_OPTIONS];
    size_t n = 0;
    for (; table->name != NULL; table++) {
        if (!is_numeric(table))
            continue;
        if (strcmp(table->name, name) == 0) {
            *out = table;
            return LETHE_OK;
        }
        if (n < MOST_OPTIONS)
            names[n++] = table->name;
    }
    LETHE_FAIL_UNKNOWN("numeric method option", name, names, n);
}

/* The option itself says whether it takes the value. */
static lethe_status check_end(const lethe_option *option, size_t size, const char *text, double *out) {
    void *scratch;
    LETHE_TRY(lethe__allocate(1, size, &scratch));
    lethe_status status = lethe__option_read(option, scratch, text);
    lethe__free(scratch);
    LETHE_TRY(status);
    if (!lethe__number_parse(text, out) || !(*out > 0))
        LETHE_FAIL(LETHE_USAGE, "--search: %s=%s is searched on a log scale, so both ends must be above 0",
                   option->name, text);
    return LETHE_OK;
}

lethe_status lethe__tune_range_read(const char *text, const lethe_unlearn_method *method,
                                    lethe__tune_range *out) {
    char words[128];
    lethe__tune_range range;
    if (text == NULL)
        LETHE_FAIL(LETHE_USAGE, "nothing is to be searched; give --search NAME=LOW..HIGH, as in "
                                "lr=0.001..0.2");
    snprintf(words, sizeof words, "%s", text);
    char *low = strchr(words, '='), *high = low != NULL ? strstr(low, "..") : NULL;
    if (high == NULL || strlen(text) >= sizeof words)
        LETHE_FAIL(LETHE_USAGE, "--search '%.64s' must be NAME=LOW..HIGH, as in lr=0.001..0.2", text);
    *low++ = 0;
    *high = 0;
    high += 2;
    LETHE_TRY(find_option(words, method->options, &range.option));
    LETHE_TRY(check_end(range.option, method->options_size, low, &range.low));
    LETHE_TRY(check_end(range.option, method->options_size, high, &range.high));
    if (!(range.low < range.high))
        LETHE_FAIL(LETHE_USAGE, "--search: the range from %s to %s of %s is empty; the first must be smaller",
                   low, high, words);
    *out = range;
    return LETHE_OK;
}

/* --- the best --- */

bool lethe__tune_admissible(const lethe_tune_job *job, const lethe_tune_trial *trial) {
    double measure = job->reference != NULL ? trial->disparity_average : trial->ua;
    bool bounded = job->least_va >= 0;
    return !trial->diverged && !trial->wrecked && isfinite(measure) &&
           (!bounded || trial->va >= job->least_va);
}

/* Admissible ones come first; among the others those that are not wrecked, and of them the one that comes
 * nearest to the bound. */
static bool is_better(const lethe_tune_job *job, const lethe_tune_trial *a, const lethe_tune_trial *b) {
    if (a->diverged != b->diverged)
        return b->diverged;
    if (a->admissible != b->admissible)
        return a->admissible;
    if (!a->admissible)
        return a->wrecked != b->wrecked ? b->wrecked : a->va > b->va;
    return job->reference != NULL ? a->disparity_average < b->disparity_average : a->ua > b->ua;
}

/* The trial around which to go on, though it need not be admissible; -1: none has a model. */
static int find_leader(const lethe_tune_job *job, const lethe_tune_result *result) {
    int leader = -1;
    for (int i = 0; i < result->n; i++)
        if (!result->trials[i].diverged &&
            (leader < 0 || is_better(job, &result->trials[i], &result->trials[leader])))
            leader = i;
    return leader;
}

void lethe__tune_add(const lethe_tune_job *job, const lethe_tune_trial *trial, lethe_tune_result *result) {
    int place = result->n++;
    for (; place > 0 && result->trials[place - 1].value > trial->value; place--)
        result->trials[place] = result->trials[place - 1];
    result->trials[place] = *trial;
    int leader = find_leader(job, result);
    result->best = leader >= 0 && result->trials[leader].admissible ? leader : -1;
}

/* --- the next --- */

static double round_value(const lethe_option *option, double value) {
    int shift = option->type == LETHE_OPTION_DOUBLE ? DIGITS - 1 - (int)floor(log10(value)) : 0;
    double power = pow(10, abs(shift));
    return shift >= 0 ? round(value * power) / power : round(value / power) * power;
}

static bool was_tried(const lethe_tune_result *result, double value) {
    for (int i = 0; i < result->n; i++)
        if (result->trials[i].value == value)
            return true;
    return false;
}

/* A rounded value strictly between two that were tried. */
static bool halve(const lethe__tune_range *range, double low, double high, double *out) {
    *out = round_value(range->option, sqrt(low * high));
    return low < *out && *out < high;
}

static bool refine(const lethe__tune_range *range, const lethe_tune_result *result, int leader, double *out) {
    const lethe_tune_trial *at = &result->trials[leader];
    double below = leader > 0 ? at[-1].value : at->value;
    double above = leader + 1 < result->n ? at[1].value : at->value;
    if (above / at->value > at->value / below)
        return halve(range, at->value, above, out) || halve(range, below, at->value, out);
    return halve(range, below, at->value, out) || halve(range, at->value, above, out);
}

bool lethe__tune_next(const lethe_tune_job *job, const lethe__tune_range *range,
                      const lethe_tune_result *result, double *out) {
    int n_grid = job->trials < 5 ? 3 : (job->trials + 1) / 2;
    if (result->n >= job->trials)
        return false;
    for (int i = 0; i < n_grid; i++) {
        double inner = range->low * pow(range->high / range->low, (double)i / (n_grid - 1));
        *out = i == 0 ? range->low : i == n_grid - 1 ? range->high : round_value(range->option, inner);
        if (*out >= range->low && *out <= range->high && !was_tried(result, *out))
            return true;
    }
    int leader = find_leader(job, result);
    return leader >= 0 && refine(range, result, leader, out);
}
