/* choices.h - which implementation a shape takes by measurement, and the file that keeps it.
 *
 * Without choices a plan goes by the shapes alone, so that bits never depend on a timing. With them they
 * depend on the file, which is written once and belongs to one CPU, number of threads and version. */
#ifndef LETHE_ENGINE_CHOICES_H
#define LETHE_ENGINE_CHOICES_H

#include "engine/operation.h"

/* What tells operations apart that may take different implementations; not the batch, since a last, smaller
 * one has to give the same bits. */
typedef struct lethe__shape {
    lethe__op_kind kind;
    lethe_precision precision; /* of the plan */
    bool training;
    int height, width, channels, outputs, kernel, stride, padding;
    int relu, residual, bias, diff_src; /* 0 or 1; diff_src: a gradient is handed on */
} lethe__shape;

lethe__shape lethe__shape_of(const lethe__operation *operation, lethe_precision precision);
bool lethe__same_shape(const lethe__shape *a, const lethe__shape *b);

typedef struct lethe__choices lethe__choices;

/* Reads the file runtime->kernels; *out = NULL where none is named. LETHE_INPUT: it is damaged, has another
 * content than runtime->kernels_digest, was made by another CPU, version or number of threads, or holds
 * nothing in the runtime's precision. LETHE_USAGE: the backend is ref. */
lethe_status lethe__choices_load(const lethe_runtime *runtime, lethe__choices **out);
/* For measuring: what `path` holds, or nothing where there is no such file. Refuses as above what was made
 * elsewhere. */
lethe_status lethe__choices_open(const char *path, const lethe_runtime *runtime, lethe__choices **out);
lethe_status lethe__choices_save(const lethe__choices *choices, const char *path);
void lethe__choices_destroy(lethe__choices **choices);

/* The implementation measured for an operation; NULL: none, or no choices. Sums over single samples are not
 * measured, so a plan for them has none. */
const lethe__implementation *lethe__choices_find(const lethe__choices *choices,
                                                 const lethe__operation *operation,
                                                 lethe_precision precision);

/* A measurement: the first of a shape replaces what the file held, after which the fastest stays. */
lethe_status lethe__choices_note(lethe__choices *choices, const lethe__shape *shape,
                                 const lethe__implementation *implementation, double seconds);

#endif
