/* suggest.h - "did you mean": words near a mistyped one. */
#ifndef LETHE_BASE_SUGGEST_H
#define LETHE_BASE_SUGGEST_H

#include <lethe/status.h>
#include <stddef.h>

/* The candidates near `word` as "a, b or c" in `text`; empty when none is near. For did-you-mean sentences.
 */
void lethe__suggest(const char *word, const char *const *candidates, size_t n, char *text, size_t size);

/* Records that `word` is no known `kind` ("option", "method"), with the near candidates and, unless there are
 * such and the names are many, all of them. Returns LETHE_USAGE. */
lethe_status lethe__fail_unknown(const char *kind, const char *word, const char *const *candidates, size_t n);
#define LETHE_FAIL_UNKNOWN(...) return (void)lethe__fail_unknown(__VA_ARGS__), LETHE_USAGE

#endif
