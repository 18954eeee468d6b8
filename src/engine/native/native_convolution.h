/* native_convolution.h - what the files of the direct convolution share: a pass, and the convolution that has
 * two of them and a weight gradient. native_convolution.c says what they are. */
#ifndef LETHE_ENGINE_NATIVE_NATIVE_CONVOLUTION_H
#define LETHE_ENGINE_NATIVE_NATIVE_CONVOLUTION_H

#include "engine/native/convolution_kernels.h"
#include "engine/native/native.h"

enum {
    LETHE__MAX_STRIDE = 2,
    LETHE__MAX_PHASES = LETHE__MAX_STRIDE * LETHE__MAX_STRIDE,
    LETHE__MAX_CHUNK = 8
};

/* Output rows (or columns) first, first + step, ... of one phase: which taps they see, and where. */
typedef struct lethe__axis {
    int n_out, dst_first, dst_step;  /* output positions: dst_first + i * dst_step, i < n_out */
    int src_first, src_step;         /* unpadded source position of the first tap: src_first + i * src_step */
    int n_taps, tap_first, tap_step; /* u-th tap along the source: filter position tap_first + u * tap_step */
} lethe__axis;

typedef struct lethe__phase {
    lethe__axis y, x;
    size_t weights_offset;          /* in the packed weights */
    int *src_offsets, *dst_offsets; /* [chunk * y.n_out * x.n_out], in words and in values */
} lethe__phase;

/* Forward or backward-data: source maps [h, w, in] to output maps [out_h, out_w, out]. */
typedef struct lethe__pass {
    int h, w, in, out_h, out_w, out;
    bool pairs; /* bf16: a word holds two channels, an odd last one with a zero */
    int words;  /* in a source pixel */
    int pad_top, pad_left, padded_h, padded_w; /* in pixels */
    bool copied;                               /* else the source is read where it lies */
    lethe__phase phases[LETHE__MAX_PHASES];
    int n_phases;
    int chunk; /* images */
    uint32_t *weights;
    size_t weights_size; /* words */
} lethe__pass;

typedef struct lethe__convolution {
    const lethe__convolution_kernels *kernels;
    int threads; /* scratch memory is made for this many, so that no team may be larger */
    lethe__pass forward, backward;
    int n_groups;         /* of images whose weight gradients are summed apart */
    int gradient_chunk;   /* images whose weight gradient is summed in registers in one go */
    size_t gradient_size; /* floats of one group: [block][row][run][channels in block], as f32 weights are */
} lethe__convolution;

/* The kernels of this machine, and the channels in the block of outputs that begins at channel `first` of n:
 * two vectors, or the one that is left. */
const lethe__convolution_kernels *lethe__convolution_kernels_choose(void);
static inline int lethe__block_channels(const lethe__convolution_kernels *kernels, int first, int n) {
    int two = 2 * (int)kernels->lanes;
    return n - first < two ? n - first : two;
}

/* --- native_pass.c --- */

lethe_status lethe__pass_init(const lethe__convolution *c, const lethe__operation *operation, bool backward,
                              lethe__pass *out);
void lethe__pass_fini(lethe__pass *pass);
/* Words of a padded image of the pass. */
size_t lethe__pass_padded_size(const lethe__pass *pass);
/* Packs OIHW weights; those of a backward pass turned. */
void lethe__pass_pack(const lethe__convolution *c, const lethe__pass *pass, const float *weights, int kernel,
                      bool backward);
/* `n_images` images from `src`, padded into `padded` where that is needed. */
const void *lethe__pass_prepare(const lethe__pass *pass, const void *src, int n_images, uint32_t *padded);
/* The results of one chunk of prepared images, at most pass->chunk. */
void lethe__pass_run_chunk(const lethe__convolution *c, const lethe__pass *pass, const void *prepared,
                           int n_images, void *dst);
/* All n images; `scratch` has a padded chunk for each thread. follower NULL: none. */
void lethe__pass_run(const lethe__convolution *c, const lethe__pass *pass, const void *src, int n, void *dst,
                     const lethe__operation *follower, uint32_t *scratch);

/* --- native_gradient.c --- */

void lethe__weight_gradient_init(lethe__convolution *c, const lethe__operation *operation);
size_t lethe__weight_gradient_scratch(const lethe__convolution *c); /* words */
void lethe__weight_gradient(const lethe__convolution *c, lethe__operation *operation);

/* lethe__sample_products of f32, and the words of scratch memory that they take. */
void lethe__convolution_sample_products(const lethe__convolution *c, lethe__operation *operation,
                                        const lethe__sample_products *products);
size_t lethe__convolution_sample_scratch(const lethe__convolution *c);

#endif
