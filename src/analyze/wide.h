/* wide.h - a model in double, for what an analysis measures on batches: losses, gradients and Hessian-vector
 * products with BatchNorm's running statistics, which keep the samples of a batch apart. */
#ifndef LETHE_ANALYZE_WIDE_H
#define LETHE_ANALYZE_WIDE_H

#include "data/loader.h"
#include "engine/exact.h"
#include "models/model.h"

typedef struct lethe__wide {
    const lethe_model *model; /* lent: its graph and its mask are read */
    lethe__exact *exact;
    int batch;
    double *parameters; /* [parameter_size] the model's at first; the user's to change */
    double *buffers, *diff_logits;
    uint8_t *images; /* [batch, h, w, c], where a batch is smaller than that */
} lethe__wide;

/* For batches of at most `batch`. Close in every case. */
lethe_status lethe__wide_open(const lethe_model *model, size_t batch, bool tangents, int threads,
                              lethe__wide *wide);
void lethe__wide_close(lethe__wide *wide);
/* Takes parameters and running statistics of the model anew. */
void lethe__wide_load(lethe__wide *wide);

/* What a pass over a batch is to give, of the loss: scale * the sum of the samples' cross-entropies. */
typedef struct lethe__wide_pass {
    double scale;
    int left_out;      /* a row that does not count; -1: all do */
    double *direction; /* [parameter_size]; NULL: no product */
    double *gradient;  /* [parameter_size] overwritten, masked entries 0; NULL: not wanted */
    double *product;   /* likewise, H direction */
    double loss;       /* out: the loss */
} lethe__wide_pass;

lethe_status lethe__wide_run(lethe__wide *wide, const lethe__batch *batch, lethe__wide_pass *pass);

/* || a - b || and || a ||, [n]. */
double lethe__wide_distance(const double *a, const double *b, size_t n);
double lethe__wide_norm(const double *a, size_t n);

/* `n` of the samples (all, where there are fewer), drawn by the seed; *ids owns their names. */
lethe_status lethe__draw_samples(lethe_samples samples, size_t n, uint64_t seed, uint32_t **ids,
                                 lethe_samples *out);

/* Tells progress; LETHE_STOPPED when asked to stop. */
lethe_status lethe__analyze_step(const lethe_runtime *runtime, const char *title, size_t step,
                                 size_t n_steps);

#endif
