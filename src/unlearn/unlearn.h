/* unlearn.h - what the unlearning methods share. */
#ifndef LETHE_UNLEARN_UNLEARN_H
#define LETHE_UNLEARN_UNLEARN_H

#include <lethe/unlearn.h>

/* lethe_fit_check as the `check` of a method whose options are a lethe_fit_options. */
lethe_status lethe__unlearn_check_fit(const void *options);

/* What a method draws random numbers for: the `epoch` of streams of purpose LETHE__RANDOM_METHOD. Stored runs
 * depend on these values: append only. */
enum { LETHE__METHOD_NOISE, LETHE__METHOD_LABELS, LETHE__METHOD_SUBSET };

/* For --compat official: LETHE_USAGE when one of the named options of `table` differs from its default, since
 * the official code has nothing that it could mean. Not for strings without a default. */
lethe_status lethe__unlearn_refuse(const char *method, const lethe_option *table, const void *options,
                                   const char *const *names, size_t n);

/* The rows of an l1 penalty, over a structure that is a lethe_fit_options. */
/* clang-format off */
#define LETHE__L1_ROWS(default_gamma, default_schedule)                                                      \
    {"gamma", LETHE_OPTION_DOUBLE, offsetof(lethe_fit_options, gamma), default_gamma, 0, 1e38, NULL, "G",    \
     "coefficient of the l1 penalty, the mean over the epochs", false},                                      \
    {"schedule", LETHE_OPTION_CHOICE, offsetof(lethe_fit_options, gamma_schedule), default_schedule, 0, 0,   \
     "constant|growing|decaying", NULL, "how the coefficient changes from epoch to epoch", false},           \
    {"l1", LETHE_OPTION_CHOICE, offsetof(lethe_fit_options, l1), "subgradient", 0, 0,                        \
     "subgradient|proximal", NULL,                                                                           \
     "the penalty as a part of the gradient, or as a soft threshold of lr gamma / (1 - momentum) after each "  \
     "step, which gives exact zeros",                                                                        \
     false}
/* clang-format on */

/* The gamma of the fit that the user's gamma means: with compat official, the schedules that change are
 * gamma t/T and gamma (1 - t/T), without the factor 2. */
double lethe__unlearn_gamma(lethe_unlearning *unlearning, const lethe_fit_options *given);

#endif
