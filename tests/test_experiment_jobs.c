/* test_experiment_jobs.c - jobs through the public interface: what they inherit, refuse, record and repeat.
 */
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "experiment/origin.h"
#include "experiment/run_directory.h"
#include "experiment/wreck.h"
#include "test_base.h"
#include <lethe/lethe.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[64];

static const char *in_folder(const char *name) {
    static char paths[64][128];
    static int next;
    next = (next + 1) % 64;
    snprintf(paths[next], sizeof paths[next], "%s/%s", folder, name);
    return paths[next];
}

static void make_tiny(lethe_dataset_options *data) {
    data->name = "synthetic";
    data->synthetic_train = 40;
    data->synthetic_test = 20;
    data->synthetic_classes = 4;
}

static lethe_runtime make_runtime(void) {
    lethe_runtime runtime;
    assert_int_equal(lethe_runtime_defaults(&runtime), LETHE_OK);
    runtime.threads = 1;
    return runtime;
}

static lethe_train_job make_train_job(const char *out) {
    lethe_train_job job;
    assert_int_equal(lethe_train_job_defaults(&job), LETHE_OK);
    make_tiny(&job.data);
    job.model.arch = "resnet20s";
    job.run.out = out;
    job.fit.epochs = 2;
    job.fit.batch = 16;
    job.keep_epoch = 1;
    return job;
}

static lethe_unlearn_job make_unlearn_job(const char *method, const char *out) {
    lethe_unlearn_job job;
    assert_int_equal(lethe_unlearn_job_defaults(&job), LETHE_OK);
    job.data.name = NULL;
    job.model.model = in_folder("dense");
    job.forget = "class=1";
    job.method = method;
    job.run.out = out;
    return job;
}

static int make_folder(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/lethe_test_XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    lethe_runtime runtime = make_runtime();
    lethe_train_job job = make_train_job(in_folder("dense"));
    lethe_run_result result;
    return lethe_train_job_run(&job, &runtime, &result) == LETHE_OK ? 0 : -1;
}

static int remove_folder(void **state) {
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static json_t *read_record(const char *run) {
    json_t *record;
    assert_int_equal(lethe__run_record_read(in_folder(run), &record), LETHE_OK);
    return record;
}

static const char *text_at(const json_t *object, const char *outer, const char *key) {
    return json_string_value(json_object_get(json_object_get(object, outer), key));
}

static void test_a_run_is_recorded(void **state) {
    (void)state;
    json_t *record = read_record("dense");
    assert_string_equal(json_string_value(json_object_get(record, "command")), "train");
    assert_string_equal(text_at(record, "config", "arch"), "resnet20s");
    assert_true(json_is_null(json_object_get(record, "parent")));
    assert_true(json_is_null(json_object_get(record, "rte_seconds")));
    assert_int_equal(json_integer_value(json_object_get(record, "epochs")), 2);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(record, "data"), "n_train")), 36);
    assert_true(json_real_value(json_object_get(record, "seconds")) > 0);
    json_decref(record);
    assert_true(lethe__file_exists(in_folder("dense/epoch-1.safetensors")));
    assert_false(lethe__file_exists(in_folder("dense/checkpoint.safetensors")));
}

static void test_an_unlearning_inherits_data_and_split(void **state) {
    (void)state;
    lethe_runtime runtime = make_runtime();
    lethe_unlearn_job job = make_unlearn_job("ga", in_folder("ga"));
    lethe_run_result result;
    assert_int_equal(lethe_unlearn_job_run(&job, &runtime, &result), LETHE_OK);
    assert_int_equal(result.epochs, 5); /* the method's own default */
    assert_true(result.rte_seconds > 0);
    json_t *record = read_record("ga"), *parent = read_record("dense");
    assert_string_equal(text_at(record, "data", "digest"), text_at(parent, "data", "digest"));
    assert_string_equal(text_at(record, "config", "dataset"), "synthetic");
    assert_string_equal(text_at(record, "config", "method"), "ga");
    assert_string_equal(text_at(record, "forget", "specification"), "class=1");
    char digest[LETHE_DIGEST_TEXT];
    lethe__origin origin;
    assert_int_equal(lethe__origin_open(in_folder("dense"), &origin), LETHE_OK);
    memcpy(digest, origin.digest, sizeof digest);
    lethe__origin_fini(&origin);
    assert_string_equal(text_at(record, "parent", "digest"), digest);
    lethe_model *model;
    assert_int_equal(lethe_model_load(in_folder("ga/model.safetensors"), NULL, &model), LETHE_OK);
    assert_string_equal(lethe_model_get_info(model)->parent_digest, digest);
    assert_string_equal(lethe_model_get_info(model)->command, "unlearn");
    lethe_model_destroy(&model);
    json_decref(record);
    json_decref(parent);
}

