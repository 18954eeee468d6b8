/* exact.c - the life of an exact pass: tensors laid out in one arena, operations in the graph's order.
 *
 * Steps and lives are those of plan.c, with one difference: a tensor has one gradient that its readers add
 * to, live from the backward pass of its last reader, which clears it, to that of its producer. */
#include "engine/exact.h"
#include "base/fail.h"
#include "base/memory.h"
#include "engine/exact/exact_operation.h"
#include "engine/plan.h"
#include <math.h>
#include <string.h>

struct lethe__exact {
    const lethe__graph *graph;
    int n, threads;
    bool tangents;
    lethe__mode mode;
    lethe__exact_tensor *tensors;       /* [graph->n_tensors]; 0, the bytes, is not used */
    int *last_reader;                   /* [graph->n_tensors] node that reads it last */
    lethe__exact_operation *operations; /* [graph->n_nodes] */
    double *arena, *statistics, *scratch;
};

/* --- laying out --- */

static void describe(lethe__exact *exact) {
    const lethe__graph *graph = exact->graph;
    for (size_t t = 0; t < graph->n_tensors; t++) {
        const lethe__tensor *shape = &graph->tensors[t];
        lethe__exact_tensor *tensor = &exact->tensors[t];
        *tensor = (lethe__exact_tensor){.n = exact->n, .h = shape->h, .w = shape->w, .c = shape->c};
        tensor->size = (size_t)exact->n * (size_t)shape->h * (size_t)shape->w * (size_t)shape->c;
    }
    for (size_t i = 0; i < graph->n_nodes; i++) {
        const lethe__node *node = &graph->nodes[i];
        exact->operations[i] =
            (lethe__exact_operation){.node = node,
                                     .src = &exact->tensors[node->src],
                                     .residual = node->residual >= 0 ? &exact->tensors[node->residual] : NULL,
                                     .dst = &exact->tensors[node->dst],
                                     .threads = exact->threads};
        exact->last_reader[node->src] = (int)i;
        if (node->residual >= 0)
            exact->last_reader[node->residual] = (int)i;
    }
    exact->last_reader[graph->n_tensors - 1] = (int)graph->n_nodes - 1; /* the logits' own operation */
}

/* Two spans a tensor, value and diff, each with its tangent behind it. */
static lethe_status place_tensors(lethe__exact *exact, lethe__span *spans, size_t *order) {
    const lethe__graph *graph = exact->graph;
    size_t parts = exact->tangents ? 2 : 1;
    int steps = 2 * (int)graph->n_nodes;
    for (size_t t = 1; t < graph->n_tensors; t++) {
        int producer = graph->tensors[t].producer;
        size_t bytes = exact->tensors[t].size * sizeof(double);
        bool input =
            !lethe__graph_has_gradient(graph, (int)t); /* has no tangent, and stays for the next forward */
        spans[2 * t] = (lethe__span){.bytes = bytes * (input ? 1 : parts),
                                     .first = input ? 0 : producer,
                                     .last = input ? steps : steps - 1 - producer};
        if (!input)
            spans[2 * t + 1] = (lethe__span){.bytes = bytes * parts,
                                             .first = steps - 1 - exact->last_reader[t],
                                             .last = steps - 1 - producer};
    }
    size_t bytes = lethe__spans_place(spans, 2 * graph->n_tensors, order);
    LETHE_TRY(lethe__allocate(bytes / sizeof(double), sizeof(double), &exact->arena));
    for (size_t t = 1; t < graph->n_tensors; t++) {
        lethe__exact_tensor *tensor = &exact->tensors[t];
        tensor->value.value = exact->arena + spans[2 * t].offset / sizeof(double);
        if (!lethe__graph_has_gradient(graph, (int)t))
            continue;
        tensor->diff.value = exact->arena + spans[2 * t + 1].offset / sizeof(double);
        if (exact->tangents) {
            tensor->value.tangent = tensor->value.value + tensor->size;
            tensor->diff.tangent = tensor->diff.value + tensor->size;
        }
    }
    return LETHE_OK;
}

