/* machine.h - the machine that lethe runs on: what it is, which kernels are chosen on it, whether they
 * compute rightly, and how fast. */
#ifndef LETHE_MACHINE_H
#define LETHE_MACHINE_H

#include <lethe/model.h>

typedef struct lethe_machine {
    char cpu[64];    /* "Intel(R) Xeon(R) Platinum 8481C" */
    const char *isa; /* the widest that lethe's kernels use here: "amx", "avx512", "avx2" or "baseline" */
    int threads;     /* what threads = 0 stands for */
    lethe_precision precision; /* what precision auto stands for */
} lethe_machine;

LETHE_API void lethe_machine_get(lethe_machine *out);

/* One line for each operation of the model's forward pass over `batch` samples, with the implementation that
 * the runtime's backend and precision lead to. */
typedef void lethe_line_function(void *user, const char *line);
LETHE_API lethe_status lethe_model_describe(lethe_model *model, size_t batch, const lethe_runtime *runtime,
                                            lethe_line_function *write, void *user);

/* Compares the kernels of one operation with the plain C reference, forward and backward, by a small network
 * around it with random weights and images. */
typedef struct lethe_self_test {
    const char *operation;                /* "convolution" */
    double forward_error, backward_error; /* largest difference, relative to the largest magnitude */
    double tolerance;
    bool passed;
} lethe_self_test;

/* The operations that can be tested, ended by NULL. */
LETHE_API const char *const *lethe_self_test_operations(void);
LETHE_API lethe_status lethe_self_test_run(const char *operation, const lethe_runtime *runtime,
                                           lethe_self_test *out);

typedef enum lethe_bench_mode { LETHE_BENCH_TRAIN, LETHE_BENCH_PREDICT } lethe_bench_mode;

typedef struct lethe_bench_options {
    const char *arch;
    lethe_bench_mode mode;
    size_t batch;
    int image_size, channels, classes;
    double seconds; /* least time of one repeat */
    int repeats;
    const char *save; /* of operations: file that takes the fastest of each shape, for the runtime's
                         `kernels`; NULL: none */
} lethe_bench_options;

LETHE_API extern const lethe_option lethe_bench_option_table[];

/* Throughput of the whole program on synthetic images: loading, augmentation (in training) and computing. */
typedef struct lethe_bench_result {
    double samples_per_second; /* median over the repeats */
    double lowest, highest;
    double loader_share; /* of the time, spent on making batches */
    double peak_flops;   /* operations a second that this machine can do in this precision, measured; a
                            multiply-add counts as two */
    double peak_share;   /* of it, reached with the operations of convolutions and linear layers */
    double peak_bytes;   /* bytes a second to and from memory, measured */
} lethe_bench_result;
LETHE_API lethe_status lethe_bench(const lethe_bench_options *options, const lethe_runtime *runtime,
                                   lethe_bench_result *out);

/* One shape of operation in a network, timed alone by one implementation. */
typedef struct lethe_bench_operation {
    const char *kind;           /* "convolution" */
    int input[3], output[3];    /* h, w, c */
    int kernel, stride;         /* 0: has none */
    bool residual;              /* adds a second input */
    size_t count;               /* operations of this shape in the network */
    const char *implementation; /* "winograd" */
    bool chosen;                /* the one that a plan takes */
    double seconds[2];         /* forward, backward (0: none), of one operation on a batch; best of several */
    double flops[2], bytes[2]; /* that it does, and has to move at least */
    double peak_flops, peak_bytes; /* a second, of this machine */
} lethe_bench_operation;

/* Calls `take` for every shape of operation of the architecture and every implementation that supports it, in
 * the order of the network. The record is valid during the call. Each figure is the best of options->repeats
 * calls or more, which together take options->repeats * options->seconds or more. */
LETHE_API lethe_status
lethe_bench_operations(const lethe_bench_options *options, const lethe_runtime *runtime,
                       void (*take)(void *user, const lethe_bench_operation *operation), void *user);

#endif
