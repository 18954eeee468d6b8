/* influence.h - influence of samples on the minimiser: the right-hand side of Proposition 1, and its solution
 * with the empirical Fisher information in place of the Hessian. */
#ifndef LETHE_UNLEARN_INFLUENCE_H
#define LETHE_UNLEARN_INFLUENCE_H

#include "train/measure.h"

/* How well (lambda I + F) x = v was solved. */
typedef struct lethe__influence_report {
    double lambda, residual; /* the residual relative to v */
    int iterations;
} lethe__influence_report;

/* v = (1/N) sum over forget of grad l_i [- n_f / N times the mean over `retain` of grad l_i], where retain
 * may be a part of the n_retain samples that N = n_retain + n_f counts. Masked entries are 0. */
lethe_status lethe__influence_direction(lethe__measurement *measurement, lethe_samples retain,
                                        size_t n_retain, lethe_samples forget, bool normalise, float *v);

/* x = (lambda I + F)^-1 v by conjugate gradient, F the empirical Fisher information over both parts (the
 * second may be empty), lambda = damping * trace F. Ends at `iterations` or a residual of `tolerance`. */
lethe_status lethe__influence_solve(lethe__measurement *measurement, const lethe_samples parts[2],
                                    double damping, int iterations, double tolerance, const float *v,
                                    float *x, lethe__influence_report *report);

/* The official code's recursion on x, which starts as v; the measurement's batch is to be 1. */
lethe_status lethe__influence_official(lethe__measurement *measurement, lethe_samples retain, float *x);

#endif
