/* plan.c - plans: an implementation for every operation, and every buffer laid out in one arena.
 *
 * Time is counted in steps: the forward pass of operation i of n is step i, its backward pass step 2n-1-i. A
 * buffer is live over a range of steps, and two buffers may share memory when their ranges do not meet:
 *
 *     activation   from the step that makes it to its last reader; with gradients, to the backward pass of
 *                  the operation that made it (ReLU looks at its output). A follower's is its leader's, too,
 *                  and begins at the leader's step
 *     gradient     a part for each reader: from the reader's backward pass to that of the tensor's producer
 *     workspace    from an operation's forward, or its leader's, to its backward pass
 *
 * Scratch memory is valid within one step only, so that all operations share one piece. Per operation i the
 * spans are stored in a row: [activation of dst, gradient for src, gradient for residual, workspace]. */
#include "engine/plan.h"
#include "base/fail.h"
#include "base/memory.h"

enum { ALIGNMENT = 64 };
enum { ACTIVATION, GRADIENT_SRC, GRADIENT_RESIDUAL, WORKSPACE, SPANS_PER_OPERATION };

static size_t align(size_t bytes) {
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* --- placing --- */

static bool live_together(const lethe__span *a, const lethe__span *b) {
    return a->first <= b->last && b->first <= a->last;
}

/* The lowest offset at which spans[order[k]] touches none of the k spans placed before it. */
static size_t lowest_offset(const lethe__span *spans, const size_t *order, size_t k) {
    const lethe__span *span = &spans[order[k]];
    size_t offset = 0;
    for (size_t i = 0; i < k;) {
        const lethe__span *other = &spans[order[i]];
        bool overlap =
            offset < other->offset + align(other->bytes) && other->offset < offset + align(span->bytes);
        if (overlap && live_together(span, other)) {
            offset = other->offset + align(other->bytes);
            i = 0; /* the new place may touch one that the old place did not */
        } else {
            i++;
        }
    }
    return offset;
}

size_t lethe__spans_place(lethe__span *spans, size_t n, size_t *order) {
    size_t n_used = 0, total = 0;
    for (size_t i = 0; i < n; i++) { /* insertion sort, largest first; equals keep their order */
        if (spans[i].bytes == 0)
            continue;
        size_t at = n_used++;
        for (; at > 0 && spans[order[at - 1]].bytes < spans[i].bytes; at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
    for (size_t k = 0; k < n_used; k++) {
        lethe__span *span = &spans[order[k]];
        span->offset = lowest_offset(spans, order, k);
        if (span->offset + align(span->bytes) > total)
            total = span->offset + align(span->bytes);
    }
    return total;
}

/* --- shapes and types --- */

static lethe__dtype tensor_dtype(const lethe__plan_request *request, int tensor) {
    int producer = request->graph->tensors[tensor].producer;
    if (producer < 0)
        return LETHE__U8;
    lethe__op_kind kind = request->graph->nodes[producer].kind;
    if (kind == LETHE__GLOBAL_POOL || kind == LETHE__LINEAR)
        return LETHE__F32; /* the head is small: it stays exact */
    return request->precision == LETHE_PRECISION_BF16 ? LETHE__BF16 : LETHE__F32;
}

static lethe__view tensor_view(const lethe__plan_request *request, int tensor) {
    if (tensor < 0)
        return (lethe__view){0};
    const lethe__tensor *shape = &request->graph->tensors[tensor];
    return (lethe__view){
        .n = request->n, .h = shape->h, .w = shape->w, .c = shape->c, .dtype = tensor_dtype(request, tensor)};
}

static bool needs_gradient(const lethe__plan_request *request, int tensor) {
    return request->with_gradients && tensor >= 0 && lethe__graph_has_gradient(request->graph, tensor);
}

/* --- building --- */

static lethe_status choose_implementation(const lethe__plan_request *request, lethe__operation *operation) {
    operation->implementation = lethe__choices_find(request->choices, operation, request->precision);
    if (operation->implementation != NULL && operation->implementation->supports(operation))
        return LETHE_OK;
    for (const lethe__implementation *const *each = lethe__implementations(operation->node->kind);
         *each != NULL; each++) {
        bool last = each[1] == NULL; /* the reference stands last */
        if ((request->backend == LETHE_BACKEND_AUTO || last) && (*each)->supports(operation) &&
            ((*each)->prefers == NULL || (*each)->prefers(operation))) {
            operation->implementation = *each;
            return LETHE_OK;
        }
    }
    LETHE_FAIL(LETHE_FAILED, "no implementation of operation %d of the network works on this machine",
               (int)(operation->node - operation->graph->nodes));
}

/* Makes `operation` follow the one that makes its src, where both can. Nobody else reads that, for only a
 * BatchNorm's dst may have two readers; a residual must be there when the leader runs. */
static void find_leader(const lethe__plan *plan, lethe__operation *operation) {
    const lethe__node *node = operation->node;
    const lethe__tensor *tensors = plan->request.graph->tensors;
    int src = tensors[node->src].producer,
        residual = node->residual < 0 ? -1 : tensors[node->residual].producer;
    if (operation->implementation->follow == NULL || operation->with_gradients || residual >= src)
        return;
    lethe__operation *leader = &plan->operations[src];
    if (!leader->calls_follower)
        return;
    operation->leader = leader;
    leader->follower = operation;
}

static lethe_status make_operation(const lethe__plan *plan, const lethe__node *node,
                                   lethe__operation *operation) {
    const lethe__plan_request *request = &plan->request;
    const lethe__graph *graph = request->graph;
    lethe__weights *weights = request->weights;
    *operation = (lethe__operation){.node = node,
                                    .graph = graph,
                                    .weights = weights,
                                    .threads = request->threads,
                                    .with_gradients = request->with_gradients,
                                    .with_samples = request->with_samples,
                                    .wants_diff_src = needs_gradient(request, node->src),
                                    .src = tensor_view(request, node->src),
                                    .residual = tensor_view(request, node->residual),
                                    .dst = tensor_view(request, node->dst)};
    if (node->weight >= 0) {
        operation->weight = weights->parameters + graph->parameters[node->weight].offset;
        operation->diff_weight = weights->gradients + graph->parameters[node->weight].offset;
    }
    if (node->bias >= 0) {
        operation->bias = weights->parameters + graph->parameters[node->bias].offset;
        operation->diff_bias = weights->gradients + graph->parameters[node->bias].offset;
    }
    if (node->running_mean >= 0) {
        operation->running_mean = weights->buffers + graph->buffers[node->running_mean].offset;
        operation->running_var = weights->buffers + graph->buffers[node->running_var].offset;
    }
    LETHE_TRY(choose_implementation(request, operation));
    find_leader(plan, operation);
    if (operation->implementation->create != NULL)
        LETHE_TRY(operation->implementation->create(operation));
    size_t samples = request->with_samples ? lethe__operation_sample_scratch_bytes(operation) : 0;
    if (samples > operation->scratch_bytes)
        operation->scratch_bytes = samples;
    return LETHE_OK;
}

/* Sizes and lives of the four spans of operation i; extends the lives of the activations that it reads. */
static void set_spans(lethe__plan *plan, int i) {
    const lethe__plan_request *request = &plan->request;
    const lethe__operation *operation = &plan->operations[i];
    const lethe__node *node = operation->node;
    int backward = 2 * (int)request->graph->n_nodes - 1 - i;
    lethe__span *own = plan->spans + (size_t)i * SPANS_PER_OPERATION;
    int first = operation->leader != NULL ? (int)(operation->leader - plan->operations) : i;
    int last = request->with_gradients ? backward : i;

    own[ACTIVATION] =
        (lethe__span){.bytes = lethe__view_bytes(&operation->dst), .first = first, .last = last};
    own[WORKSPACE] = (lethe__span){.bytes = operation->workspace_bytes, .first = first, .last = last};
    if (operation->leader != NULL)
        plan->spans[(size_t)first * SPANS_PER_OPERATION + ACTIVATION].bytes = 0;
    const int sources[] = {node->src, node->residual};
    const lethe__view *views[] = {&operation->src, &operation->residual};
    for (int s = 0; s < 2; s++) {
        if (sources[s] < 0 || request->graph->tensors[sources[s]].producer < 0)
            continue;
        int producer = request->graph->tensors[sources[s]].producer;
        lethe__span *activation = plan->spans + (size_t)producer * SPANS_PER_OPERATION + ACTIVATION;
        if (activation->last < i)
            activation->last = i;
        if (needs_gradient(request, sources[s]))
            own[GRADIENT_SRC + s] = (lethe__span){.bytes = lethe__view_bytes(views[s]),
                                                  .first = backward,
                                                  .last = 2 * (int)request->graph->n_nodes - 1 - producer};
    }
}

static lethe_status lay_out(lethe__plan *plan) {
    size_t *order;
    LETHE_TRY(lethe__allocate(plan->n_spans, sizeof *order, &order));
    size_t scratch = 0;
    for (size_t i = 0; i < plan->n_operations; i++) {
        set_spans(plan, (int)i);
        if (plan->operations[i].scratch_bytes > scratch)
            scratch = plan->operations[i].scratch_bytes;
    }
    plan->scratch_offset = lethe__spans_place(plan->spans, plan->n_spans, order);
    plan->arena_bytes = plan->scratch_offset + align(scratch);
    lethe__free(order);
    return LETHE_OK;
}

static lethe_status fill_plan(const lethe__plan_request *request, lethe__plan *plan) {
    size_t n = request->graph->n_nodes;
    plan->request = *request;
    plan->n_spans = n * SPANS_PER_OPERATION;
    LETHE_TRY(lethe__allocate(n, sizeof *plan->operations, &plan->operations));
    LETHE_TRY(lethe__allocate(plan->n_spans, sizeof *plan->spans, &plan->spans));
    for (size_t i = 0; i < n; i++) {
        LETHE_TRY(make_operation(plan, &request->graph->nodes[i], &plan->operations[i]));
        plan->n_operations = i + 1;
    }
    return lay_out(plan);
}

lethe_status lethe__plan_create(const lethe__plan_request *request, lethe__plan **out) {
    lethe__plan *plan;
    LETHE_TRY(lethe__allocate(1, sizeof *plan, &plan));
    lethe_status status = fill_plan(request, plan);
    if (status != LETHE_OK) {
        lethe__plan_destroy(&plan);
        return status;
    }
    *out = plan;
    return LETHE_OK;
}

void lethe__plan_destroy(lethe__plan **plan) {
    if (*plan == NULL)
        return;
    for (size_t i = 0; i < (*plan)->n_operations; i++) {
        lethe__operation *operation = &(*plan)->operations[i];
        if (operation->implementation->destroy != NULL)
            operation->implementation->destroy(operation);
    }
    lethe__free((*plan)->operations);
    lethe__free((*plan)->spans);
    lethe__free(*plan);
    *plan = NULL;
}

/* --- pointers --- */

static void *place(const lethe__span *span, uint8_t *arena) {
    return span->bytes > 0 ? arena + span->offset : NULL;
}

void lethe__plan_bind(lethe__plan *plan, uint8_t *arena) {
    const lethe__graph *graph = plan->request.graph;
    for (size_t i = 0; i < plan->n_operations; i++) {
        lethe__operation *operation = &plan->operations[i];
        const lethe__span *own = plan->spans + i * SPANS_PER_OPERATION;
        operation->dst.data = place(&own[ACTIVATION], arena);
        if (operation->leader != NULL)
            operation->leader->dst.data = operation->dst.data;
        operation->workspace = place(&own[WORKSPACE], arena);
        operation->scratch = arena + plan->scratch_offset;
        operation->diff_src = place(&own[GRADIENT_SRC], arena);
        operation->diff_residual = place(&own[GRADIENT_RESIDUAL], arena);
        operation->diff_dst = operation->diff_dst_2 = NULL;
        const int sources[] = {operation->node->src, operation->node->residual};
        lethe__view *views[] = {&operation->src, &operation->residual};
        void *const parts[] = {operation->diff_src, operation->diff_residual};
        for (int s = 0; s < 2; s++) {
            int producer = sources[s] < 0 ? -1 : graph->tensors[sources[s]].producer;
            if (producer < 0)
                continue;
            lethe__operation *maker = &plan->operations[producer];
            views[s]->data = maker->dst.data;
            if (maker->diff_dst == NULL)
                maker->diff_dst = parts[s];
            else
                maker->diff_dst_2 = parts[s];
        }
    }
}
