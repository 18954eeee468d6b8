/* test_checkpoint_model.c - model files: what comes back, equal bytes for equal models, the forms of other
 * programs, and every way in which a file can fail to be the model that it should be.
 *
 * Foreign and damaged files are made from a file of lethe's: it is read, one thing about its tensors or its
 * metadata is changed, and it is written again. */
#include "base/file.h"
#include "base/memory.h"
#include "checkpoint/safetensors.h"
#include "fixture_model.h"
#include <unistd.h>

static const char good_path[] = "test_checkpoint_model.good", made_path[] = "test_checkpoint_model.made";

enum { SEED = 7, MAX_TENSORS = 256 };

/* A file being changed: tensors and metadata of a good file, lent by it. */
typedef struct edit {
    lethe__st_file source;
    lethe__st_tensor tensors[MAX_TENSORS];
    size_t n;
    lethe__st_metadata metadata[4];
    size_t n_metadata;
    lethe__arena *arena; /* new names and bytes */
} edit;

static void check(lethe_status status) {
    if (status != LETHE_OK)
        fail_msg("%s", lethe_last_message());
}

/* A model with a mask that removes every third weight of each prunable tensor. */
static lethe_model *make_model(bool masked) {
    lethe_model *model = fixture_model("resnet20s", SEED);
    model->num_batches_tracked = 391;
    snprintf(model->info.data_digest, sizeof model->info.data_digest, "%064d", 5);
    snprintf(model->info.command, sizeof model->info.command, "train");
    if (!masked)
        return model;
    check(lethe__model_make_mask(model));
    for (size_t i = 0; i < model->graph->n_parameters; i++) {
        const lethe__slot *slot = &model->graph->parameters[i];
        for (size_t k = 0; slot->prunable && k < slot->size; k += 3)
            model->mask[slot->offset + k] = 0;
    }
    lethe__model_apply_mask(model);
    return model;
}

static void save_good(bool masked) {
    lethe_model *model = make_model(masked);
    check(lethe_model_save(model, good_path));
    lethe_model_destroy(&model);
}

static void open_edit(edit *this) {
    *this = (edit){0};
    check(lethe__st_read(good_path, &this->source));
    check(lethe__arena_create(&this->arena));
    assert_true(this->source.n_tensors < MAX_TENSORS);
    memcpy(this->tensors, this->source.tensors, this->source.n_tensors * sizeof *this->tensors);
    memcpy(this->metadata, this->source.metadata, this->source.n_metadata * sizeof *this->metadata);
    this->n = this->source.n_tensors;
    this->n_metadata = this->source.n_metadata;
}

static void close_edit(edit *this) {
    check(lethe__st_write(made_path, this->tensors, this->n, this->metadata, this->n_metadata));
    lethe__arena_destroy(&this->arena);
    lethe__st_fini(&this->source);
}

static lethe__st_tensor *edit_find(edit *this, const char *name) {
    for (size_t i = 0; i < this->n; i++)
        if (strcmp(this->tensors[i].name, name) == 0)
            return &this->tensors[i];
    fail_msg("no tensor '%s'", name);
    return NULL;
}

/* Own bytes for a tensor, to be changed. */
static void *edit_bytes(edit *this, const char *name) {
    lethe__st_tensor *tensor = edit_find(this, name);
    void *bytes;
    check(lethe__arena_allocate(this->arena, (size_t)tensor->n_bytes, 1, &bytes));
    memcpy(bytes, tensor->bytes, (size_t)tensor->n_bytes);
    tensor->bytes = bytes;
    return bytes;
}

static void edit_remove(edit *this, const char *name) {
    *edit_find(this, name) = this->tensors[--this->n];
}

static void edit_rename(edit *this, lethe__st_tensor *tensor, const char *prefix, const char *suffix) {
    check(lethe__arena_format(this->arena, &tensor->name, "%s%s%s", prefix, tensor->name, suffix));
}

static void edit_forget_lethe(edit *this) {
    this->n_metadata = 1; /* "format" stays */
    assert_string_equal(this->metadata[0].key, "format");
}

