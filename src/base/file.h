/* file.h - reading whole files, and writing files so that a half-written one never bears its final name. */
#ifndef LETHE_BASE_FILE_H
#define LETHE_BASE_FILE_H

#include <lethe/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Reads a whole file of at most `limit` bytes into fresh memory (freed by lethe__free), with a NUL behind the
 * last byte that is not counted. LETHE_INPUT names the file and the system's reason. */
lethe_status lethe__file_read(const char *path, size_t limit, uint8_t **bytes, size_t *n);

/* The same through zlib: plain or gzip content alike, at most `limit` bytes unpacked (a larger one is
 * LETHE_INPUT: a gzip bomb costs no more than `limit`). Truncated or corrupt streams are LETHE_INPUT. */
lethe_status lethe__file_read_gzip(const char *path, size_t limit, uint8_t **bytes, size_t *n);

/* A file being written: the stream goes to a temporary file in the same folder; commit does fflush, fsync,
 * rename, and fsync of the folder; abandon removes the temporary. LETHE_FAILED names the file and the reason
 * (full disk, no permission). */
typedef struct lethe__writer lethe__writer;
lethe_status lethe__writer_open(const char *path, lethe__writer **out);
FILE *lethe__writer_stream(lethe__writer *writer);
lethe_status lethe__writer_write(lethe__writer *writer, const void *bytes, size_t n);
/* Ends the writer in every case: on failure the temporary is gone and an older file of that name is
 * untouched. */
lethe_status lethe__writer_commit(lethe__writer **writer);
void lethe__writer_abandon(lethe__writer **writer);

lethe_status lethe__file_write(const char *path, const void *bytes, size_t n);

bool lethe__file_exists(const char *path);
bool lethe__folder_exists(const char *path);
/* Creates a folder and its parents; one that exists is fine. */
lethe_status lethe__folder_create(const char *path);
/* Removes a file; one that is not there is fine. */
lethe_status lethe__file_remove(const char *path);
/* "folder/name" in fresh memory. */
lethe_status lethe__path_join(const char *folder, const char *name, char **out);

#endif
