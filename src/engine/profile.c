/* profile.c - operations timed one by one.
 *
 * A plan says which operations there are and what was chosen; each is then run outside it, in buffers of its
 * own that hold random numbers, once for each implementation that supports it. The weights count as changed
 * before each forward pass, so that packing them is part of its time, as in training. */
#include "engine/profile.h"
#include "base/clock.h"
#include "base/fail.h"
#include "base/memory.h"
#include "base/random.h"
#include <omp.h>

enum { SRC, RESIDUAL, DST, DIFF_DST, DIFF_SRC, DIFF_RESIDUAL, WORKSPACE, SCRATCH, BLOCKS };

/* How long to measure, and whom to tell. */
typedef struct profiling {
    int calls;      /* to a pass, at least */
    double seconds; /* that they take, at least */
    void (*take)(void *user, const lethe__timing *timing);
    void *user;
} profiling;

/* One operation by one implementation, with its memory. */
typedef struct rig {
    lethe__operation operation;
    void *blocks[BLOCKS];
} rig;

/* --- what an operation costs at least --- */

static double node_flops(const lethe__graph *graph, const lethe__node *node) {
    if (node->kind != LETHE__CONVOLUTION && node->kind != LETHE__LINEAR)
        return 0;
    const lethe__tensor *src = &graph->tensors[node->src], *dst = &graph->tensors[node->dst];
    double taps = node->kind == LETHE__LINEAR ? 1 : (double)node->kernel * node->kernel;
    return 2 * taps * src->c * dst->c * dst->h * dst->w;
}

double lethe__graph_flops(const lethe__graph *graph, bool training) {
    double flops = 0;
    for (size_t i = 0; i < graph->n_nodes; i++) {
        const lethe__node *node = &graph->nodes[i];
        int backward = !training ? 0 : lethe__graph_has_gradient(graph, node->src) ? 2 : 1;
        flops += node_flops(graph, node) * (1 + backward);
    }
    return flops;
}

static double parameter_bytes(const lethe__operation *operation) {
    const lethe__node *node = operation->node;
    const lethe__slot *slots = operation->graph->parameters;
    double size = (node->weight >= 0 ? (double)slots[node->weight].size : 0) +
                  (node->bias >= 0 ? (double)slots[node->bias].size : 0);
    return size * sizeof(float);
}

static void count_work(lethe__timing *timing) {
    const lethe__operation *operation = timing->operation;
    double src = (double)lethe__view_bytes(&operation->src), dst = (double)lethe__view_bytes(&operation->dst);
    double residual = operation->node->residual >= 0 ? src : 0, parameters = parameter_bytes(operation);
    bool hands = operation->wants_diff_src;
    timing->forward_flops = operation->src.n * node_flops(operation->graph, operation->node);
    timing->forward_bytes = src + residual + dst + parameters;
    timing->backward_flops = timing->forward_flops * (hands ? 2 : 1);
    timing->backward_bytes = dst + src + residual + (hands ? src : 0) + 2 * parameters;
}

/* --- running --- */

static void fill(void *data, const lethe__view *view, uint32_t stream) {
    lethe__random random = lethe__random_open(1, LETHE__RANDOM_SYNTHETIC, 0, stream);
    size_t n = lethe__view_bytes(view) / lethe__dtype_bytes(view->dtype);
    for (size_t i = 0; i < n; i++) {
        float value = (float)lethe__random_below(&random, 256);
        if (view->dtype == LETHE__U8)
            ((uint8_t *)data)[i] = (uint8_t)value;
        else if (view->dtype == LETHE__F32)
            ((float *)data)[i] = value / 128 - 1;
        else
            ((uint16_t *)data)[i] = lethe__f32_to_bf16(value / 128 - 1);
    }
}

static lethe_status open_rig(const lethe__timing *timing, rig *r) {
    const lethe__operation *model = timing->operation;
    *r = (rig){.operation = *model};
    lethe__operation *operation = &r->operation;
    operation->implementation = timing->implementation;
    operation->state = NULL;
    operation->follower = operation->leader = NULL;
    operation->packed_version = 0;
    operation->workspace_bytes = operation->scratch_bytes = 0;
    if (timing->implementation->create != NULL)
        LETHE_TRY(timing->implementation->create(operation));
    size_t src = lethe__view_bytes(&model->src), dst = lethe__view_bytes(&model->dst);
    size_t residual = model->node->residual >= 0 ? src : 0;
    bool back = model->with_gradients;
    const size_t bytes[BLOCKS] = {
        [SRC] = src,
        [RESIDUAL] = residual,
        [DST] = dst,
        [DIFF_DST] = back ? dst : 0,
        [DIFF_SRC] = model->wants_diff_src ? src : 0,
        [DIFF_RESIDUAL] = model->wants_diff_src ? residual : 0,
        [WORKSPACE] = operation->workspace_bytes,
        [SCRATCH] = operation->scratch_bytes,
    };
    for (int i = 0; i < BLOCKS; i++)
        if (bytes[i] > 0)
            LETHE_TRY(lethe__allocate(bytes[i], 1, &r->blocks[i]));
    operation->src.data = r->blocks[SRC];
    operation->residual.data = r->blocks[RESIDUAL];
    operation->dst.data = r->blocks[DST];
    operation->diff_dst = r->blocks[DIFF_DST];
    operation->diff_dst_2 = NULL;
    operation->diff_src = r->blocks[DIFF_SRC];
    operation->diff_residual = r->blocks[DIFF_RESIDUAL];
    operation->workspace = r->blocks[WORKSPACE];
    operation->scratch = r->blocks[SCRATCH];
    fill(r->blocks[SRC], &model->src, 1);
    if (residual > 0)
        fill(r->blocks[RESIDUAL], &model->residual, 2);
    if (back)
        fill(r->blocks[DIFF_DST], &model->dst, 3);
    return LETHE_OK;
}

