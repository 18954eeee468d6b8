/* events.c - TensorBoard's event files, written without TensorFlow.
 *
 *   file   = record of the version, then one record for each epoch
 *   record = u64 length | u32 masked CRC of the length | data | u32 masked CRC of the data, little-endian
 *   data   = protocol buffer Event {1: wall time (double), 2: step (int64), 3: file version (text),
 *                                   5: Summary {1: Value {1: tag (text), 2: simple value (float)} ...}}
 *   masked = ((crc >> 15) | (crc << 17)) + 0xa282ead8, crc the CRC-32C of Castagnoli
 *
 * A protocol buffer is a sequence of fields, each led by (number << 3 | wire type): 0 is a variable-length
 * integer, 1 eight bytes, 2 a length and bytes, 5 four bytes. Source: TensorFlow's event.proto, summary.proto
 * and record_writer. Cost: some 400 bytes an epoch, flushed at once so that TensorBoard follows the run. */
#include "base/fail.h"
#include "base/file.h"
#include "base/memory.h"
#include "experiment/history.h"
#include <errno.h>
#include <math.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MESSAGE_BYTES = 1024, DOUBLE = 1, BYTES = 2, FLOAT = 5, VARINT = 0 };

struct lethe__events {
    FILE *stream;
    char *path;
};

uint32_t lethe__crc32c(const uint8_t *bytes, size_t n) {
    uint32_t crc = 0xffffffffu;
    for (size_t i = 0; i < n; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (0x82f63b78u & (0u - (crc & 1u)));
    }
    return ~crc;
}

uint32_t lethe__crc32c_masked(const uint8_t *bytes, size_t n) {
    uint32_t crc = lethe__crc32c(bytes, n);
    return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

/* --- protocol buffers: a message that is built in place; its parts are far smaller than its room --- */

typedef struct message {
    uint8_t bytes[MESSAGE_BYTES];
    size_t n;
} message;

static void put_bytes(message *to, const void *bytes, size_t n) {
    if (n > sizeof to->bytes - to->n)
        return;
    memcpy(to->bytes + to->n, bytes, n);
    to->n += n;
}

static void put_varint(message *to, uint64_t value) {
    do {
        uint8_t byte = (uint8_t)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
        put_bytes(to, &byte, 1);
        value >>= 7;
    } while (value != 0);
}

static void put_field(message *to, int number, int wire_type, const void *bytes, size_t n) {
    put_varint(to, (uint64_t)(number << 3 | wire_type));
    if (wire_type == BYTES)
        put_varint(to, n);
    put_bytes(to, bytes, n);
}

static message make_event(void) {
    message event = {.n = 0};
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    double wall_time = (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
    put_field(&event, 1, DOUBLE, &wall_time, sizeof wall_time);
    return event;
}

static void put_value(message *summary, const char *tag, double number) {
    if (!isfinite(number))
        return;
    float simple = (float)number;
    message value = {.n = 0};
    put_field(&value, 1, BYTES, tag, strlen(tag));
    put_field(&value, 2, FLOAT, &simple, sizeof simple);
    put_field(summary, 1, BYTES, value.bytes, value.n);
}

/* --- records --- */

static lethe_status write_record(lethe__events *events, const message *event) {
    uint64_t length = event->n;
    uint32_t length_crc = lethe__crc32c_masked((const uint8_t *)&length, sizeof length);
    uint32_t data_crc = lethe__crc32c_masked(event->bytes, event->n);
    fwrite(&length, sizeof length, 1, events->stream);
    fwrite(&length_crc, sizeof length_crc, 1, events->stream);
    fwrite(event->bytes, 1, event->n, events->stream);
    fwrite(&data_crc, sizeof data_crc, 1, events->stream);
    if (fflush(events->stream) != 0 || ferror(events->stream))
        LETHE_FAIL(LETHE_FAILED, "%s: cannot be written: %s", events->path, strerror(errno));
    return LETHE_OK;
}

static lethe_status fill_events(const char *folder, lethe__events *events) {
    char host[65] = "localhost";
    gethostname(host, sizeof host - 1);
    LETHE_TRY(lethe__format_text(&events->path, "%s/events.out.tfevents.%010lld.%s.%ld.0", folder,
                                 (long long)time(NULL), host, (long)getpid()));
    events->stream = fopen(events->path, "wb");
    if (events->stream == NULL)
        LETHE_FAIL(LETHE_FAILED, "%s: cannot be written: %s", events->path, strerror(errno));
    message event = make_event();
    static const char version[] = "brain.Event:2";
    put_field(&event, 3, BYTES, version, sizeof version - 1);
    return write_record(events, &event);
}

lethe_status lethe__events_open(const char *folder, lethe__events **out) {
    lethe__events *events;
    LETHE_TRY(lethe__allocate(1, sizeof *events, &events));
    lethe_status status = fill_events(folder, events);
    if (status != LETHE_OK) {
        lethe__events_close(&events);
        return status;
    }
    *out = events;
    return LETHE_OK;
}

lethe_status lethe__events_add(lethe__events *events, int64_t step, const lethe_epoch_record *record) {
    message event = make_event(), summary = {.n = 0};
    put_varint(&event, 2 << 3 | VARINT);
    put_varint(&event, (uint64_t)step);
    put_value(&summary, "train/loss", record->loss);
    put_value(&summary, "train/accuracy", record->accuracy);
    put_value(&summary, "train/lr", record->lr);
    put_value(&summary, "train/samples_per_second", record->samples_per_second);
    put_value(&summary, "val/accuracy", record->val_accuracy);
    put_value(&summary, "model/sparsity", record->sparsity);
    put_field(&event, 5, BYTES, summary.bytes, summary.n);
    return write_record(events, &event);
}

void lethe__events_close(lethe__events **events) {
    if (*events == NULL)
        return;
    if ((*events)->stream != NULL)
        fclose((*events)->stream);
    lethe__free((*events)->path);
    lethe__free(*events);
    *events = NULL;
}
