/* json.h - jansson, with lethe's errors and allocator, and checked reading of fields. */
#ifndef LETHE_BASE_JSON_H
#define LETHE_BASE_JSON_H

#include <jansson.h>
#include <lethe/status.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Parses n bytes (duplicate keys rejected). `place` names the source in messages. Free with json_decref. */
lethe_status lethe__json_parse(const char *text, size_t n, const char *place, json_t **out);
lethe_status lethe__json_read(const char *path, json_t **out);
/* Writes a value and a newline, indented by 2, keys in insertion order, numbers in the shortest form that
 * reads back exactly. */
lethe_status lethe__json_dump(const json_t *value, FILE *stream);
/* The same into a file, atomically. */
lethe_status lethe__json_write(const char *path, const json_t *value);

/* The value on one line in fresh memory, freed by lethe__free. Reals have nine significant digits, enough for
 * a float to read back exactly. A value of NULL counts as one that could not be made: LETHE_MEMORY. */
lethe_status lethe__json_compact(const json_t *value, char **out);

/* Fields of an object; LETHE_INPUT names `place` and the key when it is missing or of another type. Text is
 * lent. */
lethe_status lethe__json_get_text(const json_t *object, const char *key, const char *place, const char **out);
lethe_status lethe__json_get_integer(const json_t *object, const char *key, const char *place,
                                     int64_t minimum, int64_t maximum, int64_t *out);
lethe_status lethe__json_get_real(const json_t *object, const char *key, const char *place, double *out);
lethe_status lethe__json_get_array(const json_t *object, const char *key, const char *place, json_t **out);
lethe_status lethe__json_get_object(const json_t *object, const char *key, const char *place, json_t **out);

/* A number, or null for NaN and infinities. */
json_t *lethe__json_real(double value);

#endif
