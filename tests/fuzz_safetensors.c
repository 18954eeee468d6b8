/* fuzz_safetensors.c - whatever bytes arrive, the safetensors reader answers with LETHE_OK or LETHE_INPUT,
 * and what it accepts can be read to the last byte and was accounted for exactly.
 *
 * With libFuzzer: clang -fsanitize=fuzzer,address,undefined. The stored corpus (tests/corpus/safetensors) is
 * replayed by test_checkpoint_corpus.c, which includes this file. */
#include "checkpoint/safetensors.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static volatile uint8_t sink; /* keeps the reads from being optimised away */

static void require(int condition) {
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
    lethe__st_file file;
    lethe_status status = lethe__st_parse(bytes, n, "input", &file);
    require(status == LETHE_OK || status == LETHE_INPUT);
    if (status != LETHE_OK) {
        require(strncmp(lethe_last_message(), "input: ", 7) == 0);
        return 0;
    }
    size_t n_data = 0;
    for (size_t i = 0; i < file.n_tensors; i++) {
        const lethe__st_tensor *tensor = &file.tensors[i];
        for (size_t k = 0; k < tensor->n_bytes; k++)
            sink = ((const uint8_t *)tensor->bytes)[k];
        require(lethe__st_find(&file, tensor->name) == tensor);
        n_data += (size_t)tensor->n_bytes;
    }
    uint64_t n_header;
    memcpy(&n_header, bytes, sizeof n_header);
    require(n_header + 8 + n_data == n);
    for (size_t i = 0; i < file.n_metadata; i++)
        require(lethe__st_get_metadata(&file, file.metadata[i].key) == file.metadata[i].value);
    lethe__st_fini(&file);
    return 0;
}
