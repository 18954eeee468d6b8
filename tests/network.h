/* network.h - the one network of a test of room engine, and its weights: made by the test's own function. */
#ifndef LETHE_TESTS_NETWORK_H
#define LETHE_TESTS_NETWORK_H

#include "base/memory.h"
#include "engine/executor.h"
#include <stdbool.h>

static lethe__graph *graph;
static lethe__weights weights;

/* Zero weights for what `add_nodes` adds to `graph`; false where that fails. */
static inline bool make_network(void (*add_nodes)(void)) {
    if (lethe__graph_create(&graph) != LETHE_OK)
        return false;
    add_nodes();
    return lethe__graph_finish(graph) == LETHE_OK &&
           lethe__allocate(graph->parameter_size, sizeof(float), &weights.parameters) == LETHE_OK &&
           lethe__allocate(graph->parameter_size, sizeof(float), &weights.gradients) == LETHE_OK &&
           lethe__allocate(graph->buffer_size, sizeof(float), &weights.buffers) == LETHE_OK;
}

/* A group's teardown. */
static inline int close_network(void **state) {
    (void)state;
    lethe__graph_destroy(&graph);
    lethe__free(weights.parameters);
    lethe__free(weights.gradients);
    lethe__free(weights.buffers);
    return 0;
}

#endif