static void test_findings_are_recorded(void **state) {
    (void)state;
    lethe_runtime runtime = make_runtime();
    lethe_unlearn_job job = make_unlearn_job("iu", in_folder("iu"));
    lethe_run_result result;
    assert_int_equal(lethe_unlearn_job_run(&job, &runtime, &result), LETHE_OK);
    json_t *record = read_record("iu"), *other = read_record("dense");
    const json_t *findings = json_object_get(record, "findings");
    assert_true(json_number_value(json_object_get(findings, "residual")) > 0);
    assert_true(json_number_value(json_object_get(findings, "iterations")) >= 1);
    assert_true(json_number_value(json_object_get(findings, "damping")) == 0.1);
    assert_true(json_number_value(json_object_get(findings, "lambda")) > 0);
    assert_true(json_is_null(json_object_get(other, "findings"))); /* a training has nothing to tell */
    json_decref(record);
    json_decref(other);
}

/* A method outside the tree: leaves the model alone. */
static lethe_status do_nothing(lethe_unlearning *unlearning, const void *options) {
    const double *amount = options;
    assert_true(lethe_unlearning_forget(unlearning).n > 0);
    return *amount == 0.25 ? LETHE_OK : LETHE_FAILED;
}

static void test_a_method_of_ones_own(void **state) {
    (void)state;
    static const lethe_option options[] = {
        {.name = "amount", .type = LETHE_OPTION_DOUBLE, .value = "0.25", .help = "how much"},
        LETHE_OPTIONS_END};
    static const lethe_unlearn_method own = {.name = "own",
                                             .title = "Own",
                                             .source = "this test",
                                             .summary = "Nothing.",
                                             .options = options,
                                             .options_size = sizeof(double),
                                             .run = do_nothing};
    lethe_runtime runtime = make_runtime();
    lethe_unlearn_job job = make_unlearn_job(NULL, in_folder("own"));
    lethe_run_result result;
    job.record = &own;
    assert_int_equal(lethe_unlearn_job_run(&job, &runtime, &result), LETHE_OK);
    json_t *record = read_record("own");
    assert_string_equal(text_at(record, "config", "method"), "own");
    assert_true(json_real_value(json_object_get(json_object_get(record, "config"), "amount")) == 0.25);
    json_decref(record);
}

static void test_advice_fits_the_method(void **state) {
    (void)state;
    static const char *const expected[][2] = {{"ga", "try a smaller --lr"},
                                              {"l1-sparse", "try a smaller --lr or --gamma"},
                                              {"ft-prune", "try a smaller --lr or --sparsity"},
                                              {"ff", "try a smaller --alpha"},
                                              {"iu", "try a smaller --alpha"},
                                              {"retrain", "try more --epochs"}};
    const lethe_unlearn_method *method;
    char text[LETHE__ADVICE_TEXT];
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        assert_int_equal(lethe_unlearn_find(expected[i][0], &method), LETHE_OK);
        lethe__wreck_advise(method, text);
        assert_string_equal(text, expected[i][1]);
    }
}

