/* subject.c - opening what a job works on, in the order in which mistakes are cheapest to find.
 *
 * The division of the data comes from the given run whenever there is one, so that no step of a chain sees
 * another one; only a model without a run (a new one, or a plain file) gets a division of its own, which the
 * split seed repeats. A forget set named by the user replaces the one stored in the run.
 *
 * --compat official draws both as the paper's code does, which trains and unlearns on different divisions:
 * there another split seed than the run's divides the data anew. */
#include "experiment/subject.h"
#include "base/fail.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/number.h"
#include "data/split.h"
#include "models/model.h"
#include <string.h>

/* "0.5,0.4,0.3" into one number for each channel. */
static lethe_status read_channels(const char *name, const char *text, int channels, float *out) {
    float values[LETHE_MAX_CHANNELS];
    int n = 0;
    for (const char *at = text; at != NULL; n++) {
        char number[LETHE__NUMBER_TEXT];
        double value;
        size_t length = strcspn(at, ",");
        if (n == channels || length >= sizeof number)
            break;
        memcpy(number, at, length);
        number[length] = 0;
        if (!lethe__number_parse(number, &value))
            break;
        values[n] = (float)value;
        at = at[length] == ',' ? at + length + 1 : NULL;
        if (at == NULL && n + 1 == channels) {
            memcpy(out, values, sizeof *out * (size_t)channels);
            return LETHE_OK;
        }
    }
    LETHE_FAIL(LETHE_USAGE, "--%s '%.64s' must be %d numbers with commas between them, one for each channel",
               name, text, channels);
}

static lethe_status describe_model(const lethe_model_options *options, const lethe_dataset *dataset,
                                   lethe_model_info *out) {
    lethe_model_info info;
    LETHE_TRY(lethe_model_info_for(lethe_dataset_get_info(dataset), options->arch, &info));
    if (options->classes > 0)
        info.classes = options->classes;
    if (options->mean != NULL)
        LETHE_TRY(read_channels("mean", options->mean, info.channels, info.mean));
    if (options->std != NULL)
        LETHE_TRY(read_channels("std", options->std, info.channels, info.std));
    for (int i = 0; i < info.channels; i++)
        if (!(info.std[i] > 0))
            LETHE_FAIL(LETHE_USAGE, "--std: %g is no standard deviation; it must be above 0", info.std[i]);
    *out = info;
    return LETHE_OK;
}

static lethe_status check_model_options(const lethe_model_options *options) {
    bool described = options->classes > 0 || options->mean != NULL || options->std != NULL;
    if (options->arch == NULL && options->model == NULL)
        LETHE_FAIL(LETHE_USAGE, "no model was named; give --arch NAME to create one, or --model RUN_OR_FILE");
    if (options->arch == NULL && described)
        LETHE_FAIL(LETHE_USAGE, "--classes, --mean and --std describe a model together with --arch; add it");
    return LETHE_OK;
}

lethe_status lethe__subject_load_model(const lethe__origin *origin, const lethe_model_options *options,
                                       const lethe_dataset *dataset, lethe_model **out) {
    lethe_model_info info;
    if (options->arch == NULL)
        return lethe_model_load(origin->model_path, NULL, out);
    LETHE_TRY(describe_model(options, dataset, &info));
    return lethe_model_load(origin->model_path, &info, out);
}

lethe_status lethe__subject_draw_model(const lethe_model_info *info, uint64_t seed, lethe_model **out) {
    lethe_model *model;
    LETHE_TRY(lethe_model_create(info, &model));
    lethe_status status = lethe_model_initialise(model, seed);
    if (status != LETHE_OK) {
        lethe_model_destroy(&model);
        return status;
    }
    *out = model;
    return LETHE_OK;
}

static lethe_status create_model(const lethe_model_options *options, const lethe_dataset *dataset,
                                 uint64_t seed, lethe_model **out) {
    lethe_model_info info;
    LETHE_TRY(describe_model(options, dataset, &info));
    return lethe__subject_draw_model(&info, seed, out);
}

static lethe_status check_part(const lethe_split *ours, const lethe_split *theirs, lethe_part part,
                               const char *name, const char *reference) {
    char a[LETHE_DIGEST_TEXT], b[LETHE_DIGEST_TEXT];
    LETHE_TRY(lethe__split_digest(ours, part, a));
    LETHE_TRY(lethe__split_digest(theirs, part, b));
    if (strcmp(a, b) != 0)
        LETHE_FAIL(LETHE_INPUT,
                   "%s: its %s set is another one than here, so a comparison with it means nothing; give a "
                   "reference made from the same model and --forget",
                   reference, name);
    return LETHE_OK;
}

lethe_status lethe__subject_check_division(const lethe__subject *subject, const lethe__origin *reference) {
    char *path;
    lethe_split *split;
    if (reference->record == NULL)
        return LETHE_OK; /* a plain file does not say what it was trained on */
    LETHE_TRY(lethe__path_join(reference->path, "split.json", &path));
    lethe_status status = lethe_split_load(path, subject->dataset, &split);
    lethe__free(path);
    LETHE_TRY(status);
    status = check_part(subject->split, split, LETHE_PART_FORGET, "forget", reference->path);
    if (status == LETHE_OK)
        status = check_part(subject->split, split, LETHE_PART_RETAIN, "retain", reference->path);
    lethe_split_destroy(&split);
    return status;
}

