/* onednn_convolution.c - convolution and linear layers by oneDNN (https://github.com/oneapi-src/oneDNN).
 *
 * Activations and their gradients stay as they are, NHWC in f32 or bf16. The weights are packed: from our f32
 * OIHW into the layout and type that the library prefers, which differs between forward and backward-data;
 * both copies are made anew when weights->version has moved. The weight gradient comes out in the library's
 * layout, in scratch memory, and is reordered into our vector. Beside it lies the scratchpad that the
 * primitives are lent.
 *
 * A linear layer is a 1x1 convolution of one image whose pixels are the samples: the same product, on the
 * same memory, and the library splits the pixels of an image among threads where it would not split a batch
 * of one-pixel images.
 *
 * The output of either has one reader, so that diff_dst_2 never comes here (a batchnorm stands between). */
#include "base/fail.h"
#include "base/memory.h"
#include "engine/implementations.h"
#include "engine/onednn/onednn_compat.h"
#include <omp.h>
#include <stdio.h>
#include <string.h>

typedef struct convolution {
    lethe__dnnl_convolution shape;
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_desc_t descriptions[LETHE__DNNL_PASSES];
    dnnl_primitive_t passes[LETHE__DNNL_PASSES]; /* NULL: not needed */
    dnnl_memory_t scratchpads[LETHE__DNNL_PASSES];
    /* weights as each pass has them (BACKWARD_WEIGHTS: the gradient), and the reorder from or to `tensors` */
    dnnl_memory_t weights[LETHE__DNNL_PASSES];
    dnnl_primitive_t reorders[LETHE__DNNL_PASSES];
    dnnl_memory_t tensors[LETHE__DNNL_TENSORS]; /* pointed at values or gradients before each call */
    size_t gradient_bytes;                      /* at the start of the scratch memory */
    char description[256];
} convolution;

/* Forwards a failure of oneDNN with what was being done, and to what. */
static lethe_status check(dnnl_status_t status, const lethe__operation *operation, const char *what) {
    const lethe__view *src = &operation->src, *dst = &operation->dst;
    if (status == dnnl_success)
        return LETHE_OK;
    LETHE_FAIL(status == dnnl_out_of_memory ? LETHE_MEMORY : LETHE_FAILED,
               "oneDNN failed with status %d when it %s a %s of [%d, %d, %d, %d] to [%d, %d, %d, %d] in %s, "
               "kernel %d, stride %d; the reference backend works without oneDNN",
               (int)status, what, operation->node->kind == LETHE__LINEAR ? "linear layer" : "convolution",
               src->n, src->h, src->w, src->c, dst->n, dst->h, dst->w, dst->c,
               src->dtype == LETHE__BF16 ? "bf16" : "f32", operation->node->kernel, operation->node->stride);
}

#define TRY_DNNL(call, operation, what) LETHE_TRY(check((call), (operation), (what)))

/* --- what is supported --- */

static bool supports_convolution(const lethe__operation *operation) {
    return operation->src.dtype == LETHE__F32 ||
           (dnnl_get_effective_cpu_isa() & dnnl_cpu_isa_avx512_core) == dnnl_cpu_isa_avx512_core;
}

static bool supports_linear(const lethe__operation *operation) {
    return operation->src.dtype == LETHE__F32;
}

static lethe__dnnl_convolution shape_of(const lethe__operation *operation) {
    const lethe__view *src = &operation->src, *dst = &operation->dst;
    const lethe__node *node = operation->node;
    lethe__dnnl_convolution shape = {.in = src->c,
                                     .out = dst->c,
                                     .type = src->dtype == LETHE__BF16 ? dnnl_bf16 : dnnl_f32,
                                     .bias = operation->bias != NULL,
                                     .training = operation->with_gradients};
    if (node->kind == LETHE__LINEAR) {
        shape.n = shape.in_h = shape.out_h = shape.kernel = shape.stride = 1;
        shape.in_w = shape.out_w = src->n;
    } else {
        shape.n = src->n;
        shape.in_h = src->h;
        shape.in_w = src->w;
        shape.out_h = dst->h;
        shape.out_w = dst->w;
        shape.kernel = node->kernel;
        shape.stride = node->stride;
        shape.padding = node->padding;
    }
    return shape;
}