static lethe_status provide_workspaces(lethe__exact *exact) {
    size_t scratch = 0, statistics = 0;
    for (size_t i = 1; i < exact->graph->n_nodes; i++) {
        const lethe__exact_operation *operation = &exact->operations[i];
        lethe__op_kind kind = operation->node->kind;
        size_t needed = kind == LETHE__BATCHNORM ? lethe__exact_batchnorm_scratch(operation)
                        : kind == LETHE__CONVOLUTION || kind == LETHE__LINEAR
                            ? lethe__exact_convolution_scratch(operation)
                            : 0;
        scratch = needed > scratch ? needed : scratch;
        statistics += kind == LETHE__BATCHNORM ? lethe__exact_batchnorm_statistics(operation) : 0;
    }
    LETHE_TRY(lethe__allocate(scratch, sizeof(double), &exact->scratch));
    LETHE_TRY(lethe__allocate(statistics, sizeof(double), &exact->statistics));
    double *next = exact->statistics;
    for (size_t i = 1; i < exact->graph->n_nodes; i++) {
        lethe__exact_operation *operation = &exact->operations[i];
        operation->scratch = exact->scratch;
        operation->statistics = next;
        if (operation->node->kind == LETHE__BATCHNORM)
            next += lethe__exact_batchnorm_statistics(operation);
    }
    return LETHE_OK;
}

static lethe_status fill(lethe__exact *exact) {
    const lethe__graph *graph = exact->graph;
    lethe__span *spans = NULL;
    size_t *order = NULL;
    LETHE_TRY(lethe__allocate(graph->n_tensors, sizeof *exact->tensors, &exact->tensors));
    LETHE_TRY(lethe__allocate(graph->n_tensors, sizeof *exact->last_reader, &exact->last_reader));
    LETHE_TRY(lethe__allocate(graph->n_nodes, sizeof *exact->operations, &exact->operations));
    describe(exact);
    lethe_status status = lethe__allocate(2 * graph->n_tensors, sizeof *spans, &spans);
    if (status == LETHE_OK)
        status = lethe__allocate(2 * graph->n_tensors, sizeof *order, &order);
    if (status == LETHE_OK)
        status = place_tensors(exact, spans, order);
    lethe__free(spans);
    lethe__free(order);
    return status == LETHE_OK ? provide_workspaces(exact) : status;
}

lethe_status lethe__exact_create(const lethe__graph *graph, int n, bool tangents, int threads,
                                 lethe__exact **out) {
    lethe__exact *exact;
    LETHE_TRY(lethe__allocate(1, sizeof *exact, &exact));
    *exact = (lethe__exact){.graph = graph, .n = n, .threads = threads, .tangents = tangents};
    lethe_status status = fill(exact);
    if (status != LETHE_OK) {
        lethe__exact_destroy(&exact);
        return status;
    }
    *out = exact;
    return LETHE_OK;
}

void lethe__exact_destroy(lethe__exact **exact) {
    if (*exact == NULL)
        return;
    lethe__free((*exact)->tensors);
    lethe__free((*exact)->last_reader);
    lethe__free((*exact)->operations);
    lethe__free((*exact)->arena);
    lethe__free((*exact)->statistics);
    lethe__free((*exact)->scratch);
    lethe__free(*exact);
    *exact = NULL;
}

/* --- running --- */

double *lethe__exact_input(lethe__exact *exact, size_t *size) {
    const lethe__exact_tensor *input = exact->operations[0].dst;
    *size = input->size;
    return input->value.value;
}

void lethe__exact_set_images(lethe__exact *exact, const uint8_t *images) {
    size_t size, channels = (size_t)exact->operations[0].dst->c;
    double *input = lethe__exact_input(exact, &size);
    for (size_t i = 0; i < size; i++)
        input[i] = (images[i] / 255.0 - (double)exact->graph->mean[i % channels]) /
                   (double)exact->graph->std[i % channels];
}

/* The part of a flat vector that belongs to a slot; a NULL vector gives NULL. */
static lethe__dual part(lethe__dual vector, const lethe__slot *slots, int slot) {
    if (slot < 0)
        return (lethe__dual){NULL, NULL};
    return (lethe__dual){vector.value != NULL ? vector.value + slots[slot].offset : NULL,
                         vector.tangent != NULL ? vector.tangent + slots[slot].offset : NULL};
}

static void lend_parameters(lethe__exact *exact, lethe__dual parameters, const double *buffers) {
    const lethe__graph *graph = exact->graph;
    if (!exact->tangents)
        parameters.tangent = NULL;
    for (size_t i = 1; i < graph->n_nodes; i++) {
        lethe__exact_operation *operation = &exact->operations[i];
        operation->weight = part(parameters, graph->parameters, operation->node->weight);
        operation->bias = part(parameters, graph->parameters, operation->node->bias);
        if (operation->node->running_mean < 0)
            continue;
        operation->running_mean = buffers + graph->buffers[operation->node->running_mean].offset;
        operation->running_var = buffers + graph->buffers[operation->node->running_var].offset;
    }
}

