/* unlearn.h - what the unlearning methods that train share. */
#ifndef LETHE_UNLEARN_UNLEARN_H
#define LETHE_UNLEARN_UNLEARN_H

#include <lethe/unlearn.h>

/* lethe_fit_check as the `check` of a method whose options are a lethe_fit_options. */
lethe_status lethe__unlearn_check_fit(const void *options);

#endif
