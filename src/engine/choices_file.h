/* choices_file.h - what choices are in memory, for the file that keeps them. */
#ifndef LETHE_ENGINE_CHOICES_FILE_H
#define LETHE_ENGINE_CHOICES_FILE_H

#include "engine/choices.h"

typedef struct lethe__choice {
    lethe__shape shape;
    const lethe__implementation *implementation;
    double milliseconds;
    bool fresh; /* measured since the file was read */
} lethe__choice;

struct lethe__choices {
    lethe__choice *all;
    size_t n, capacity;
    int threads;
};

/* The fields of a shape that are numbers, here and in the file. */
typedef struct lethe__shape_field {
    const char *key;
    size_t offset;
    int minimum, maximum;
} lethe__shape_field;

enum { LETHE__SHAPE_FIELDS = 11 };

extern const lethe__shape_field lethe__shape_fields[LETHE__SHAPE_FIELDS];

int lethe__shape_value(const lethe__shape *shape, const lethe__shape_field *field);

/* NULL: the shape has no choice. */
lethe__choice *lethe__choices_find_shape(const lethe__choices *choices, const lethe__shape *shape);
lethe_status lethe__choices_add(lethe__choices *choices, const lethe__choice *added);

/* Adds what the file holds; digest NULL: whatever its content is. */
lethe_status lethe__choices_read(const char *path, const lethe_runtime *runtime, const char *digest,
                                 lethe__choices *choices);

#endif