/* --- creation --- */

static dnnl_status_t create_reorder(convolution *c, dnnl_memory_t from, dnnl_memory_t to,
                                    dnnl_primitive_t *out) {
    lethe__dnnl_layout from_layout, to_layout;
    dnnl_primitive_desc_t description;
    dnnl_status_t status = dnnl_memory_get_memory_desc(from, &from_layout);
    if (status == dnnl_success)
        status = dnnl_memory_get_memory_desc(to, &to_layout);
    if (status == dnnl_success)
        status = dnnl_reorder_primitive_desc_create(&description, from_layout, c->engine, to_layout,
                                                    c->engine, NULL);
    if (status != dnnl_success)
        return status;
    status = dnnl_primitive_create(out, description);
    dnnl_primitive_desc_destroy(description);
    return status;
}

static lethe_status create_pass(lethe__operation *operation, convolution *c, lethe__dnnl_pass pass) {
    static const char *const doings[] = {"described the forward pass of",
                                         "described the backward-data pass of",
                                         "described the backward-weights pass of"};
    TRY_DNNL(lethe__dnnl_describe(&c->shape, pass, c->engine, c->descriptions[LETHE__DNNL_FORWARD],
                                  &c->descriptions[pass]),
             operation, doings[pass]);
    const_dnnl_primitive_desc_t description = c->descriptions[pass];
    TRY_DNNL(dnnl_primitive_create(&c->passes[pass], description), operation, "built");

    lethe__dnnl_layout scratchpad = dnnl_primitive_desc_query_md(description, dnnl_query_scratchpad_md, 0);
    TRY_DNNL(dnnl_memory_create(&c->scratchpads[pass], scratchpad, c->engine, DNNL_MEMORY_NONE), operation,
             "planned scratch memory for");
    size_t scratchpad_bytes = dnnl_memory_desc_get_size(scratchpad);

    bool gradient = pass == LETHE__DNNL_BACKWARD_WEIGHTS;
    lethe__dnnl_layout weights = dnnl_primitive_desc_query_md(
        description, gradient ? dnnl_query_diff_weights_md : dnnl_query_weights_md, 0);
    dnnl_memory_t plain = c->tensors[LETHE__DNNL_WEIGHTS];
    TRY_DNNL(dnnl_memory_create(&c->weights[pass], weights, c->engine,
                                gradient ? DNNL_MEMORY_NONE : DNNL_MEMORY_ALLOCATE),
             operation, "allocated packed weights of");
    TRY_DNNL(gradient ? create_reorder(c, c->weights[pass], plain, &c->reorders[pass])
                      : create_reorder(c, plain, c->weights[pass], &c->reorders[pass]),
             operation, "planned to reorder weights of");
    if (gradient)
        c->gradient_bytes = (dnnl_memory_desc_get_size(weights) + 63) / 64 * 64;
    if (c->gradient_bytes + scratchpad_bytes > operation->scratch_bytes)
        operation->scratch_bytes = c->gradient_bytes + scratchpad_bytes;

    const char *name;
    TRY_DNNL(dnnl_primitive_desc_query(description, dnnl_query_impl_info_str, 0, (void *)&name), operation,
             "named");
    size_t used = strlen(c->description);
    snprintf(c->description + used, sizeof c->description - used, "%s%s", used > 0 ? " | " : "", name);
    return LETHE_OK;
}

static lethe_status create_all(lethe__operation *operation, convolution *c) {
    c->shape = shape_of(operation);
    omp_set_num_threads(operation->threads); /* primitives divide their work when they are made */
    TRY_DNNL(dnnl_engine_create(&c->engine, dnnl_cpu, 0), operation, "opened the CPU for");
    TRY_DNNL(dnnl_stream_create(&c->stream, c->engine, dnnl_stream_default_flags), operation,
             "opened a stream for");
    for (int i = 0; i < LETHE__DNNL_TENSORS; i++)
        TRY_DNNL(lethe__dnnl_memory_create(&c->shape, (lethe__dnnl_tensor)i, c->engine, &c->tensors[i]),
                 operation, "described the tensors of");
    LETHE_TRY(create_pass(operation, c, LETHE__DNNL_FORWARD));
    if (operation->with_gradients && operation->wants_diff_src)
        LETHE_TRY(create_pass(operation, c, LETHE__DNNL_BACKWARD_DATA));
    if (operation->with_gradients)
        LETHE_TRY(create_pass(operation, c, LETHE__DNNL_BACKWARD_WEIGHTS));
    return LETHE_OK;
}

