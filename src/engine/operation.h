/* operation.h - one operation of a plan, and the interface that its implementations offer.
 *
 * The plan fills an lethe__operation with shapes and pointers into the arena and the flat vectors; an
 * implementation reads and writes through them. Implementations of one kind stand in one list, best first;
 * the plan takes the first that supports and prefers an operation. `ref` supports everything and is the
 * oracle of every test. */
#ifndef LETHE_ENGINE_OPERATION_H
#define LETHE_ENGINE_OPERATION_H

#include "engine/executor.h"

typedef enum lethe__dtype { LETHE__U8, LETHE__F32, LETHE__BF16 } lethe__dtype;

static inline size_t lethe__dtype_bytes(lethe__dtype dtype) {
    return dtype == LETHE__U8 ? 1 : dtype == LETHE__BF16 ? 2 : 4;
}

/* A batch of a tensor: NHWC, dense. */
typedef struct lethe__view {
    int n, h, w, c;
    lethe__dtype dtype;
    void *data;
} lethe__view;

static inline size_t lethe__view_bytes(const lethe__view *view) {
    return (size_t)view->n * (size_t)view->h * (size_t)view->w * (size_t)view->c *
           lethe__dtype_bytes(view->dtype);
}

typedef struct lethe__operation lethe__operation;

typedef struct lethe__implementation {
    const char *name; /* "ref", "native", "amx", "onednn" */
    lethe__op_kind kind;
    bool (*supports)(const lethe__operation *operation);
    /* Optional: is it also worth it? By the shape alone, as `lethe bench ops` measured, so that bits never
     * depend on a timing. NULL: wherever it is supported. */
    bool (*prefers)(const lethe__operation *operation);
    /* Optional: makes primitives into operation->state and sets workspace_bytes (kept from forward to
     * backward) and scratch_bytes (valid within one call). Pointers are not set yet. */
    lethe_status (*create)(lethe__operation *operation);
    void (*destroy)(lethe__operation *operation);
    lethe_status (*forward)(lethe__operation *operation, lethe__mode mode);
    /* Optional, both or neither: how to follow a leader (below) in place of forward. `await` comes before the
     * leader's forward; within that, `follow` for pixels first to first + n - 1 as soon as they are written,
     * from several threads at the same time, each with pixels of its own: it opens no parallel region. What
     * is kept between them lies in the workspace: the scratch memory is the leader's. */
    lethe_status (*await)(lethe__operation *operation, lethe__mode mode);
    void (*follow)(const lethe__operation *operation, size_t first, size_t n);
    /* Writes diff_src (unless NULL), diff_residual (unless NULL) and the parameter gradients (unless
     * diff_weight is NULL); overwrites, never adds. */
    lethe_status (*backward)(lethe__operation *operation, lethe__mode mode);
    /* Optional, both or neither, of kinds with parameters: this operation's part of lethe__sample_products,
     * after a forward pass in GRADIENT mode and before the backward pass, and the scratch memory that it
     * takes. The reference stands in where they are missing; it does not read the workspace of convolutions
     * and linear layers, so a BatchNorm with a workspace of its own must bring them. */
    lethe_status (*sample_products)(lethe__operation *operation, const lethe__sample_products *products);
    size_t (*sample_scratch_bytes)(const lethe__operation *operation);
    /* Optional: a word about what was chosen ("jit:avx2"), lent. */
    const char *(*describe)(const lethe__operation *operation);
} lethe__implementation;

struct lethe__operation {
    const lethe__node *node;
    const lethe__implementation *implementation;
    const lethe__graph *graph;
    lethe__weights *weights;
    int threads;
    bool with_gradients; /* a backward may come; without, the mode is PREDICT */
    bool with_samples;   /* sample_products may come */
    bool wants_diff_src; /* in backward diff_src will not be NULL; known at create */

    /* Without gradients an operation may follow the one that makes its src: it works in place on what that
     * has just written, while it is in cache. Src and dst of the follower are then the dst of the leader. Set
     * by the plan, the leader before create; NULL: none. */
    lethe__operation *follower, *leader;
    bool calls_follower; /* set by create: forward calls lethe__operation_follow */

    lethe__view src, residual, dst; /* residual.data NULL: none */
    /* gradients have the dtype of their tensor; diff_dst_2 is a second part to be added to diff_dst while
     * reading: its tensor has two readers, which only a BatchNorm's may have; else NULL */
    const void *diff_dst, *diff_dst_2;
    void *diff_src, *diff_residual;

    /* views into the flat vectors, NULL where the operation has none; f32 in PyTorch's layout */
    const float *weight, *bias;
    float *diff_weight, *diff_bias; /* NULL too where a backward pass is to leave the gradients alone */
    float *running_mean, *running_var;

    void *workspace, *scratch;
    size_t workspace_bytes, scratch_bytes;
    void *state;
    uint64_t packed_version; /* weights->version that packed weights in `state` were made from; 0: none yet */
};

/* The part of a flat vector that belongs to `parameter`, the operation's weight or bias. */
static inline size_t lethe__operation_offset(const lethe__operation *operation, const float *parameter) {
    return (size_t)(parameter - operation->weights->parameters);
}

/* The forward pass; where there is a follower, its own, too, and then nothing when its turn comes. */
lethe_status lethe__operation_forward(lethe__operation *operation, lethe__mode mode);

/* What a leader calls, for every pixel of its dst once: pixels first to first + n - 1 are written, and are
 * the follower's from now on. NULL: there is none. */
static inline void lethe__operation_follow(const lethe__operation *follower, size_t first, size_t n) {
    if (follower != NULL)
        follower->implementation->follow(follower, first, n);
}

/* sample_products and its scratch memory, by the implementation or else by the reference. */
lethe_status lethe__operation_sample_products(lethe__operation *operation,
                                              const lethe__sample_products *products);
size_t lethe__operation_sample_scratch_bytes(const lethe__operation *operation);

/* All implementations of one kind, best first, ended by NULL. */
const lethe__implementation *const *lethe__implementations(lethe__op_kind kind);

/* "convolution" */
const char *lethe__op_kind_name(lethe__op_kind kind);

/* bf16 <-> f32, round to nearest even; NaN stays NaN. */
static inline float lethe__bf16_to_f32(uint16_t value) {
    union {
        uint32_t u;
        float f;
    } bits = {(uint32_t)value << 16};
    return bits.f;
}
static inline uint16_t lethe__f32_to_bf16(float value) {
    union {
        float f;
        uint32_t u;
    } bits = {value};
    if ((bits.u & 0x7fffffffu) > 0x7f800000u)
        return (uint16_t)((bits.u >> 16) | 0x40);
    return (uint16_t)((bits.u + 0x7fffu + ((bits.u >> 16) & 1)) >> 16);
}

#endif
