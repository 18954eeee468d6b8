/* native_winograd.h - what the files of Winograd's convolution share; native_winograd.c says how it works. */
#ifndef LETHE_ENGINE_NATIVE_NATIVE_WINOGRAD_H
#define LETHE_ENGINE_NATIVE_NATIVE_WINOGRAD_H

#include "engine/native/native_convolution.h"
#include "engine/native/winograd_kernels.h"

enum { LETHE__WINOGRAD_POINTS = 16 };

/* One direction of a convolution: maps [n, h, w, in] to maps [n, h, w, out]; forward, or backward-data with
 * the filter turned round. */
typedef struct lethe__winograd {
    const lethe__convolution_kernels *kernels;
    const lethe__winograd_kernels *transforms;
    int threads, h, w, in, out;
    bool pairs;                     /* bf16 */
    int words;                      /* of the input channels of a tile at one point: in, or pairs of them */
    size_t tiles_y, tiles_x, tiles; /* of one image */
    size_t block;                   /* tiles in work at a time, in each thread; an even number */
    int *src_offsets, *dst_offsets; /* [block], in words and in floats */
    uint32_t *weights;              /* [16][block of channels][words][channels in block] */
    size_t n_groups;                /* of the weight gradient, added in their order */
} lethe__winograd;

/* Words of weights, and floats of their gradient, of one of the 16 points; and where in them the block of
 * output channels that begins at `first` lies. */
static inline size_t lethe__winograd_weights(const lethe__winograd *g, int first) {
    return (size_t)first * (size_t)g->words;
}
static inline size_t lethe__winograd_sums(const lethe__winograd *g, int first) {
    return (size_t)first * (size_t)g->in;
}

/* Packs the points of OIHW weights; `turned`, inputs and outputs have changed their roles. */
void lethe__winograd_pack(lethe__winograd *g, const float *weights, bool turned);
/* The groups' sums [n_groups][16][block of channels][in][channels in block], added in their order, back into
 * OIHW. */
void lethe__winograd_unpack(const lethe__winograd *g, const float *groups, float *diff_weight);

#endif
