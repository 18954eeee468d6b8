/* inspect.h - what is in a model file, a run directory or a data set, as JSON (schema lethe.inspection/1). */
#ifndef LETHE_EXPERIMENT_INSPECT_H
#define LETHE_EXPERIMENT_INSPECT_H

#include "base/json.h"
#include <lethe/data.h>

/* "kind" is "model" or "run" (a run directory, finished or not). Free with json_decref. */
lethe_status lethe__inspect_path(const char *path, json_t **out);
/* "kind" is "dataset". */
lethe_status lethe__inspect_dataset(const lethe_dataset_options *options, json_t **out);

#endif
