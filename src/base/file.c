/* file.c - reading files whole and writing them atomically.
 *
 * Reading asks for the file's size first, but believes only what arrives: the buffer grows until the end or
 * until one byte more than the limit has been seen, so that pipes work, a file that grows meanwhile does no
 * harm, and a gzip bomb costs no more than the limit. zlib notices corrupt and truncated streams by their
 * checksum and length.
 *
 * Writing goes to ".NAME.PID-COUNT" in the folder of NAME. rename() replaces a name in one step, and fsync
 * before it makes sure that the bytes are on disk before the name is: whatever happens, NAME holds the old
 * content or the new, never a part. A name that stands for something other than a regular file (a device, a
 * link) is refused, because rename would replace it. */
#include "base/file.h"
#include "base/fail.h"
#include "base/memory.h"
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum { FIRST_BYTES = 65536, READ_BYTES = 1 << 30 /* zlib and read(2) take less than 2^31 at once */ };

typedef struct source_file {
    const char *path;
    int file;
    gzFile gzip; /* NULL: the bytes as they are; it owns `file` otherwise */
} source_file;

static lethe_status source_open(const char *path, bool gzip, source_file *out) {
    source_file opened = {.path = path, .file = open(path, O_RDONLY | O_CLOEXEC)};
    if (opened.file < 0)
        LETHE_FAIL(LETHE_INPUT, "%s: cannot be opened: %s", path, strerror(errno));
    if (gzip) {
        opened.gzip = gzdopen(opened.file, "rb");
        if (opened.gzip == NULL) {
            close(opened.file);
            LETHE_FAIL(LETHE_MEMORY, "%s: out of memory for unpacking", path);
        }
    }
    *out = opened;
    return LETHE_OK;
}

static void source_close(source_file *source) {
    if (source->gzip != NULL)
        gzclose_r(source->gzip);
    else
        close(source->file);
}

/* Reads at most n bytes; *got = 0 at the end. */
static lethe_status source_read(source_file *source, uint8_t *bytes, size_t n, size_t *got) {
    ssize_t count;
    if (n > READ_BYTES)
        n = READ_BYTES;
    if (source->gzip == NULL) {
        do
            count = read(source->file, bytes, n);
        while (count < 0 && errno == EINTR);
        if (count < 0)
            LETHE_FAIL(LETHE_INPUT, "%s: cannot be read: %s", source->path, strerror(errno));
    } else {
        int code = Z_OK;
        count = gzread(source->gzip, bytes, (unsigned)n);
        const char *reason = count > 0 ? "" : gzerror(source->gzip, &code);
        if (code == Z_ERRNO)
            reason = strerror(errno);
        else if (code == Z_BUF_ERROR)
            reason = "the gzip stream ends early";
        if (count < 0 || (code != Z_OK && code != Z_STREAM_END))
            LETHE_FAIL(code == Z_MEM_ERROR ? LETHE_MEMORY : LETHE_INPUT, "%s: cannot be unpacked: %s",
                       source->path, reason);
    }
    *got = (size_t)count;
    return LETHE_OK;
}

/* How much to make room for at first: the size that the system tells, if it tells one, and a byte to see the
 * end. */
static size_t first_capacity(const source_file *source, size_t limit) {
    struct stat facts;
    size_t expected = FIRST_BYTES;
    if (source->gzip == NULL && fstat(source->file, &facts) == 0 && facts.st_size > 0)
        expected = (size_t)facts.st_size + 1;
    return expected < limit ? expected : limit;
}

static lethe_status read_all(source_file *source, size_t limit, uint8_t **bytes, size_t *n) {
    limit = limit < SIZE_MAX / 4 ? limit + 1 : SIZE_MAX / 4; /* one more byte tells that the file is larger */
    size_t capacity = first_capacity(source, limit), used = 0, got = 0;
    uint8_t *buffer = NULL;
    LETHE_TRY(lethe__allocate(capacity + 1, 1, &buffer));
    lethe_status status;
    while ((status = source_read(source, buffer + used, capacity - used, &got)) == LETHE_OK && got > 0) {
        used += got;
        if (used == limit) {
            status = lethe__fail(LETHE_INPUT, "%s: holds more than %zu bytes", source->path, limit - 1);
            break;
        }
        if (used < capacity)
            continue;
        size_t room = capacity + 1;
        capacity = capacity < limit / 2 ? 2 * capacity : limit;
        status = lethe__grow(&buffer, &room, capacity + 1, 1);
        if (status != LETHE_OK)
            break;
    }
    if (status != LETHE_OK) {
        lethe__free(buffer);
        return status;
    }
    buffer[used] = 0;
    *bytes = buffer;
    *n = used;
    return LETHE_OK;
}

static lethe_status file_read(const char *path, bool gzip, size_t limit, uint8_t **bytes, size_t *n) {
    source_file source;
    LETHE_TRY(source_open(path, gzip, &source));
    lethe_status status = read_all(&source, limit, bytes, n);
    source_close(&source);
    return status;
}