static void destroy(lethe__operation *operation) {
    convolution *c = operation->state;
    if (c == NULL)
        return;
    for (int i = 0; i < LETHE__DNNL_PASSES; i++) {
        dnnl_primitive_destroy(c->passes[i]);
        dnnl_primitive_destroy(c->reorders[i]);
        dnnl_primitive_desc_destroy(c->descriptions[i]);
        dnnl_memory_destroy(c->scratchpads[i]);
        dnnl_memory_destroy(c->weights[i]);
    }
    for (int i = 0; i < LETHE__DNNL_TENSORS; i++)
        dnnl_memory_destroy(c->tensors[i]);
    dnnl_stream_destroy(c->stream);
    dnnl_engine_destroy(c->engine);
    lethe__free(c);
    operation->state = NULL;
}

static lethe_status create(lethe__operation *operation) {
    convolution *c;
    LETHE_TRY(lethe__allocate(1, sizeof *c, &c));
    operation->state = c;
    lethe_status status = create_all(operation, c);
    if (status != LETHE_OK)
        destroy(operation);
    return status;
}

/* --- running --- */

static dnnl_status_t point(dnnl_memory_t memory, const void *data) {
    return dnnl_memory_set_data_handle(memory, (void *)data);
}

static lethe_status reorder(const lethe__operation *operation, lethe__dnnl_pass pass, dnnl_memory_t from,
                            dnnl_memory_t to) {
    const convolution *c = operation->state;
    const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
    TRY_DNNL(dnnl_primitive_execute(c->reorders[pass], c->stream, 2, arguments), operation,
             "reordered weights of");
    TRY_DNNL(dnnl_stream_wait(c->stream), operation, "reordered weights of");
    return LETHE_OK;
}

/* Points the maps and the bias at values or at gradients. */
static lethe_status point_maps(const lethe__operation *operation, const convolution *c, const void *src,
                               const void *dst, const void *bias) {
    TRY_DNNL(point(c->tensors[LETHE__DNNL_SRC], src), operation, "ran");
    TRY_DNNL(point(c->tensors[LETHE__DNNL_DST], dst), operation, "ran");
    TRY_DNNL(point(c->tensors[LETHE__DNNL_BIAS], bias), operation, "ran");
    return LETHE_OK;
}

enum { N_ARGUMENTS = 4 }; /* and behind them the bias, if there is one and the pass has to do with it */

static lethe_status run(const lethe__operation *operation, lethe__dnnl_pass pass,
                        const dnnl_exec_arg_t *arguments) {
    const convolution *c = operation->state;
    int n_arguments = N_ARGUMENTS + (c->shape.bias && pass != LETHE__DNNL_BACKWARD_DATA ? 1 : 0);
    size_t offset = pass == LETHE__DNNL_BACKWARD_WEIGHTS ? c->gradient_bytes : 0;
    TRY_DNNL(point(c->scratchpads[pass], (char *)operation->scratch + offset), operation, "ran");
    TRY_DNNL(dnnl_primitive_execute(c->passes[pass], c->stream, n_arguments, arguments), operation, "ran");
    TRY_DNNL(dnnl_stream_wait(c->stream), operation, "ran");
    return LETHE_OK;
}

static lethe_status pack_weights(lethe__operation *operation, const convolution *c) {
    if (operation->packed_version == operation->weights->version)
        return LETHE_OK;
    dnnl_memory_t plain = c->tensors[LETHE__DNNL_WEIGHTS];
    TRY_DNNL(point(plain, operation->weight), operation, "packed weights of");
    LETHE_TRY(reorder(operation, LETHE__DNNL_FORWARD, plain, c->weights[LETHE__DNNL_FORWARD]));
    if (c->passes[LETHE__DNNL_BACKWARD_DATA] != NULL)
        LETHE_TRY(
            reorder(operation, LETHE__DNNL_BACKWARD_DATA, plain, c->weights[LETHE__DNNL_BACKWARD_DATA]));
    operation->packed_version = operation->weights->version;
    return LETHE_OK;
}