static void edit_json(edit *this, const char *from, const char *to) {
    const char *json = lethe__st_get_metadata(&this->source, "lethe"), *at = strstr(json, from);
    assert_non_null(at);
    check(lethe__arena_format(this->arena, &this->metadata[1].value, "%.*s%s%s", (int)(at - json), json, to,
                              at + strlen(from)));
}

/* The expectation of somebody who knows what the good file holds. */
static lethe_model_info good_info(void) {
    lethe_model *model = make_model(false);
    lethe_model_info info = model->info;
    lethe_model_destroy(&model);
    return info;
}

static void assert_same_model(const lethe_model *a, const lethe_model *b) {
    assert_int_equal(a->graph->parameter_size, b->graph->parameter_size);
    assert_memory_equal(a->weights.parameters, b->weights.parameters,
                        a->graph->parameter_size * sizeof(float));
    assert_memory_equal(a->weights.buffers, b->weights.buffers, a->graph->buffer_size * sizeof(float));
    assert_int_equal(a->mask != NULL, b->mask != NULL);
    if (a->mask != NULL)
        assert_memory_equal(a->mask, b->mask, a->graph->parameter_size);
}

/* made_path must load and be the model of the good file. */
static void expect_model(const lethe_model_info *expected, bool masked) {
    lethe_model *loaded = NULL, *model = make_model(masked);
    check(lethe_model_load(made_path, expected, &loaded));
    assert_same_model(model, loaded);
    lethe_model_destroy(&loaded);
    lethe_model_destroy(&model);
}

/* made_path must be refused with `status` and a message that names it and gives `reason`. */
static void expect_refused(const lethe_model_info *expected, lethe_status status, const char *reason) {
    lethe_model *untouched = (lethe_model *)&good_path, *loaded = untouched;
    int64_t live = lethe__memory_live_blocks();
    assert_int_equal(lethe_model_load(made_path, expected, &loaded), status);
    assert_ptr_equal(loaded, untouched);
    assert_int_equal(lethe__memory_live_blocks(), live);
    if (strstr(lethe_last_message(), reason) == NULL || strstr(lethe_last_message(), made_path) == NULL)
        fail_msg("'%s' does not say '%s'", lethe_last_message(), reason);
}

/* --- lethe's own form --- */

static void models_come_back(void **state) {
    (void)state;
    for (int masked = 0; masked < 2; masked++) {
        lethe_model *model = make_model(masked), *loaded = NULL;
        check(lethe_model_save(model, good_path));
        lethe_model_info expected = model->info;
        check(lethe_model_load(good_path, masked ? &expected : NULL, &loaded));
        assert_same_model(model, loaded);
        assert_int_equal(loaded->num_batches_tracked, 391);
        assert_memory_equal(&loaded->info, &model->info, sizeof loaded->info);
        lethe_model_destroy(&loaded);
        lethe_model_destroy(&model);
    }
}