void lethe__subject_warn_of_few(const lethe__subject *subject, const lethe_runtime *runtime) {
    enum { FEW = 10 }; /* a rate over as many moves in steps of 10 points */
    size_t n = lethe_split_samples(subject->split, subject->dataset, LETHE_PART_FORGET).n;
    if (n > 0 && n < FEW)
        lethe__log(runtime, LETHE_LOG_WARNING,
                   "the forget set holds only %zu sample%s: UA and MIA-Efficacy move in steps of %.3g points "
                   "and say next to nothing; forget %d or more to compare methods",
                   n, n == 1 ? "" : "s", 100 / (double)n, FEW);
}

/* A model that says what it was trained on should meet the same data again. */
static void warn_about_data(const lethe__subject *subject, const lethe_runtime *runtime) {
    const char *trained_on = lethe_model_get_info(subject->model)->data_digest;
    const lethe_dataset_info *data = lethe_dataset_get_info(subject->dataset);
    if (trained_on[0] != 0 && strcmp(trained_on, data->digest) != 0)
        lethe__log(runtime, LETHE_LOG_WARNING,
                   "%s was trained on other data than %s with these options (digest %.12s, not %.12s)",
                   subject->origin.path, data->name, trained_on, data->digest);
}

static lethe_status create_split(const lethe_split_options *split, const lethe_runtime *runtime,
                                 lethe__subject *subject) {
    return runtime->compat == LETHE_COMPAT_OFFICIAL
               ? lethe_split_create_official(subject->dataset, split->val_fraction, split->split_seed,
                                             &subject->split)
               : lethe_split_create(subject->dataset, split->val_fraction, split->split_seed,
                                    &subject->split);
}

static lethe_status open_split(const lethe__subject_options *options, const lethe_runtime *runtime,
                               lethe__subject *subject) {
    if (subject->origin.record == NULL)
        return create_split(options->split, runtime, subject);
    char *path;
    LETHE_TRY(lethe__path_join(subject->origin.path, "split.json", &path));
    lethe_status status = lethe_split_load(path, subject->dataset, &subject->split);
    lethe__free(path);
    LETHE_TRY(status);
    if (runtime->compat != LETHE_COMPAT_OFFICIAL ||
        options->split->split_seed == lethe_split_get_seed(subject->split))
        return LETHE_OK;
    lethe_split_destroy(&subject->split);
    return create_split(options->split, runtime, subject);
}

static lethe_status choose_forget(const lethe__subject_options *options, const lethe_runtime *runtime,
                                  lethe__subject *subject) {
    uint64_t seed = options->split->split_seed;
    return runtime->compat == LETHE_COMPAT_OFFICIAL
               ? lethe_split_forget_official(subject->split, subject->dataset, options->forget, seed)
               : lethe_split_forget(subject->split, subject->dataset, options->forget, seed);
}

/* The hold-out of a run is fixed; asking for another one would go unheard. */
static lethe_status check_split_options(const lethe__subject_options *options, const lethe__origin *origin) {
    const json_t *config = json_object_get(origin->record, "config");
    const json_t *stored = json_object_get(config, "val-fraction");
    double fraction = options->split->val_fraction;
    if (json_is_number(stored) && json_number_value(stored) != fraction)
        LETHE_FAIL(LETHE_USAGE,
                   "--val-fraction is %g, but %s holds out %g, and its split is reused; leave the option out",
                   fraction, origin->path, json_number_value(stored));
    return LETHE_OK;
}

static lethe_status fill_subject(const lethe__subject_options *options, const lethe_runtime *runtime,
                                 lethe__subject *subject) {
    LETHE_TRY(check_model_options(options->model));
    if (options->model->model != NULL) {
        LETHE_TRY(lethe__origin_open(options->model->model, &subject->origin));
        LETHE_TRY(check_split_options(options, &subject->origin));
    }
    LETHE_TRY(lethe_dataset_open(options->data, &subject->dataset));
    LETHE_TRY(open_split(options, runtime, subject));
    if (options->forget != NULL)
        LETHE_TRY(choose_forget(options, runtime, subject));
    if (options->needs_forget && lethe_split_get_forget(subject->split)[0] == 0)
        LETHE_FAIL(LETHE_USAGE, "nothing is to be forgotten: %s has no forget set; give --forget SET",
                   subject->origin.path);
    if (subject->origin.path == NULL)
        return create_model(options->model, subject->dataset, runtime->seed, &subject->model);
    LETHE_TRY(lethe__subject_load_model(&subject->origin, options->model, subject->dataset, &subject->model));
    subject->sparsity = lethe_model_sparsity(subject->model);
    warn_about_data(subject, runtime);
    return LETHE_OK;
}

lethe_status lethe__subject_open(const lethe__subject_options *options, const lethe_runtime *runtime,
                                 lethe__subject *out) {
    lethe__subject subject = {0};
    lethe_status status = fill_subject(options, runtime, &subject);
    if (status != LETHE_OK) {
        lethe__subject_fini(&subject);
        return status;
    }
    *out = subject;
    return LETHE_OK;
}

void lethe__subject_fini(lethe__subject *subject) {
    lethe_model_destroy(&subject->model);
    lethe_split_destroy(&subject->split);
    lethe_dataset_destroy(&subject->dataset);
    lethe__origin_fini(&subject->origin);
}
