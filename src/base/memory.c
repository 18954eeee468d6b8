/* memory.c - the one door to the heap, and arenas.
 *
 * A block is what aligned_alloc gives, without a header of our own: memory that jansson hands to a program
 * may be released by free() as well. Every allocation has a serial number; the one whose number equals
 * `fail_at` fails, which also makes "fails once" true without further state and holds when several threads
 * allocate.
 *
 * An arena is a list of chunks, the newest first, each used from its front. Blocks of an arena are aligned
 * like all others. A block larger than a chunk gets a chunk of its own. */
#include "base/memory.h"
#include "base/fail.h"
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { ALIGNMENT = 64, CHUNK_BYTES = 8192 };
enum { HUGE_PAGE = 2 << 20, LARGE = 4 * HUGE_PAGE };

static atomic_uint_fast64_t allocations;
static atomic_uint_fast64_t fail_at;
static atomic_int_fast64_t live_blocks;

/* The size of n elements, rounded up to whole units of alignment and at least one; false when no object can
 * be so large. */
static bool padded_bytes(size_t n, size_t size, size_t *bytes) {
    size_t product;
    if (__builtin_mul_overflow(n, size, &product) || product > PTRDIFF_MAX - ALIGNMENT)
        return false;
    product = (product + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    *bytes = product > 0 ? product : ALIGNMENT;
    return true;
}

/* `out` points to a pointer of any type: it is read and written as bytes, so that no object is accessed as a
 * void * that was declared as something else. */
static void put_pointer(void **out, void *block) {
    memcpy(out, &block, sizeof block);
}

static void *get_pointer(void **from) {
    void *block;
    memcpy(&block, from, sizeof block);
    return block;
}

/* Large blocks are asked for in huge pages: with pages of 4 KiB a pass over a batch misses the translation
 * buffers all the time. That the kernel may refuse is all the same. */
static void *obtain(size_t bytes) {
    if (bytes < LARGE || bytes > PTRDIFF_MAX - HUGE_PAGE)
        return aligned_alloc(ALIGNMENT, bytes);
    size_t whole = (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    void *block = aligned_alloc(HUGE_PAGE, whole);
#ifdef MADV_HUGEPAGE
    if (block != NULL)
        (void)madvise(block, bytes, MADV_HUGEPAGE);
#endif
    return block;
}

lethe_status lethe__allocate_(size_t n, size_t size, void **out) {
    uint64_t serial = atomic_fetch_add(&allocations, 1) + 1;
    size_t bytes;
    void *block = NULL;
    if (serial != atomic_load(&fail_at) && padded_bytes(n, size, &bytes))
        block = obtain(bytes);
    if (block == NULL)
        LETHE_FAIL(LETHE_MEMORY, "out of memory: %zu elements of %zu bytes could not be allocated", n, size);
    memset(block, 0, bytes);
    atomic_fetch_add(&live_blocks, 1);
    put_pointer(out, block);
    return LETHE_OK;
}

lethe_status lethe__grow_(void **array, size_t *capacity, size_t needed, size_t size) {
    if (needed <= *capacity)
        return LETHE_OK;
    size_t larger = *capacity <= SIZE_MAX / 2 && needed < 2 * *capacity ? 2 * *capacity : needed;
    if (larger < 8)
        larger = 8;
    void *block = NULL;
    LETHE_TRY(lethe__allocate_(larger, size, &block));
    void *old = get_pointer(array);
    if (old != NULL)
        memcpy(block, old, *capacity * size);
    lethe__free(old);
    put_pointer(array, block);
    *capacity = larger;
    return LETHE_OK;
}

void lethe__free(void *block) {
    if (block == NULL)
        return;
    atomic_fetch_sub(&live_blocks, 1);
    free(block);
}

lethe_status lethe__copy_text(const char *text, char **out) {
    size_t n = strlen(text) + 1;
    char *copy;
    LETHE_TRY(lethe__allocate(n, 1, &copy));
    memcpy(copy, text, n);
    *out = copy;
    return LETHE_OK;
}

/* Into a block of its own, or into an arena. */
__attribute__((format(printf, 3, 0))) static lethe_status format_into(lethe__arena *arena, char **out,
                                                                      const char *format, va_list arguments) {
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    size_t n = length < 0 ? SIZE_MAX : (size_t)length + 1;
    char *text;
    lethe_status status =
        arena != NULL ? lethe__arena_allocate(arena, n, 1, &text) : lethe__allocate(n, 1, &text);
    if (status == LETHE_OK) {
        vsnprintf(text, n, format, again);
        *out = text;
    }
    va_end(again);
    return status;
}

lethe_status lethe__format_text(char **out, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    lethe_status status = format_into(NULL, out, format, arguments);
    va_end(arguments);
    return status;
}

void lethe__memory_fail_nth(uint64_t n) {
    atomic_store(&fail_at, n > 0 ? atomic_load(&allocations) + n : 0);
}

uint64_t lethe__memory_allocations(void) {
    return atomic_load(&allocations);
}

int64_t lethe__memory_live_blocks(void) {
    return atomic_load(&live_blocks);
}

typedef struct chunk {
    struct chunk *next;
    size_t used, bytes; /* of the memory behind this header, which fills one unit of alignment */
} chunk;

struct lethe__arena {
    chunk *chunks;
};

lethe_status lethe__arena_create(lethe__arena **out) {
    return lethe__allocate(1, sizeof **out, out);
}

void lethe__arena_destroy(lethe__arena **arena) {
    if (*arena == NULL)
        return;
    for (chunk *this = (*arena)->chunks; this != NULL;) {
        chunk *next = this->next;
        lethe__free(this);
        this = next;
    }
    lethe__free(*arena);
    *arena = NULL;
}

lethe_status lethe__arena_allocate_(lethe__arena *arena, size_t n, size_t size, void **out) {
    size_t bytes;
    if (!padded_bytes(n, size, &bytes))
        LETHE_FAIL(LETHE_MEMORY, "out of memory: %zu elements of %zu bytes could not be allocated", n, size);
    chunk *first = arena->chunks;
    if (first == NULL || first->bytes - first->used < bytes) {
        size_t room = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;
        LETHE_TRY(lethe__allocate(1 + room / ALIGNMENT, ALIGNMENT, &first));
        first->bytes = room;
        first->next = arena->chunks;
        arena->chunks = first;
    }
    put_pointer(out, (char *)first + ALIGNMENT + first->used);
    first->used += bytes;
    return LETHE_OK;
}

lethe_status lethe__arena_format(lethe__arena *arena, const char **out, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    char *text = NULL;
    lethe_status status = format_into(arena, &text, format, arguments);
    va_end(arguments);
    if (status == LETHE_OK)
        *out = text;
    return status;
}