static void tensors_are_named_like_pytorch(void **state) {
    (void)state;
    static const struct {
        const char *name;
        lethe__st_dtype dtype;
        int n_dims;
        uint64_t shape[4];
    } wanted[] = {
        {"bn1.num_batches_tracked", LETHE__ST_I64, 0, {0}},
        {"layer3.2.bn2.num_batches_tracked", LETHE__ST_I64, 0, {0}},
        {"conv1.weight", LETHE__ST_F32, 4, {16, 3, 3, 3}},
        {"conv1.weight_mask", LETHE__ST_U8, 4, {16, 3, 3, 3}},
        {"layer1.0.bn1.running_var", LETHE__ST_F32, 1, {16}},
        {"layer2.0.conv1.weight_mask", LETHE__ST_U8, 4, {32, 16, 3, 3}},
        {"fc.weight", LETHE__ST_F32, 2, {10, 64}},
        {"fc.bias", LETHE__ST_F32, 1, {10}},
    };
    lethe__st_file file;
    save_good(true);
    check(lethe__st_read(good_path, &file));
    /* 19 convolutions with masks, 19 BatchNorms of five tensors, weight and bias of the head */
    assert_int_equal(file.n_tensors, 19 * 2 + 19 * 5 + 2);
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        const lethe__st_tensor *tensor = lethe__st_find(&file, wanted[i].name);
        if (tensor == NULL)
            fail_msg("no tensor '%s'", wanted[i].name);
        assert_int_equal(tensor->dtype, wanted[i].dtype);
        assert_int_equal(tensor->n_dims, wanted[i].n_dims);
        assert_memory_equal(tensor->shape, wanted[i].shape, sizeof wanted[i].shape);
    }
    assert_null(lethe__st_find(&file, "fc.weight_mask"));
    assert_string_equal(lethe__st_get_metadata(&file, "format"), "pt");
    const char *json = lethe__st_get_metadata(&file, "lethe");
    const char *begin =
        "{\"schema\":\"lethe.model/1\",\"arch\":\"resnet20s\",\"classes\":10,\"input\":[3,32,32],"
        "\"mean\":[0.491400003,";
    assert_memory_equal(json, begin, strlen(begin));
    lethe__st_fini(&file);
}

static void equal_models_give_equal_bytes(void **state) {
    (void)state;
    uint8_t *first, *second;
    size_t n_first, n_second;
    save_good(true);
    check(lethe__file_read(good_path, 1 << 24, &first, &n_first));
    lethe_model *model = NULL;
    check(lethe_model_load(good_path, NULL, &model));
    check(lethe_model_save(model, made_path));
    check(lethe__file_read(made_path, 1 << 24, &second, &n_second));
    assert_int_equal(n_first, n_second);
    assert_memory_equal(first, second, n_first);
    lethe_model_destroy(&model);
    lethe__free(first);
    lethe__free(second);
}

static void texts_that_json_cannot_hold_are_not_saved(void **state) {
    (void)state;
    lethe_model *model = make_model(false);
    snprintf(model->info.command, sizeof model->info.command,
             "tr\xff"
             "ain");
    assert_int_equal(lethe_model_save(model, made_path), LETHE_USAGE);
    lethe_model_destroy(&model);
}

/* --- forms of other programs --- */

static void plain_exports_need_an_expectation(void **state) {
    (void)state;
    edit this;
    lethe_model_info info = good_info();
    save_good(false);
    open_edit(&this);
    edit_forget_lethe(&this);
    close_edit(&this);
    expect_model(&info, false);
    expect_refused(NULL, LETHE_USAGE, "--arch, --classes, --mean and --std");
    snprintf(info.arch, sizeof info.arch, "resnet9000");
    expect_refused(&info, LETHE_USAGE, "unknown architecture 'resnet9000'");
    info = good_info();
    info.std[1] = 0;
    expect_refused(&info, LETHE_USAGE, "std 0");
    info.channels = 5;
    expect_refused(&info, LETHE_USAGE, "5 channels");
}

static void prefixes_are_stripped(void **state) {
    (void)state;
    static const char *const prefixes[] = {"module.", "state_dict.", "state_dict.module."};
    lethe_model_info info = good_info();
    save_good(true);
    for (size_t p = 0; p < 3; p++) {
        edit this;
        open_edit(&this);
        for (size_t i = 0; i < this.n; i++)
            edit_rename(&this, &this.tensors[i], prefixes[p], "");
        edit_forget_lethe(&this);
        close_edit(&this);
        expect_model(&info, true);
    }
}

/* The bytes of a U8 mask as floats. */
static void edit_float_mask(edit *this, lethe__st_tensor *mask) {
    float *values;
    check(lethe__arena_allocate(this->arena, (size_t)mask->n_bytes, sizeof *values, &values));
    for (size_t i = 0; i < mask->n_bytes; i++)
        values[i] = ((const uint8_t *)mask->bytes)[i];
    mask->bytes = values;
    mask->n_bytes *= sizeof *values;
    mask->dtype = LETHE__ST_F32;
}

