/* metrics.h - what the evaluation computes from rates that it has already. */
#ifndef LETHE_EVALUATE_METRICS_H
#define LETHE_EVALUATE_METRICS_H

#include <lethe/evaluate.h>

/* From ua, ta, n_forget and n_test; NaN when one of the two sets is empty. */
lethe_gate lethe__gate(const lethe_evaluation *evaluation);

#endif
