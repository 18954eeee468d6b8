/* split.h - the inside of a split.
 *
 * The truth is one role for each training image; the id lists of the parts are read off the roles, so they
 * are always ascending, disjoint and complete. The lists have room for every image from the start: filling
 * them cannot fail. */
#ifndef LETHE_DATA_SPLIT_H
#define LETHE_DATA_SPLIT_H

#include <lethe/data.h>

enum { LETHE__N_PARTS = LETHE_PART_FORGET + 1 };

struct lethe_split {
    double val_fraction;
    uint64_t seed;
    char *specification; /* of the forget set; NULL: nothing is forgotten */
    uint64_t forget_seed;
    int forget_class;   /* -1: not the whole of one class */
    bool forget_random; /* drawn from all classes alike */
    size_t n_images;
    uint8_t *roles;                /* [n_images] LETHE_PART_RETAIN, _FORGET or _VAL */
    uint32_t *ids[LETHE__N_PARTS]; /* of each part, ascending */
    size_t n[LETHE__N_PARTS];
};

/* What a forget specification says. */
typedef struct lethe__forget {
    int label;       /* -1: any class */
    double fraction; /* of the training images (of that class); 1: all of them */
    const char *ids; /* the file's name, lent from the specification; NULL: none */
} lethe__forget;

/* LETHE_USAGE: malformed, or a class that the data set does not have. */
lethe_status lethe__forget_parse(const char *specification, const lethe_dataset_info *data,
                                 lethe__forget *out);

/* Notes in the split what the specification says of the set as a whole. */
void lethe__forget_note(const lethe__forget *forget, lethe_split *split);

/* A split without validation and forget images. */
lethe_status lethe__split_allocate(const lethe_dataset *dataset, lethe_split **out);

/* LETHE_USAGE: numpy's generator has no such seed; it takes those below 2^32. */
lethe_status lethe__split_check_official(uint64_t seed);

/* Makes the id lists anew after `roles` changed. */
void lethe__split_fill(lethe_split *split);

/* BLAKE2b-256 over the ids of a part, 4 little-endian bytes each. */
lethe_status lethe__split_digest(const lethe_split *split, lethe_part part, char text[LETHE_DIGEST_TEXT]);

#endif
