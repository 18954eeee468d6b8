/* plan.h - one batch size of one graph made ready to run: implementations chosen, memory laid out. */
#ifndef LETHE_ENGINE_PLAN_H
#define LETHE_ENGINE_PLAN_H

#include "engine/choices.h"

/* A buffer in the arena, live from step `first` to step `last`, both included. */
typedef struct lethe__span {
    size_t bytes, offset;
    int first, last;
} lethe__span;

/* Gives every span an offset, a multiple of 64, such that spans that are live at the same step do not
 * overlap: largest first, lowest offset that fits. Returns the bytes needed in all. `order` is scratch for n
 * indices. */
size_t lethe__spans_place(lethe__span *spans, size_t n, size_t *order);

typedef struct lethe__plan_request {
    const lethe__graph *graph;
    lethe__weights *weights;
    const lethe__choices *choices; /* NULL: by the shapes alone */
    lethe_precision precision;
    lethe_backend backend;
    int threads, n; /* batch */
    bool with_gradients;
    bool with_samples; /* those of single samples, too */
} lethe__plan_request;

typedef struct lethe__plan {
    lethe__plan_request request;
    lethe__operation *operations; /* [graph->n_nodes] */
    size_t n_operations;          /* made so far */
    lethe__span *spans;
    size_t n_spans;
    size_t arena_bytes; /* spans, then the scratch memory that all operations use in turn */
    size_t scratch_offset;
} lethe__plan;

lethe_status lethe__plan_create(const lethe__plan_request *request, lethe__plan **out);
void lethe__plan_destroy(lethe__plan **plan);

/* Points every operation into `arena`: arena_bytes, aligned to 64 bytes. */
void lethe__plan_bind(lethe__plan *plan, uint8_t *arena);

#endif
