/* graph.c - building a network: operations, inferred shapes, and slots in the flat vectors.
 *
 * Builder functions share one habit: when the graph has already failed they return 0 at once, and their own
 * failures are recorded in graph->status. Slots are laid out in the order of the calls, which is the order of
 * PyTorch's parameters() when a model function calls the builders in the order in which the PyTorch module
 * declares its parts. */
#include "engine/graph.h"
#include "base/fail.h"
#include "base/memory.h"
#include <string.h>

enum { MAX_SIDE = 1 << 14, MAX_CHANNELS = 1 << 16 };

lethe_status lethe__graph_create(lethe__graph **out) {
    return lethe__allocate(1, sizeof **out, out);
}

void lethe__graph_destroy(lethe__graph **graph) {
    if (*graph == NULL)
        return;
    lethe__free((*graph)->nodes);
    lethe__free((*graph)->tensors);
    lethe__free((*graph)->parameters);
    lethe__free((*graph)->buffers);
    lethe__free(*graph);
    *graph = NULL;
}

/* --- recording --- */

static void record(lethe__graph *graph, lethe_status status) {
    if (graph->status == LETHE_OK)
        graph->status = status;
}

static int add_tensor(lethe__graph *graph, int h, int w, int c) {
    lethe_status status =
        lethe__grow(&graph->tensors, &graph->tensors_capacity, graph->n_tensors + 1, sizeof *graph->tensors);
    if (status == LETHE_OK && (h < 1 || w < 1 || h > MAX_SIDE || w > MAX_SIDE || c < 1 || c > MAX_CHANNELS))
        status = lethe__fail(
            LETHE_USAGE,
            "the network would make an activation of %dx%dx%d: the image is too small or too large", h, w, c);
    if (status != LETHE_OK) {
        record(graph, status);
        return 0;
    }
    graph->tensors[graph->n_tensors] =
        (lethe__tensor){.h = h, .w = w, .c = c, .producer = (int)graph->n_nodes};
    return (int)graph->n_tensors++;
}

/* Adds `node`, whose dst has just been made, and counts it as a reader of its sources. */
static int add_node(lethe__graph *graph, lethe__node node) {
    lethe_status status =
        lethe__grow(&graph->nodes, &graph->nodes_capacity, graph->n_nodes + 1, sizeof *graph->nodes);
    record(graph, status);
    if (graph->status != LETHE_OK)
        return 0;
    graph->nodes[graph->n_nodes++] = node;
    graph->tensors[node.src].n_consumers++;
    if (node.residual >= 0)
        graph->tensors[node.residual].n_consumers++;
    return node.dst;
}

typedef struct slot_list {
    lethe__slot **slots;
    size_t *n, *capacity, *total;
} slot_list;

static int add_slot(lethe__graph *graph, slot_list list, const char *module, const char *leaf,
                    lethe__slot slot) {
    if (graph->status != LETHE_OK)
        return -1;
    record(graph, lethe__grow(list.slots, list.capacity, *list.n + 1, sizeof **list.slots));
    if (graph->status != LETHE_OK)
        return -1;
    slot.size = 1;
    for (int i = 0; i < slot.n_dims; i++)
        slot.size *= slot.shape[i];
    slot.offset = *list.total;
    size_t module_length = strlen(module), leaf_length = strlen(leaf);
    if (module_length + leaf_length + 2 > sizeof slot.name) {
        record(graph, lethe__fail(LETHE_USAGE, "the module name '%s' is longer than %zu characters", module,
                                  sizeof slot.name - leaf_length - 2));
        return -1;
    }
    memcpy(slot.name, module, module_length);
    slot.name[module_length] = '.';
    memcpy(slot.name + module_length + 1, leaf, leaf_length + 1);
    (*list.slots)[*list.n] = slot;
    *list.total += slot.size;
    return (int)(*list.n)++;
}

static int add_parameter(lethe__graph *graph, const char *module, const char *leaf, lethe__slot slot) {
    slot_list list = {&graph->parameters, &graph->n_parameters, &graph->parameters_capacity,
                      &graph->parameter_size};
    return add_slot(graph, list, module, leaf, slot);
}

static int add_buffer(lethe__graph *graph, const char *module, const char *leaf, int channels,
                      lethe__fill fill) {
    slot_list list = {&graph->buffers, &graph->n_buffers, &graph->buffers_capacity, &graph->buffer_size};
    return add_slot(graph, list, module, leaf,
                    (lethe__slot){.n_dims = 1, .shape = {(size_t)channels}, .fill = fill});
}

