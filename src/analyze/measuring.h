/* measuring.h - what the measurements of this room share. */
#ifndef LETHE_ANALYZE_MEASURING_H
#define LETHE_ANALYZE_MEASURING_H

#include <lethe/data.h>
#include <lethe/runtime.h>

/* || a - b || and || a ||, [n]. */
double lethe__vector_distance(const double *a, const double *b, size_t n);
double lethe__vector_norm(const double *a, size_t n);

/* `n` of the samples (all, where there are fewer), drawn by the seed; *ids owns their names. */
lethe_status lethe__draw_samples(lethe_samples samples, size_t n, uint64_t seed, uint32_t **ids,
                                 lethe_samples *out);

/* Tells progress; LETHE_STOPPED when asked to stop. */
lethe_status lethe__analyze_step(const lethe_runtime *runtime, const char *title, size_t step,
                                 size_t n_steps);

#endif
