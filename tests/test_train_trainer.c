/* test_train_trainer.c - the trainer: what a fit computes, stopping at every step, dying at any allocation,
 * and going on with the same bits. */
#include "tiny_training.h"

#include "base/file.h"
#include "train/sgd.h"

enum { N_TRAIN = 10, N_VAL = 5, N_STEPS = 12 /* two stages of two epochs of three batches */ };

static lethe_trainer *open_trainer(tiny_setup *tiny, lethe_model *model) {
    lethe_trainer *trainer;
    assert_ok(
        lethe_trainer_create(model, tiny_samples(tiny, N_TRAIN, N_VAL), &tiny->runtime, "test", &trainer));
    return trainer;
}

/* --- what a fit computes --- */

/* Two epochs in file order, step by step by hand. */
static void train_by_hand(const tiny_setup *tiny, lethe_model *model, const lethe_fit_options *fit) {
    lethe__executor *executor;
    float *velocity, diff_logits[4 * TINY_CLASSES];
    size_t n = model->graph->parameter_size;
    assert_ok(lethe__allocate(n, sizeof *velocity, &velocity));
    assert_ok(lethe__executor_create(model->graph, &model->weights, LETHE_PRECISION_F32,
                                     &(lethe_runtime){.threads = 1}, &executor));
    for (int epoch = 0; epoch < fit->epochs; epoch++)
        for (int first = 0; first < N_TRAIN; first += 4) {
            int size = N_TRAIN - first < 4 ? N_TRAIN - first : 4;
            const float *logits;
            double loss;
            size_t n_correct;
            assert_ok(lethe__executor_forward(executor, LETHE__MODE_TRAIN, tiny->images + first * TINY_PIXELS,
                                              size, &logits));
            lethe__cross_entropy(logits, tiny->labels + first, size, TINY_CLASSES,
                                 (fit->ascend ? -1.0f : 1.0f) / (float)size, diff_logits, NULL, &loss,
                                 &n_correct);
            assert_ok(lethe__executor_backward(executor, diff_logits));
            lethe__sgd sgd = {.lr = (float)lethe_fit_lr(fit, epoch),
                              .momentum = (float)fit->momentum,
                              .weight_decay = (float)fit->weight_decay,
                              .gamma = (float)lethe_fit_gamma(fit, epoch)};
            lethe__sgd_step(&sgd, model->weights.parameters, velocity, model->weights.gradients, NULL, n);
            model->weights.version++;
            model->num_batches_tracked++;
        }
    lethe__executor_destroy(&executor);
    lethe__free(velocity);
}

static void check_against_hand(tiny_setup *tiny, const lethe_fit_options *fit) {
    lethe_model *expected = tiny_model(tiny, 1), *actual = tiny_model(tiny, 1);
    train_by_hand(tiny, expected, fit);
    lethe_trainer *trainer = open_trainer(tiny, actual);
    assert_ok(lethe_trainer_fit(trainer, "test", tiny_samples(tiny, 0, N_TRAIN), fit));
    assert_same_model(actual, expected);
    lethe_trainer_destroy(&trainer);
    lethe_model_destroy(&expected);
    lethe_model_destroy(&actual);
}

static void test_fit_is_the_sum_of_its_steps(void **state) {
    tiny_setup *tiny = *state;
    lethe_fit_options fit = tiny_fit(2);
    fit.augment = LETHE_AUGMENT_NONE;
    fit.shuffle = false;
    check_against_hand(tiny, &fit);
    fit.gamma = 1e-2;
    fit.gamma_schedule = LETHE_L1_DECAYING;
    check_against_hand(tiny, &fit);
    fit.gamma = 0;
    fit.ascend = true;
    fit.lr = 1e-3;
    check_against_hand(tiny, &fit);
}

/* Not the bits of one thread, but the same ones each time. */
static void test_two_threads_repeat_themselves(void **state) {
    tiny_setup *tiny = *state;
    tiny->runtime.threads = 2;
    lethe_model *models[2];
    lethe_fit_options fit = tiny_fit(1);
    for (int i = 0; i < 2; i++) {
        models[i] = tiny_model(tiny, 1);
        lethe_trainer *trainer = open_trainer(tiny, models[i]);
        assert_ok(lethe_trainer_fit(trainer, "test", tiny_samples(tiny, 0, N_TRAIN), &fit));
        lethe_trainer_destroy(&trainer);
    }
    assert_same_model(models[0], models[1]);
    lethe_model_destroy(&models[0]);
    lethe_model_destroy(&models[1]);
}

