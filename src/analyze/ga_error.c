/* ga_error.c - Proposition 2 put to the test: the bound on the error of gradient ascent beside the error.
 *
 *   bound  eta^2 t || m * (theta_t - theta_0) || sigma(m), the constant taken as 1: the proposition gives an
 *          order, so it is the course of the ratio error / bound over the sparsities that counts
 *   error  || theta_u - theta'_t ||, theta_u after GA on one sample, theta'_t the same training without it
 *
 * Masks are those of one-shot magnitude pruning, rewound to the start: the largest weights of the dense
 * training are kept, and trained again from m * theta_0 over the same batches. BatchNorm's statistics are
 * settled at m * theta_0 and stay; the trainings are replay.c's.
 *
 * Source: Jia et al. 2023, Proposition 2; Thudi et al. 2022. Cost for a mask: 1 + forgotten trainings in
 * double, and an eigenvalue. */
#include "analyze/measuring.h"
#include "analyze/replay.h"
#include "base/fail.h"
#include "base/memory.h"
#include "base/number.h"
#include "train/trainer.h"
#include <lethe/prune.h>
#include <limits.h>
#include <math.h>
#include <string.h>

const lethe_option lethe_ga_error_option_table[] = {
    {.name = "sparsities",
     .type = LETHE_OPTION_STRING,
     .offset = offsetof(lethe_ga_error_options, sparsities),
     .placeholder = "LIST",
     .help = "measure bound and error of Proposition 2 at these sparsities, as in 0,0.5,0.9,0.99; without it "
             "they are left out"},
    {.name = "error-images",
     .type = LETHE_OPTION_SIZE,
     .offset = offsetof(lethe_ga_error_options, images),
     .value = "128",
     .minimum = 1,
     .maximum = 1e9,
     .placeholder = "N",
     .help = "training images, drawn by the seed, that the small trainings are made on"},
    {.name = "error-batch",
     .type = LETHE_OPTION_SIZE,
     .offset = offsetof(lethe_ga_error_options, batch),
     .value = "8",
     .minimum = 1,
     .maximum = 65536,
     .placeholder = "N",
     .help = "images in a step of them"},
    {.name = "error-epochs",
     .type = LETHE_OPTION_INT,
     .offset = offsetof(lethe_ga_error_options, epochs),
     .value = "2",
     .minimum = 1,
     .maximum = 1e6,
     .placeholder = "N",
     .help = "passes over the images"},
    {.name = "error-lr",
     .type = LETHE_OPTION_DOUBLE,
     .offset = offsetof(lethe_ga_error_options, lr),
     .value = "0.01",
     .minimum = 0,
     .maximum = 1e38,
     .placeholder = "RATE",
     .help = "their learning rate, and that of GA"},
    {.name = "forgotten",
     .type = LETHE_OPTION_INT,
     .offset = offsetof(lethe_ga_error_options, forgotten),
     .value = "2",
     .minimum = 1,
     .maximum = 1e6,
     .placeholder = "N",
     .help = "single images to unlearn, one after another, from places of equal distance in the first epoch"},
    LETHE_OPTIONS_END,
};

/* --- the list of sparsities --- */

static lethe_status read_sparsity(const char *text, size_t length, double *out) {
    char number[LETHE__NUMBER_TEXT] = "";
    if (length < sizeof number)
        memcpy(number, text, length);
    if (!lethe__number_parse(number, out) || *out < 0 || *out >= 1)
        LETHE_FAIL(LETHE_USAGE,
                   "sparsities: '%.*s' is no number from 0 to below 1; give a list as in 0,0.9,0.99",
                   (int)(length < 32 ? length : 32), text);
    return LETHE_OK;
}

