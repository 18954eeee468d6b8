/* product_kernels.c - the register tile of the product of doubles, compiled once for each instruction set.
 *
 * A tile is ROWS rows of one panel: each k loads the panel's cache line once and broadcasts one scalar a row.
 * AVX2: 6 rows of 2 vectors, 12 accumulators of 16 registers. A row's sum does not depend on the tile that it
 * is in, so the last rows may come in a smaller one. */
#include "engine/native/product_kernels.h"

#if defined(__AVX512F__)
enum { LANES = 8 };
#elif defined(__AVX2__)
enum { LANES = 4 };
#else
enum { LANES = 2 };
#endif
enum { ROWS = 6, VECTORS = LETHE__PANEL / LANES };

typedef double vector __attribute__((vector_size(LANES * sizeof(double))));
typedef double unaligned_vector
    __attribute__((vector_size(LANES * sizeof(double)), aligned(sizeof(double)), may_alias));

#define INLINE static inline __attribute__((always_inline))

INLINE void add_tile(const lethe__product *p, size_t first, const int rows) {
    vector sums[ROWS][VECTORS];
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < VECTORS; v++)
            sums[r][v] = (vector){0};
    const double *a = p->a + first * p->a_row;
    for (size_t k = 0; k < p->depth; k++) {
        vector b[VECTORS];
        for (int v = 0; v < VECTORS; v++)
            b[v] = *(const unaligned_vector *)(p->b + k * LETHE__PANEL + v * LANES);
        for (int r = 0; r < rows; r++)
            for (int v = 0; v < VECTORS; v++)
                sums[r][v] += a[(size_t)r * p->a_row + k * p->a_step] * b[v];
    }
    for (int r = 0; r < rows; r++) {
        double *c = p->c + (first + (size_t)r) * p->c_row;
        for (size_t j = 0; j < p->columns; j++)
            c[j] += sums[r][j / LANES][j % LANES];
    }
}

static void add_product(const lethe__product *p) {
    size_t r = 0;
    for (; r + ROWS <= p->rows; r += ROWS)
        add_tile(p, r, ROWS);
    for (; r + 2 <= p->rows; r += 2)
        add_tile(p, r, 2);
    if (r < p->rows)
        add_tile(p, r, 1);
}

#define JOIN_(prefix, isa) prefix##isa
#define JOIN(prefix, isa) JOIN_(prefix, isa)
#define TEXT_(isa) #isa
#define TEXT(isa) TEXT_(isa)

const lethe__product_kernels JOIN(lethe__product_kernels_, LETHE__ISA) = {.name = TEXT(LETHE__ISA),
                                                                          .add_product = add_product};