static void test_learns(void **state) {
    tiny_setup *tiny = *state;
    lethe_model *model = tiny_model(tiny, 1);
    lethe_trainer *trainer = open_trainer(tiny, model);
    lethe_fit_options fit = tiny_fit(15);
    fit.augment = LETHE_AUGMENT_NONE;
    fit.lr = 0.02;
    assert_ok(lethe_trainer_fit(trainer, "test", tiny_samples(tiny, 0, N_TRAIN), &fit));
    size_t n;
    const lethe_epoch_record *history = lethe_trainer_history(trainer, &n);
    assert_int_equal(n, 15);
    assert_true(history[14].loss < 0.3 * history[0].loss);
    assert_true(history[14].accuracy == 100);
    assert_true(history[14].val_accuracy > 60);
    assert_true(history[14].lr < 0.1 * history[0].lr);
    assert_true(lethe_trainer_seconds(trainer) > 0);
    lethe_trainer_destroy(&trainer);
    lethe_model_destroy(&model);
}

static void test_no_epochs_change_nothing(void **state) {
    tiny_setup *tiny = *state;
    lethe_model *expected = tiny_model(tiny, 1), *actual = tiny_model(tiny, 1);
    lethe_trainer *trainer = open_trainer(tiny, actual);
    lethe_fit_options fit = tiny_fit(0);
    assert_ok(lethe_trainer_fit(trainer, "test", tiny_samples(tiny, 0, N_TRAIN), &fit));
    assert_same_model(actual, expected);
    lethe_trainer_destroy(&trainer);
    lethe_model_destroy(&expected);
    lethe_model_destroy(&actual);
}

/* --- failures --- */

static void test_divergence_is_caught(void **state) {
    tiny_setup *tiny = *state;
    lethe_fit_options fit = tiny_fit(2);
    fit.lr_schedule = LETHE_LR_CONSTANT;
    for (int i = 0; i < 2; i++) {
        lethe_model *model = tiny_model(tiny, 1);
        lethe_trainer *trainer = open_trainer(tiny, model);
        fit.lr = i == 0 ? 1e30 : 1e38;
        fit.batch = i == 0 ? 4 : N_TRAIN; /* the second has one step an epoch, and no loss after the last */
        fit.epochs = i == 0 ? 2 : 1;
        fit.momentum = 0;
        fit.weight_decay = i == 0 ? 5e-4 : 1e5;
        assert_int_equal(lethe_trainer_fit(trainer, "test", tiny_samples(tiny, 0, N_TRAIN), &fit),
                         LETHE_DIVERGED);
        assert_non_null(strstr(lethe_last_message(), "epoch 1"));
        lethe_trainer_destroy(&trainer);
        lethe_model_destroy(&model);
    }
}

static void test_bad_samples_are_refused(void **state) {
    tiny_setup *tiny = *state;
    lethe_model *model = tiny_model(tiny, 1);
    lethe_trainer *trainer = open_trainer(tiny, model);
    lethe_fit_options fit = tiny_fit(1);
    assert_int_equal(lethe_trainer_fit(trainer, "test", tiny_samples(tiny, 0, 0), &fit), LETHE_INPUT);
    tiny->dataset.info.width = 32;
    assert_int_equal(lethe_trainer_fit(trainer, "test", tiny_samples(tiny, 0, N_TRAIN), &fit), LETHE_INPUT);
    assert_non_null(strstr(lethe_last_message(), "28x32x1"));
    tiny->dataset.info.width = TINY_SIDE;
    fit.warmup = 2;
    assert_int_equal(lethe_trainer_fit(trainer, "test", tiny_samples(tiny, 0, N_TRAIN), &fit), LETHE_USAGE);
    assert_int_equal(lethe_trainer_rewind(trainer), LETHE_USAGE);
    lethe_trainer_destroy(&trainer);
    lethe_model_destroy(&model);
}

/* --- stopping and going on --- */

/* What a pruning method does: train, keep an epoch, mask, rewind, train. Work between the stages that could
 * not be repeated (the mask depends on the weights) must not matter. */