static lethe_status read_sparsities(const char *text, double *sparsities, size_t *n) {
    *n = 0;
    if (text == NULL || text[0] == 0)
        return LETHE_OK;
    while (text != NULL) { /* a comma promises another number */
        size_t length = strcspn(text, ",");
        if (*n == LETHE_ANALYZE_MOST_SPARSITIES)
            LETHE_FAIL(LETHE_USAGE, "sparsities: more than %d of them", LETHE_ANALYZE_MOST_SPARSITIES);
        LETHE_TRY(read_sparsity(text, length, &sparsities[*n]));
        ++*n;
        text = text[length] == ',' ? text + length + 1 : NULL;
    }
    return LETHE_OK;
}

/* --- one mask --- */

typedef struct study {
    const lethe_model *initial;
    lethe_samples samples; /* drawn; whole batches */
    const lethe_ga_error_options *options;
    const lethe_eigenvalue_options *eigenvalue;
    const lethe_runtime *runtime;
    size_t n;                                         /* parameters */
    double *scores, *trained, *retrained, *unlearned; /* [n] */
} study;

static lethe_status make_start(const study *s, double sparsity, lethe_model **out) {
    lethe_model *model;
    LETHE_TRY(lethe_model_create(&s->initial->info, &model));
    lethe_status status = lethe__model_copy_weights(s->initial, model);
    if (status == LETHE_OK && sparsity > 0)
        status = lethe_mask_lowest(model, s->scores, sparsity);
    if (status == LETHE_OK)
        status = lethe__settle_statistics(model, s->samples, s->runtime);
    if (status != LETHE_OK) {
        lethe_model_destroy(&model);
        return status;
    }
    *out = model;
    return LETHE_OK;
}

static lethe_status measure_errors(const study *s, lethe__replay *replay, lethe_ga_error *row) {
    int n = s->options->forgotten;
    for (int k = 0; k < n; k++) {
        uint32_t id = lethe__replay_id(replay, s->samples.n * (size_t)k / (size_t)n);
        LETHE_TRY(lethe__replay_train(replay, id, s->retrained));
        LETHE_TRY(lethe__replay_ascend(replay, id, s->trained, s->unlearned));
        double error = lethe__vector_distance(s->unlearned, s->retrained, s->n);
        row->error_mean += error / n;
        row->error_largest = fmax(row->error_largest, error);
        row->untouched += lethe__vector_distance(s->trained, s->retrained, s->n) / n;
    }
    return LETHE_OK;
}

/* The factors that need the mask's own training; `start` gets its weights. */
static lethe_status measure_factors(const study *s, lethe_model *start, lethe_ga_error *row) {
    double squares = 0;
    for (size_t i = 0; i < s->n; i++) {
        double moved = s->trained[i] - (double)start->weights.parameters[i];
        squares += moved * moved;
        row->kept += start->mask == NULL || start->mask[i];
        start->weights.parameters[i] = (float)s->trained[i];
    }
    start->weights.version++;
    row->distance = sqrt(squares);
    row->sparsity = lethe_model_sparsity(start);
    lethe_eigenvalue_options options = *s->eigenvalue;
    options.samples = s->samples.n; /* what the training saw */
    return lethe_hessian_eigenvalue(start, s->samples, &options, s->runtime, &row->eigenvalue);
}

static lethe_status measure_start(const study *s, lethe_model *start, lethe__replay *replay,
                                  lethe_ga_error *row) {
    LETHE_TRY(lethe__replay_loss(replay, replay->wide.parameters, &row->loss_before));
    LETHE_TRY(lethe__replay_train(replay, LETHE__NOBODY, s->trained));
    LETHE_TRY(lethe__replay_loss(replay, s->trained, &row->loss_after));
    LETHE_TRY(measure_errors(s, replay, row));
    LETHE_TRY(measure_factors(s, start, row));
    double lr = s->options->lr;
    row->steps = s->options->epochs * (int)replay->n_batches;
    row->bound = lr * lr * row->steps * row->distance * fabs(row->eigenvalue.value);
    return LETHE_OK;
}

