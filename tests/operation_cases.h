/* operation_cases.h - the one list of operations that correctness, gradients and speed are tried on, and how
 * to build one by hand: shapes, random contents, memory. It uses nothing but operation.h, so that a failure
 * here is a kernel's.
 *
 * A case is a node and its shapes; a rig is a case in one type, with one implementation and number of
 * threads, ready to run. Contents depend on the case alone, so that two rigs of one case hold the same
 * numbers. */
#ifndef LETHE_TESTS_OPERATION_CASES_H
#define LETHE_TESTS_OPERATION_CASES_H

#include "base/fail.h"
#include "base/memory.h"
#include "base/random.h"
#include "engine/implementations.h"
#include <string.h>

typedef struct operation_case {
    const char *name;
    lethe__op_kind kind;
    int n, h, w, c; /* src */
    int channels;   /* of dst; 0: those of src */
    int kernel, stride, padding;
    bool bias, residual, relu;
} operation_case;

static const operation_case operation_cases[] = {
    {"normalise rgb", LETHE__NORMALISE, 3, 5, 7, 3, .bias = false},
    {"normalise grey", LETHE__NORMALISE, 1, 28, 28, 1, .bias = false},

    {"conv stem 3x3", LETHE__CONVOLUTION, 2, 12, 10, 3, 16, 3, 1, 1, .bias = false},
    {"conv stem 7x7 stride 2", LETHE__CONVOLUTION, 2, 17, 15, 3, 8, 7, 2, 3, .bias = false},
    {"conv stem grey", LETHE__CONVOLUTION, 3, 9, 9, 1, 16, 3, 1, 1, .bias = false},
    {"conv 3x3 16", LETHE__CONVOLUTION, 2, 8, 8, 16, 16, 3, 1, 1, .bias = false},
    {"conv 3x3 64 one sample", LETHE__CONVOLUTION, 1, 6, 6, 64, 64, 3, 1, 1, .bias = false},
    {"conv 3x3 stride 2", LETHE__CONVOLUTION, 2, 8, 8, 16, 32, 3, 2, 1, .bias = false},
    {"conv 3x3 stride 2 odd side", LETHE__CONVOLUTION, 2, 9, 7, 16, 32, 3, 2, 1, .bias = false},
    {"conv 3x3 128 on 4x4", LETHE__CONVOLUTION, 3, 4, 4, 128, 128, 3, 1, 1, .bias = false},
    {"conv 3x3 64 to 32 on 7x5", LETHE__CONVOLUTION, 3, 7, 5, 64, 32, 3, 1, 1, .bias = false},
    {"conv 3x3 48 on 10x16", LETHE__CONVOLUTION, 5, 10, 16, 48, 48, 3, 1, 1, .bias = false},
    {"conv 3x3 on one pixel", LETHE__CONVOLUTION, 5, 1, 1, 32, 48, 3, 1, 1, .bias = false},
    {"conv 1x1 stride 2", LETHE__CONVOLUTION, 2, 8, 8, 32, 64, 1, 2, 0, .bias = false},
    {"conv 1x1", LETHE__CONVOLUTION, 2, 5, 5, 24, 40, 1, 1, 0, .bias = false},
    {"conv 3x3, 17 samples", LETHE__CONVOLUTION, 17, 4, 3, 32, 48, 3, 1, 1, .bias = false},
    {"conv 3x3 stride 2, 34 samples", LETHE__CONVOLUTION, 34, 3, 4, 40, 32, 3, 2, 1, .bias = false},
    {"conv odd channels, bias", LETHE__CONVOLUTION, 2, 6, 5, 7, 13, 3, 1, 1, .bias = true},
    {"conv even channels, bias", LETHE__CONVOLUTION, 3, 8, 8, 16, 32, 3, 1, 1, .bias = true},
    {"conv 5x5 without padding", LETHE__CONVOLUTION, 2, 9, 9, 8, 16, 5, 1, 0, .bias = true},

    {"batchnorm", LETHE__BATCHNORM, 4, 6, 6, 16, .relu = false},
    {"batchnorm relu", LETHE__BATCHNORM, 4, 6, 6, 64, .relu = true},
    {"batchnorm residual relu", LETHE__BATCHNORM, 4, 5, 7, 32, .residual = true, .relu = true},
    {"batchnorm residual", LETHE__BATCHNORM, 2, 4, 4, 512, .residual = true},
    {"batchnorm odd channels", LETHE__BATCHNORM, 3, 5, 3, 13, .residual = true, .relu = true},
    {"batchnorm one channel", LETHE__BATCHNORM, 3, 7, 5, 1, .relu = true},
    {"batchnorm one sample", LETHE__BATCHNORM, 1, 9, 9, 24, .relu = true},
    {"batchnorm of vectors", LETHE__BATCHNORM, 4, 1, 1, 48, .relu = false},

    {"max pool 3x3 stride 2", LETHE__MAX_POOL, 2, 8, 8, 16, .kernel = 3, .stride = 2, .padding = 1},
    {"max pool 3x3 odd", LETHE__MAX_POOL, 3, 7, 9, 5, .kernel = 3, .stride = 2, .padding = 1},
    {"max pool 2x2", LETHE__MAX_POOL, 1, 6, 7, 32, .kernel = 2, .stride = 2},
    {"max pool overlapping", LETHE__MAX_POOL, 2, 5, 5, 8, .kernel = 3, .stride = 1, .padding = 1},

    {"global pool 4x4", LETHE__GLOBAL_POOL, 3, 4, 4, 64, .bias = false},
    {"global pool odd", LETHE__GLOBAL_POOL, 1, 7, 5, 13, .bias = false},

    {"pad shortcut 16 to 32", LETHE__PAD_SHORTCUT, 2, 8, 8, 16, 32, .stride = 2, .padding = 8},
    {"pad shortcut odd side", LETHE__PAD_SHORTCUT, 3, 7, 5, 3, 9, .stride = 2, .padding = 3},
    {"pad shortcut same size", LETHE__PAD_SHORTCUT, 1, 4, 4, 8, 8, .stride = 1},

    {"linear 64 to 10", LETHE__LINEAR, 8, 1, 1, 64, 10, .bias = true},
    {"linear 512 to 100, one sample", LETHE__LINEAR, 1, 1, 1, 512, 100, .bias = true},
    {"linear odd", LETHE__LINEAR, 3, 1, 1, 13, 7, .bias = true},
};