/* The node that every builder starts from. */
static lethe__node new_node(lethe__op_kind kind, int src) {
    return (lethe__node){.kind = kind,
                         .src = src,
                         .residual = -1,
                         .weight = -1,
                         .bias = -1,
                         .running_mean = -1,
                         .running_var = -1};
}

/* --- operations --- */

int lethe__graph_input(lethe__graph *graph, int height, int width, int channels, const float *mean,
                       const float *std) {
    if (channels < 1 || channels > LETHE_MAX_CHANNELS) {
        record(graph, lethe__fail(LETHE_USAGE, "images of %d channels: 1 to %d are possible", channels,
                                  LETHE_MAX_CHANNELS));
        return 0;
    }
    for (int c = 0; c < channels; c++) {
        graph->mean[c] = mean[c];
        graph->std[c] = std[c];
        if (!(std[c] > 0) || !(mean[c] > -1e6f && mean[c] < 1e6f))
            record(graph, lethe__fail(LETHE_USAGE, "channel %d: cannot normalise by mean %g and std %g", c,
                                      (double)mean[c], (double)std[c]));
    }
    int bytes = add_tensor(graph, height, width, channels);
    if (graph->status != LETHE_OK)
        return 0;
    graph->tensors[bytes].producer = -1;
    lethe__node node = new_node(LETHE__NORMALISE, bytes);
    node.dst = add_tensor(graph, height, width, channels);
    return add_node(graph, node);
}

int lethe__graph_convolution(lethe__graph *graph, int src, const char *name, int channels, int kernel,
                             int stride, int padding, bool bias, lethe__fill fill) {
    if (graph->status != LETHE_OK)
        return 0;
    lethe__tensor in = graph->tensors[src];
    lethe__node node = new_node(LETHE__CONVOLUTION, src);
    node.kernel = kernel;
    node.stride = stride;
    node.padding = padding;
    lethe__slot weight = {.n_dims = 4,
                          .shape = {(size_t)channels, (size_t)in.c, (size_t)kernel, (size_t)kernel},
                          .fan_in = (size_t)(in.c * kernel * kernel),
                          .fan_out = (size_t)(channels * kernel * kernel),
                          .fill = fill,
                          .prunable = true};
    node.weight = add_parameter(graph, name, "weight", weight);
    if (bias)
        node.bias = add_parameter(graph, name, "bias",
                                  (lethe__slot){.n_dims = 1,
                                                .shape = {(size_t)channels},
                                                .fan_in = weight.fan_in,
                                                .fill = LETHE__FILL_UNIFORM_FAN_IN});
    node.dst = add_tensor(graph, (in.h + 2 * padding - kernel) / stride + 1,
                          (in.w + 2 * padding - kernel) / stride + 1, channels);
    return add_node(graph, node);
}

int lethe__graph_batchnorm(lethe__graph *graph, int src, const char *name, int residual, bool relu) {
    if (graph->status != LETHE_OK)
        return 0;
    lethe__tensor in = graph->tensors[src];
    lethe__node node = new_node(LETHE__BATCHNORM, src);
    node.residual = residual;
    node.relu = relu;
    if (residual >= 0) {
        lethe__tensor other = graph->tensors[residual];
        if (other.h != in.h || other.w != in.w || other.c != in.c) {
            record(graph, lethe__fail(LETHE_USAGE, "%s: cannot add %dx%dx%d to %dx%dx%d", name, other.h,
                                      other.w, other.c, in.h, in.w, in.c));
            return 0;
        }
    }
    lethe__slot weight = {.n_dims = 1, .shape = {(size_t)in.c}, .fill = LETHE__FILL_ONE};
    lethe__slot bias = {.n_dims = 1, .shape = {(size_t)in.c}, .fill = LETHE__FILL_ZERO};
    node.weight = add_parameter(graph, name, "weight", weight);
    node.bias = add_parameter(graph, name, "bias", bias);
    node.running_mean = add_buffer(graph, name, "running_mean", in.c, LETHE__FILL_ZERO);
    node.running_var = add_buffer(graph, name, "running_var", in.c, LETHE__FILL_ONE);
    node.dst = add_tensor(graph, in.h, in.w, in.c);
    return add_node(graph, node);
}

int lethe__graph_max_pool(lethe__graph *graph, int src, int kernel, int stride, int padding) {
    if (graph->status != LETHE_OK)
        return 0;
    lethe__tensor in = graph->tensors[src];
    lethe__node node = new_node(LETHE__MAX_POOL, src);
    node.kernel = kernel;
    node.stride = stride;
    node.padding = padding;
    node.dst = add_tensor(graph, (in.h + 2 * padding - kernel) / stride + 1,
                          (in.w + 2 * padding - kernel) / stride + 1, in.c);
    return add_node(graph, node);
}