static void test_refusals(void **state) {
    (void)state;
    lethe_runtime runtime = make_runtime();
    lethe_run_result result;
    lethe_train_job train = make_train_job(in_folder("dense"));
    assert_int_equal(lethe_train_job_run(&train, &runtime, &result), LETHE_USAGE);
    assert_non_null(strstr(lethe_last_message(), "finished run"));
    train = make_train_job(NULL);
    assert_int_equal(lethe_train_job_run(&train, &runtime, &result), LETHE_USAGE);
    train = make_train_job(in_folder("x"));
    train.keep_epoch = 3;
    assert_int_equal(lethe_train_job_run(&train, &runtime, &result), LETHE_USAGE);
    train = make_train_job(in_folder("x"));
    train.data.name = NULL;
    assert_int_equal(lethe_train_job_run(&train, &runtime, &result), LETHE_USAGE);
    train = make_train_job(in_folder("x"));
    train.model.mean = "0.5,0.5"; /* the images have one channel */
    assert_int_equal(lethe_train_job_run(&train, &runtime, &result), LETHE_USAGE);
    assert_non_null(strstr(lethe_last_message(), "--mean"));
    lethe_unlearn_job unlearn = make_unlearn_job("gaa", in_folder("x"));
    assert_int_equal(lethe_unlearn_job_run(&unlearn, &runtime, &result), LETHE_USAGE);
    unlearn = make_unlearn_job("ft", in_folder("x"));
    unlearn.forget = NULL;
    assert_int_equal(lethe_unlearn_job_run(&unlearn, &runtime, &result), LETHE_USAGE);
    assert_non_null(strstr(lethe_last_message(), "give --forget"));
    assert_false(lethe__folder_exists(in_folder("x")));
}

static void test_the_original_is_spared(void **state) {
    (void)state;
    lethe_runtime runtime = make_runtime();
    lethe_run_result result;
    lethe_unlearn_job job = make_unlearn_job("ga", in_folder("dense"));
    job.run.force = true;
    assert_int_equal(lethe_unlearn_job_run(&job, &runtime, &result), LETHE_USAGE);
    job.run.out = in_folder("nothing/../dense");
    assert_int_equal(lethe_unlearn_job_run(&job, &runtime, &result), LETHE_USAGE);
    assert_non_null(strstr(lethe_last_message(), "which is read"));
    json_decref(read_record("dense"));
    assert_true(lethe__file_exists(in_folder("dense/model.safetensors")));
    assert_int_equal(lethe__origin_spare(in_folder("dense"), folder), LETHE_USAGE);
    assert_int_equal(lethe__origin_spare(in_folder("dense/run.json"), in_folder("dense")), LETHE_USAGE);
    assert_int_equal(lethe__origin_spare(in_folder("dense"), in_folder("dense/run.json")), LETHE_USAGE);
    assert_int_equal(lethe__origin_spare(in_folder("dense"), in_folder("dense/split.json")), LETHE_USAGE);
    assert_int_equal(lethe__origin_spare(in_folder("dense"), in_folder("dense/log.txt")), LETHE_OK);
    assert_int_equal(lethe__origin_spare(in_folder("dense"), in_folder("dens")), LETHE_OK);
    assert_int_equal(lethe__origin_spare(NULL, in_folder("dense")), LETHE_OK);
    assert_int_equal(lethe__origin_spare(in_folder("dense"), NULL), LETHE_OK);
}

static void test_a_directory_is_locked(void **state) {
    (void)state;
    lethe_run_options options = {.out = in_folder("locked")};
    lethe__run_directory first, second;
    assert_int_equal(lethe__run_directory_open(&options, NULL, &first), LETHE_OK);
    assert_int_equal(lethe__run_directory_open(&options, NULL, &second), LETHE_FAILED);
    assert_non_null(strstr(lethe_last_message(), "another process"));
    lethe__run_directory_close(&first);
    assert_int_equal(lethe__run_directory_open(&options, NULL, &second), LETHE_OK);
    lethe__run_directory_close(&second);
}

static void stop_after_an_epoch(void *user, const lethe_progress *progress) {
    if (progress->epoch == 0 && progress->step == progress->n_steps)
        *(sig_atomic_t *)user = 1;
}

static void read_model(const char *run, uint8_t **bytes, size_t *n) {
    char path[128];
    snprintf(path, sizeof path, "%s/model.safetensors", in_folder(run));
    assert_int_equal(lethe__file_read(path, 1 << 24, bytes, n), LETHE_OK);
}

