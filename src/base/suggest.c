/* suggest.c - words near a mistyped one.
 *
 * Near means: few edits apart (Damerau's: insert, delete, replace, exchange two neighbours), at most a third
 * of the word's length, or begun by the word. d(i, j), the edits between the first i letters of one and the
 * first j of the other, follows from its neighbours; three rows of the table are kept. Cost: |a| |b| steps a
 * candidate. */
#include "base/suggest.h"
#include "base/fail.h"
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { LONGEST = 63, MOST = 3 };

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

static size_t edit_distance(const char *a, const char *b) {
    size_t n = strlen(a), m = strlen(b), rows[3][LONGEST + 1];
    if (n > LONGEST || m > LONGEST)
        return SIZE_MAX;
    for (size_t j = 0; j <= m; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *second = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            row[j] = least(above[j - 1] + (a[i - 1] != b[j - 1]), 1 + least(above[j], row[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], second[j - 2] + 1);
        }
    }
    return rows[n % 3][m];
}

/* Appends as much as fits. */
static void append(char *text, size_t size, const char *more) {
    size_t used = strlen(text);
    snprintf(text + used, size - used, "%s", more);
}

/* "a, b" and the last joined by `last`, " or " for example. */
static void join(const char *const *words, size_t n, const char *last, char *text, size_t size) {
    text[0] = 0;
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            append(text, size, i + 1 == n ? last : ", ");
        append(text, size, words[i]);
    }
}

void lethe__suggest(const char *word, const char *const *candidates, size_t n, char *text, size_t size) {
    const char *near[MOST];
    size_t n_near = 0, length = strlen(word), limit = length / 3 > 1 ? length / 3 : 1;
    for (size_t edits = 0; edits <= limit; edits++) {
        for (size_t i = 0; i < n && n_near < MOST; i++) {
            size_t distance = edit_distance(word, candidates[i]);
            if (distance > limit && length >= 2 && strncmp(word, candidates[i], length) == 0)
                distance = limit;
            if (distance == edits)
                near[n_near++] = candidates[i];
        }
    }
    join(near, n_near, " or ", text, size);
}

lethe_status lethe__fail_unknown(const char *kind, const char *word, const char *const *candidates,
                                 size_t n) {
    enum { LISTED = 16 }; /* more names than these are no help in a sentence: a command's options */
    char near[256], known[768];
    lethe__suggest(word, candidates, n, near, sizeof near);
    join(candidates, n, " and ", known, sizeof known);
    if (near[0] == 0)
        LETHE_FAIL(LETHE_USAGE, "unknown %s '%.64s'; known are %s", kind, word, known);
    if (n > LISTED)
        LETHE_FAIL(LETHE_USAGE, "unknown %s '%.64s'; did you mean %s?", kind, word, near);
    LETHE_FAIL(LETHE_USAGE, "unknown %s '%.64s'; did you mean %s? Known are %s", kind, word, near, known);
}