lethe_status lethe__exact_forward(lethe__exact *exact, lethe__mode mode, lethe__dual parameters,
                                  const double *buffers, lethe__dual *logits) {
    exact->mode = mode;
    lend_parameters(exact, parameters, buffers);
    for (size_t i = 1; i < exact->graph->n_nodes; i++) {
        const lethe__exact_operation *operation = &exact->operations[i];
        switch (operation->node->kind) {
        case LETHE__CONVOLUTION:
        case LETHE__LINEAR:
            lethe__exact_convolution_forward(operation);
            break;
        case LETHE__BATCHNORM:
            lethe__exact_batchnorm_forward(operation, mode);
            break;
        case LETHE__MAX_POOL:
        case LETHE__GLOBAL_POOL:
        case LETHE__PAD_SHORTCUT:
            lethe__exact_linear_map_forward(operation);
            break;
        default:
            LETHE_FAIL(LETHE_FAILED, "operation %zu of the network cannot be computed in double precision",
                       i);
        }
    }
    *logits = exact->operations[exact->graph->n_nodes - 1].dst->value;
    return LETHE_OK;
}

/* The last reader of a tensor is the first that adds to its gradient. */
static void clear_diff(const lethe__exact *exact, int tensor, size_t reader) {
    if (tensor < 0 || exact->last_reader[tensor] != (int)reader)
        return;
    const lethe__exact_tensor *t = &exact->tensors[tensor];
    if (t->diff.value != NULL)
        memset(t->diff.value, 0, t->size * sizeof(double));
    if (t->diff.tangent != NULL)
        memset(t->diff.tangent, 0, t->size * sizeof(double));
}

static void run_backward(lethe__exact_operation *operation, lethe__mode mode) {
    switch (operation->node->kind) {
    case LETHE__CONVOLUTION:
    case LETHE__LINEAR:
        lethe__exact_convolution_backward(operation);
        break;
    case LETHE__BATCHNORM:
        lethe__exact_batchnorm_backward(operation, mode);
        break;
    default:
        lethe__exact_linear_map_backward(operation);
    }
}

void lethe__exact_backward(lethe__exact *exact, lethe__dual diff_logits, lethe__dual gradients) {
    const lethe__graph *graph = exact->graph;
    const lethe__exact_tensor *last = exact->operations[graph->n_nodes - 1].dst;
    memcpy(last->diff.value, diff_logits.value, last->size * sizeof(double));
    if (exact->tangents)
        memcpy(last->diff.tangent, diff_logits.tangent, last->size * sizeof(double));
    for (size_t i = graph->n_nodes; i-- > 1;) {
        lethe__exact_operation *operation = &exact->operations[i];
        operation->diff_weight = part(gradients, graph->parameters, operation->node->weight);
        operation->diff_bias = part(gradients, graph->parameters, operation->node->bias);
        clear_diff(exact, operation->node->src, i);
        clear_diff(exact, operation->node->residual, i);
        run_backward(operation, exact->mode);
    }
}

/* --- the loss --- */

/* p = softmax(z / T); diff = (p - onehot) / (n T); diff' = p (z'/T - sum p z'/T) / (n T). */
double lethe__exact_cross_entropy(lethe__dual logits, const int32_t *labels, int n, int classes,
                                  double temperature, lethe__dual diff_logits) {
    double loss = 0, scale = 1 / (n * temperature);
    for (int s = 0; s < n; s++) {
        size_t row = (size_t)s * (size_t)classes;
        const double *z = logits.value + row;
        double largest = z[0], mean_tangent = 0;
        for (int k = 1; k < classes; k++)
            largest = fmax(largest, z[k]);
        double sum = exp((z[0] - largest) / temperature);
        for (int k = 1; k < classes; k++)
            sum += exp((z[k] - largest) / temperature);
        loss += log(sum) + (largest - z[labels[s]]) / temperature;
        for (int k = 0; k < classes; k++) {
            double p = exp((z[k] - largest) / temperature) / sum;
            diff_logits.value[row + (size_t)k] = scale * (p - (k == labels[s]));
            if (diff_logits.tangent != NULL)
                mean_tangent += p * logits.tangent[row + (size_t)k] / temperature;
        }
        for (int k = 0; diff_logits.tangent != NULL && k < classes; k++) {
            double p = exp((z[k] - largest) / temperature) / sum;
            diff_logits.tangent[row + (size_t)k] =
                scale * p * (logits.tangent[row + (size_t)k] / temperature - mean_tangent);
        }
    }
    return loss / n;
}
