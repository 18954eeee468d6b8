/* executor.c - runs plans. Plans share one arena, as large as the largest plan needs, and each is bound to it
 * when its turn comes. One executor runs one batch at a time. */
#include "engine/executor.h"
#include "base/fail.h"
#include "base/log.h"
#include "base/memory.h"
#include "engine/native/native.h"
#include "engine/plan.h"
#include <omp.h>
#include <stdio.h>

/* A full and a last, smaller batch, with and without gradients: one more leaves room for a caller's odd size.
 */
enum { MAX_PLANS = 5 };

struct lethe__executor {
    lethe__choices *choices;     /* NULL: none */
    lethe__plan_request request; /* n and what follows the forward pass vary from plan to plan */
    lethe__plan *plans[MAX_PLANS];
    int n_plans, oldest;
    uint8_t *arena;
    size_t arena_bytes;
    lethe__plan *forward_plan; /* of the last forward that a backward may follow; NULL: none */
    lethe__mode forward_mode;
};

lethe_status lethe__executor_create(const lethe__graph *graph, lethe__weights *weights,
                                    lethe_precision precision, const lethe_runtime *runtime,
                                    lethe__executor **out) {
    lethe__executor *executor;
    LETHE_TRY(lethe__allocate(1, sizeof *executor, &executor));
    lethe_status status = lethe__choices_load(runtime, &executor->choices);
    if (status != LETHE_OK) {
        lethe__executor_destroy(&executor);
        return status;
    }
    executor->request = (lethe__plan_request){.graph = graph,
                                              .weights = weights,
                                              .choices = executor->choices,
                                              .precision = precision,
                                              .backend = runtime->backend,
                                              .threads = lethe_threads_resolve(runtime->threads)};
    *out = executor;
    return LETHE_OK;
}

void lethe__precision_warn(const lethe_runtime *runtime) {
    bool bf16 = lethe_precision_resolve(runtime->precision) == LETHE_PRECISION_BF16;
    if (bf16 && runtime->backend == LETHE_BACKEND_AUTO && lethe__isa_choose() < LETHE__AVX512BF16)
        lethe__log(runtime, LETHE_LOG_WARNING,
                   "this CPU has no instructions for bf16: its products are made in f32, slower than with "
                   "--precision f32");
}

void lethe__executor_destroy(lethe__executor **executor) {
    if (*executor == NULL)
        return;
    for (int i = 0; i < (*executor)->n_plans; i++)
        lethe__plan_destroy(&(*executor)->plans[i]);
    lethe__choices_destroy(&(*executor)->choices);
    lethe__free((*executor)->arena);
    lethe__free(*executor);
    *executor = NULL;
}

size_t lethe__executor_bytes(const lethe__executor *executor) {
    return executor->arena_bytes;
}

/* Makes the arena large enough for `plan` and binds it. Each time anew: since its last turn the arena may
 * have moved, or been lost when memory ran out. */
static lethe_status provide_arena(lethe__executor *executor, lethe__plan *plan) {
    if (plan->arena_bytes > executor->arena_bytes) {
        lethe__free(executor->arena);
        executor->arena = NULL;
        executor->arena_bytes = 0;
        LETHE_TRY(lethe__allocate(plan->arena_bytes, 1, &executor->arena));
        executor->arena_bytes = plan->arena_bytes;
    }
    lethe__plan_bind(plan, executor->arena);
    return LETHE_OK;
}

/* Ends the forward pass that a backward might have followed: its plan or its activations may have to go. */
static lethe_status get_plan(lethe__executor *executor, int n, lethe__mode mode, lethe__plan **out) {
    bool with_gradients = mode != LETHE__MODE_PREDICT, with_samples = mode == LETHE__MODE_GRADIENT;
    executor->forward_plan = NULL;
    for (int i = 0; i < executor->n_plans; i++) {
        const lethe__plan_request *request = &executor->plans[i]->request;
        if (request->n == n && request->with_gradients == with_gradients &&
            request->with_samples == with_samples) {
            *out = executor->plans[i];
            return provide_arena(executor, *out);
        }
    }
    lethe__plan_request request = executor->request;
    request.n = n;
    request.with_gradients = with_gradients;
    request.with_samples = with_samples;
    lethe__plan *plan;
    LETHE_TRY(lethe__plan_create(&request, &plan));
    lethe_status status = provide_arena(executor, plan);
    if (status != LETHE_OK) {
        lethe__plan_destroy(&plan);
        return status;
    }
    int at = executor->n_plans;
    if (at < MAX_PLANS) {
        executor->n_plans++;
    } else {
        at = executor->oldest;
        executor->oldest = (at + 1) % MAX_PLANS;
        lethe__plan_destroy(&executor->plans[at]);
    }
    executor->plans[at] = plan;
    *out = plan;
    return LETHE_OK;
}

