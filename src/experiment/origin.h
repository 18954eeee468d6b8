/* origin.h - where a model comes from: a finished run directory, or a file. */
#ifndef LETHE_EXPERIMENT_ORIGIN_H
#define LETHE_EXPERIMENT_ORIGIN_H

#include "base/json.h"
#include <lethe/data.h>

typedef struct lethe__origin {
    char *path;                     /* as the user gave it */
    char *model_path;               /* the .safetensors file */
    json_t *record;                 /* run.json; NULL: the path is a file */
    char digest[LETHE_DIGEST_TEXT]; /* of the file */
} lethe__origin;

/* LETHE_INPUT: there is no such file, or the folder holds no finished run. */
lethe_status lethe__origin_open(const char *path, lethe__origin *out);
void lethe__origin_fini(lethe__origin *origin);

/* LETHE_USAGE when writing to `out`, a run directory or a file, could replace what `input`, a run or a file,
 * consists of: it is the input, a part of it that a model needs, or a folder around it. A path that is NULL
 * or not there yet is fine. */
lethe_status lethe__origin_spare(const char *input, const char *out);

/* run.json of a run that finished with a model, checked for its schema. Free with json_decref. */
lethe_status lethe__run_record_read(const char *directory, json_t **out);

/* What the run says of the unlearning that made its model. */
typedef struct lethe__unlearned {
    const char *method;     /* lent; NULL: the model was not unlearned, or comes from a file */
    double rte_seconds;     /* NaN: not known */
    double parent_sparsity; /* NaN: not known */
} lethe__unlearned;
lethe__unlearned lethe__origin_unlearned(const lethe__origin *origin);

/* The seed that the initial weights were drawn from, by the first run of the chain that the record of a run
 * (NULL: there is none) ends. False: a file without a record is on the way, or a run that was moved or
 * changed. */
bool lethe__origin_initial_seed(const json_t *record, uint64_t *seed);

#endif
