/* runtime.h - how a computation is carried out, as opposed to what is computed: seed, threads, precision,
 * messages, progress, stopping and checkpoints. One lethe_runtime is lent to every long call. */
#ifndef LETHE_RUNTIME_H
#define LETHE_RUNTIME_H

#include <lethe/export.h>
#include <lethe/options.h>
#include <lethe/status.h>
#include <signal.h>
#include <stdint.h>

typedef enum lethe_precision {
    LETHE_PRECISION_AUTO, /* bf16 where the CPU has AMX-bf16, else f32 */
    LETHE_PRECISION_F32,
    LETHE_PRECISION_BF16, /* bf16 activations, f32 master weights, statistics and accumulation */
} lethe_precision;

typedef enum lethe_backend {
    LETHE_BACKEND_AUTO, /* the fastest implementation of each operation on this machine */
    LETHE_BACKEND_REF,  /* the plain C reference kernels, one thread */
} lethe_backend;

/* Whose reading of the paper: where the authors' code departs from it or is wrong, lethe's default is the
 * corrected form, and OFFICIAL does as that code does, so that published numbers can be compared. */
typedef enum lethe_compat { LETHE_COMPAT_NONE, LETHE_COMPAT_OFFICIAL } lethe_compat;

typedef enum lethe_log_level {
    LETHE_LOG_ERROR,
    LETHE_LOG_WARNING,
    LETHE_LOG_INFO,
    LETHE_LOG_DEBUG
} lethe_log_level;

typedef void lethe_log_function(void *user, lethe_log_level level, const char *sentence);

/* What a long computation tells while it runs; valid during the call only. */
typedef struct lethe_progress {
    const char *title;    /* "train", "ft", "evaluate" */
    int stage;            /* of a method with several trainings, counted from 0 */
    int epoch, n_epochs;  /* epoch counted from 0; n_epochs 0: not in epochs */
    size_t step, n_steps; /* steps done within the epoch */
    double samples_per_second;
    double eta_seconds;    /* of this computation; negative: not known yet */
    double loss, accuracy; /* running means over the epoch; accuracy in percent; NaN: not known */
} lethe_progress;

typedef void lethe_progress_function(void *user, const lethe_progress *progress);

typedef struct lethe_runtime {
    uint64_t seed; /* every random number derives from it: same seed, same threads, same bits */
    int threads;   /* 0: one for each CPU this process may use */
    lethe_precision precision;
    lethe_backend backend;
    const char *kernels; /* file of `lethe bench ops --save` with an implementation for each shape; NULL: by
                            the shape alone */
    const char *kernels_digest; /* that its content must have, as text (lethe/data.h); NULL: any */
    lethe_compat compat;
    const char *checkpoint;    /* file for mid-run checkpoints; NULL: none are written and none is read */
    bool resume;               /* continue from `checkpoint` if it exists */
    double checkpoint_seconds; /* least time between two checkpoints; one is always written when stopped */
    const volatile sig_atomic_t
        *stop;               /* non-zero: write a checkpoint and return LETHE_STOPPED; NULL: never */
    lethe_log_function *log; /* NULL: silent */
    lethe_progress_function *progress; /* NULL: none */
    void *user;                        /* given to log and progress */
} lethe_runtime;

/* --seed, --threads, --precision, --backend, --kernels, --compat, --checkpoint-seconds */
LETHE_API extern const lethe_option lethe_runtime_options[];

LETHE_API lethe_status lethe_runtime_defaults(lethe_runtime *runtime);

/* The precision that AUTO stands for on this machine; other values unchanged. */
LETHE_API lethe_precision lethe_precision_resolve(lethe_precision precision);

/* "auto", "f32", "bf16" */
LETHE_API const char *lethe_precision_name(lethe_precision precision);

/* The number of threads that `threads` stands for (0: CPUs of this process). */
LETHE_API int lethe_threads_resolve(int threads);

#endif
