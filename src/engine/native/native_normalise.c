/* native_normalise.c - the network's first operation, dst = (byte / 255 - mean[c]) / std[c], by table.
 *
 * A byte has 256 values, so each channel's results are computed once a batch, to the bit as in
 * ref_normalise.c, and then looked up. The tables, at most 4 KiB, lie in the scratch memory. */
#include "engine/implementations.h"
#include "engine/native/native.h"

enum { N_BYTES = 256 };

static lethe_status create(lethe__operation *operation) {
    operation->scratch_bytes = (size_t)operation->dst.c * N_BYTES * sizeof(float);
    return LETHE_OK;
}

static void fill_table(const lethe__graph *graph, int channel, lethe__dtype dtype, void *table) {
    for (int byte = 0; byte < N_BYTES; byte++) {
        float value = (float)((byte / 255.0 - (double)graph->mean[channel]) / (double)graph->std[channel]);
        if (dtype == LETHE__BF16)
            ((uint16_t *)table)[byte] = lethe__f32_to_bf16(value);
        else
            ((float *)table)[byte] = value;
    }
}

static lethe_status forward(lethe__operation *operation, lethe__mode mode) {
    (void)mode;
    const lethe__view *dst = &operation->dst;
    size_t channels = (size_t)dst->c, row = (size_t)dst->w * channels,
           n_rows = (size_t)dst->n * (size_t)dst->h;
    const uint8_t *src = operation->src.data;
    float *table = operation->scratch; /* [c, 256] of dst's type */
    uint16_t *table_bf16 = operation->scratch;
    for (int c = 0; c < dst->c; c++)
        fill_table(operation->graph, c, dst->dtype,
                   (char *)operation->scratch + (size_t)c * N_BYTES * lethe__dtype_bytes(dst->dtype));
#pragma omp parallel for schedule(static) num_threads(operation->threads)
    for (size_t y = 0; y < n_rows; y++)
        for (size_t c = 0; c < channels; c++) {
            const uint8_t *from = src + y * row;
            if (dst->dtype == LETHE__BF16)
                for (size_t i = c; i < row; i += channels)
                    ((uint16_t *)dst->data)[y * row + i] = table_bf16[c * N_BYTES + from[i]];
            else
                for (size_t i = c; i < row; i += channels)
                    ((float *)dst->data)[y * row + i] = table[c * N_BYTES + from[i]];
        }
    return LETHE_OK;
}

const lethe__implementation lethe__native_normalise = {.name = "native",
                                                       .kind = LETHE__NORMALISE,
                                                       .supports = lethe__native_supports,
                                                       .create = create,
                                                       .forward = forward};
