/* ref_normalise.c - the network's first operation: bytes become dst = (byte / 255 - mean[c]) / std[c].
 *
 * Mean and standard deviation belong to the graph, so that a model carries its own normalisation and every
 * data set hands over plain bytes. No parameters and nothing before it: there is no backward pass. */
#include "engine/ref/ref.h"

static lethe_status forward(lethe__operation *operation, lethe__mode mode) {
    (void)mode;
    const lethe__view *dst = &operation->dst;
    const uint8_t *src = operation->src.data;
    size_t channels = (size_t)dst->c, n = lethe__ref_pixels(dst) * channels;
    for (size_t i = 0; i < n; i++) {
        double mean = (double)operation->graph->mean[i % channels],
               std = (double)operation->graph->std[i % channels];
        lethe__ref_put(dst->data, dst->dtype, i, (float)((src[i] / 255.0 - mean) / std));
    }
    return LETHE_OK;
}

const lethe__implementation lethe__ref_normalise = {
    .name = "ref", .kind = LETHE__NORMALISE, .supports = lethe__ref_supports, .forward = forward};
