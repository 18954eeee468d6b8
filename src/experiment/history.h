/* history.h - the epochs of a run, for spreadsheets (history.csv) and for TensorBoard. */
#ifndef LETHE_EXPERIMENT_HISTORY_H
#define LETHE_EXPERIMENT_HISTORY_H

#include <lethe/train.h>

/* One row for each record, epochs counted from 1 over all stages; written anew, atomically. */
lethe_status lethe__history_write(const char *path, const lethe_epoch_record *records, size_t n);

/* A file of TensorBoard records, written record by record. */
typedef struct lethe__events lethe__events;
/* Makes a file in `folder` whose name holds time, host and process. */
lethe_status lethe__events_open(const char *folder, lethe__events **out);
/* The values of one epoch, `step` counted from 1; NaN values are left out. */
lethe_status lethe__events_add(lethe__events *events, int64_t step, const lethe_epoch_record *record);
void lethe__events_close(lethe__events **events);

/* CRC-32C of n bytes, and the masked form that the records hold. */
uint32_t lethe__crc32c(const uint8_t *bytes, size_t n);
uint32_t lethe__crc32c_masked(const uint8_t *bytes, size_t n);

#endif
