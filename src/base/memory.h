/* memory.h - the one door to the heap, and arenas.
 *
 * Every allocation of lethe goes through these functions, so that a test can make the nth one fail. All
 * blocks are aligned to 64 bytes (a cache line, an AVX-512 register) and freed by lethe__free. */
#ifndef LETHE_BASE_MEMORY_H
#define LETHE_BASE_MEMORY_H

#include <lethe/status.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroed memory for `n` elements of `size` bytes. n = 0 gives a block that may be freed. LETHE_MEMORY (with a
 * sentence) on overflow or exhaustion. Use: LETHE_TRY(lethe__allocate(n, sizeof *p, &p)). */
#define lethe__allocate(n, size, out) lethe__allocate_((n), (size), (void **)(out))
lethe_status lethe__allocate_(size_t n, size_t size, void **out);

/* Grows an array of elements of `size` bytes so that it holds at least `needed`; *capacity is updated. New
 * elements are zero. */
#define lethe__grow(array, capacity, needed, size)                                                           \
    lethe__grow_((void **)(array), (capacity), (needed), (size))
lethe_status lethe__grow_(void **array, size_t *capacity, size_t needed, size_t size);

/* Takes NULL. */
void lethe__free(void *block);

/* A copy of `text`, freed by lethe__free. */
lethe_status lethe__copy_text(const char *text, char **out);
/* printf into fresh memory. */
lethe_status lethe__format_text(char **out, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Tests: the nth allocation from now (1 = the next) fails, once. 0: none fails. */
void lethe__memory_fail_nth(uint64_t n);
/* Allocations so far in this process, and blocks not yet freed. */
uint64_t lethe__memory_allocations(void);
int64_t lethe__memory_live_blocks(void);

/* An arena: memory given back all at once. */
typedef struct lethe__arena lethe__arena;
lethe_status lethe__arena_create(lethe__arena **out);
void lethe__arena_destroy(lethe__arena **arena);
lethe_status lethe__arena_allocate_(lethe__arena *arena, size_t n, size_t size, void **out);
#define lethe__arena_allocate(arena, n, size, out)                                                           \
    lethe__arena_allocate_((arena), (n), (size), (void **)(out))
lethe_status lethe__arena_format(lethe__arena *arena, const char **out, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