lethe_status lethe__executor_forward(lethe__executor *executor, lethe__mode mode, const uint8_t *images,
                                     int n, const float **logits) {
    lethe__plan *plan;
    omp_set_num_threads(executor->request.threads);
    LETHE_TRY(get_plan(executor, n, mode, &plan));
    plan->operations[0].src.data = (void *)images; /* read only: no operation writes to its src */
    for (size_t i = 0; i < plan->n_operations; i++)
        LETHE_TRY(lethe__operation_forward(&plan->operations[i], mode));
    if (mode != LETHE__MODE_PREDICT) {
        executor->forward_plan = plan;
        executor->forward_mode = mode;
    }
    *logits = plan->operations[plan->n_operations - 1].dst.data;
    return LETHE_OK;
}

lethe_status lethe__executor_backward(lethe__executor *executor, const float *diff_logits) {
    lethe__plan *plan = executor->forward_plan;
    if (plan == NULL)
        LETHE_FAIL(LETHE_FAILED, "a backward pass needs a forward pass with gradients before it");
    omp_set_num_threads(executor->request.threads);
    plan->operations[plan->n_operations - 1].diff_dst = diff_logits;
    for (size_t i = plan->n_operations; i-- > 0;) {
        lethe__operation *operation = &plan->operations[i];
        if (operation->node->kind != LETHE__NORMALISE)
            LETHE_TRY(operation->implementation->backward(operation, executor->forward_mode));
    }
    return LETHE_OK;
}

/* The operation's part of the products, and diff_src for the operations before it. */
static lethe_status sample_products_of(lethe__operation *operation, const lethe__sample_products *products) {
    if (operation->weight != NULL)
        LETHE_TRY(lethe__operation_sample_products(operation, products));
    float *diff_weight = operation->diff_weight, *diff_bias = operation->diff_bias;
    operation->diff_weight = operation->diff_bias = NULL;
    lethe_status status = operation->implementation->backward(operation, LETHE__MODE_GRADIENT);
    operation->diff_weight = diff_weight;
    operation->diff_bias = diff_bias;
    return status;
}

lethe_status lethe__executor_sample_products(lethe__executor *executor, const float *diff_logits,
                                             const lethe__sample_products *products) {
    lethe__plan *plan = executor->forward_plan;
    if (plan == NULL || executor->forward_mode != LETHE__MODE_GRADIENT)
        LETHE_FAIL(LETHE_FAILED, "gradients of single samples need a forward pass with running statistics "
                                 "before them: with those of the batch, samples depend on each other");
    omp_set_num_threads(executor->request.threads);
    plan->operations[plan->n_operations - 1].diff_dst = diff_logits;
    for (size_t i = plan->n_operations; i-- > 0;)
        if (plan->operations[i].node->kind != LETHE__NORMALISE)
            LETHE_TRY(sample_products_of(&plan->operations[i], products));
    return LETHE_OK;
}

lethe_status lethe__executor_describe(lethe__executor *executor, lethe__mode mode, int n,
                                      void (*write)(void *user, const char *line), void *user) {
    lethe__plan *plan;
    LETHE_TRY(get_plan(executor, n, mode, &plan));
    for (size_t i = 0; i < plan->n_operations; i++) {
        const lethe__operation *operation = &plan->operations[i];
        const lethe__implementation *implementation = operation->implementation;
        const lethe__node *node = operation->node;
        char line[256];
        snprintf(line, sizeof line, "%-12s %4dx%dx%-4d %-28s %-8s %s", lethe__op_kind_name(node->kind),
                 operation->dst.h, operation->dst.w, operation->dst.c,
                 node->weight >= 0 ? operation->graph->parameters[node->weight].name : "",
                 implementation->name,
                 implementation->describe != NULL ? implementation->describe(operation) : "");
        write(user, line);
    }
    return LETHE_OK;
}
