/* profile.h - every operation of a network timed alone, by every implementation that supports it. */
#ifndef LETHE_ENGINE_PROFILE_H
#define LETHE_ENGINE_PROFILE_H

#include "engine/plan.h"

/* One implementation of one shape. Bytes count every activation, gradient and parameter once: what has to be
 * moved, not what is. */
typedef struct lethe__timing {
    const lethe__operation *operation; /* the first of this shape, valid during the call */
    const lethe__implementation *implementation;
    size_t count; /* operations of this shape in the network */
    bool chosen;  /* by the plan */
    double forward_seconds, backward_seconds;
    double forward_flops,
        backward_flops; /* of convolutions and linear layers, multiply-adds as two; else 0 */
    double forward_bytes, backward_bytes;
} lethe__timing;

/* Calls `take` for each shape and implementation, in the order of the network; implementations in that of
 * their list, the reference only where it is the only one. Training passes when request->with_gradients, else
 * prediction. Every figure is the best of at least `calls` calls; all of them together take at least
 * `seconds`. The weights' running statistics change. */
lethe_status lethe__profile(const lethe__plan_request *request, int calls, double seconds,
                            void (*take)(void *user, const lethe__timing *timing), void *user);

/* Operations (a multiply-add as two) of convolutions and linear layers for one sample: forward, and backward
 * too when `training`. */
double lethe__graph_flops(const lethe__graph *graph, bool training);

#endif