static bool ends_with(const char *text, const char *end) {
    size_t n = strlen(text), n_end = strlen(end);
    return n >= n_end && strcmp(text + n - n_end, end) == 0;
}

/* What torch.nn.utils.prune leaves: weight_orig still has the removed weights. */
static void open_torch_prune(edit *this) {
    save_good(true);
    open_edit(this);
    for (size_t i = 0; i < this->n; i++) {
        lethe__st_tensor *mask = &this->tensors[i];
        if (!ends_with(mask->name, "_mask"))
            continue;
        char name[128];
        snprintf(name, sizeof name, "%.*s", (int)strlen(mask->name) - 5, mask->name);
        float *weights = edit_bytes(this, name);
        for (size_t k = 0; k < mask->n_bytes; k++)
            if (!((const uint8_t *)mask->bytes)[k])
                weights[k] = 3.5f;
        edit_rename(this, edit_find(this, name), "", "_orig");
        edit_float_mask(this, mask);
    }
}

static void torch_prune_pairs_are_multiplied(void **state) {
    (void)state;
    edit this;
    open_torch_prune(&this);
    close_edit(&this);
    expect_model(NULL, true);

    open_torch_prune(&this);
    edit_remove(&this, "conv1.weight_mask");
    close_edit(&this);
    expect_refused(NULL, LETHE_INPUT, "missing tensors: conv1.weight_mask; unexpected tensors: none");
}

static void masks_may_be_bool_float_or_partial(void **state) {
    (void)state;
    edit this;
    save_good(true);
    open_edit(&this);
    edit_find(&this, "conv1.weight_mask")->dtype = LETHE__ST_BOOL;
    edit_float_mask(&this, edit_find(&this, "layer1.0.conv1.weight_mask"));
    close_edit(&this);
    expect_model(NULL, true);

    open_edit(&this);
    edit_remove(&this, "layer1.0.conv1.weight_mask");
    close_edit(&this);
    lethe_model *model = NULL;
    check(lethe_model_load(made_path, NULL, &model));
    const lethe__slot *slot =
        &model->graph->parameters[lethe__graph_find_parameter(model->graph, "layer1.0.conv1.weight")];
    for (size_t i = 0; i < slot->size; i++)
        assert_int_equal(model->mask[slot->offset + i], 1);
    assert_int_equal(model->mask[0], 0);
    lethe_model_destroy(&model);
}

static void edit_add_normalisation(edit *this, const float *mean, const float *std) {
    for (int i = 0; i < 2; i++)
        this->tensors[this->n++] = (lethe__st_tensor){.name = i == 0 ? "normalize.mean" : "normalize.std",
                                                      .dtype = LETHE__ST_F32,
                                                      .n_dims = 1,
                                                      .shape = {3},
                                                      .n_bytes = 12,
                                                      .bytes = i == 0 ? mean : std};
}

static void official_normalisation_is_used_or_checked(void **state) {
    (void)state;
    const float mean[3] = {0.1f, 0.2f, 0.3f}, std[3] = {0.4f, 0.5f, 0.6f}, bad[3] = {0.4f, NAN, 0.6f};
    edit this;
    lethe_model_info info = good_info();
    lethe_model *model = NULL;
    save_good(false);
    open_edit(&this);
    edit_add_normalisation(&this, mean, std);
    close_edit(&this);
    expect_refused(NULL, LETHE_INPUT, "tensor 'normalize.mean' holds 0.1 for channel 0");

    open_edit(&this);
    edit_add_normalisation(&this, info.mean, info.std);
    close_edit(&this);
    expect_model(NULL, false);

    open_edit(&this);
    edit_forget_lethe(&this);
    edit_add_normalisation(&this, mean, std);
    close_edit(&this);
    memset(info.std, 0, sizeof info.std); /* the caller does not know */
    check(lethe_model_load(made_path, &info, &model));
    assert_memory_equal(model->info.mean, mean, sizeof mean);
    assert_memory_equal(model->graph->std, std, sizeof std);
    lethe_model_destroy(&model);

    open_edit(&this);
    edit_forget_lethe(&this);
    edit_add_normalisation(&this, mean, bad);
    close_edit(&this);
    expect_refused(&info, LETHE_INPUT, "tensor 'normalize.std' holds nan at element 1");
}