int lethe__graph_global_pool(lethe__graph *graph, int src) {
    if (graph->status != LETHE_OK)
        return 0;
    lethe__node node = new_node(LETHE__GLOBAL_POOL, src);
    node.dst = add_tensor(graph, 1, 1, graph->tensors[src].c);
    return add_node(graph, node);
}

int lethe__graph_pad_shortcut(lethe__graph *graph, int src, int channels, int stride) {
    if (graph->status != LETHE_OK)
        return 0;
    lethe__tensor in = graph->tensors[src];
    lethe__node node = new_node(LETHE__PAD_SHORTCUT, src);
    node.stride = stride;
    node.padding = (channels - in.c) / 2; /* channels of zeros in front */
    if (channels < in.c || (channels - in.c) % 2 != 0) {
        record(graph,
               lethe__fail(LETHE_USAGE, "a padding shortcut cannot make %d channels of %d", channels, in.c));
        return 0;
    }
    node.dst = add_tensor(graph, (in.h + stride - 1) / stride, (in.w + stride - 1) / stride, channels);
    return add_node(graph, node);
}

int lethe__graph_linear(lethe__graph *graph, int src, const char *name, int outputs, lethe__fill fill) {
    if (graph->status != LETHE_OK)
        return 0;
    lethe__tensor in = graph->tensors[src];
    lethe__node node = new_node(LETHE__LINEAR, src);
    if (in.h != 1 || in.w != 1) {
        record(graph, lethe__fail(LETHE_USAGE, "%s: a linear layer reads [1, 1, c], not [%d, %d, %d]", name,
                                  in.h, in.w, in.c));
        return 0;
    }
    size_t inputs = (size_t)in.c;
    node.weight = add_parameter(graph, name, "weight",
                                (lethe__slot){.n_dims = 2,
                                              .shape = {(size_t)outputs, inputs},
                                              .fan_in = inputs,
                                              .fan_out = (size_t)outputs,
                                              .fill = fill});
    node.bias = add_parameter(
        graph, name, "bias",
        (lethe__slot){
            .n_dims = 1, .shape = {(size_t)outputs}, .fan_in = inputs, .fill = LETHE__FILL_UNIFORM_FAN_IN});
    node.dst = add_tensor(graph, 1, 1, outputs);
    return add_node(graph, node);
}

/* --- the finished graph --- */

lethe_status lethe__graph_finish(lethe__graph *graph) {
    LETHE_TRY(graph->status);
    if (graph->n_nodes < 2)
        LETHE_FAIL(LETHE_USAGE, "the network has no operations");
    lethe__tensor last = graph->tensors[graph->n_tensors - 1];
    if (graph->nodes[graph->n_nodes - 1].kind != LETHE__LINEAR)
        LETHE_FAIL(LETHE_USAGE, "the network must end in a linear layer, not in [%d, %d, %d]", last.h, last.w,
                   last.c);
    for (size_t i = 0; i + 1 < graph->n_tensors; i++)
        if (graph->tensors[i].n_consumers == 0)
            LETHE_FAIL(LETHE_USAGE, "the output of operation %d of the network is never read",
                       graph->tensors[i].producer);
    for (size_t i = 0; i < graph->n_tensors; i++) {
        const lethe__tensor *tensor = &graph->tensors[i];
        /* two readers give two gradients, which the backward pass of the producer has to add */
        bool adds = tensor->producer >= 0 && graph->nodes[tensor->producer].kind == LETHE__BATCHNORM;
        if (tensor->n_consumers > (adds ? 2 : 1))
            LETHE_FAIL(
                LETHE_USAGE,
                "the output of operation %d of the network has %d readers: only a BatchNorm may have two",
                tensor->producer, tensor->n_consumers);
    }
    return LETHE_OK;
}

bool lethe__graph_has_gradient(const lethe__graph *graph, int tensor) {
    int producer = graph->tensors[tensor].producer;
    return producer >= 0 && graph->nodes[producer].kind != LETHE__NORMALISE;
}

static int find_slot(const lethe__slot *slots, size_t n, const char *name) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(slots[i].name, name) == 0)
            return (int)i;
    return -1;
}

int lethe__graph_find_parameter(const lethe__graph *graph, const char *name) {
    return find_slot(graph->parameters, graph->n_parameters, name);
}

int lethe__graph_find_buffer(const lethe__graph *graph, const char *name) {
    return find_slot(graph->buffers, graph->n_buffers, name);
}
