/* wide.h - a model in double, for what is measured on batches: losses, gradients and Hessian-vector products.
 * Nothing of the model moves. */
#ifndef LETHE_TRAIN_WIDE_H
#define LETHE_TRAIN_WIDE_H

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

enum { LETHE__NOBODY = -1 };

/* What a pass over a batch is to give, of the loss: scale * the sum of the samples' cross-entropies. */
typedef struct lethe__wide_pass {
    lethe__mode mode; /* TRAIN: BatchNorm with the batch's statistics, of a full batch; GRADIENT: with the
                         running ones, which keep the samples apart */
    double scale;
    double temperature; /* the logits are divided by it; 0: by 1 */
    int left_out;       /* a row that does not count, in mode GRADIENT; LETHE__NOBODY: all do */
    double *direction;  /* [parameter_size]; NULL: no product */
    double *gradient;   /* [parameter_size] overwritten, masked entries 0; NULL: not wanted */
    double *product;    /* likewise, H direction */
    double loss;        /* out: the loss */
} lethe__wide_pass;

lethe_status lethe__wide_run(lethe__wide *wide, const lethe__batch *batch, lethe__wide_pass *pass);

#endif
