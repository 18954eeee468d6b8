/* training_state.c - a training run frozen between two steps, as one safetensors file.
 *
 * Everything is a tensor, so that every number comes back bit for bit:
 *   parameters, velocity F32 [P]   buffers F32 [B]   mask U8 [P], if there is one
 *   kept_parameters F32 [P], kept_buffers F32 [B], if there is a copy to rewind to
 *   position I64 [6]  stage, epoch, step, correct and seen samples of the epoch, batches tracked
 *   sums F64 [3]      loss of the epoch, seconds in the epoch, seconds in all
 *   history F64 [n, 9]  one row for each epoch, columns as in lethe_epoch_record
 *   identity U8 [k]   the text that tells runs apart
 * Random streams need no state: they are functions of seed and position. Values are not judged here: a run
 * that is about to diverge must diverge in the same way after it was resumed.
 *
 * Loading finds and checks all tensors and makes all memory first, then copies, so that a failure leaves the
 * state as it was. Cost: the file, about 4 P floats. */
#include "checkpoint/training_state.h"
#include "base/fail.h"
#include "base/memory.h"
#include "checkpoint/safetensors.h"
#include <limits.h>
#include <string.h>

enum { N_POSITION = 6, N_SUMS = 3, N_COLUMNS = 9, MAX_TENSORS = 10 };

static const lethe__st_metadata metadata[] = {{"format", "pt"}, {"schema", "lethe.training_state/1"}};

static lethe__st_tensor vector(const char *name, lethe__st_dtype dtype, size_t n, size_t size,
                               const void *bytes) {
    return (lethe__st_tensor){
        .name = name, .dtype = dtype, .n_dims = 1, .shape = {n}, .n_bytes = n * size, .bytes = bytes};
}

/* --- epochs as rows --- */

static void pack_epoch(const lethe_epoch_record *epoch, double row[N_COLUMNS]) {
    const double values[N_COLUMNS] = {
        epoch->stage,   epoch->epoch, epoch->seconds,  epoch->samples_per_second,
        epoch->lr,      epoch->loss,  epoch->accuracy, epoch->val_accuracy,
        epoch->sparsity};
    memcpy(row, values, sizeof values);
}

/* False when stage or epoch is no count. */
static bool unpack_epoch(const double row[N_COLUMNS], lethe_epoch_record *epoch) {
    if (!(row[0] >= 0 && row[0] <= INT_MAX && row[1] >= 0 && row[1] <= INT_MAX))
        return false;
    *epoch = (lethe_epoch_record){.stage = (int)row[0],
                                  .epoch = (int)row[1],
                                  .seconds = row[2],
                                  .samples_per_second = row[3],
                                  .lr = row[4],
                                  .loss = row[5],
                                  .accuracy = row[6],
                                  .val_accuracy = row[7],
                                  .sparsity = row[8]};
    return true;
}

/* --- saving --- */

static size_t list_vectors(const lethe__training_state *state, lethe__st_tensor *tensors) {
    const lethe_model *model = state->model;
    size_t n = 0, n_parameters = model->graph->parameter_size, n_buffers = model->graph->buffer_size;
    tensors[n++] =
        vector("parameters", LETHE__ST_F32, n_parameters, sizeof(float), model->weights.parameters);
    tensors[n++] = vector("velocity", LETHE__ST_F32, n_parameters, sizeof(float), state->velocity);
    tensors[n++] = vector("buffers", LETHE__ST_F32, n_buffers, sizeof(float), model->weights.buffers);
    if (model->mask != NULL)
        tensors[n++] = vector("mask", LETHE__ST_U8, n_parameters, 1, model->mask);
    if (state->kept_buffers != NULL) {
        tensors[n++] =
            vector("kept_parameters", LETHE__ST_F32, n_parameters, sizeof(float), state->kept_parameters);
        tensors[n++] = vector("kept_buffers", LETHE__ST_F32, n_buffers, sizeof(float), state->kept_buffers);
    }
    tensors[n++] = vector("identity", LETHE__ST_U8, strlen(state->identity), 1, state->identity);
    return n;
}

