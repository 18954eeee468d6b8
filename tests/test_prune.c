/* test_prune.c - masks of the lowest scores against a stable sort; the methods' own behaviour; and the
 * contract that every registered pruning method keeps. */
#include "tiny_training.h"

#include "models/model.h"
#include <lethe/prune.h>

enum { N_TRAIN = 8 };

/* --- masks against a stable sort --- */

typedef struct ranked {
    double score;
    size_t index;
} ranked;

static int by_score_then_index(const void *left, const void *right) {
    const ranked *a = left, *b = right;
    if (a->score != b->score)
        return a->score < b->score ? -1 : 1;
    return a->index < b->index ? -1 : 1;
}

/* Prunable weights in the order in which they should go; those that `mask` removed lead. */
static ranked *rank_weights(const lethe_model *model, const double *scores, size_t *n) {
    ranked *ranks;
    assert_ok(lethe__allocate(model->graph->parameter_size, sizeof *ranks, &ranks));
    *n = 0;
    for (size_t s = 0; s < model->graph->n_parameters; s++) {
        const lethe__slot *slot = &model->graph->parameters[s];
        for (size_t i = slot->offset; slot->prunable && i < slot->offset + slot->size; i++) {
            bool removed = model->mask != NULL && !model->mask[i];
            ranks[(*n)++] = (ranked){removed ? -INFINITY : scores[i], i};
        }
    }
    qsort(ranks, *n, sizeof *ranks, by_score_then_index);
    return ranks;
}

/* Few distinct values, of both signs, with both zeros: many ties. */
static double *make_scores(const lethe_model *model, int levels) {
    double *scores;
    assert_ok(lethe__allocate(model->graph->parameter_size, sizeof *scores, &scores));
    for (size_t i = 0; i < model->graph->parameter_size; i++) {
        scores[i] = (floor(levels * fixture_stream(5, i)) - levels / 2) / 8.0;
        if (scores[i] == 0 && i % 2 == 0)
            scores[i] = -0.0;
    }
    return scores;
}

static void test_mask_is_a_stable_sorts(void **state) {
    tiny_setup *tiny = *state;
    lethe_model *model = tiny_model(tiny, 1);
    static const double sparsities[] = {0.1, 0.5, 0.85, 0.9999};
    static const int levels[] = {1000000, 5, 3, 40};
    for (int round = 0; round < 4; round++) {
        double *scores = make_scores(model, levels[round]);
        size_t n;
        ranked *ranks = rank_weights(model, scores, &n);
        size_t k = (size_t)nearbyint(sparsities[round] * (double)n);
        assert_ok(lethe_mask_lowest(model, scores, sparsities[round]));
        for (size_t i = 0; i < n; i++)
            if (model->mask[ranks[i].index] != (i >= k))
                fail_msg("round %d: the weight of rank %zu of %zu", round, i, k);
        size_t n_kept = 0;
        for (size_t i = 0; i < model->graph->parameter_size; i++)
            n_kept += model->mask[i];
        assert_int_equal(n_kept, model->graph->parameter_size - k); /* nothing else is masked */
        assert_mask_kept(model);
        lethe__free(ranks);
        lethe__free(scores);
    }
    lethe_model_destroy(&model);
}

static void test_half_a_weight_goes_to_even(void **state) {
    tiny_setup *tiny = *state;
    static const int expected[] = {0, 2, 2, 4};
    for (int i = 0; i < 4; i++) {
        lethe_model *model = tiny_model(tiny, 1);
        double *scores = make_scores(model, 100);
        size_t n, n_removed = 0;
        lethe__free(rank_weights(model, scores, &n));
        double sparsity = (i + 0.5) / (double)n;
        assert_true(sparsity * (double)n == i + 0.5);
        assert_ok(lethe_mask_lowest(model, scores, sparsity));
        for (size_t k = 0; model->mask != NULL && k < model->graph->parameter_size; k++)
            n_removed += !model->mask[k];
        assert_int_equal(n_removed, expected[i]);
        lethe__free(scores);
        lethe_model_destroy(&model);
    }
}

