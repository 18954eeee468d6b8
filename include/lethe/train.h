/* train.h - the one training loop and its options. Every method that trains is this loop with other options.
 */
#ifndef LETHE_TRAIN_H
#define LETHE_TRAIN_H

#include <lethe/model.h>

typedef enum lethe_lr_schedule { LETHE_LR_CONSTANT, LETHE_LR_MULTISTEP, LETHE_LR_COSINE } lethe_lr_schedule;
typedef enum lethe_l1_schedule { LETHE_L1_CONSTANT, LETHE_L1_GROWING, LETHE_L1_DECAYING } lethe_l1_schedule;
typedef enum lethe_l1_form {
    LETHE_L1_SUBGRADIENT, /* gamma_t sign(theta) joins the gradient: weights come near zero */
    LETHE_L1_PROXIMAL, /* soft threshold lr_t gamma_t / (1 - momentum) after each step: weights become zero,
                          and the same minimum is sought */
} lethe_l1_form;
typedef enum lethe_augment {
    LETHE_AUGMENT_NONE,
    LETHE_AUGMENT_STANDARD, /* random crop of the image padded by 4, and horizontal flip */
} lethe_augment;

/* Called before the first step of an epoch (from 0) with the model, whose weights and mask it may change; a
 * weight that the mask removes loses its momentum. A resumed fit may call it a second time for an epoch, so
 * it must leave alone what is done already. */
typedef lethe_status lethe_epoch_function(void *user, lethe_model *model, int epoch);

/* SGD: g = +-grad CE + gamma_t sign(theta) + weight_decay theta; v = momentum v + g; theta -= lr_t v; masked
 * weights stay zero. gamma_t at epoch t of T: gamma, 2 gamma t/T or 2 gamma (1 - t/T). The penalty and the
 * decay run over every parameter. Each fit starts with v = 0. */
typedef struct lethe_fit_options {
    int epochs; /* 0: nothing is trained */
    size_t batch;
    double lr, momentum, weight_decay;
    lethe_lr_schedule lr_schedule;
    const char *milestones; /* multistep: fractions of `epochs` ("0.5,0.75") or epochs ("91,136") */
    double lr_factor;       /* multistep: the factor at each milestone */
    int warmup;             /* epochs of linear warm-up before the schedule: lr (t + 1) / warmup */
    double gamma;           /* l1 penalty; 0: none */
    lethe_l1_schedule gamma_schedule;
    lethe_l1_form l1;
    lethe_augment augment;
    bool shuffle;             /* a new order each epoch; else file order */
    bool ascend;              /* maximise the loss (GA) */
    const uint8_t *trainable; /* [parameter_count] 0: an entry that stays as it is, as all outside the mask
                                 must; lent; NULL: all within the mask are trained */
    lethe_epoch_function *before_epoch; /* NULL: nothing is done there */
    void *user;                         /* given to before_epoch */
} lethe_fit_options;

/* clang-format off */
/* The rows that every table of a training has, over a lethe_fit_options that lies `base` bytes inside the
 * options structure; the three texts are the defaults in which trainings differ. The fields from gamma on
 * that are not augment or shuffle have no row here, so a structure starts as zeroes and then gets the defaults; a method that wants
 * them sets them or adds rows of its own. */
#define LETHE_FIT_AT(base, field) ((base) + offsetof(lethe_fit_options, field))
#define LETHE_FIT_ROWS(base, default_epochs, default_lr, default_schedule)                                   \
    {"epochs", LETHE_OPTION_INT, LETHE_FIT_AT(base, epochs), default_epochs, 0, 1e6, NULL, "N",              \
     "passes over the samples; 0 trains nothing", false},                                                    \
    {"batch", LETHE_OPTION_SIZE, LETHE_FIT_AT(base, batch), "128", 1, 65536, NULL, "N",                      \
     "samples in a step", false},                                                                            \
    {"lr", LETHE_OPTION_DOUBLE, LETHE_FIT_AT(base, lr), default_lr, 0, 1e38, NULL, "RATE",                   \
     "learning rate that the schedule starts from", false},                                                  \
    {"momentum", LETHE_OPTION_DOUBLE, LETHE_FIT_AT(base, momentum), "0.9", 0, 1, NULL, "M",                  \
     "share of the velocity that a step keeps", false},                                                      \
    {"weight-decay", LETHE_OPTION_DOUBLE, LETHE_FIT_AT(base, weight_decay), "5e-4", 0, 1e38, NULL, "W",      \
     "coefficient of the squared penalty on all parameters", false},                                         \
    {"lr-schedule", LETHE_OPTION_CHOICE, LETHE_FIT_AT(base, lr_schedule), default_schedule,                  \
     0, 0, "constant|multistep|cosine", NULL, "how the learning rate changes from epoch to epoch", false},   \
    {"milestones", LETHE_OPTION_STRING, LETHE_FIT_AT(base, milestones), "0.5,0.75", 0, 0, NULL, "LIST",      \
     "multistep: where the rate changes, as fractions of the epochs or as epochs", false},                   \
    {"lr-factor", LETHE_OPTION_DOUBLE, LETHE_FIT_AT(base, lr_factor), "0.1", 0, 1, NULL, "F",                \
     "multistep: what the rate is multiplied by at each milestone", false},                                  \
    {"warmup", LETHE_OPTION_INT, LETHE_FIT_AT(base, warmup), "0", 0, 1e6, NULL, "N",                         \
     "epochs in which the rate grows linearly before the schedule begins", false},                           \
    {"augment", LETHE_OPTION_CHOICE, LETHE_FIT_AT(base, augment), "standard", 0, 0, "none|standard", NULL,   \
     "standard crops the padded image at random and flips it", false},                                       \
    {"shuffle", LETHE_OPTION_FLAG, LETHE_FIT_AT(base, shuffle), "on", 0, 0, NULL, NULL,                      \
     "a new order of the samples each epoch; off is file order", false}
