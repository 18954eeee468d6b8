/* npy.h - arrays as files that numpy.load reads. */
#ifndef LETHE_EXPERIMENT_NPY_H
#define LETHE_EXPERIMENT_NPY_H

#include <lethe/status.h>
#include <stddef.h>

typedef enum lethe__npy_type { LETHE__NPY_F32, LETHE__NPY_U8 } lethe__npy_type;

/* Writes values, C order, of the shape given; atomically. n_dims at most 4. */
lethe_status lethe__npy_write(const char *path, lethe__npy_type type, const size_t *shape, int n_dims,
                              const void *values);

#endif
