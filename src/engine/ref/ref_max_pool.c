/* ref_max_pool.c - the largest value of each window: dst[y][x][c] = max over ky, kx < kernel of
 * src[y stride - padding + ky][x stride - padding + kx][c]. Pixels of the padding count as minus infinity (as
 * in PyTorch), that is, they are left out; the padding is smaller than the kernel, so no window is empty.
 *
 * The first of equal values wins, and NaN beats everything. The workspace remembers the winner's pixel for
 * each value of dst; backward adds diff_dst there, an image at a time in f32 scratch memory, because windows
 * may overlap. */
#include "engine/ref/ref.h"
#include <math.h>
#include <string.h>

static lethe_status create(lethe__operation *operation) {
    const lethe__view *dst = &operation->dst;
    operation->workspace_bytes = (size_t)dst->n * lethe__ref_sample_size(dst) * sizeof(int32_t);
    operation->scratch_bytes = lethe__ref_sample_size(&operation->src) * sizeof(float);
    return LETHE_OK;
}

typedef struct range {
    int first, end;
} range;

/* The part of a window that lies inside the image, along one side. */
static range window(const lethe__node *node, int at, int size) {
    int first = at * node->stride - node->padding, end = first + node->kernel;
    return (range){first < 0 ? 0 : first, end > size ? size : end};
}

/* The pixel (y * w + x) of the largest value of channel c in the window of dst's pixel (y, x) in one image.
 */
static int32_t winner(const lethe__operation *operation, int sample, int y, int x, int c, float *value) {
    const lethe__view *src = &operation->src;
    range rows = window(operation->node, y, src->h), columns = window(operation->node, x, src->w);
    size_t image = (size_t)sample * lethe__ref_sample_size(src);
    int32_t best = -1;
    for (int sy = rows.first; sy < rows.end; sy++)
        for (int sx = columns.first; sx < columns.end; sx++) {
            int32_t pixel = sy * src->w + sx;
            float v =
                lethe__ref_get(src->data, src->dtype, image + (size_t)pixel * (size_t)src->c + (size_t)c);
            if (best < 0 || v > *value || (isnan(v) && !isnan(*value))) {
                best = pixel;
                *value = v;
            }
        }
    return best;
}

static lethe_status forward(lethe__operation *operation, lethe__mode mode) {
    (void)mode;
    const lethe__view *dst = &operation->dst;
    int32_t *winners = operation->workspace;
    size_t i = 0;
    for (int sample = 0; sample < dst->n; sample++)
        for (int y = 0; y < dst->h; y++)
            for (int x = 0; x < dst->w; x++)
                for (int c = 0; c < dst->c; c++, i++) {
                    float value = 0;
                    winners[i] = winner(operation, sample, y, x, c, &value);
                    lethe__ref_put(dst->data, dst->dtype, i, value);
                }
    return LETHE_OK;
}

static lethe_status backward(lethe__operation *operation, lethe__mode mode) {
    (void)mode;
    if (operation->diff_src == NULL)
        return LETHE_OK;
    const lethe__view *src = &operation->src, *dst = &operation->dst;
    const int32_t *winners = operation->workspace;
    float *sums = operation->scratch; /* [h, w, c] */
    size_t channels = (size_t)src->c, src_size = lethe__ref_sample_size(src),
           dst_size = lethe__ref_sample_size(dst);
    for (size_t sample = 0; sample < (size_t)src->n; sample++) {
        memset(sums, 0, src_size * sizeof *sums);
        for (size_t i = 0; i < dst_size; i++) {
            size_t at = sample * dst_size + i;
            sums[(size_t)winners[at] * channels + i % channels] +=
                lethe__ref_get(operation->diff_dst, dst->dtype, at);
        }
        for (size_t i = 0; i < src_size; i++)
            lethe__ref_put(operation->diff_src, src->dtype, sample * src_size + i, sums[i]);
    }
    return LETHE_OK;
}

const lethe__implementation lethe__ref_max_pool = {.name = "ref",
                                                   .kind = LETHE__MAX_POOL,
                                                   .supports = lethe__ref_supports,
                                                   .create = create,
                                                   .forward = forward,
                                                   .backward = backward};