/* clang-format on */

/* A training from scratch, over lethe_fit_options itself. */
LETHE_API extern const lethe_option lethe_fit_option_table[];

/* One row of history.csv. */
typedef struct lethe_epoch_record {
    int stage, epoch;
    double seconds, samples_per_second, lr, loss, accuracy; /* of the training samples, as they went by */
    double val_accuracy;                                    /* NaN: no validation samples */
    double sparsity;
} lethe_epoch_record;

typedef struct lethe_trainer lethe_trainer;

/* Lends `model`, `val` (n = 0: none) and `runtime` to the trainer until it is destroyed. Reads the checkpoint
 * named in the runtime if it is there and resuming is asked for. LETHE_INPUT: the checkpoint belongs to
 * another model or configuration (`identity` is any text that tells runs apart). */
LETHE_API lethe_status lethe_trainer_create(lethe_model *model, lethe_samples val,
                                            const lethe_runtime *runtime, const char *identity,
                                            lethe_trainer **out);
LETHE_API void lethe_trainer_destroy(lethe_trainer **trainer);

/* Trains on `samples`. Each call is one stage; a resumed trainer skips the stages that were finished,
 * restores model, mask, optimiser and position at the one that was not, and goes on bit for bit as if it had
 * never stopped; until then the model holds whatever the caller left in it. Every stage draws the same orders
 * and augmentations, those of (seed, epoch). LETHE_INPUT: no samples, or not of the model's shape;
 * LETHE_DIVERGED: the loss or a parameter became NaN or infinite; LETHE_STOPPED: a checkpoint was written. */
LETHE_API lethe_status lethe_trainer_fit(lethe_trainer *trainer, const char *title, lethe_samples samples,
                                         const lethe_fit_options *options);

/* A number that a method found out about its own work; the record of a run holds it. */
typedef struct lethe_finding {
    const char *name; /* a string constant: "residual" */
    double value;
} lethe_finding;

/* Adds a finding, or replaces the one of that name. LETHE_USAGE: there are sixteen already. */
LETHE_API lethe_status lethe_trainer_find(lethe_trainer *trainer, const char *name, double value);
/* Lent until the next finding. */
LETHE_API const lethe_finding *lethe_trainer_findings(const lethe_trainer *trainer, size_t *n);

/* Asks the next fit to keep a copy of parameters and buffers as they are after `epoch` epochs (0: before the
 * first step). Rewinding writes the copy back and leaves the present mask on; LETHE_USAGE: none was kept. */
LETHE_API void lethe_trainer_keep_epoch(lethe_trainer *trainer, int epoch);
LETHE_API lethe_status lethe_trainer_rewind(lethe_trainer *trainer);
/* A dense model with the kept weights; LETHE_USAGE: none were kept. */
LETHE_API lethe_status lethe_trainer_get_kept(const lethe_trainer *trainer, lethe_model **out);

/* The epochs trained so far, over all stages, also those before a resume; lent. */
LETHE_API const lethe_epoch_record *lethe_trainer_history(const lethe_trainer *trainer, size_t *n);
/* Seconds spent training, over all stages and sittings; validation and checkpoints are left out. */
LETHE_API double lethe_trainer_seconds(const lethe_trainer *trainer);
LETHE_API lethe_model *lethe_trainer_model(lethe_trainer *trainer);
LETHE_API const lethe_runtime *lethe_trainer_runtime(const lethe_trainer *trainer);

/* The learning rate of epoch `epoch`, of options that have been checked. */
LETHE_API double lethe_fit_lr(const lethe_fit_options *options, int epoch);
/* The l1 coefficient gamma_t of epoch `epoch`. */
LETHE_API double lethe_fit_gamma(const lethe_fit_options *options, int epoch);
/* LETHE_USAGE with the sentence to show when the options contradict each other. */
LETHE_API lethe_status lethe_fit_check(const lethe_fit_options *options);

#endif