static void test_a_stopped_run_continues(void **state) {
    (void)state;
    static sig_atomic_t stop;
    lethe_runtime runtime = make_runtime();
    runtime.stop = &stop;
    runtime.progress = stop_after_an_epoch;
    runtime.user = &stop;
    lethe_train_job job = make_train_job(in_folder("stopped"));
    lethe_run_result result;
    assert_int_equal(lethe_train_job_run(&job, &runtime, &result), LETHE_STOPPED);
    assert_true(lethe__file_exists(in_folder("stopped/checkpoint.safetensors")));
    assert_false(lethe__file_exists(in_folder("stopped/run.json")));
    stop = 0;
    runtime.progress = NULL;
    job.fit.lr *= 2;
    assert_int_equal(lethe_train_job_run(&job, &runtime, &result), LETHE_INPUT); /* not the run of before */
    job.fit.lr /= 2;
    assert_int_equal(lethe_train_job_run(&job, &runtime, &result), LETHE_OK);
    uint8_t *one, *other;
    size_t n_one, n_other;
    read_model("stopped", &one, &n_one);
    read_model("dense", &other, &n_other);
    assert_int_equal(n_one, n_other);
    assert_memory_equal(one, other, n_one);
    lethe__free(one);
    lethe__free(other);
}

static void test_divergence_is_recorded(void **state) {
    (void)state;
    lethe_runtime runtime = make_runtime();
    lethe_train_job job = make_train_job(in_folder("diverged"));
    lethe_run_result result;
    job.fit.lr = 1e30;
    assert_int_equal(lethe_train_job_run(&job, &runtime, &result), LETHE_DIVERGED);
    assert_non_null(strstr(lethe_last_message(), "diverged"));
    assert_true(lethe__file_exists(in_folder("diverged/run.json")));
    assert_false(lethe__file_exists(in_folder("diverged/model.safetensors")));
    lethe__origin origin;
    assert_int_equal(lethe__origin_open(in_folder("diverged"), &origin), LETHE_INPUT);
}

static void test_a_prune_rewinds_to_the_kept_epoch(void **state) {
    (void)state;
    lethe_runtime runtime = make_runtime();
    lethe_prune_job job;
    lethe_run_result result;
    lethe_prune_options options = {0};
    assert_int_equal(lethe_prune_job_defaults(&job), LETHE_OK);
    assert_int_equal(lethe_prune_find("omp", &job.record), LETHE_OK);
    assert_int_equal(lethe_options_defaults(job.record->options, &options), LETHE_OK);
    job.data.name = NULL;
    job.model.model = in_folder("dense");
    job.method_options = &options;
    options.rewind = "epoch=1";
    options.fit.epochs = 1;
    options.fit.lr = 0; /* so that what was rewound to can be seen in the end */
    job.run.out = in_folder("sparse");
    assert_int_equal(lethe_prune_job_run(&job, &runtime, &result), LETHE_OK);
    assert_int_equal(result.epochs, 1);
    lethe_model *early, *sparse;
    assert_int_equal(lethe_model_load(in_folder("dense/epoch-1.safetensors"), NULL, &early), LETHE_OK);
    assert_int_equal(lethe_model_load(in_folder("sparse/model.safetensors"), NULL, &sparse), LETHE_OK);
    assert_float_equal(lethe_model_sparsity(sparse), 0.9, 1e-5);
    for (size_t i = 0; i < lethe_model_tensor_count(sparse); i++) {
        lethe_tensor_view a = lethe_model_tensor(early, i), b = lethe_model_tensor(sparse, i);
        for (size_t j = 0; j < a.size; j++)
            assert_true(b.values[j] == (b.mask == NULL || b.mask[j] ? a.values[j] : 0));
    }
    lethe_model_destroy(&early);
    lethe_model_destroy(&sparse);
    options.rewind = "epoch=2"; /* which was not kept */
    job.run.out = in_folder("x");
    assert_int_equal(lethe_prune_job_run(&job, &runtime, &result), LETHE_INPUT);
    assert_non_null(strstr(lethe_last_message(), "--keep-epoch 2"));
    job.model = (lethe_model_options){.arch = "resnet20s"}; /* a new model, trained for 1 epoch */
    job.data = make_train_job(NULL).data;
    job.run.out = in_folder("refused");
    assert_int_equal(lethe_prune_job_run(&job, &runtime, &result), LETHE_USAGE);
    assert_non_null(strstr(lethe_last_message(), "cannot rewind to epoch 2"));
    assert_false(lethe__file_exists(in_folder("refused")));
}