lethe_status lethe__training_state_save(const lethe__training_state *state, const char *path) {
    double *rows;
    LETHE_TRY(lethe__allocate(state->n_history, N_COLUMNS * sizeof *rows, &rows));
    for (size_t i = 0; i < state->n_history; i++)
        pack_epoch(&state->history[i], rows + i * N_COLUMNS);
    const int64_t position[N_POSITION] = {state->stage,           state->epoch,
                                          (int64_t)state->step,   (int64_t)state->n_correct,
                                          (int64_t)state->n_seen, state->model->num_batches_tracked};
    const double sums[N_SUMS] = {state->loss_sum, state->epoch_seconds, state->total_seconds};
    lethe__st_tensor tensors[MAX_TENSORS];
    size_t n = list_vectors(state, tensors);
    tensors[n++] = vector("position", LETHE__ST_I64, N_POSITION, sizeof *position, position);
    tensors[n++] = vector("sums", LETHE__ST_F64, N_SUMS, sizeof *sums, sums);
    tensors[n++] = (lethe__st_tensor){.name = "history",
                                      .dtype = LETHE__ST_F64,
                                      .n_dims = 2,
                                      .shape = {state->n_history, N_COLUMNS},
                                      .n_bytes = state->n_history * N_COLUMNS * sizeof *rows,
                                      .bytes = rows};
    lethe_status status = lethe__st_write(path, tensors, n, metadata, sizeof metadata / sizeof *metadata);
    lethe__free(rows);
    return status;
}

/* --- loading --- */

/* What a file holds, checked; and the memory that the state will own. */
typedef struct contents {
    lethe__st_file file;
    const lethe__st_tensor *parameters, *velocity, *buffers, *mask, *kept_parameters, *kept_buffers, *history;
    int64_t position[N_POSITION];
    double sums[N_SUMS];
    lethe_epoch_record *records;
    float *new_parameters, *new_buffers; /* for the copy to rewind to */
} contents;

/* A vector of exactly n elements; NULL when it is optional and absent. */
static lethe_status find_vector(const lethe__st_file *file, const char *name, lethe__st_dtype dtype, size_t n,
                                bool optional, const lethe__st_tensor **out) {
    *out = lethe__st_find(file, name);
    if (*out == NULL && optional)
        return LETHE_OK;
    if (*out == NULL)
        LETHE_FAIL(LETHE_INPUT, "tensor '%s' is missing: not a checkpoint of a training run", name);
    if ((*out)->dtype != dtype || (*out)->n_dims != 1 || (*out)->shape[0] != n)
        LETHE_FAIL(LETHE_INPUT,
                   "tensor '%s' is not %s [%zu]: the checkpoint belongs to another model; start "
                   "anew with --resume never",
                   name, lethe__st_dtype_name(dtype), n);
    return LETHE_OK;
}

static lethe_status check_identity(const contents *this, const char *identity) {
    const char *schema = lethe__st_get_metadata(&this->file, metadata[1].key);
    if (schema == NULL || strcmp(schema, metadata[1].value) != 0)
        LETHE_FAIL(LETHE_INPUT, "its schema is '%s', not '%s': not a checkpoint of this version of lethe",
                   schema != NULL ? schema : "", metadata[1].value);
    const lethe__st_tensor *stored = lethe__st_find(&this->file, "identity");
    size_t n = strlen(identity);
    if (stored == NULL || stored->n_bytes != n || memcmp(stored->bytes, identity, n) != 0)
        LETHE_FAIL(LETHE_INPUT,
                   "the checkpoint belongs to a run with other options, data or model; repeat the "
                   "command as it was, or start anew with --resume never");
    return LETHE_OK;
}

static lethe_status find_vectors(contents *this, const lethe__training_state *state) {
    const lethe__st_file *file = &this->file;
    size_t n_parameters = state->model->graph->parameter_size, n_buffers = state->model->graph->buffer_size;
    LETHE_TRY(find_vector(file, "parameters", LETHE__ST_F32, n_parameters, false, &this->parameters));
    LETHE_TRY(find_vector(file, "velocity", LETHE__ST_F32, n_parameters, false, &this->velocity));
    LETHE_TRY(find_vector(file, "buffers", LETHE__ST_F32, n_buffers, false, &this->buffers));
    LETHE_TRY(find_vector(file, "mask", LETHE__ST_U8, n_parameters, true, &this->mask));
    LETHE_TRY(
        find_vector(file, "kept_parameters", LETHE__ST_F32, n_parameters, true, &this->kept_parameters));
    LETHE_TRY(find_vector(file, "kept_buffers", LETHE__ST_F32, n_buffers, this->kept_parameters == NULL,
                          &this->kept_buffers));
    for (size_t i = 0; this->mask != NULL && i < n_parameters; i++)
        if (((const uint8_t *)this->mask->bytes)[i] > 1)
            LETHE_FAIL(LETHE_INPUT, "tensor 'mask' holds neither 0 nor 1 at element %zu", i);
    return LETHE_OK;
}

