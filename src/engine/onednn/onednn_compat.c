/* onednn_compat.c - versions 2 and 3 of oneDNN: tensor descriptors, and descriptors of convolution passes.
 *
 * DNNL_VERSION_MAJOR, that is the header found by the build, chooses one of two halves, which define the same
 * three functions and LAYOUT. What follows them is common.
 *
 * Source: the headers dnnl.h of versions 2.6, 3.2 and 3.13, and the C API reference of oneDNN. */
#include "engine/onednn/onednn_compat.h"

typedef struct geometry {
    dnnl_dims_t strides, dilates, padding;
} geometry;

#if DNNL_VERSION_MAJOR < 3

typedef dnnl_memory_desc_t descriptor; /* a value: nothing to destroy */
#define LAYOUT(descriptor) (&(descriptor))

static dnnl_status_t init_descriptor(descriptor *d, int n_dims, const dnnl_dims_t dims, dnnl_data_type_t type,
                                     dnnl_format_tag_t tag) {
    return dnnl_memory_desc_init_by_tag(d, n_dims, dims, type, tag);
}

static void fini_descriptors(descriptor *d, int n) {
    (void)d;
    (void)n;
}

static dnnl_status_t describe_pass(lethe__dnnl_pass pass, bool training, const lethe__dnnl_layout *t,
                                   const geometry *g, const_dnnl_primitive_attr_t attributes,
                                   dnnl_engine_t engine, const_dnnl_primitive_desc_t forward,
                                   dnnl_primitive_desc_t *out) {
    dnnl_convolution_desc_t d;
    dnnl_status_t status;
    if (pass == LETHE__DNNL_FORWARD)
        status = dnnl_convolution_forward_desc_init(
            &d, training ? dnnl_forward_training : dnnl_forward_inference, dnnl_convolution_direct,
            t[LETHE__DNNL_SRC], t[LETHE__DNNL_WEIGHTS], t[LETHE__DNNL_BIAS], t[LETHE__DNNL_DST], g->strides,
            g->padding, g->padding);
    else if (pass == LETHE__DNNL_BACKWARD_DATA)
        status = dnnl_convolution_backward_data_desc_init(&d, dnnl_convolution_direct, t[LETHE__DNNL_SRC],
                                                          t[LETHE__DNNL_WEIGHTS], t[LETHE__DNNL_DST],
                                                          g->strides, g->padding, g->padding);
    else
        status = dnnl_convolution_backward_weights_desc_init(
            &d, dnnl_convolution_direct, t[LETHE__DNNL_SRC], t[LETHE__DNNL_WEIGHTS], t[LETHE__DNNL_BIAS],
            t[LETHE__DNNL_DST], g->strides, g->padding, g->padding);
    return status == dnnl_success ? dnnl_primitive_desc_create(out, &d, attributes, engine, forward) : status;
}

#else

typedef dnnl_memory_desc_t descriptor; /* a handle */
#define LAYOUT(descriptor) (descriptor)

static dnnl_status_t init_descriptor(descriptor *d, int n_dims, const dnnl_dims_t dims, dnnl_data_type_t type,
                                     dnnl_format_tag_t tag) {
    return dnnl_memory_desc_create_with_tag(d, n_dims, dims, type, tag);
}

static void fini_descriptors(descriptor *d, int n) {
    for (int i = 0; i < n; i++)
        dnnl_memory_desc_destroy(d[i]);
}

static dnnl_status_t describe_pass(lethe__dnnl_pass pass, bool training, const lethe__dnnl_layout *t,
                                   const geometry *g, const_dnnl_primitive_attr_t attributes,
                                   dnnl_engine_t engine, const_dnnl_primitive_desc_t forward,
                                   dnnl_primitive_desc_t *out) {
    if (pass == LETHE__DNNL_FORWARD)
        return dnnl_convolution_forward_primitive_desc_create(
            out, engine, training ? dnnl_forward_training : dnnl_forward_inference, dnnl_convolution_direct,
            t[LETHE__DNNL_SRC], t[LETHE__DNNL_WEIGHTS], t[LETHE__DNNL_BIAS], t[LETHE__DNNL_DST], g->strides,
            g->dilates, g->padding, g->padding, attributes);
    if (pass == LETHE__DNNL_BACKWARD_DATA)
        return dnnl_convolution_backward_data_primitive_desc_create(
            out, engine, dnnl_convolution_direct, t[LETHE__DNNL_SRC], t[LETHE__DNNL_WEIGHTS],
            t[LETHE__DNNL_DST], g->strides, g->dilates, g->padding, g->padding, forward, attributes);
    return dnnl_convolution_backward_weights_primitive_desc_create(
        out, engine, dnnl_convolution_direct, t[LETHE__DNNL_SRC], t[LETHE__DNNL_WEIGHTS], t[LETHE__DNNL_BIAS],
        t[LETHE__DNNL_DST], g->strides, g->dilates, g->padding, g->padding, forward, attributes);
}