static void test_bad_masks_are_refused(void **state) {
    tiny_setup *tiny = *state;
    lethe_model *model = tiny_model(tiny, 1);
    double *scores = make_scores(model, 100);
    assert_int_equal(lethe_mask_lowest(model, scores, 1.0), LETHE_USAGE);
    assert_int_equal(lethe_mask_lowest(model, scores, -0.1), LETHE_USAGE);
    assert_int_equal(lethe_mask_lowest(model, scores, NAN), LETHE_USAGE);
    assert_ok(lethe_mask_lowest(model, scores, 0));
    assert_null(model->mask);
    scores[3] = NAN; /* in conv1.weight, the first tensor */
    assert_int_equal(lethe_mask_lowest(model, scores, 0.5), LETHE_FAILED);
    assert_non_null(strstr(lethe_last_message(), "conv1.weight[3]"));
    assert_null(model->mask);
    lethe__free(scores);
    lethe_model_destroy(&model);
}

/* --- options --- */

static void test_rewind_texts(void **state) {
    (void)state;
    lethe_rewind kind;
    int epoch;
    assert_ok(lethe_rewind_parse("none", &kind, &epoch));
    assert_true(kind == LETHE_REWIND_NONE && epoch == 0);
    assert_ok(lethe_rewind_parse("init", &kind, &epoch));
    assert_true(kind == LETHE_REWIND_INIT && epoch == 0);
    assert_ok(lethe_rewind_parse("epoch=8", &kind, &epoch));
    assert_true(kind == LETHE_REWIND_EPOCH && epoch == 8);
    static const char *const malformed[] = {
        "", "nonesuch", "epoch", "epoch=", "epoch=-1", "epoch=1.5", "epoch=99999999"};
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++) {
        assert_int_equal(lethe_rewind_parse(malformed[i], &kind, &epoch), LETHE_USAGE);
        assert_non_null(strstr(lethe_last_message(), "none, init or epoch=K"));
    }
    assert_true(kind == LETHE_REWIND_EPOCH && epoch == 8);
}

static void test_names(void **state) {
    (void)state;
    const lethe_prune_method *method = NULL;
    assert_ok(lethe_prune_find("omp", &method));
    assert_string_equal(method->name, "omp");
    assert_int_equal(lethe_prune_find("zzz", &method), LETHE_USAGE);
    assert_non_null(strstr(lethe_last_message(), "omp"));
    assert_string_equal(method->name, "omp");
}

static lethe_prune_options make_options(double sparsity, const char *rewind, int epochs) {
    lethe_prune_options options = {.sparsity = sparsity, .rewind = rewind, .fit = tiny_fit(epochs)};
    options.fit.lr = 0.02;
    return options;
}

static lethe_trainer *open_trainer(tiny_setup *tiny, lethe_model *model) {
    lethe_trainer *trainer;
    assert_ok(lethe_trainer_create(model, tiny_samples(tiny, 0, 0), &tiny->runtime, "test", &trainer));
    return trainer;
}

/* The method's own structure: its defaults, and what is shared from `options`; texts set further ones
 * ("rounds", "3", NULL). */
static void *own_options(const lethe_prune_method *method, const lethe_prune_options *options,
                         const char *const *texts) {
    void *own;
    assert_ok(lethe__allocate(1, method->options_size, &own));
    assert_ok(lethe_options_defaults(method->options, own));
    *(lethe_prune_options *)own = *options;
    for (; texts != NULL && *texts != NULL; texts += 2)
        assert_ok(lethe_options_set(method->options, own, texts[0], texts[1]));
    return own;
}

