/* graph.h - a network as a list of operations over tensors, built once by a model function.
 *
 * A builder function adds one operation and returns the id of the tensor that it makes. Shapes are inferred
 * at once. The first failure sticks in the graph (further calls do nothing and return 0), so that a model
 * function reads like the network; lethe__graph_finish reports it. A tensor is per sample [h, w, c];
 * activations are NHWC.
 *
 * Parameters and buffers are named like PyTorch's and live in two flat f32 vectors, in PyTorch's order and
 * layout. */
#ifndef LETHE_ENGINE_GRAPH_H
#define LETHE_ENGINE_GRAPH_H

#include <lethe/data.h>
#include <lethe/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum lethe__op_kind {
    LETHE__NORMALISE,   /* bytes [h, w, c] -> (x / 255 - mean) / std */
    LETHE__CONVOLUTION, /* square kernel, same stride and padding both ways, optional bias */
    LETHE__BATCHNORM,   /* dst = [relu]( (src - mean) / sqrt(var + eps) * weight + bias [+ residual] ) */
    LETHE__MAX_POOL,
    LETHE__GLOBAL_POOL,  /* mean over h and w -> [1, 1, c], f32 */
    LETHE__PAD_SHORTCUT, /* option A: every stride-th pixel, zero channels on both sides (He et al. 2015) */
    LETHE__LINEAR,       /* [1, 1, c] f32 -> [1, 1, outputs] f32 */
    LETHE__OP_KINDS
} lethe__op_kind;

typedef enum lethe__fill {
    LETHE__FILL_ZERO,
    LETHE__FILL_ONE,
    LETHE__FILL_KAIMING_NORMAL_FAN_OUT, /* N(0, 2 / fan_out) */
    LETHE__FILL_KAIMING_NORMAL_FAN_IN,  /* N(0, 2 / fan_in) */
    LETHE__FILL_UNIFORM_FAN_IN, /* U(-b, b), b = 1 / sqrt(fan_in): PyTorch's default for layers and biases */
} lethe__fill;

enum { LETHE__NAME_BYTES = 64 };

/* A parameter or buffer: a view into its flat vector. */
typedef struct lethe__slot {
    char name[LETHE__NAME_BYTES];
    int n_dims;
    size_t shape[4];
    size_t offset, size; /* in scalars */
    size_t fan_in, fan_out;
    lethe__fill fill;
    bool prunable; /* convolution weights */
} lethe__slot;

typedef struct lethe__tensor {
    int h, w, c;
    int producer;    /* node index; -1: the input bytes */
    int n_consumers; /* how many nodes read it */
} lethe__tensor;

typedef struct lethe__node {
    lethe__op_kind kind;
    int src, residual, dst;        /* tensor ids; residual -1: none */
    int kernel, stride, padding;   /* convolution, pool, pad shortcut */
    bool relu;                     /* batchnorm */
    int weight, bias;              /* parameter slots; -1: none */
    int running_mean, running_var; /* buffer slots; -1: none */
} lethe__node;

typedef struct lethe__graph {
    lethe__node *nodes;
    size_t n_nodes, nodes_capacity;
    lethe__tensor *tensors;
    size_t n_tensors, tensors_capacity;
    lethe__slot *parameters;
    size_t n_parameters, parameters_capacity; /* slots */
    lethe__slot *buffers;
    size_t n_buffers, buffers_capacity;
    size_t parameter_size, buffer_size; /* scalars in the flat vectors */
    float mean[LETHE_MAX_CHANNELS], std[LETHE_MAX_CHANNELS];
    lethe_status status;
} lethe__graph;

lethe_status lethe__graph_create(lethe__graph **out);
void lethe__graph_destroy(lethe__graph **graph);

/* Tensor 0 is the bytes; the result is the normalised image. Call first, once. */
int lethe__graph_input(lethe__graph *graph, int height, int width, int channels, const float *mean,
                       const float *std);
/* `name` is the module's: "layer1.0.conv1" makes the parameter "layer1.0.conv1.weight" (and ".bias"). */
int lethe__graph_convolution(lethe__graph *graph, int src, const char *name, int channels, int kernel,
                             int stride, int padding, bool bias, lethe__fill fill);
int lethe__graph_batchnorm(lethe__graph *graph, int src, const char *name, int residual, bool relu);
int lethe__graph_max_pool(lethe__graph *graph, int src, int kernel, int stride, int padding);
int lethe__graph_global_pool(lethe__graph *graph, int src);
int lethe__graph_pad_shortcut(lethe__graph *graph, int src, int channels, int stride);
int lethe__graph_linear(lethe__graph *graph, int src, const char *name, int outputs, lethe__fill fill);

/* Checks that the graph is whole and its last tensor is [1, 1, classes]; returns the first recorded failure.
 */
lethe_status lethe__graph_finish(lethe__graph *graph);

/* Whether the loss has a gradient with respect to `tensor`: parameters stand before it. */
bool lethe__graph_has_gradient(const lethe__graph *graph, int tensor);

/* Slot index by full name, -1 when there is none. */
int lethe__graph_find_parameter(const lethe__graph *graph, const char *name);
int lethe__graph_find_buffer(const lethe__graph *graph, const char *name);

#endif