static lethe_status forward(lethe__operation *operation, lethe__mode mode) {
    (void)mode;
    const convolution *c = operation->state;
    LETHE_TRY(pack_weights(operation, c));
    LETHE_TRY(point_maps(operation, c, operation->src.data, operation->dst.data, operation->bias));
    const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_SRC, c->tensors[LETHE__DNNL_SRC]},
                                         {DNNL_ARG_WEIGHTS, c->weights[LETHE__DNNL_FORWARD]},
                                         {DNNL_ARG_DST, c->tensors[LETHE__DNNL_DST]},
                                         {DNNL_ARG_SCRATCHPAD, c->scratchpads[LETHE__DNNL_FORWARD]},
                                         {DNNL_ARG_BIAS, c->tensors[LETHE__DNNL_BIAS]}};
    return run(operation, LETHE__DNNL_FORWARD, arguments);
}

static lethe_status backward_data(lethe__operation *operation, const convolution *c) {
    LETHE_TRY(point_maps(operation, c, operation->diff_src, operation->diff_dst, NULL));
    const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_DIFF_SRC, c->tensors[LETHE__DNNL_SRC]},
                                         {DNNL_ARG_WEIGHTS, c->weights[LETHE__DNNL_BACKWARD_DATA]},
                                         {DNNL_ARG_DIFF_DST, c->tensors[LETHE__DNNL_DST]},
                                         {DNNL_ARG_SCRATCHPAD, c->scratchpads[LETHE__DNNL_BACKWARD_DATA]}};
    return run(operation, LETHE__DNNL_BACKWARD_DATA, arguments);
}

static lethe_status backward(lethe__operation *operation, lethe__mode mode) {
    (void)mode;
    const convolution *c = operation->state;
    if (operation->diff_src != NULL)
        LETHE_TRY(backward_data(operation, c));
    if (operation->diff_weight == NULL)
        return LETHE_OK;
    dnnl_memory_t gradient = c->weights[LETHE__DNNL_BACKWARD_WEIGHTS],
                  plain = c->tensors[LETHE__DNNL_WEIGHTS];
    LETHE_TRY(point_maps(operation, c, operation->src.data, operation->diff_dst, operation->diff_bias));
    TRY_DNNL(point(gradient, operation->scratch), operation, "ran");
    const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_SRC, c->tensors[LETHE__DNNL_SRC]},
                                         {DNNL_ARG_DIFF_WEIGHTS, gradient},
                                         {DNNL_ARG_DIFF_DST, c->tensors[LETHE__DNNL_DST]},
                                         {DNNL_ARG_SCRATCHPAD, c->scratchpads[LETHE__DNNL_BACKWARD_WEIGHTS]},
                                         {DNNL_ARG_DIFF_BIAS, c->tensors[LETHE__DNNL_BIAS]}};
    LETHE_TRY(run(operation, LETHE__DNNL_BACKWARD_WEIGHTS, arguments));
    TRY_DNNL(point(plain, operation->diff_weight), operation, "ran");
    return reorder(operation, LETHE__DNNL_BACKWARD_WEIGHTS, gradient, plain);
}

static const char *describe(const lethe__operation *operation) {
    return ((const convolution *)operation->state)->description;
}

const lethe__implementation lethe__onednn_convolution = {.name = "onednn",
                                                         .kind = LETHE__CONVOLUTION,
                                                         .supports = supports_convolution,
                                                         .create = create,
                                                         .destroy = destroy,
                                                         .forward = forward,
                                                         .backward = backward,
                                                         .describe = describe};

const lethe__implementation lethe__onednn_linear = {.name = "onednn",
                                                    .kind = LETHE__LINEAR,
                                                    .supports = supports_linear,
                                                    .create = create,
                                                    .destroy = destroy,
                                                    .forward = forward,
                                                    .backward = backward,
                                                    .describe = describe};
