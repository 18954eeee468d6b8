/* product_kernels.h - the product of two matrices of doubles, made for each instruction set. */
#ifndef LETHE_ENGINE_NATIVE_PRODUCT_KERNELS_H
#define LETHE_ENGINE_NATIVE_PRODUCT_KERNELS_H

#include <stddef.h>

/* The right-hand matrix is stored in panels of as many columns, one cache line: b[k][column]. */
enum { LETHE__PANEL = 8 };

typedef struct lethe__product {
    size_t rows, columns, depth; /* columns: at most LETHE__PANEL */
    const double *a;             /* element (r, k) at a[r * a_row + k * a_step] */
    size_t a_row, a_step;
    const double *b; /* [depth, LETHE__PANEL] */
    double *c;       /* element (r, j) at c[r * c_row + j] */
    size_t c_row;
} lethe__product;

typedef struct lethe__product_kernels {
    const char *name; /* of the instruction set */
    /* c += a b; each element's sum runs over k in its order */
    void (*add_product)(const lethe__product *product);
} lethe__product_kernels;

extern const lethe__product_kernels lethe__product_kernels_baseline, lethe__product_kernels_avx2,
    lethe__product_kernels_avx512, lethe__product_kernels_avx512bf16;

#endif