static void prune_to_the_beginning(const char *model, const char *out) {
    lethe_runtime runtime = make_runtime();
    lethe_prune_job job;
    lethe_run_result result;
    lethe_prune_options options = {0};
    runtime.seed = 5; /* not the one of the training */
    assert_int_equal(lethe_prune_job_defaults(&job), LETHE_OK);
    assert_int_equal(lethe_prune_find("omp", &job.record), LETHE_OK);
    assert_int_equal(lethe_options_defaults(job.record->options, &options), LETHE_OK);
    job.data.name = NULL;
    job.model.model = in_folder(model);
    job.method_options = &options;
    options.rewind = "init";
    options.fit.epochs = 1;
    job.run.out = in_folder(out);
    assert_int_equal(lethe_prune_job_run(&job, &runtime, &result), LETHE_OK);
}

/* The initial weights come from the seed where they were not kept, with the same bits. */
static void test_a_prune_rewinds_to_the_beginning(void **state) {
    (void)state;
    lethe_runtime runtime = make_runtime();
    lethe_run_result result;
    lethe_train_job job = make_train_job(in_folder("kept"));
    job.keep_epoch = 0;
    assert_int_equal(lethe_train_job_run(&job, &runtime, &result), LETHE_OK);
    assert_true(lethe__file_exists(in_folder("kept/epoch-0.safetensors")));
    prune_to_the_beginning("kept", "from_file");
    prune_to_the_beginning("dense", "from_seed"); /* the same training */
    uint8_t *one, *other;
    size_t n_one, n_other;
    read_model("from_file", &one, &n_one);
    read_model("from_seed", &other, &n_other);
    assert_int_equal(n_one, n_other);
    assert_memory_equal(one, other, n_one);
    lethe__free(one);
    lethe__free(other);
}

static void test_a_prune_without_options_takes_the_defaults(void **state) {
    (void)state;
    lethe_runtime runtime = make_runtime();
    lethe_prune_job job;
    lethe_estimate estimate;
    assert_int_equal(lethe_prune_job_defaults(&job), LETHE_OK);
    job.data.name = NULL;
    job.model.model = in_folder("dense");
    job.method = "imp";
    assert_int_equal(lethe_prune_job_estimate(&job, &runtime, &estimate), LETHE_OK);
    assert_int_equal(estimate.epochs, 11 * 182); /* 1 - 0.8^11 is the first beyond 0.9; trained already */
}

static void test_an_evaluation_names_what_was_unlearned(void **state) {
    (void)state;
    lethe_runtime runtime = make_runtime();
    lethe_evaluate_job job;
    lethe_evaluation_result result;
    assert_int_equal(lethe_evaluate_job_defaults(&job), LETHE_OK);
    job.data.name = NULL;
    job.model.model = in_folder("ga");
    job.reference = in_folder("ga");
    assert_int_equal(lethe_evaluate_job_run(&job, &runtime, &result), LETHE_OK);
    assert_string_equal(result.method, "ga");
    assert_string_equal(result.forget, "class=1");
    assert_true(result.gaps.disparity_average == 0); /* to itself */
    assert_int_equal(result.model.n_forget + result.model.n_retain, 36);
    json_t *json;
    assert_int_equal(lethe__json_read(in_folder("ga/evaluation.json"), &json), LETHE_OK);
    assert_true(json_real_value(json_object_get(json, "UA")) == result.model.ua);
    json_decref(json);
}

