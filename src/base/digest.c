/* digest.c - BLAKE2b-256 of memory and files, by libsodium.
 *
 * Digests identify data sets, models and splits in records, so that a later command notices when a file is no
 * longer the one that was used. BLAKE2b (RFC 7693) is as strong as SHA-3 and runs near 1 GB/s on one core. */
#include "base/digest.h"
#include "base/fail.h"
#include "base/memory.h"
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <unistd.h>

enum { DIGEST_BYTES = 32 };
_Static_assert(LETHE_DIGEST_TEXT == 2 * DIGEST_BYTES + 1, "a digest is written in hexadecimal");

struct lethe__digest {
    crypto_generichash_state state;
};

lethe_status lethe__digest_create(lethe__digest **out) {
    if (sodium_init() < 0)
        LETHE_FAIL(LETHE_FAILED, "libsodium could not be initialised");
    lethe__digest *digest;
    LETHE_TRY(lethe__allocate(1, sizeof *digest, &digest));
    crypto_generichash_init(&digest->state, NULL, 0, DIGEST_BYTES);
    *out = digest;
    return LETHE_OK;
}

void lethe__digest_update(lethe__digest *digest, const void *bytes, size_t n) {
    crypto_generichash_update(&digest->state, bytes, n);
}

void lethe__digest_finish(lethe__digest **digest, char text[LETHE_DIGEST_TEXT]) {
    uint8_t bytes[DIGEST_BYTES];
    crypto_generichash_final(&(*digest)->state, bytes, sizeof bytes);
    sodium_bin2hex(text, LETHE_DIGEST_TEXT, bytes, sizeof bytes);
    lethe__free(*digest);
    *digest = NULL;
}

lethe_status lethe__digest_memory(const void *bytes, size_t n, char text[LETHE_DIGEST_TEXT]) {
    lethe__digest *digest;
    LETHE_TRY(lethe__digest_create(&digest));
    lethe__digest_update(digest, bytes, n);
    lethe__digest_finish(&digest, text);
    return LETHE_OK;
}

lethe_status lethe__digest_file(const char *path, char text[LETHE_DIGEST_TEXT]) {
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        LETHE_FAIL(LETHE_INPUT, "%s: cannot be opened: %s", path, strerror(errno));
    lethe__digest *digest;
    lethe_status status = lethe__digest_create(&digest);
    if (status == LETHE_OK) {
        char result[LETHE_DIGEST_TEXT];
        uint8_t buffer[32768];
        ssize_t n;
        while ((n = read(file, buffer, sizeof buffer)) > 0 || (n < 0 && errno == EINTR))
            lethe__digest_update(digest, buffer, n > 0 ? (size_t)n : 0);
        if (n < 0)
            status = lethe__fail(LETHE_INPUT, "%s: cannot be read: %s", path, strerror(errno));
        lethe__digest_finish(&digest, result);
        if (status == LETHE_OK)
            memcpy(text, result, sizeof result);
    }
    close(file);
    return status;
}
