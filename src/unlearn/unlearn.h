/* unlearn.h - what the unlearning methods share. */
#ifndef LETHE_UNLEARN_UNLEARN_H
#define LETHE_UNLEARN_UNLEARN_H

#include <lethe/unlearn.h>

/* lethe_fit_check as the `check` of a method whose options are a lethe_fit_options. */
lethe_status lethe__unlearn_check_fit(const void *options);

/* What a method draws random numbers for: the `epoch` of streams of purpose LETHE__RANDOM_METHOD. Stored runs
 * depend on these values: append only. */
enum { LETHE__METHOD_NOISE, LETHE__METHOD_LABELS, LETHE__METHOD_SUBSET };

#endif
