/* digest.h - BLAKE2b-256 (libsodium) of memory and files, as hexadecimal text. */
#ifndef LETHE_BASE_DIGEST_H
#define LETHE_BASE_DIGEST_H

#include <lethe/data.h>

typedef struct lethe__digest lethe__digest;
lethe_status lethe__digest_create(lethe__digest **out);
void lethe__digest_update(lethe__digest *digest, const void *bytes, size_t n);
/* Writes the text and destroys the digest. */
void lethe__digest_finish(lethe__digest **digest, char text[LETHE_DIGEST_TEXT]);

lethe_status lethe__digest_memory(const void *bytes, size_t n, char text[LETHE_DIGEST_TEXT]);
lethe_status lethe__digest_file(const char *path, char text[LETHE_DIGEST_TEXT]);

#endif