enum { N_OPERATION_CASES = sizeof operation_cases / sizeof operation_cases[0] };

/* What a rig owns, by name. */
enum {
    RIG_PARAMETERS,
    RIG_GRADIENTS,
    RIG_BUFFERS,
    RIG_SRC,
    RIG_RESIDUAL,
    RIG_DST,
    RIG_DIFF_DST,
    RIG_DIFF_DST_2,
    RIG_DIFF_SRC,
    RIG_DIFF_RESIDUAL,
    RIG_WORKSPACE,
    RIG_SCRATCH,
    RIG_BLOCKS
};

typedef struct operation_rig {
    lethe__node node;
    lethe__slot slots[2]; /* named, for messages */
    lethe__graph graph;
    lethe__weights weights;
    lethe__operation operation;
    void *blocks[RIG_BLOCKS];
    size_t bytes[RIG_BLOCKS];
    size_t weight_size, bias_size;
} operation_rig;

static inline size_t view_size(const lethe__view *view) {
    return (size_t)view->n * (size_t)view->h * (size_t)view->w * (size_t)view->c;
}

static inline float value_get(const void *data, lethe__dtype dtype, size_t i) {
    if (dtype == LETHE__U8)
        return ((const uint8_t *)data)[i];
    return dtype == LETHE__F32 ? ((const float *)data)[i] : lethe__bf16_to_f32(((const uint16_t *)data)[i]);
}

static inline void value_set(void *data, lethe__dtype dtype, size_t i, float value) {
    if (dtype == LETHE__F32)
        ((float *)data)[i] = value;
    else
        ((uint16_t *)data)[i] = lethe__f32_to_bf16(value);
}

/* Multiples of 1/64 in [-1, 1): exact in both types, and so are their sums. */
static inline void fill_random(void *data, lethe__dtype dtype, size_t n, uint32_t stream) {
    lethe__random random = lethe__random_open(1, LETHE__RANDOM_SYNTHETIC, 0, stream);
    for (size_t i = 0; i < n; i++) {
        if (dtype == LETHE__U8)
            ((uint8_t *)data)[i] = (uint8_t)lethe__random_below(&random, 256);
        else
            value_set(data, dtype, i, (float)lethe__random_below(&random, 128) / 64 - 1);
    }
}

static inline int output_side(int side, const operation_case *c) {
    return (side + 2 * c->padding - c->kernel) / c->stride + 1;
}

static inline lethe__view output_view(const operation_case *c, lethe__dtype dtype) {
    lethe__view view = {c->n, c->h, c->w, c->channels > 0 ? c->channels : c->c, dtype, NULL};
    switch (c->kind) {
    case LETHE__CONVOLUTION:
    case LETHE__MAX_POOL:
        view.h = output_side(c->h, c);
        view.w = output_side(c->w, c);
        break;
    case LETHE__PAD_SHORTCUT:
        view.h = (c->h + c->stride - 1) / c->stride;
        view.w = (c->w + c->stride - 1) / c->stride;
        break;
    case LETHE__GLOBAL_POOL:
        view.h = view.w = 1;
        view.dtype = LETHE__F32;
        break;
    default:
        break;
    }
    return view;
}