static lethe_status run_with(tiny_setup *tiny, const char *name, const lethe_prune_options *options,
                             const char *const *texts, lethe_model *model) {
    const lethe_prune_method *method;
    assert_ok(lethe_prune_find(name, &method));
    void *own = own_options(method, options, texts);
    lethe_trainer *trainer = open_trainer(tiny, model);
    lethe_status status = lethe_prune(method, own, trainer, tiny_samples(tiny, 0, N_TRAIN));
    lethe_trainer_destroy(&trainer);
    lethe__free(own);
    return status;
}

/* SynFlow's many rounds would make the tests long. */
static const char *const *few_rounds(const char *name) {
    static const char *const few[] = {"rounds", "3", NULL};
    return strcmp(name, "synflow") == 0 ? few : NULL;
}

static lethe_status run(tiny_setup *tiny, const char *name, const lethe_prune_options *options,
                        lethe_model *model) {
    return run_with(tiny, name, options, few_rounds(name), model);
}

static void test_bad_options_are_refused(void **state) {
    tiny_setup *tiny = *state;
    lethe_model *model = tiny_model(tiny, 1), *untouched = tiny_model(tiny, 1);
    const lethe_prune_options bad[] = {make_options(1.5, "init", 1), make_options(0.5, "later", 1),
                                       make_options(0.5, NULL, 1), make_options(0.5, "epoch=3", 2)};
    static const char *const words[] = {"sparsity", "later", "rewind", "epoch 3"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(run(tiny, "omp", &bad[i], model), LETHE_USAGE);
        assert_non_null(strstr(lethe_last_message(), words[i]));
    }
    assert_same_model(model, untouched);
    lethe_model_destroy(&model);
    lethe_model_destroy(&untouched);
}

/* --- one-shot magnitude pruning --- */

static void mask_by_magnitude(lethe_model *model, double sparsity) {
    double *scores;
    assert_ok(lethe__allocate(model->graph->parameter_size, sizeof *scores, &scores));
    for (size_t i = 0; i < model->graph->parameter_size; i++)
        scores[i] = fabs((double)model->weights.parameters[i]);
    assert_ok(lethe_mask_lowest(model, scores, sparsity));
    lethe__free(scores);
}

static void test_omp_without_training(void **state) {
    tiny_setup *tiny = *state;
    lethe_model *model = tiny_model(tiny, 1), *expected = tiny_model(tiny, 1);
    lethe_prune_options options = make_options(0.7, "epoch=8", 0);
    assert_ok(run(tiny, "omp", &options, model));
    mask_by_magnitude(expected, 0.7);
    assert_same_model(model, expected);
    lethe_model_destroy(&model);
    lethe_model_destroy(&expected);
}

/* Train, choose the mask, put it on the weights of the rewinding epoch, train again: each by its own trainer.
 */
static void expect_omp(tiny_setup *tiny, const char *rewind, int epoch) {
    lethe_samples samples = tiny_samples(tiny, 0, N_TRAIN);
    lethe_model *actual = tiny_model(tiny, 1), *trained = tiny_model(tiny, 1), *start = tiny_model(tiny, 1);
    lethe_prune_options options = make_options(0.8, rewind, 2);
    options.fit.lr_schedule = LETHE_LR_CONSTANT; /* the first epochs of any training are then the same */
    assert_ok(run(tiny, "omp", &options, actual));
    lethe_trainer *trainer = open_trainer(tiny, trained);
    assert_ok(lethe_trainer_fit(trainer, "dense", samples, &options.fit));
    lethe_trainer_destroy(&trainer);
    mask_by_magnitude(trained, 0.8);
    lethe_fit_options early = options.fit;
    early.epochs = epoch;
    trainer = open_trainer(tiny, start);
    assert_ok(lethe_trainer_fit(trainer, "early", samples, &early));
    lethe_trainer_destroy(&trainer);
    assert_ok(lethe__model_make_mask(start));
    memcpy(start->mask, trained->mask, start->graph->parameter_size);
    lethe__model_apply_mask(start);
    trainer = open_trainer(tiny, start);
    assert_ok(lethe_trainer_fit(trainer, "sparse", samples, &options.fit));
    lethe_trainer_destroy(&trainer);
    start->num_batches_tracked = actual->num_batches_tracked; /* that of the rewound epochs is kept */
    assert_same_model(actual, start);
    lethe_model_destroy(&actual);
    lethe_model_destroy(&trained);
    lethe_model_destroy(&start);
}

