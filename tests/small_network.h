/* small_network.h - a network of a stem and one residual block, its weights and some images: for the tests of
 * room engine. Its two wider convolutions have one shape. */
#ifndef LETHE_TESTS_SMALL_NETWORK_H
#define LETHE_TESTS_SMALL_NETWORK_H

#include "network.h"
#include <stdint.h>

enum { SIDE = 8, CLASSES = 3, MOST = 6, WIDTH = 16 };

static uint8_t images[MOST * SIDE * SIDE];

static inline void add_nodes(void) {
    const float mean[] = {0.5f}, std[] = {0.25f};
    int x = lethe__graph_input(graph, SIDE, SIDE, 1, mean, std);
    x = lethe__graph_convolution(graph, x, "stem", WIDTH, 3, 1, 1, false, LETHE__FILL_ZERO);
    int y = lethe__graph_batchnorm(graph, x, "bn", -1, true);
    x = lethe__graph_convolution(graph, y, "conv1", WIDTH, 3, 1, 1, false, LETHE__FILL_ZERO);
    x = lethe__graph_batchnorm(graph, x, "bn1", -1, true);
    x = lethe__graph_convolution(graph, x, "conv2", WIDTH, 3, 1, 1, false, LETHE__FILL_ZERO);
    x = lethe__graph_batchnorm(graph, x, "bn2", y, true);
    lethe__graph_linear(graph, lethe__graph_global_pool(graph, x), "fc", CLASSES, LETHE__FILL_ZERO);
}

static inline int open_network(void **state) {
    (void)state;
    if (!make_network(add_nodes))
        return -1;
    weights.version = 1;
    for (size_t i = 0; i < graph->parameter_size; i++)
        weights.parameters[i] = (float)(i % 7) / 8 - 0.25f;
    for (size_t i = 0; i < graph->buffer_size; i++)
        weights.buffers[i] = 1;
    for (size_t i = 0; i < sizeof images; i++)
        images[i] = (uint8_t)(37 * i);
    return 0;
}

#endif