/* Everything but memory. A test may then change `with_gradients` and `wants_diff_src`. */
static inline void rig_describe(operation_rig *rig, const operation_case *c, lethe__dtype dtype,
                                int threads) {
    lethe__view dst = output_view(c, dtype);
    size_t outputs = (size_t)dst.c, inputs = (size_t)c->c, taps = (size_t)(c->kernel * c->kernel);
    bool batchnorm = c->kind == LETHE__BATCHNORM;
    *rig = (operation_rig){0};
    if (c->kind == LETHE__CONVOLUTION || c->kind == LETHE__LINEAR)
        rig->weight_size = outputs * inputs * (c->kind == LETHE__LINEAR ? 1 : taps);
    else if (batchnorm)
        rig->weight_size = outputs;
    rig->bias_size = c->bias || batchnorm ? outputs : 0;
    rig->node = (lethe__node){.kind = c->kind,
                              .src = 0,
                              .residual = c->residual ? 1 : -1,
                              .dst = 2,
                              .kernel = c->kernel,
                              .stride = c->stride,
                              .padding = c->padding,
                              .relu = c->relu,
                              .weight = rig->weight_size > 0 ? 0 : -1,
                              .bias = rig->bias_size > 0 ? 1 : -1,
                              .running_mean = batchnorm ? 0 : -1,
                              .running_var = batchnorm ? 1 : -1};
    memcpy(rig->slots[0].name, "layer.weight", sizeof "layer.weight");
    memcpy(rig->slots[1].name, "layer.bias", sizeof "layer.bias");
    rig->graph = (lethe__graph){.nodes = &rig->node,
                                .n_nodes = 1,
                                .parameters = rig->slots,
                                .n_parameters = 2,
                                .mean = {0.5f, 0.25f, 0.125f, 0},
                                .std = {0.25f, 0.5f, 0.75f, 1}};
    rig->weights.version = 1;
    rig->operation = (lethe__operation){
        .node = &rig->node,
        .graph = &rig->graph,
        .weights = &rig->weights,
        .threads = threads,
        .with_gradients = true,
        .wants_diff_src = c->kind != LETHE__NORMALISE,
        .src = {c->n, c->h, c->w, c->c, c->kind == LETHE__NORMALISE ? LETHE__U8 : dtype, NULL},
        .dst = dst};
    if (c->residual)
        rig->operation.residual = rig->operation.src;
}

static inline void rig_destroy(operation_rig *rig) {
    const lethe__implementation *implementation = rig->operation.implementation;
    if (implementation != NULL && implementation->destroy != NULL)
        implementation->destroy(&rig->operation);
    for (int i = 0; i < RIG_BLOCKS; i++)
        lethe__free(rig->blocks[i]);
    memset(rig, 0, sizeof *rig);
}

static inline void rig_point_parameters(operation_rig *rig) {
    lethe__operation *operation = &rig->operation;
    rig->weights.parameters = rig->blocks[RIG_PARAMETERS];
    rig->weights.gradients = rig->blocks[RIG_GRADIENTS];
    rig->weights.buffers = rig->blocks[RIG_BUFFERS];
    if (rig->node.weight >= 0) {
        operation->weight = rig->weights.parameters;
        operation->diff_weight = rig->weights.gradients;
    }
    if (rig->node.bias >= 0) {
        operation->bias = rig->weights.parameters + rig->weight_size;
        operation->diff_bias = rig->weights.gradients + rig->weight_size;
    }
    if (rig->node.running_mean >= 0) {
        operation->running_mean = rig->weights.buffers;
        operation->running_var = rig->weights.buffers + operation->src.c;
    }
}

static inline void rig_point_activations(operation_rig *rig) {
    lethe__operation *operation = &rig->operation;
    operation->src.data = rig->blocks[RIG_SRC];
    operation->dst.data = rig->blocks[RIG_DST];
    operation->diff_dst = rig->blocks[RIG_DIFF_DST];
    if (operation->wants_diff_src)
        operation->diff_src = rig->blocks[RIG_DIFF_SRC];
    if (rig->node.residual >= 0) {
        operation->residual.data = rig->blocks[RIG_RESIDUAL];
        if (operation->wants_diff_src)
            operation->diff_residual = rig->blocks[RIG_DIFF_RESIDUAL];
    }
    operation->workspace = rig->blocks[RIG_WORKSPACE];
    operation->scratch = rig->blocks[RIG_SCRATCH];
}