static void test_omp_rewinds(void **state) {
    expect_omp(*state, "init", 0);
    expect_omp(*state, "epoch=1", 1);
    expect_omp(*state, "none", 2);
}

/* --- iterative magnitude pruning --- */

static size_t count_present(const lethe_model *model, size_t *n_prunable) {
    size_t n_present = 0;
    *n_prunable = 0;
    for (size_t s = 0; s < model->graph->n_parameters; s++) {
        const lethe__slot *slot = &model->graph->parameters[s];
        for (size_t i = slot->offset; slot->prunable && i < slot->offset + slot->size; i++) {
            *n_prunable += 1;
            n_present += model->mask == NULL || model->mask[i];
        }
    }
    return n_present;
}

/* Each round takes a share of what is there, halves to even. */
static void test_imp_counts_are_those_of_its_rounds(void **state) {
    tiny_setup *tiny = *state;
    static const char *const texts[] = {"rounds", "4", "rate", "0.3", NULL};
    lethe_model *model = tiny_model(tiny, 1);
    size_t n_prunable, expected = count_present(model, &n_prunable);
    lethe_prune_options options = make_options(0.5, "init", 0);
    for (int round = 0; round < 4; round++)
        expected -= (size_t)nearbyint(0.3 * (double)expected);
    assert_ok(run_with(tiny, "imp", &options, texts, model));
    assert_int_equal(count_present(model, &n_prunable), expected);
    lethe_model_destroy(&model);
}

/* Train, then twice: prune the trained weights, rewind, train with the mask. */
static void test_imp_rewinds_each_round(void **state) {
    tiny_setup *tiny = *state;
    static const char *const texts[] = {"rounds", "2", "rate", "0.4", NULL};
    lethe_samples samples = tiny_samples(tiny, 0, N_TRAIN);
    lethe_model *actual = tiny_model(tiny, 1), *start = tiny_model(tiny, 1), *expected = tiny_model(tiny, 1);
    lethe_prune_options options = make_options(0.5, "init", 1);
    assert_ok(run_with(tiny, "imp", &options, texts, actual));
    for (int round = 0; round <= 2; round++) {
        size_t n_prunable, n_present = count_present(expected, &n_prunable);
        if (round > 0) {
            n_present -= (size_t)nearbyint(0.4 * (double)n_present);
            mask_by_magnitude(expected, 1 - (double)n_present / (double)n_prunable);
            assert_ok(lethe__model_copy_weights(start, expected));
        }
        lethe_trainer *trainer = open_trainer(tiny, expected);
        assert_ok(lethe_trainer_fit(trainer, "by hand", samples, &options.fit));
        lethe_trainer_destroy(&trainer);
    }
    expected->num_batches_tracked = actual->num_batches_tracked;
    assert_same_model(actual, expected);
    lethe_model_destroy(&actual);
    lethe_model_destroy(&start);
    lethe_model_destroy(&expected);
}

/* A trained model leaves the first training out, and is rewound to its early weights. */
static void test_imp_of_a_trained_model(void **state) {
    tiny_setup *tiny = *state;
    static const char *const texts[] = {"rounds", "1", "rate", "0.5", NULL};
    lethe_model *model = tiny_model(tiny, 1), *early = tiny_model(tiny, 2), *expected = tiny_model(tiny, 1);
    lethe_prune_options options = make_options(0.5, "epoch=8", 1);
    options.trained = true;
    options.early = early;
    options.fit.lr = 0;
    assert_ok(run_with(tiny, "imp", &options, texts, model));
    mask_by_magnitude(expected, 0.5);
    for (size_t i = 0; i < model->graph->parameter_size; i++) {
        assert_int_equal(model->mask[i], expected->mask[i]);
        assert_true(model->weights.parameters[i] == (model->mask[i] ? early->weights.parameters[i] : 0));
    }
    lethe_model_destroy(&model);
    lethe_model_destroy(&early);
    lethe_model_destroy(&expected);
}