static void counters_may_be_missing_or_differ(void **state) {
    (void)state;
    edit this;
    lethe_model *model = NULL;
    save_good(false);
    open_edit(&this);
    *(int64_t *)edit_bytes(&this, "layer2.1.bn1.num_batches_tracked") = 1000;
    close_edit(&this);
    check(lethe_model_load(made_path, NULL, &model));
    assert_int_equal(model->num_batches_tracked, 1000);
    lethe_model_destroy(&model);

    open_edit(&this);
    for (size_t i = this.n; i-- > 0;)
        if (ends_with(this.tensors[i].name, "num_batches_tracked"))
            this.tensors[i] = this.tensors[--this.n];
    close_edit(&this);
    check(lethe_model_load(made_path, NULL, &model));
    assert_int_equal(model->num_batches_tracked, 0);
    lethe_model_destroy(&model);
}

/* --- damage --- */

static void wrong_tensors_are_listed(void **state) {
    (void)state;
    edit this;
    save_good(false);
    open_edit(&this);
    edit_rename(&this, edit_find(&this, "fc.bias"), "", "es");
    edit_remove(&this, "bn1.running_mean");
    close_edit(&this);
    expect_refused(NULL, LETHE_INPUT,
                   "missing tensors: fc.bias, bn1.running_mean; unexpected tensors: bn1.num_batches_tracked, "
                   "fc.biases");

    open_edit(&this);
    for (size_t i = 0; i < this.n; i++)
        edit_rename(&this, &this.tensors[i], "net.", "");
    close_edit(&this);
    expect_refused(
        NULL, LETHE_INPUT,
        "missing tensors: conv1.weight, bn1.weight, bn1.bias and 94 more; unexpected tensors: net.");

    open_edit(&this); /* both forms of one weight */
    this.tensors[this.n] = *edit_find(&this, "conv1.weight");
    edit_rename(&this, &this.tensors[this.n++], "", "_orig");
    close_edit(&this);
    expect_refused(NULL, LETHE_INPUT, "missing tensors: none; unexpected tensors: conv1.weight_orig");

    open_edit(&this); /* a mask where there is nothing to prune */
    this.tensors[this.n] = *edit_find(&this, "fc.bias");
    edit_rename(&this, &this.tensors[this.n++], "", "_mask");
    close_edit(&this);
    expect_refused(NULL, LETHE_INPUT, "unexpected tensors: fc.bias_mask");
}

static void wrong_shapes_and_dtypes_are_named(void **state) {
    (void)state;
    edit this;
    save_good(true);
    open_edit(&this);
    lethe__st_tensor *tensor = edit_find(&this, "fc.weight");
    tensor->shape[0] = 64;
    tensor->shape[1] = 10;
    close_edit(&this);
    expect_refused(NULL, LETHE_INPUT,
                   "tensor 'fc.weight' has shape [64, 10], but resnet20s for 10 classes has [10, 64]");

    open_edit(&this);
    edit_find(&this, "fc.weight")->n_dims = 1;
    edit_find(&this, "fc.weight")->shape[0] = 640;
    close_edit(&this);
    expect_refused(NULL, LETHE_INPUT, "tensor 'fc.weight' has shape [640], but");

    open_edit(&this);
    edit_find(&this, "fc.bias")->dtype = LETHE__ST_I32;
    close_edit(&this);
    expect_refused(NULL, LETHE_INPUT, "tensor 'fc.bias' is I32; lethe reads it as F32");

    open_edit(&this);
    edit_find(&this, "bn1.num_batches_tracked")->dtype = LETHE__ST_F64;
    close_edit(&this);
    expect_refused(NULL, LETHE_INPUT, "tensor 'bn1.num_batches_tracked' is F64; lethe reads it as I64");

    open_edit(&this);
    edit_find(&this, "conv1.weight_mask")->dtype = LETHE__ST_I8;
    close_edit(&this);
    expect_refused(NULL, LETHE_INPUT, "tensor 'conv1.weight_mask' is I8; a mask is U8, BOOL or F32");
}