lethe_status lethe__file_read(const char *path, size_t limit, uint8_t **bytes, size_t *n) {
    return file_read(path, false, limit, bytes, n);
}

lethe_status lethe__file_read_gzip(const char *path, size_t limit, uint8_t **bytes, size_t *n) {
    return file_read(path, true, limit, bytes, n);
}

struct lethe__writer {
    FILE *stream;
    char *path, *folder, *temporary;
};

static void writer_destroy(lethe__writer **writer) {
    lethe__free((*writer)->path);
    lethe__free((*writer)->folder);
    lethe__free((*writer)->temporary);
    lethe__free(*writer);
    *writer = NULL;
}

/* Creates the temporary file; the mode is the usual one, cut by the process's umask. */
static lethe_status writer_create_temporary(lethe__writer *writer, const char *name) {
    static atomic_uint count;
    int file;
    do {
        lethe__free(writer->temporary);
        writer->temporary = NULL;
        LETHE_TRY(lethe__format_text(&writer->temporary, "%s/.%s.%ld-%u", writer->folder, name,
                                     (long)getpid(), atomic_fetch_add(&count, 1)));
        file = open(writer->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    } while (file < 0 && errno == EEXIST);
    if (file < 0)
        LETHE_FAIL(LETHE_FAILED, "%s: cannot be written: %s", writer->path, strerror(errno));
    writer->stream = fdopen(file, "wb");
    if (writer->stream == NULL) {
        close(file);
        unlink(writer->temporary);
        LETHE_FAIL(LETHE_MEMORY, "%s: out of memory for a stream", writer->path);
    }
    return LETHE_OK;
}

lethe_status lethe__writer_open(const char *path, lethe__writer **out) {
    struct stat facts;
    if (lstat(path, &facts) == 0 && !S_ISREG(facts.st_mode))
        LETHE_FAIL(LETHE_FAILED, "%s: is not a regular file and is not replaced; give another name", path);
    lethe__writer *writer;
    LETHE_TRY(lethe__allocate(1, sizeof *writer, &writer));
    const char *slash = strrchr(path, '/');
    size_t folder_length = slash != NULL ? (size_t)(slash - path) + 1 : 0;
    lethe_status status = lethe__copy_text(path, &writer->path);
    if (status == LETHE_OK)
        status = lethe__copy_text(folder_length > 0 ? path : ".", &writer->folder);
    if (status == LETHE_OK) {
        if (folder_length > 0)
            writer->folder[folder_length] = 0;
        status = writer_create_temporary(writer, path + folder_length);
    }
    if (status != LETHE_OK) {
        writer_destroy(&writer);
        return status;
    }
    *out = writer;
    return LETHE_OK;
}

FILE *lethe__writer_stream(lethe__writer *writer) {
    return writer->stream;
}

lethe_status lethe__writer_write(lethe__writer *writer, const void *bytes, size_t n) {
    if (n > 0 && fwrite(bytes, 1, n, writer->stream) != n)
        LETHE_FAIL(LETHE_FAILED, "%s: cannot be written: %s", writer->path, strerror(errno));
    return LETHE_OK;
}

/* Makes the new name survive a power cut. Some file systems cannot; the file itself is complete all the same.
 */
static void sync_folder(const lethe__writer *writer) {
    int file = open(writer->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file >= 0) {
        fsync(file);
        close(file);
    }
}

lethe_status lethe__writer_commit(lethe__writer **writer) {
    lethe__writer *this = *writer;
    lethe_status status = LETHE_OK;
    errno = 0;
    bool written = fflush(this->stream) == 0 && !ferror(this->stream) && fsync(fileno(this->stream)) == 0;
    int reason = errno;
    if (fclose(this->stream) != 0 && written) {
        written = false;
        reason = errno;
    }
    if (written && rename(this->temporary, this->path) != 0) {
        written = false;
        reason = errno;
    }
    if (written) {
        sync_folder(this);
    } else {
        unlink(this->temporary);
        status = lethe__fail(LETHE_FAILED, "%s: cannot be written: %s", this->path,
                             reason != 0 ? strerror(reason) : "an earlier write failed");
    }
    writer_destroy(writer);
    return status;
}

void lethe__writer_abandon(lethe__writer **writer) {
    if (*writer == NULL)
        return;
    fclose((*writer)->stream);
    unlink((*writer)->temporary);
    writer_destroy(writer);
}

lethe_status lethe__file_write(const char *path, const void *bytes, size_t n) {
    lethe__writer *writer;
    LETHE_TRY(lethe__writer_open(path, &writer));
    lethe_status status = lethe__writer_write(writer, bytes, n);
    if (status == LETHE_OK)
        return lethe__writer_commit(&writer);
    lethe__writer_abandon(&writer);
    return status;
}