/* --- what is warned of and refused --- */

static void remember_warning(void *user, lethe_log_level level, const char *sentence) {
    if (level == LETHE_LOG_WARNING)
        snprintf(user, 256, "%s", sentence);
}

static void test_an_emptied_layer_is_named(void **state) {
    tiny_setup *tiny = *state;
    char warning[256] = "";
    tiny->runtime.log = remember_warning;
    tiny->runtime.user = warning;
    lethe_prune_options options = make_options(0.5, "none", 0);
    lethe_model *model = tiny_model(tiny, 1);
    assert_ok(run(tiny, "omp", &options, model));
    assert_string_equal(warning, "");
    lethe_tensor_view view = lethe_model_tensor(model, 3);
    assert_true(view.prunable);
    for (size_t i = 0; i < view.size; i++)
        view.values[i] *= 1e-6f;
    options.sparsity = 0.6;
    assert_ok(run(tiny, "omp", &options, model));
    assert_non_null(strstr(warning, view.name));
    lethe_model_destroy(&model);
}

/* Pruned weights do not come back for a lower sparsity; this is said, and a higher one is none of it. */
static void test_a_lower_sparsity_is_told(void **state) {
    tiny_setup *tiny = *state;
    char sentence[256] = "";
    lethe_model *model = tiny_model(tiny, 1);
    lethe_prune_options options = make_options(0.75, "none", 0);
    tiny->runtime.log = remember_warning;
    tiny->runtime.user = sentence;
    assert_ok(run(tiny, "omp", &options, model));
    assert_ok(run(tiny, "omp", &options, model)); /* the same again */
    assert_string_equal(sentence, "");
    options.sparsity = 0.5;
    assert_ok(run(tiny, "omp", &options, model));
    assert_non_null(strstr(sentence, "sparsity of 0.75 already, more than the 0.5 asked for"));
    assert_true(fabs(lethe_model_sparsity(model) - 0.75) < 1e-5);
    lethe_model_destroy(&model);
}

static void test_synflow_refuses_what_has_no_flow(void **state) {
    tiny_setup *tiny = *state;
    lethe_prune_options options = make_options(0.5, "none", 0);
    lethe_model *model = tiny_model(tiny, 1);
    memset(model->weights.parameters, 0, model->graph->parameter_size * sizeof(float));
    assert_int_equal(run(tiny, "synflow", &options, model), LETHE_FAILED);
    assert_non_null(strstr(lethe_last_message(), "zero"));
    lethe_model_destroy(&model);
    model = tiny_model(tiny, 1);
    model->info.mean[0] = 1.5f;
    assert_ok(run(tiny, "synflow", &options, model)); /* the normalisation plays no part */
    tiny->runtime.compat = LETHE_COMPAT_OFFICIAL;
    assert_int_equal(run(tiny, "synflow", &options, model), LETHE_USAGE);
    assert_non_null(strstr(lethe_last_message(), "mean of 1.5"));
    lethe_model_destroy(&model);
}

/* --- the contract of every method --- */

static void stop_after_an_epoch(void *user, const lethe_progress *progress) {
    if (progress->n_epochs > 0 && progress->step == progress->n_steps)
        ((tiny_setup *)user)->stop = 1;
}