static void impossible_values_are_named(void **state) {
    (void)state;
    edit this;
    save_good(true);
    open_edit(&this);
    ((float *)edit_bytes(&this, "layer1.0.conv1.weight"))[5] = NAN;
    close_edit(&this);
    expect_refused(NULL, LETHE_INPUT, "tensor 'layer1.0.conv1.weight' holds nan at element 5");

    open_edit(&this);
    ((float *)edit_bytes(&this, "bn1.running_mean"))[2] = -INFINITY;
    close_edit(&this);
    expect_refused(NULL, LETHE_INPUT, "tensor 'bn1.running_mean' holds -inf at element 2");

    open_edit(&this);
    ((float *)edit_bytes(&this, "bn1.running_var"))[3] = -0.5f;
    close_edit(&this);
    expect_refused(NULL, LETHE_INPUT, "tensor 'bn1.running_var' holds -0.5 at element 3; a variance");

    open_edit(&this);
    *(int64_t *)edit_bytes(&this, "bn1.num_batches_tracked") = -1;
    close_edit(&this);
    expect_refused(NULL, LETHE_INPUT, "tensor 'bn1.num_batches_tracked' is -1");

    open_edit(&this);
    ((uint8_t *)edit_bytes(&this, "conv1.weight_mask"))[7] = 2;
    close_edit(&this);
    expect_refused(NULL, LETHE_INPUT, "tensor 'conv1.weight_mask' holds neither 0 nor 1 at element 7");

    open_edit(&this);
    ((float *)edit_bytes(&this, "conv1.weight"))[6] = 0.25f;
    close_edit(&this);
    expect_refused(NULL, LETHE_INPUT, "tensor 'conv1.weight' holds 0.25 at element 6, which its mask says");
}

static void bad_metadata_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *from, *to, *reason;
    } cases[] = {
        {"{\"schema\"", "[\"schema\"", "metadata 'lethe':1: is not valid JSON"},
        {"lethe.model/1", "lethe.model/2", "its schema is 'lethe.model/2'"},
        {"\"schema\"", "\"scheme\"", "'schema' is missing"},
        {"resnet20s", "resnet9000", "unknown architecture 'resnet9000'"},
        {"\"resnet20s\"", "\"a name of more than thirty-one bytes\"", "'arch' must be at most 31 printable"},
        {"\"resnet20s\"", "\"\\u001b[2J\"", "'arch' must be at most 31 printable"},
        {"\"resnet20s\"", "20", "'arch' must be a text"},
        {"\"classes\":10", "\"classes\":1", "'classes' is 1"},
        {"\"classes\":10", "\"classes\":11", "has shape [10, 64], but resnet20s for 11 classes has [11, 64]"},
        {"\"classes\":10", "\"classes\":10.5", "'classes' must be an integer"},
        {"\"classes\":10", "\"classes\":9999999999", "'classes' is 9999999999"},
        {"[3,32,32]", "[3,32]", "'input' must be [channels, height, width]"},
        {"[3,32,32]", "[5,32,32]", "'input' must be [channels, height, width]"},
        {"[3,32,32]", "[3,-32,32]", "'input' must be [channels, height, width]"},
        {"[3,32,32]", "[3,2147483647,32]", "2147483647"},
        {"[3,32,32]", "[2,32,32]", "'mean' has 3 numbers for 2 channels"},
        {"\"std\":[", "\"std\":[\"1\",", "'std' has 4 numbers for 3 channels"},
        {"\"mean\":[0", "\"mean\":[1e99,0", "'mean' has 4 numbers"},
        {"0.491400003", "1e99", "'mean'[0] is not a finite number"},
        {"0.491400003", "\"1\"", "'mean'[0] is not a finite number"},
        {"\"command\":\"train\"", "\"command\":null", "'command' must be a text"},
        {"\"command\":\"train\"", "\"command\":\"1\",\"arch\":\"2\"", "duplicate"},
    };
    save_good(false);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        edit this;
        open_edit(&this);
        edit_json(&this, cases[i].from, cases[i].to);
        close_edit(&this);
        expect_refused(NULL, LETHE_INPUT, cases[i].reason);
    }
}