static void close_rig(rig *r) {
    if (r->operation.implementation->destroy != NULL)
        r->operation.implementation->destroy(&r->operation);
    for (int i = 0; i < BLOCKS; i++)
        lethe__free(r->blocks[i]);
}

/* The least time of a call to one pass. */
static lethe_status time_pass(const profiling *p, lethe_status (*pass)(lethe__operation *, lethe__mode),
                              lethe__operation *operation, lethe__mode mode, double *seconds) {
    double spent = 0;
    for (int call = 0; call < p->calls || spent < p->seconds; call++) {
        operation->weights->version++;
        double start = lethe__clock_seconds();
        LETHE_TRY(pass(operation, mode));
        double passed = lethe__clock_seconds() - start;
        *seconds = call == 0 || passed < *seconds ? passed : *seconds;
        spent += passed;
    }
    return LETHE_OK;
}

static lethe_status run_rig(const profiling *p, rig *r, lethe__timing *timing) {
    lethe__operation *operation = &r->operation;
    bool back = operation->with_gradients && operation->node->kind != LETHE__NORMALISE;
    lethe__mode mode = operation->with_gradients ? LETHE__MODE_TRAIN : LETHE__MODE_PREDICT;
    timing->backward_seconds = 0;
    LETHE_TRY(time_pass(p, timing->implementation->forward, operation, mode, &timing->forward_seconds));
    if (back)
        LETHE_TRY(time_pass(p, timing->implementation->backward, operation, mode, &timing->backward_seconds));
    return LETHE_OK;
}

/* --- all of them --- */

/* How many have the shape of operation i; 0: an earlier one has it, too. */
static size_t count_shape(const lethe__plan *plan, size_t i) {
    size_t count = 0;
    lethe__shape shape = lethe__shape_of(&plan->operations[i], plan->request.precision);
    for (size_t other = 0; other < plan->n_operations; other++) {
        lethe__shape its = lethe__shape_of(&plan->operations[other], plan->request.precision);
        if (!lethe__same_shape(&shape, &its))
            continue;
        if (other < i)
            return 0;
        count++;
    }
    return count;
}

/* The implementations of an operation that are measured. */
static bool is_measured(const lethe__operation *operation, const lethe__implementation *const *each) {
    bool reference = each[1] == NULL;
    return *each == operation->implementation || (!reference && (*each)->supports(operation));
}

static lethe_status profile_shape(const profiling *p, const lethe__operation *operation, size_t count) {
    for (const lethe__implementation *const *each = lethe__implementations(operation->node->kind);
         *each != NULL; each++) {
        if (!is_measured(operation, each))
            continue;
        lethe__timing timing = {.operation = operation,
                                .implementation = *each,
                                .count = count,
                                .chosen = *each == operation->implementation};
        rig r;
        lethe_status status = open_rig(&timing, &r);
        if (status == LETHE_OK)
            status = run_rig(p, &r, &timing);
        close_rig(&r);
        LETHE_TRY(status);
        count_work(&timing);
        p->take(p->user, &timing);
    }
    return LETHE_OK;
}

static size_t count_passes(const lethe__plan *plan) {
    size_t n = 0;
    for (size_t i = 0; i < plan->n_operations; i++) {
        const lethe__operation *operation = &plan->operations[i];
        if (count_shape(plan, i) == 0)
            continue;
        for (const lethe__implementation *const *each = lethe__implementations(operation->node->kind);
             *each != NULL; each++)
            if (is_measured(operation, each))
                n += operation->with_gradients ? 2 : 1;
    }
    return n;
}

lethe_status lethe__profile(const lethe__plan_request *request, int calls, double seconds,
                            void (*take)(void *user, const lethe__timing *timing), void *user) {
    lethe__plan *plan;
    omp_set_num_threads(request->threads);
    LETHE_TRY(lethe__plan_create(request, &plan));
    profiling p = {
        .calls = calls, .seconds = seconds / (double)count_passes(plan), .take = take, .user = user};
    lethe_status status = LETHE_OK;
    for (size_t i = 0; i < plan->n_operations && status == LETHE_OK; i++) {
        size_t count = count_shape(plan, i);
        if (count > 0)
            status = profile_shape(&p, &plan->operations[i], count);
    }
    lethe__plan_destroy(&plan);
    return status;
}
