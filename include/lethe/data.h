/* data.h - labelled images and how they are divided.
 *
 * A data set is held whole in memory as bytes. Samples are named by their id: the 0-based position in the
 * data set's own training file order (test images have ids of their own, counted from 0 as well). A split
 * divides the training ids into train and validation, and train into retain and forget; it is stored with the
 * model and reused by every later step, so that no step ever sees another division. */
#ifndef LETHE_DATA_H
#define LETHE_DATA_H

#include <lethe/export.h>
#include <lethe/options.h>
#include <lethe/runtime.h>
#include <lethe/status.h>
#include <stddef.h>
#include <stdint.h>

enum { LETHE_MAX_CHANNELS = 4, LETHE_DIGEST_TEXT = 65 }; /* BLAKE2b-256 as 64 hexadecimal digits and a NUL */

typedef struct lethe_dataset lethe_dataset;
typedef struct lethe_split lethe_split;

typedef struct lethe_dataset_options {
    const char *name;      /* fashion-mnist, mnist, cifar10, cifar100, synthetic */
    const char *directory; /* where its files lie; NULL: the usual place of the format, if it has one */
    size_t limit;          /* keep the first N training images; 0: all */
    size_t test_limit;     /* keep the first N test images; 0: all */
    /* of the synthetic generator only */
    int synthetic_classes;
    size_t synthetic_train, synthetic_test;
    int synthetic_size, synthetic_channels;
    uint64_t synthetic_seed;
} lethe_dataset_options;

LETHE_API extern const lethe_option lethe_dataset_option_table[]; /* --dataset, --data-dir, --limit, ... */

typedef struct lethe_dataset_info {
    char name[32];
    const char *path; /* lent: the folder that was read; "" for synthetic */
    int classes, height, width, channels;
    size_t n_train, n_test;
    float mean[LETHE_MAX_CHANNELS], std[LETHE_MAX_CHANNELS]; /* usual normalisation of images in [0, 1] */
    char digest[LETHE_DIGEST_TEXT];                          /* over the images and labels that were kept */
} lethe_dataset_info;

/* Reads a data set whole. LETHE_USAGE: unknown name or bad option; LETHE_INPUT: a file is missing or damaged.
 */
LETHE_API lethe_status lethe_dataset_open(const lethe_dataset_options *options, lethe_dataset **out);
LETHE_API void lethe_dataset_destroy(lethe_dataset **dataset);
LETHE_API const lethe_dataset_info *lethe_dataset_get_info(const lethe_dataset *dataset);

/* The names that lethe_dataset_open knows, one string ended by NULL each. */
LETHE_API const char *const *lethe_dataset_names(void);

typedef enum lethe_part {
    LETHE_PART_TRAIN, /* retain and forget together */
    LETHE_PART_VAL,
    LETHE_PART_TEST,
    LETHE_PART_RETAIN,
    LETHE_PART_FORGET,
} lethe_part;
#define LETHE_PART_CHOICES "train|val|test|retain|forget"

/* Samples of one data set, lent. ids are positions in `images` and `labels`. */
typedef struct lethe_samples {
    const lethe_dataset *dataset;
    const uint8_t *images; /* [.., height, width, channels] bytes */
    const int32_t *labels;
    const uint32_t *ids; /* [n] ascending unless made otherwise */
    size_t n;
} lethe_samples;

/* --- splits --- */

/* Holds out round(val_fraction * class size) training images of each class, drawn by `seed`. val_fraction 0:
 * none. */
LETHE_API lethe_status lethe_split_create(const lethe_dataset *dataset, double val_fraction, uint64_t seed,
                                          lethe_split **out);
/* The division that the paper's code makes (--compat official): floor(val_fraction * class size) images of
 * each class, drawn by numpy.random.RandomState(seed). LETHE_USAGE: the seed is 2^32 or more. */
LETHE_API lethe_status lethe_split_create_official(const lethe_dataset *dataset, double val_fraction,
                                                   uint64_t seed, lethe_split **out);
LETHE_API void lethe_split_destroy(lethe_split **split);

/* Chooses the forget set within train by a specification: "class=3", "random=0.1", "class=3,random=0.5",
 * "ids=FILE" (one id per line, # starts a comment). Replaces an earlier choice. LETHE_INPUT: an id is out of
 * range, duplicated, held out for validation, or either set would be empty; LETHE_USAGE: the specification is
 * malformed. */
LETHE_API lethe_status lethe_split_forget(lethe_split *split, const lethe_dataset *dataset,
                                          const char *specification, uint64_t seed);

/* The same, drawn as the paper's code does: by numpy.random.RandomState(seed - 1). LETHE_USAGE also: the seed
 * is 0, or 2^32 or more. */
LETHE_API lethe_status lethe_split_forget_official(lethe_split *split, const lethe_dataset *dataset,
                                                   const char *specification, uint64_t seed);

/* The seed that the division was drawn with. */
LETHE_API uint64_t lethe_split_get_seed(const lethe_split *split);

/* "" when nothing is forgotten yet. Lent. */
LETHE_API const char *lethe_split_get_forget(const lethe_split *split);

/* The class when the whole of one class is forgotten ("class=K"), else -1. Test accuracy then leaves it out.
 */
LETHE_API int lethe_split_get_forget_class(const lethe_split *split);

/* Is the forget set drawn from the images of all classes alike ("random=F")? */
LETHE_API bool lethe_split_get_forget_random(const lethe_split *split);

LETHE_API lethe_samples lethe_split_samples(const lethe_split *split, const lethe_dataset *dataset,
                                            lethe_part part);

/* split.json: sizes and digests of the parts, the validation and the forget ids. Reading checks all against
 * the data set. */
LETHE_API lethe_status lethe_split_save(const lethe_split *split, const lethe_dataset *dataset,
                                        const char *path);
LETHE_API lethe_status lethe_split_load(const char *path, const lethe_dataset *dataset, lethe_split **out);

#endif