static lethe_status run_two_stages(tiny_setup *tiny, lethe_trainer *trainer) {
    lethe_model *model = lethe_trainer_model(trainer);
    lethe_samples samples = tiny_samples(tiny, 0, N_TRAIN);
    lethe_fit_options fit = tiny_fit(2);
    lethe_trainer_keep_epoch(trainer, 1);
    lethe_status status = lethe_trainer_fit(trainer, "first", samples, &fit);
    if (status == LETHE_OK)
        status = lethe__model_make_mask(model);
    if (status != LETHE_OK)
        return status;
    for (size_t i = 0; i < model->graph->n_parameters; i++) {
        const lethe__slot *slot = &model->graph->parameters[i];
        for (size_t k = 0; slot->prunable && k < slot->size; k++)
            if (model->weights.parameters[slot->offset + k] < 0)
                model->mask[slot->offset + k] = 0;
    }
    lethe__model_apply_mask(model);
    status = lethe_trainer_rewind(trainer);
    return status == LETHE_OK ? lethe_trainer_fit(trainer, "second", samples, &fit) : status;
}

/* The unbroken run. */
static lethe_model *expected_model(tiny_setup *tiny, double losses[4]) {
    lethe_model *model = tiny_model(tiny, 1);
    lethe_trainer *trainer = open_trainer(tiny, model);
    assert_ok(run_two_stages(tiny, trainer));
    size_t n;
    const lethe_epoch_record *history = lethe_trainer_history(trainer, &n);
    assert_int_equal(n, 4);
    for (size_t i = 0; i < n; i++)
        losses[i] = history[i].loss;
    assert_mask_kept(model);
    assert_true(lethe_model_sparsity(model) > 0.3);
    assert_int_equal(model->num_batches_tracked, N_STEPS);
    lethe_trainer_destroy(&trainer);
    return model;
}

typedef struct step_limit {
    tiny_setup *tiny;
    lethe_trainer *trainer;
    int steps_left;
} step_limit;

/* Called after every step: the throttle on reports is wound back each time. */
static void count_down(void *user, const lethe_progress *progress) {
    step_limit *limit = user;
    assert_true(progress->step <= progress->n_steps && progress->epoch < progress->n_epochs);
    limit->trainer->last_progress = 0;
    if (--limit->steps_left == 0)
        limit->tiny->stop = 1;
}

/* One sitting of at most `steps` steps on a model that starts afresh, as in a new process. */
static lethe_status sit(tiny_setup *tiny, int steps, lethe_model *model, double losses[4]) {
    step_limit limit = {.tiny = tiny, .steps_left = steps};
    tiny->stop = 0;
    tiny->runtime.stop = &tiny->stop;
    tiny->runtime.checkpoint = tiny->checkpoint;
    tiny->runtime.resume = true;
    tiny->runtime.progress = count_down;
    tiny->runtime.user = &limit;
    limit.trainer = open_trainer(tiny, model);
    lethe_status status = run_two_stages(tiny, limit.trainer);
    size_t n;
    const lethe_epoch_record *history = lethe_trainer_history(limit.trainer, &n);
    for (size_t i = 0; i < n; i++)
        losses[i] = history[i].loss;
    lethe_trainer_destroy(&limit.trainer);
    return status;
}

static void test_stopped_once_at_every_step(void **state) {
    tiny_setup *tiny = *state;
    double expected_losses[4], losses[4];
    lethe_model *expected = expected_model(tiny, expected_losses);
    for (int steps = 1; steps < N_STEPS; steps++) {
        lethe_model *model = tiny_model(tiny, 1);
        assert_int_equal(sit(tiny, steps, model, losses), LETHE_STOPPED);
        assert_int_equal(model->num_batches_tracked, steps);
        lethe_model_destroy(&model);
        model = tiny_model(tiny, 7); /* resuming must not lean on the weights that it finds */
        assert_ok(sit(tiny, INT32_MAX, model, losses));
        assert_same_model(model, expected);
        assert_memory_equal(losses, expected_losses, sizeof losses);
        lethe_model_destroy(&model);
        unlink(tiny->checkpoint);
    }
    lethe_model_destroy(&expected);
}

static void test_stopped_again_and_again(void **state) {
    tiny_setup *tiny = *state;
    double expected_losses[4], losses[4];
    lethe_model *expected = expected_model(tiny, expected_losses);
    lethe_status status;
    int sittings = 0;
    do {
        lethe_model *model = tiny_model(tiny, 1);
        status = sit(tiny, 1, model, losses);
        assert_true(status == LETHE_STOPPED || status == LETHE_OK);
        if (status == LETHE_OK)
            assert_same_model(model, expected);
        lethe_model_destroy(&model);
    } while (++sittings < N_STEPS);
    assert_int_equal(status, LETHE_OK);
    assert_memory_equal(losses, expected_losses, sizeof losses);
    lethe_model_destroy(&expected);
}

