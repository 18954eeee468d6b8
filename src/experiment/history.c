/* history.c - history.csv: one row per epoch, RFC 4180, decimal points, "nan" where nothing was measured.
 *
 * The file is small and written anew after each epoch, so that an interrupted run that goes on from an
 * earlier checkpoint leaves no row twice. */
#include "experiment/history.h"
#include "base/fail.h"
#include "base/file.h"
#include "base/number.h"
#include <errno.h>
#include <math.h>
#include <string.h>

static const char header[] = "epoch,seconds,samples_per_second,lr,loss,accuracy,val_accuracy,sparsity\n";

static void write_row(FILE *stream, size_t epoch, const lethe_epoch_record *record) {
    const double values[] = {record->seconds,  record->samples_per_second, record->lr,      record->loss,
                             record->accuracy, record->val_accuracy,       record->sparsity};
    fprintf(stream, "%zu", epoch);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char text[LETHE__NUMBER_TEXT] = "nan";
        if (isfinite(values[i]))
            lethe__number_format(values[i], text);
        fprintf(stream, ",%s", text);
    }
    fputc('\n', stream);
}

lethe_status lethe__history_write(const char *path, const lethe_epoch_record *records, size_t n) {
    lethe__writer *writer;
    LETHE_TRY(lethe__writer_open(path, &writer));
    FILE *stream = lethe__writer_stream(writer);
    fputs(header, stream);
    for (size_t i = 0; i < n; i++)
        write_row(stream, i + 1, &records[i]);
    return lethe__writer_commit(&writer);
}