/* No number in a result is text, and none is NaN: jansson would refuse to write it, null stands for it. */
static void assert_numbers(const json_t *value) {
    const char *key;
    json_t *each;
    size_t i;
    if (json_is_number(value))
        assert_true(isfinite(json_number_value(value)));
    json_array_foreach(value, i, each) assert_numbers(each);
    if (json_is_object(value))
        json_object_foreach((json_t *)value, key, each) assert_numbers(each);
}

static void test_a_reference_has_the_same_division(void **state) {
    (void)state;
    lethe_runtime runtime = make_runtime();
    lethe_evaluate_job job;
    lethe_evaluation_result result;
    assert_int_equal(lethe_evaluate_job_defaults(&job), LETHE_OK);
    job.data.name = NULL;
    job.model.model = in_folder("ga");
    job.reference = in_folder("dense"); /* which forgets nothing */
    job.out = in_folder("refused.evaluation.json");
    assert_int_equal(lethe_evaluate_job_run(&job, &runtime, &result), LETHE_INPUT);
    assert_non_null(strstr(lethe_last_message(), "its forget set is another one"));
    job.reference = in_folder("ga");
    job.reference_2 = in_folder("dense");
    assert_int_equal(lethe_evaluate_job_run(&job, &runtime, &result), LETHE_INPUT);
    assert_non_null(strstr(lethe_last_message(), "its forget set is another one"));
    assert_false(lethe__file_exists(job.out));
}

static void test_two_references_make_a_null_band(void **state) {
    (void)state;
    lethe_runtime runtime = make_runtime();
    lethe_evaluate_job job;
    lethe_evaluation_result result;
    assert_int_equal(lethe_evaluate_job_defaults(&job), LETHE_OK);
    job.data.name = NULL;
    job.model.model = in_folder("ga");
    job.reference_2 = in_folder("dense/model.safetensors");
    assert_int_equal(lethe_evaluate_job_run(&job, &runtime, &result), LETHE_USAGE);
    assert_non_null(strstr(lethe_last_message(), "--reference RUN_OR_FILE"));
    job.reference = in_folder("dense/model.safetensors");
    assert_int_equal(lethe_evaluate_job_run(&job, &runtime, &result), LETHE_USAGE);
    assert_non_null(strstr(lethe_last_message(), "same model"));
    job.reference = in_folder("ga");
    job.out = in_folder("null.evaluation.json");
    assert_int_equal(lethe_evaluate_job_run(&job, &runtime, &result), LETHE_OK);
    assert_true(result.gaps.disparity_average == 0);
    lethe_gaps expected = lethe_evaluation_gaps(&result.reference_2, &result.model);
    assert_memory_equal(&result.null_gaps, &expected, sizeof expected);
    json_t *json;
    assert_int_equal(lethe__json_read(in_folder("null.evaluation.json"), &json), LETHE_OK);
    assert_true(json_number_value(json_object_get(json, "null_disparity_average")) ==
                expected.disparity_average);
    assert_numbers(json);
    const json_t *intervals = json_object_get(json, "interval_95");
    const json_t *ua = json_object_get(intervals, "UA");
    assert_true(json_number_value(json_array_get(ua, 0)) == result.model.interval.ua.low);
    assert_true(json_number_value(json_array_get(ua, 1)) == result.model.interval.ua.high);
    assert_true(json_is_null(json_object_get(json_object_get(intervals, "MIA_privacy"), "entropy")));
    assert_true(json_is_null(json_object_get(json, "gate"))); /* a class is no random draw */
    json_decref(json);
}

/* On the run's own division; the seed of the forget set is inherited with it. */
static void test_an_official_evaluation(void **state) {
    (void)state;
    lethe_runtime runtime = make_runtime();
    lethe_evaluate_job job;
    lethe_evaluation_result result;
    json_t *json;
    assert_int_equal(lethe_evaluate_job_defaults(&job), LETHE_OK);
    job.data.name = NULL;
    job.model.model = in_folder("dense");
    job.forget = "random=0.25";
    job.out = in_folder("official.evaluation.json");
    runtime.compat = LETHE_COMPAT_OFFICIAL;
    assert_int_equal(lethe_evaluate_job_run(&job, &runtime, &result), LETHE_OK);
    assert_int_equal(result.model.n_forget, 9);
    assert_int_equal(result.model.n_val, 4); /* the run's division */
    assert_true(isfinite(result.model.gate.gap) && isfinite(result.model.gate.band));
    assert_int_equal(lethe__json_read(in_folder("official.evaluation.json"), &json), LETHE_OK);
    assert_string_equal(json_string_value(json_object_get(json, "compat")), "official");
    assert_true(json_is_boolean(json_object_get(json_object_get(json, "gate"), "within")));
    assert_numbers(json);
    json_decref(json);
}