/* A finished run resumes to its result without a step. */
static void test_finished_run_is_not_repeated(void **state) {
    tiny_setup *tiny = *state;
    double losses[4];
    lethe_model *first = tiny_model(tiny, 1), *second = tiny_model(tiny, 2);
    assert_ok(sit(tiny, INT32_MAX, first, losses));
    assert_ok(sit(tiny, 1, second, losses));
    assert_int_equal(tiny->stop, 0);
    assert_same_model(first, second);
    lethe_model_destroy(&first);
    lethe_model_destroy(&second);
}

static void test_stop_before_the_first_step(void **state) {
    tiny_setup *tiny = *state;
    double losses[4];
    lethe_model *model = tiny_model(tiny, 1), *fresh = tiny_model(tiny, 1);
    lethe_trainer *trainer = open_trainer(tiny, model);
    tiny->stop = 1;
    tiny->runtime.stop = &tiny->stop;
    tiny->runtime.checkpoint = tiny->checkpoint;
    assert_int_equal(run_two_stages(tiny, trainer), LETHE_STOPPED);
    assert_same_model(model, fresh);
    assert_true(lethe__file_exists(tiny->checkpoint));
    lethe_trainer_destroy(&trainer);
    assert_ok(sit(tiny, INT32_MAX, model, losses));
    lethe_model *expected = expected_model(tiny, losses);
    assert_same_model(model, expected);
    lethe_model_destroy(&expected);
    lethe_model_destroy(&model);
    lethe_model_destroy(&fresh);
}

static void test_checkpoint_of_another_run_is_refused(void **state) {
    tiny_setup *tiny = *state;
    double losses[4];
    lethe_model *model = tiny_model(tiny, 1);
    assert_int_equal(sit(tiny, 2, model, losses), LETHE_STOPPED);
    lethe_trainer *trainer = NULL;
    assert_int_equal(lethe_trainer_create(model, tiny_samples(tiny, 0, 0), &tiny->runtime, "other", &trainer),
                     LETHE_INPUT);
    assert_null(trainer);
    tiny->runtime.resume = false;
    assert_ok(lethe_trainer_create(model, tiny_samples(tiny, 0, 0), &tiny->runtime, "other", &trainer));
    lethe_trainer_destroy(&trainer);
    lethe_model_destroy(&model);
}

/* --- dying at any allocation --- */

/* Checkpoints before every step: failures fall into training, into checkpoints being written or read, and
 * between stages. Whatever was left on the disk, the next run ends with the same bits; nothing leaks. */
static void test_survives_failing_allocations(void **state) {
    tiny_setup *tiny = *state;
    double losses[4];
    lethe_model *expected = expected_model(tiny, losses);
    tiny->runtime.checkpoint_seconds = 0;
    tiny->runtime.checkpoint = tiny->checkpoint;
    tiny->runtime.resume = true;
    bool failed = true;
    for (uint64_t n = 1; failed; n += 1 + n / 2) {
        lethe_model *model = tiny_model(tiny, 1);
        int64_t blocks = lethe__memory_live_blocks();
        lethe_trainer *trainer = NULL;
        lethe__memory_fail_nth(n);
        lethe_status status =
            lethe_trainer_create(model, tiny_samples(tiny, N_TRAIN, N_VAL), &tiny->runtime, "test", &trainer);
        if (status == LETHE_OK)
            status = run_two_stages(tiny, trainer);
        lethe__memory_fail_nth(0);
        lethe_trainer_destroy(&trainer);
        failed = status != LETHE_OK;
        if (failed)
            assert_int_equal(status, LETHE_MEMORY);
        lethe__free(model->mask);
        model->mask = NULL;
        assert_int_equal(lethe__memory_live_blocks(), blocks);
        lethe_model_destroy(&model);
        model = tiny_model(tiny, 1);
        trainer = open_trainer(tiny, model);
        assert_ok(run_two_stages(tiny, trainer));
        assert_same_model(model, expected);
        lethe_trainer_destroy(&trainer);
        lethe_model_destroy(&model);
        unlink(tiny->checkpoint);
    }
    lethe_model_destroy(&expected);
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
        TEST(test_fit_is_the_sum_of_its_steps),
        TEST(test_two_threads_repeat_themselves),
        TEST(test_learns),
        TEST(test_no_epochs_change_nothing),
        TEST(test_divergence_is_caught),
        TEST(test_bad_samples_are_refused),
        TEST(test_stopped_once_at_every_step),
        TEST(test_stopped_again_and_again),
        TEST(test_finished_run_is_not_repeated),
        TEST(test_stop_before_the_first_step),
        TEST(test_checkpoint_of_another_run_is_refused),
        TEST(test_survives_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