/* Sittings of one epoch each until it is done. */
static void run_in_sittings(tiny_setup *tiny, const char *name, const lethe_prune_options *options,
                            lethe_model **model) {
    lethe_runtime before = tiny->runtime;
    lethe_status status = LETHE_STOPPED;
    int sittings = 0;
    tiny->runtime.checkpoint = tiny->checkpoint;
    tiny->runtime.resume = true;
    tiny->runtime.stop = &tiny->stop;
    tiny->runtime.progress = stop_after_an_epoch;
    tiny->runtime.user = tiny;
    while (status == LETHE_STOPPED && sittings++ < 30) {
        tiny->stop = 0;
        lethe_model_destroy(model);
        *model = tiny_model(tiny, 1);
        status = run(tiny, name, options, *model);
    }
    assert_ok(status);
    assert_true(sittings > 1);
    unlink(tiny->checkpoint);
    tiny->runtime = before;
}

static void check_failing_allocations(tiny_setup *tiny, const char *name,
                                      const lethe_prune_options *options) {
    bool failed = true;
    for (uint64_t n = 1; failed; n = n + 1 + n / 2) {
        int64_t blocks = lethe__memory_live_blocks();
        lethe_model *model = tiny_model(tiny, 1);
        lethe_trainer *trainer = open_trainer(tiny, model);
        const lethe_prune_method *method;
        assert_ok(lethe_prune_find(name, &method));
        void *own = own_options(method, options, few_rounds(name));
        lethe__memory_fail_nth(n);
        lethe_status status = lethe_prune(method, own, trainer, tiny_samples(tiny, 0, N_TRAIN));
        lethe__memory_fail_nth(0);
        failed = status != LETHE_OK;
        if (failed)
            assert_int_equal(status, LETHE_MEMORY);
        lethe__free(own);
        lethe_trainer_destroy(&trainer);
        lethe_model_destroy(&model);
        assert_int_equal(lethe__memory_live_blocks(), blocks);
    }
}

static void test_every_method_keeps_the_contract(void **state) {
    tiny_setup *tiny = *state;
    size_t n_methods = 0;
    for (const lethe_prune_method *const *method = lethe_prune_methods(); *method != NULL; method++) {
        const char *name = (*method)->name;
        assert_true((*method)->title[0] && (*method)->source[0] && (*method)->summary[0]);
        lethe_prune_options options = make_options(0.75, "epoch=1", 2);
        lethe_model *first = tiny_model(tiny, 1), *second = tiny_model(tiny, 1);
        assert_ok(run(tiny, name, &options, first));
        assert_ok(run(tiny, name, &options, second));
        assert_same_model(first, second);
        assert_mask_kept(first);
        assert_true(fabs(lethe_model_sparsity(first) - 0.75) < 1e-5);
        run_in_sittings(tiny, name, &options, &second);
        assert_same_model(first, second);
        lethe_model_destroy(&first);
        lethe_model_destroy(&second);
        check_failing_allocations(tiny, name, &options);
        options.fit.lr = 1e30;
        first = tiny_model(tiny, 1);
        assert_int_equal(run(tiny, name, &options, first), LETHE_DIVERGED);
        lethe_model_destroy(&first);
        n_methods++;
    }
    assert_true(n_methods >= 6);
}

static int open_tiny(void **state) {
    static tiny_setup tiny;
    tiny_open(&tiny);
    *state = &tiny;
    return 0;
}

static int close_tiny(void **state) {
    tiny_close(*state);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_tiny, close_tiny)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_mask_is_a_stable_sorts),
        TEST(test_half_a_weight_goes_to_even),
        TEST(test_bad_masks_are_refused),
        TEST(test_rewind_texts),
        TEST(test_names),
        TEST(test_bad_options_are_refused),
        TEST(test_omp_without_training),
        TEST(test_omp_rewinds),
        TEST(test_imp_counts_are_those_of_its_rounds),
        TEST(test_imp_rewinds_each_round),
        TEST(test_imp_of_a_trained_model),
        TEST(test_an_emptied_layer_is_named),
        TEST(test_a_lower_sparsity_is_told),
        TEST(test_synflow_refuses_what_has_no_flow),
        TEST(test_every_method_keeps_the_contract),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