static inline void rig_fill(operation_rig *rig) {
    lethe__operation *operation = &rig->operation;
    size_t parameters = rig->weight_size + rig->bias_size, channels = (size_t)operation->src.c;
    fill_random(rig->blocks[RIG_SRC], operation->src.dtype, view_size(&operation->src), 1);
    fill_random(rig->blocks[RIG_DIFF_DST], operation->dst.dtype, view_size(&operation->dst), 2);
    fill_random(rig->blocks[RIG_DIFF_DST_2], operation->dst.dtype, view_size(&operation->dst), 3);
    fill_random(rig->weights.parameters, LETHE__F32, parameters, 4);
    if (rig->node.residual >= 0)
        fill_random(rig->blocks[RIG_RESIDUAL], operation->residual.dtype, view_size(&operation->residual), 5);
    if (rig->node.kind != LETHE__BATCHNORM)
        return;
    fill_random(rig->weights.buffers, LETHE__F32, 2 * channels, 6);
    for (size_t c = 0; c < channels; c++) {
        operation->running_var[c] = 1.5f + 0.5f * operation->running_var[c];
        float *weight = &rig->weights.parameters[c], *bias = weight + rig->weight_size;
        *weight += *weight < 0 ? -0.5f : 0.5f; /* few values lie near the corner of a ReLU, none on it */
        *bias += 0.003f;
    }
}

/* Allocates the blocks first .. last. */
static inline lethe_status rig_allocate(operation_rig *rig, const size_t *bytes, int first, int last) {
    for (int i = first; i <= last; i++) {
        rig->bytes[i] = bytes[i];
        lethe_status status = lethe__allocate(bytes[i], 1, &rig->blocks[i]);
        if (status != LETHE_OK)
            return status;
    }
    return LETHE_OK;
}

/* Makes a described rig ready to run. In the plan's order: parameters, `supports`, create, the rest of the
 * memory. Where the implementation does not support the case, operation.implementation stays NULL.
 * rig_destroy in any case. */
static inline lethe_status rig_create(operation_rig *rig, const lethe__implementation *implementation) {
    lethe__operation *operation = &rig->operation;
    size_t parameter_bytes = (rig->weight_size + rig->bias_size) * sizeof(float);
    size_t src_bytes = view_size(&operation->src) * lethe__dtype_bytes(operation->src.dtype);
    size_t residual_bytes = rig->node.residual >= 0 ? src_bytes : 0;
    size_t dst_bytes = view_size(&operation->dst) * lethe__dtype_bytes(operation->dst.dtype);
    size_t bytes[RIG_BLOCKS] = {[RIG_PARAMETERS] = parameter_bytes,
                                [RIG_GRADIENTS] = parameter_bytes,
                                [RIG_BUFFERS] = 2 * (size_t)operation->src.c * sizeof(float),
                                [RIG_SRC] = src_bytes,
                                [RIG_RESIDUAL] = residual_bytes,
                                [RIG_DST] = dst_bytes,
                                [RIG_DIFF_DST] = dst_bytes,
                                [RIG_DIFF_DST_2] = dst_bytes,
                                [RIG_DIFF_SRC] = src_bytes,
                                [RIG_DIFF_RESIDUAL] = residual_bytes};
    LETHE_TRY(rig_allocate(rig, bytes, RIG_PARAMETERS, RIG_BUFFERS));
    rig_point_parameters(rig);
    if (!implementation->supports(operation))
        return LETHE_OK;
    if (implementation->create != NULL)
        LETHE_TRY(implementation->create(operation));
    operation->implementation = implementation;
    bytes[RIG_WORKSPACE] = operation->workspace_bytes;
    bytes[RIG_SCRATCH] = operation->scratch_bytes;
    LETHE_TRY(rig_allocate(rig, bytes, RIG_SRC, RIG_SCRATCH));
    rig_point_activations(rig);
    rig_fill(rig);
    return LETHE_OK;
}

/* What earlier operations may have left in the memory that the next call uses or writes: all bits set, which
 * reads as NaN in both types. */
static inline void rig_poison(operation_rig *rig, int block) {
    memset(rig->blocks[block], 0xff, rig->bytes[block]);
}

static inline lethe_status rig_forward(operation_rig *rig, lethe__mode mode) {
    rig_poison(rig, RIG_DST);
    rig_poison(rig, RIG_SCRATCH);
    return rig->operation.implementation->forward(&rig->operation, mode);
}

static inline lethe_status rig_backward(operation_rig *rig, lethe__mode mode) {
    rig_poison(rig, RIG_DIFF_SRC);
    rig_poison(rig, RIG_DIFF_RESIDUAL);
    rig_poison(rig, RIG_GRADIENTS);
    rig_poison(rig, RIG_SCRATCH);
    return rig->operation.implementation->backward(&rig->operation, mode);
}

#endif
