/* exact_linear_map.c - the operations without parameters: each value of dst is a weighted sum of values of
 * src, and backward goes the same way in the other direction.
 *
 *     global pool    every pixel, by 1 / (h w)
 *     pad shortcut   pixel (y stride, x stride), channels moved by `padding`; nothing outside
 *     max pool       the largest value of the window (the first of equals), chosen by the values */
#include "engine/exact/exact_operation.h"
#include <math.h>
#include <string.h>

/* A value of dst. */
typedef struct place {
    size_t sample;
    int y, x, c;
} place;

static size_t index_in(const lethe__exact_tensor *tensor, size_t sample, int y, int x, int c) {
    size_t pixel = (sample * (size_t)tensor->h + (size_t)y) * (size_t)tensor->w + (size_t)x;
    return pixel * (size_t)tensor->c + (size_t)c;
}

/* The value of src that `at` shows, or `none`. */
static size_t winner(const lethe__exact_operation *operation, place at, size_t none) {
    const lethe__exact_tensor *src = operation->src;
    const lethe__node *node = operation->node;
    const double *values = src->value.value;
    size_t best = none;
    if (node->kind == LETHE__PAD_SHORTCUT) {
        int c = at.c - node->padding;
        return c < 0 || c >= src->c ? none
                                    : index_in(src, at.sample, at.y * node->stride, at.x * node->stride, c);
    }
    for (int ky = 0; ky < node->kernel; ky++)
        for (int kx = 0; kx < node->kernel; kx++) {
            int y = at.y * node->stride - node->padding + ky, x = at.x * node->stride - node->padding + kx;
            if (y < 0 || x < 0 || y >= src->h || x >= src->w)
                continue;
            size_t i = index_in(src, at.sample, y, x, at.c);
            if (best == none || values[i] > values[best] || (isnan(values[i]) && !isnan(values[best])))
                best = i;
        }
    return best;
}

/* Calls `visit` for value i of dst with the value of src that it shows, if there is one. */
static void visit_winners(const lethe__exact_operation *operation,
                          void (*visit)(const lethe__exact_operation *operation, size_t i, size_t from)) {
    const lethe__exact_tensor *src = operation->src, *dst = operation->dst;
    size_t image = dst->size / (size_t)dst->n, channels = (size_t)dst->c;
    for (size_t i = 0; i < dst->size; i++) {
        size_t pixel = i % image / channels;
        place at = {i / image, (int)(pixel / (size_t)dst->w), (int)(pixel % (size_t)dst->w),
                    (int)(i % channels)};
        size_t from = winner(operation, at, src->size);
        if (from < src->size)
            visit(operation, i, from);
    }
}

static void show(const lethe__exact_operation *operation, size_t i, size_t from) {
    lethe__dual src = operation->src->value, dst = operation->dst->value;
    dst.value[i] = src.value[from];
    if (dst.tangent != NULL)
        dst.tangent[i] = src.tangent[from];
}

static void hand_back(const lethe__exact_operation *operation, size_t i, size_t from) {
    lethe__dual src = operation->src->diff, dst = operation->dst->diff;
    src.value[from] += dst.value[i];
    if (dst.tangent != NULL)
        src.tangent[from] += dst.tangent[i];
}

static void pool(const lethe__exact_tensor *src, const double *from, double *to) {
    size_t channels = (size_t)src->c, image = src->size / (size_t)src->n;
    double share = (double)channels / (double)image;
    for (size_t i = 0; to != NULL && i < src->size; i++)
        to[i / image * channels + i % channels] += share * from[i];
}

static void share_out(const lethe__exact_tensor *src, const double *from, double *to) {
    size_t channels = (size_t)src->c, image = src->size / (size_t)src->n;
    double share = (double)channels / (double)image;
    for (size_t i = 0; to != NULL && i < src->size; i++)
        to[i] += share * from[i / image * channels + i % channels];
}

void lethe__exact_linear_map_forward(const lethe__exact_operation *operation) {
    const lethe__exact_tensor *src = operation->src, *dst = operation->dst;
    memset(dst->value.value, 0, dst->size * sizeof(double));
    if (dst->value.tangent != NULL)
        memset(dst->value.tangent, 0, dst->size * sizeof(double));
    if (operation->node->kind == LETHE__GLOBAL_POOL) {
        pool(src, src->value.value, dst->value.value);
        pool(src, src->value.tangent, dst->value.tangent);
    } else {
        visit_winners(operation, show);
    }
}

void lethe__exact_linear_map_backward(const lethe__exact_operation *operation) {
    const lethe__exact_tensor *src = operation->src, *dst = operation->dst;
    if (src->diff.value == NULL)
        return;
    if (operation->node->kind == LETHE__GLOBAL_POOL) {
        share_out(src, dst->diff.value, src->diff.value);
        share_out(src, dst->diff.tangent, src->diff.tangent);
    } else {
        visit_winners(operation, hand_back);
    }
}
