/* origin.h - where a model comes from: a finished run directory, or a file. */
#ifndef LETHE_EXPERIMENT_ORIGIN_H
#define LETHE_EXPERIMENT_ORIGIN_H

#include "base/json.h"
#include <lethe/data.h>

typedef struct lethe__origin {
    char *path;                      /* as the user gave it */
    char *model_path;                /* the .safetensors file */
    json_t *record;                  /* run.json; NULL: the path is a file */
    char digest[LETHE_DIGEST_TEXT];  /* of the file */
} lethe__origin;

/* LETHE_INPUT: there is no such file, or the folder holds no finished run. */
lethe_status lethe__origin_open(const char *path, lethe__origin *out);
void lethe__origin_fini(lethe__origin *origin);

/* run.json of a run that finished with a model, checked for its schema. Free with json_decref. */
lethe_status lethe__run_record_read(const char *directory, json_t **out);

/* Seconds that the method of the run took; NaN: not known. */
double lethe__origin_rte_seconds(const lethe__origin *origin);

#endif
