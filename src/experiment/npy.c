/* npy.c - NumPy's array file, version 1.0.
 *
 *   "\x93NUMPY" 1 0 | u16 length | Python dictionary, padded with spaces and ended by '\n' | values
 *
 * The length makes the values start at a multiple of 64. Source: numpy.lib.format. */
#include "experiment/npy.h"
#include "base/fail.h"
#include "base/file.h"
#include <stdio.h>
#include <string.h>

enum { ALIGNMENT = 64, PREFIX = 10, HEADER = 192, MAX_DIMS = 4 };

static const unsigned char magic[] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0}; /* version 1.0 */

/* Writes the header into `header` and returns its bytes. */
static size_t make_header(char header[HEADER], lethe__npy_type type, const size_t *shape, int n_dims) {
    char dims[MAX_DIMS * 22] = "";
    size_t used = 0;
    for (int i = 0; i < n_dims; i++)
        used += (size_t)snprintf(dims + used, sizeof dims - used, "%zu, ", shape[i]);
    int length =
        snprintf(header + PREFIX, HEADER - PREFIX, "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }",
                 type == LETHE__NPY_F32 ? "<f4" : "|u1", dims);
    size_t whole = PREFIX + (size_t)length + 1;
    size_t padded = (whole + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    memset(header + whole - 1, ' ', padded - whole);
    header[padded - 1] = '\n';
    memcpy(header, magic, sizeof magic);
    header[8] = (char)((padded - PREFIX) & 0xff);
    header[9] = (char)((padded - PREFIX) >> 8);
    return padded;
}

lethe_status lethe__npy_write(const char *path, lethe__npy_type type, const size_t *shape, int n_dims,
                              const void *values) {
    char header[HEADER];
    size_t n_bytes = type == LETHE__NPY_F32 ? sizeof(float) : 1;
    for (int i = 0; i < n_dims; i++)
        n_bytes *= shape[i];
    lethe__writer *writer;
    LETHE_TRY(lethe__writer_open(path, &writer));
    lethe_status status = lethe__writer_write(writer, header, make_header(header, type, shape, n_dims));
    if (status == LETHE_OK)
        status = lethe__writer_write(writer, values, n_bytes);
    if (status == LETHE_OK)
        return lethe__writer_commit(&writer);
    lethe__writer_abandon(&writer);
    return status;
}