static lethe_status read_position(contents *this) {
    const lethe__st_tensor *position, *sums;
    LETHE_TRY(find_vector(&this->file, "position", LETHE__ST_I64, N_POSITION, false, &position));
    LETHE_TRY(find_vector(&this->file, "sums", LETHE__ST_F64, N_SUMS, false, &sums));
    memcpy(this->position, position->bytes, sizeof this->position);
    memcpy(this->sums, sums->bytes, sizeof this->sums);
    for (int i = 0; i < N_POSITION; i++)
        if (this->position[i] < 0 || (i < 2 && this->position[i] > INT_MAX))
            LETHE_FAIL(LETHE_INPUT, "tensor 'position' holds %lld at element %d, which is no count",
                       (long long)this->position[i], i);
    return LETHE_OK;
}

static lethe_status read_history(contents *this) {
    const lethe__st_tensor *history = lethe__st_find(&this->file, "history");
    if (history == NULL || history->dtype != LETHE__ST_F64 || history->n_dims != 2 ||
        history->shape[1] != N_COLUMNS)
        LETHE_FAIL(LETHE_INPUT, "tensor 'history' is missing or not F64 [epochs, %d]", N_COLUMNS);
    this->history = history;
    LETHE_TRY(lethe__allocate((size_t)history->shape[0], sizeof *this->records, &this->records));
    for (size_t i = 0; i < history->shape[0]; i++) {
        double row[N_COLUMNS];
        memcpy(row, (const uint8_t *)history->bytes + i * sizeof row, sizeof row);
        if (!unpack_epoch(row, &this->records[i]))
            LETHE_FAIL(LETHE_INPUT, "tensor 'history' has a stage or epoch in row %zu that is no count", i);
    }
    return LETHE_OK;
}

/* Everything that can fail. The mask comes last: it changes the model, which only its own failure may
 * prevent. */
static lethe_status prepare(contents *this, const lethe__training_state *state) {
    LETHE_TRY(check_identity(this, state->identity));
    LETHE_TRY(find_vectors(this, state));
    LETHE_TRY(read_position(this));
    LETHE_TRY(read_history(this));
    if (this->kept_parameters != NULL) {
        LETHE_TRY(lethe__allocate(state->model->graph->parameter_size, sizeof(float), &this->new_parameters));
        LETHE_TRY(lethe__allocate(state->model->graph->buffer_size, sizeof(float), &this->new_buffers));
    }
    return this->mask != NULL ? lethe__model_make_mask(state->model) : LETHE_OK;
}

static void copy(void *dst, const lethe__st_tensor *src) {
    memcpy(dst, src->bytes, (size_t)src->n_bytes);
}

static void commit_model(const contents *this, lethe_model *model) {
    copy(model->weights.parameters, this->parameters);
    copy(model->weights.buffers, this->buffers);
    if (this->mask != NULL) {
        copy(model->mask, this->mask);
    } else {
        lethe__free(model->mask);
        model->mask = NULL;
    }
    model->num_batches_tracked = this->position[5];
    model->weights.version++;
}

/* Hands the memory of `this` over to the state. */
static void commit(contents *this, lethe__training_state *state) {
    commit_model(this, state->model);
    copy(state->velocity, this->velocity);
    lethe__free(state->kept_parameters);
    lethe__free(state->kept_buffers);
    lethe__free(state->history);
    if (this->kept_parameters != NULL) {
        copy(this->new_parameters, this->kept_parameters);
        copy(this->new_buffers, this->kept_buffers);
    }
    state->kept_parameters = this->new_parameters;
    state->kept_buffers = this->new_buffers;
    state->history = this->records;
    state->n_history = state->history_capacity = (size_t)this->history->shape[0];
    state->stage = (int)this->position[0];
    state->epoch = (int)this->position[1];
    state->step = (size_t)this->position[2];
    state->n_correct = (size_t)this->position[3];
    state->n_seen = (size_t)this->position[4];
    state->loss_sum = this->sums[0];
    state->epoch_seconds = this->sums[1];
    state->total_seconds = this->sums[2];
}

lethe_status lethe__training_state_load(lethe__training_state *state, const char *path) {
    contents this = {0};
    LETHE_TRY(lethe__st_read(path, &this.file));
    lethe_status status = prepare(&this, state);
    if (status == LETHE_OK) {
        commit(&this, state);
    } else {
        lethe__fail_in(status, path);
        lethe__free(this.records);
        lethe__free(this.new_parameters);
        lethe__free(this.new_buffers);
    }
    lethe__st_fini(&this.file);
    return status;
}