static void test_estimates_write_nothing(void **state) {
    (void)state;
    lethe_runtime runtime = make_runtime();
    lethe_train_job job = make_train_job(in_folder("tried"));
    lethe_estimate estimate;
    assert_int_equal(lethe_train_job_estimate(&job, &runtime, &estimate), LETHE_OK);
    assert_false(lethe__folder_exists(in_folder("tried")));
    assert_int_equal(estimate.n_train, 36);
    assert_int_equal(estimate.steps_per_epoch, 3);
    assert_int_equal(estimate.epochs, 2);
    assert_true(estimate.total_seconds > 0 && estimate.activation_bytes > 0);
}

static void test_the_kernels_pass_their_self_test(void **state) {
    (void)state;
    lethe_runtime runtime = make_runtime();
    lethe_self_test test;
    for (const char *const *name = lethe_self_test_operations(); *name != NULL; name++) {
        assert_int_equal(lethe_self_test_run(*name, &runtime, &test), LETHE_OK);
        assert_string_equal(test.operation, *name);
        assert_true(test.passed);
    }
    assert_int_equal(lethe_self_test_run("division", &runtime, &test), LETHE_USAGE);
}

/* Every allocation of a job may fail; whatever fails is released. Sampled: a job has thousands. */
static void test_exhausted_memory(void **state) {
    (void)state;
    enum { STRIDE = 37, MOST = 4000 };
    lethe_runtime runtime = make_runtime();
    lethe_run_result result;
    int64_t blocks = lethe__memory_live_blocks();
    lethe_status status = LETHE_MEMORY;
    for (uint64_t n = 1; n < MOST && status != LETHE_OK; n += n < 40 ? 1 : STRIDE) {
        lethe_unlearn_job job = make_unlearn_job("ft", in_folder("memory"));
        job.run.force = true;
        job.run.resume = LETHE_RESUME_NEVER;
        lethe__memory_fail_nth(n);
        status = lethe_unlearn_job_run(&job, &runtime, &result);
        lethe__memory_fail_nth(0);
        assert_true(status == LETHE_OK || status == LETHE_MEMORY || status == LETHE_FAILED);
        assert_int_equal(lethe__memory_live_blocks(), blocks);
    }
    assert_int_equal(status, LETHE_OK); /* beyond the last allocation */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_run_is_recorded),
        cmocka_unit_test(test_an_unlearning_inherits_data_and_split),
        cmocka_unit_test(test_findings_are_recorded),
        cmocka_unit_test(test_a_method_of_ones_own),
        cmocka_unit_test(test_advice_fits_the_method),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_the_original_is_spared),
        cmocka_unit_test(test_a_directory_is_locked),
        cmocka_unit_test(test_a_stopped_run_continues),
        cmocka_unit_test(test_divergence_is_recorded),
        cmocka_unit_test(test_a_prune_rewinds_to_the_kept_epoch),
        cmocka_unit_test(test_a_prune_rewinds_to_the_beginning),
        cmocka_unit_test(test_a_prune_without_options_takes_the_defaults),
        cmocka_unit_test(test_an_evaluation_names_what_was_unlearned),
        cmocka_unit_test(test_a_reference_has_the_same_division),
        cmocka_unit_test(test_two_references_make_a_null_band),
        cmocka_unit_test(test_an_official_evaluation),
        cmocka_unit_test(test_estimates_write_nothing),
        cmocka_unit_test(test_the_kernels_pass_their_self_test),
        cmocka_unit_test(test_exhausted_memory),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
