/* amx_convolution.h - what the passes of the bf16 convolution on AMX share. */
#ifndef LETHE_ENGINE_AMX_AMX_CONVOLUTION_H
#define LETHE_ENGINE_AMX_AMX_CONVOLUTION_H

#include "engine/amx/amx_kernels.h"
#include "engine/native/native.h"
#include "engine/operation.h"

/* lethe__amx_convolution for any machine, with the instructions in plain C: linked with tests only. */
extern const lethe__implementation lethe__amx_convolution_emulated;

/* Forward, or backward-data: maps `from` are gathered into maps `to`. */
typedef struct lethe__amx_pass {
    int from_h, from_w, from_c, to_h, to_w, to_c;
    /* Along one side: where in `from` tap k of position `at` in `to` lies; negative: nowhere. */
    int (*meet)(const lethe__node *node, int at, int k, int size);
    int band;          /* rows of `to` done in one go: what they need of `from`, packed, fits the cache */
    int band_from;     /* rows of `from` they need, at most */
    uint16_t *weights; /* [blocks of to][taps][blocks of from], each a block of weights */
} lethe__amx_pass;

/* Backward-weights. Work is cut into units, 32 images by `band` rows of dst, and into tasks, a group of units
 * by up to MAX_OUTPUTS blocks of outputs. Groups do not depend on the number of threads. */
typedef struct lethe__amx_sums {
    int band, band_src, n_bands, n_units, n_groups;
    size_t size;               /* floats of one group: [blocks of dst][blocks of src][taps][block] */
    size_t src_size, dst_size; /* values of a unit, packed, for one task */
} lethe__amx_sums;

typedef struct lethe__amx_state {
    const lethe__amx_kernels *kernels;
    int threads; /* scratch memory is made for this many, so that no team may be larger */
    lethe__amx_pass forward, backward;
    lethe__amx_sums gradient;
} lethe__amx_state;

/* Whether this machine has what the kernels use. */
static inline bool lethe__amx_present(void) {
    return lethe__isa_choose() >= LETHE__AVX512 &&
           lethe_precision_resolve(LETHE_PRECISION_AUTO) == LETHE_PRECISION_BF16;
}

static inline int lethe__amx_blocks(int n) {
    return (n + LETHE__AMX_SIDE - 1) / LETHE__AMX_SIDE;
}

/* What is left of n, at most `most`. */
static inline int lethe__amx_part(int n, int first, int most) {
    return n - first < most ? n - first : most;
}

/* Packed values that should stay in the second-level cache. */
enum { LETHE__AMX_CACHED = 512 * 1024 };

lethe_status lethe__amx_pass_init(lethe__amx_pass *pass, const lethe__operation *operation, bool backward);
size_t lethe__amx_pass_scratch(const lethe__amx_pass *pass); /* bytes a thread */
void lethe__amx_pass_pack(const lethe__amx_state *state, lethe__amx_pass *pass,
                          const lethe__operation *operation);
void lethe__amx_pass_run(const lethe__amx_state *state, const lethe__amx_pass *pass,
                         const lethe__operation *operation, const void *from, void *to);

void lethe__amx_gradient_init(lethe__amx_sums *sums, const lethe__operation *operation);
size_t lethe__amx_gradient_scratch(const lethe__amx_sums *sums, int threads); /* bytes */
void lethe__amx_gradient_run(const lethe__amx_state *state, const lethe__operation *operation);

#endif