#endif

static dnnl_status_t init_tensor(const lethe__dnnl_convolution *c, lethe__dnnl_tensor tensor,
                                 dnnl_data_type_t type, dnnl_format_tag_t tag, descriptor *d) {
    const dnnl_dims_t dims[LETHE__DNNL_TENSORS] = {
        [LETHE__DNNL_SRC] = {c->n, c->in, c->in_h, c->in_w},
        [LETHE__DNNL_WEIGHTS] = {c->out, c->in, c->kernel, c->kernel},
        [LETHE__DNNL_BIAS] = {c->out},
        [LETHE__DNNL_DST] = {c->n, c->out, c->out_h, c->out_w},
    };
    return init_descriptor(d, tensor == LETHE__DNNL_BIAS ? 1 : 4, dims[tensor], type, tag);
}

dnnl_status_t lethe__dnnl_memory_create(const lethe__dnnl_convolution *c, lethe__dnnl_tensor tensor,
                                        dnnl_engine_t engine, dnnl_memory_t *out) {
    bool map = tensor == LETHE__DNNL_SRC || tensor == LETHE__DNNL_DST;
    dnnl_format_tag_t tag = map ? dnnl_nhwc : tensor == LETHE__DNNL_BIAS ? dnnl_x : dnnl_oihw;
    descriptor d;
    dnnl_status_t status = init_tensor(c, tensor, map ? c->type : dnnl_f32, tag, &d);
    if (status != dnnl_success)
        return status;
    status = dnnl_memory_create(out, LAYOUT(d), engine, DNNL_MEMORY_NONE);
    fini_descriptors(&d, 1);
    return status;
}

static dnnl_status_t describe_with(const lethe__dnnl_convolution *c, lethe__dnnl_pass pass,
                                   const lethe__dnnl_layout *tensors, dnnl_engine_t engine,
                                   const_dnnl_primitive_desc_t forward, dnnl_primitive_desc_t *out) {
    const geometry g = {.strides = {c->stride, c->stride}, .padding = {c->padding, c->padding}};
    dnnl_primitive_attr_t attributes;
    dnnl_status_t status = dnnl_primitive_attr_create(&attributes);
    if (status != dnnl_success)
        return status;
    status = dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user);
    if (status == dnnl_success)
        status = describe_pass(pass, c->training, tensors, &g, attributes, engine, forward, out);
    dnnl_primitive_attr_destroy(attributes);
    return status;
}

dnnl_status_t lethe__dnnl_describe(const lethe__dnnl_convolution *c, lethe__dnnl_pass pass,
                                   dnnl_engine_t engine, const_dnnl_primitive_desc_t forward,
                                   dnnl_primitive_desc_t *out) {
    dnnl_data_type_t weights_type = pass == LETHE__DNNL_BACKWARD_WEIGHTS ? dnnl_f32 : c->type;
    const dnnl_data_type_t types[] = {c->type, weights_type, dnnl_f32, c->type};
    const dnnl_format_tag_t tags[] = {dnnl_nhwc, dnnl_format_tag_any, dnnl_x, dnnl_nhwc};
    descriptor descriptors[LETHE__DNNL_TENSORS];
    lethe__dnnl_layout tensors[LETHE__DNNL_TENSORS];
    dnnl_status_t status = dnnl_success;
    int n = 0;
    for (; n < LETHE__DNNL_TENSORS; n++) {
        status = init_tensor(c, (lethe__dnnl_tensor)n, types[n], tags[n], &descriptors[n]);
        if (status != dnnl_success)
            break;
        tensors[n] = LAYOUT(descriptors[n]);
    }
    if (!c->bias)
        tensors[LETHE__DNNL_BIAS] = NULL;
    if (n == LETHE__DNNL_TENSORS)
        status = describe_with(c, pass, tensors, engine, forward, out);
    fini_descriptors(descriptors, n);
    return status;
}