static void files_and_expectations_must_agree(void **state) {
    (void)state;
    edit this;
    save_good(false);
    open_edit(&this);
    close_edit(&this);
    lethe_model_info info = good_info();
    info.classes = 100;
    expect_refused(&info, LETHE_INPUT,
                   "is a resnet20s for 10 classes and 32x32x3 images; a resnet20s for 100");
    info = good_info();
    info.height = 28;
    expect_refused(&info, LETHE_INPUT, "and 32x28x3 images is needed");
    info = good_info();
    snprintf(info.arch, sizeof info.arch, "resnet18");
    expect_refused(&info, LETHE_INPUT, "a resnet18 for 10 classes");
}

/* --- memory --- */

/* True when the call may go on: it failed cleanly for want of memory. */
static bool failed_cleanly(lethe_status status, uint64_t nth, int64_t live) {
    lethe__memory_fail_nth(0);
    assert_int_equal(lethe__memory_live_blocks(), live);
    if (status != LETHE_OK && status != LETHE_MEMORY)
        fail_msg("allocation %d: %s", (int)nth, lethe_last_message());
    return status == LETHE_MEMORY;
}

/* From the end of parsing on, whose thousands of allocations are tested with the format. */
static void loading_survives_every_allocation_failure(void **state) {
    (void)state;
    lethe__st_file file;
    save_good(true);
    uint64_t before = lethe__memory_allocations();
    check(lethe__st_read(good_path, &file));
    uint64_t nth = lethe__memory_allocations() - before;
    lethe__st_fini(&file);
    int64_t live = lethe__memory_live_blocks();
    lethe_status status;
    do {
        lethe_model *loaded = NULL;
        lethe__memory_fail_nth(nth);
        status = lethe_model_load(good_path, NULL, &loaded);
        lethe_model_destroy(&loaded);
    } while (failed_cleanly(status, nth++, live));
}

/* Up to the writing of the header, likewise. */
static void saving_survives_allocation_failures(void **state) {
    (void)state;
    lethe_model *model = make_model(true);
    int64_t live = lethe__memory_live_blocks();
    unlink(made_path);
    for (uint64_t nth = 1; nth < 200; nth++) {
        lethe__memory_fail_nth(nth);
        assert_true(failed_cleanly(lethe_model_save(model, made_path), nth, live));
        assert_false(lethe__file_exists(made_path));
    }
    lethe_model_destroy(&model);
}

static int remove_scratch(void **state) {
    (void)state;
    unlink(good_path);
    unlink(made_path);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(models_come_back),
        cmocka_unit_test(tensors_are_named_like_pytorch),
        cmocka_unit_test(equal_models_give_equal_bytes),
        cmocka_unit_test(texts_that_json_cannot_hold_are_not_saved),
        cmocka_unit_test(plain_exports_need_an_expectation),
        cmocka_unit_test(prefixes_are_stripped),
        cmocka_unit_test(torch_prune_pairs_are_multiplied),
        cmocka_unit_test(masks_may_be_bool_float_or_partial),
        cmocka_unit_test(official_normalisation_is_used_or_checked),
        cmocka_unit_test(counters_may_be_missing_or_differ),
        cmocka_unit_test(wrong_tensors_are_listed),
        cmocka_unit_test(wrong_shapes_and_dtypes_are_named),
        cmocka_unit_test(impossible_values_are_named),
        cmocka_unit_test(bad_metadata_is_refused),
        cmocka_unit_test(files_and_expectations_must_agree),
        cmocka_unit_test(loading_survives_every_allocation_failure),
        cmocka_unit_test(saving_survives_allocation_failures),
    };
    return cmocka_run_group_tests_name("model files", tests, NULL, remove_scratch);
}