static lethe_status measure_mask(const study *s, double sparsity, lethe_ga_error *row) {
    lethe_model *start;
    lethe__replay replay;
    *row = (lethe_ga_error){.sparsity = sparsity};
    LETHE_TRY(make_start(s, sparsity, &start));
    lethe_status status = lethe__replay_open(start, s->samples, s->options, s->runtime, &replay);
    if (status == LETHE_OK)
        status = measure_start(s, start, &replay, row);
    lethe__replay_close(&replay);
    lethe_model_destroy(&start);
    return status;
}

/* --- all masks --- */

/* Where the dense training takes the weights: their magnitudes make the masks. */
static lethe_status find_scores(const study *s) {
    lethe_model *start;
    lethe__replay replay;
    lethe_ga_error_options options = *s->options;
    options.forgotten = 0;
    LETHE_TRY(make_start(s, 0, &start));
    lethe_status status = lethe__replay_open(start, s->samples, &options, s->runtime, &replay);
    if (status == LETHE_OK)
        status = lethe__replay_train(&replay, LETHE__NOBODY, s->scores);
    for (size_t i = 0; i < s->n; i++)
        s->scores[i] = fabs(s->scores[i]);
    lethe__replay_close(&replay);
    lethe_model_destroy(&start);
    return status;
}

static lethe_status measure(study *s, const double *sparsities, size_t n, lethe_ga_error *rows) {
    LETHE_TRY(lethe__allocate(s->n, sizeof(double), &s->scores));
    LETHE_TRY(lethe__allocate(s->n, sizeof(double), &s->trained));
    LETHE_TRY(lethe__allocate(s->n, sizeof(double), &s->retrained));
    LETHE_TRY(lethe__allocate(s->n, sizeof(double), &s->unlearned));
    LETHE_TRY(find_scores(s));
    for (size_t i = 0; i < n; i++)
        LETHE_TRY(measure_mask(s, sparsities[i], &rows[i]));
    return LETHE_OK;
}

static lethe_status check_options(const lethe_ga_error_options *options, size_t n_samples) {
    LETHE_TRY(lethe_options_check(lethe_ga_error_option_table, options));
    size_t images = options->images < n_samples ? options->images : n_samples,
           steps = images / options->batch;
    if (steps == 0)
        LETHE_FAIL(LETHE_USAGE, "%zu images make no batch of %zu; lower --error-batch", images,
                   options->batch);
    if (steps > (size_t)(INT_MAX / options->epochs))
        LETHE_FAIL(LETHE_USAGE, "%d epochs of %zu steps are too many", options->epochs, steps);
    if ((size_t)options->forgotten > steps * options->batch)
        LETHE_FAIL(LETHE_USAGE, "%d of %zu images cannot be forgotten; lower --forgotten", options->forgotten,
                   steps * options->batch);
    return LETHE_OK;
}

lethe_status lethe_ga_error_measure(const lethe_model *initial, lethe_samples samples,
                                    const lethe_ga_error_options *options,
                                    const lethe_eigenvalue_options *eigenvalue, const lethe_runtime *runtime,
                                    lethe_ga_error *rows, size_t *n_rows) {
    double sparsities[LETHE_ANALYZE_MOST_SPARSITIES];
    uint32_t *ids;
    study s = {.initial = initial,
               .options = options,
               .eigenvalue = eigenvalue,
               .runtime = runtime,
               .n = initial->graph->parameter_size};
    LETHE_TRY(read_sparsities(options->sparsities, sparsities, n_rows));
    if (*n_rows == 0)
        return LETHE_OK;
    LETHE_TRY(lethe__check_samples(initial, "error of ga", samples));
    LETHE_TRY(check_options(options, samples.n));
    size_t images = options->images < samples.n ? options->images : samples.n;
    LETHE_TRY(
        lethe__draw_samples(samples, images - images % options->batch, runtime->seed, &ids, &s.samples));
    lethe_status status = measure(&s, sparsities, *n_rows, rows);
    lethe__free(s.scores);
    lethe__free(s.trained);
    lethe__free(s.retrained);
    lethe__free(s.unlearned);
    lethe__free(ids);
    return status;
}
