/* 04_own_method.c - an unlearning method of one's own, in a file outside lethe's tree.
 *
 *     ./04_own_method model.safetensors split.json
 *
 * A method is one constant record: its name, its option table, and `run`, which is lent the model, the retain
 * and forget samples and training. This one ascends on the forget set for a moment, then repairs the rest by
 * fine-tuning. A method inside the tree is the same record in a file src/unlearn/unlearn_NAME.c, and gets its
 * command line, help and tests from there. */
#include "example.h"

typedef struct ascend_repair_options {
    lethe_fit_options fit; /* of the repair */
    double ascent_lr;
} ascend_repair_options;

static const lethe_option option_table[] = {
    {.name = "epochs",
     .type = LETHE_OPTION_INT,
     .offset = offsetof(ascend_repair_options, fit.epochs),
     .value = "2",
     .minimum = 0,
     .maximum = 1000,
     .placeholder = "N",
     .help = "epochs of repair"},
    {.name = "lr",
     .type = LETHE_OPTION_DOUBLE,
     .offset = offsetof(ascend_repair_options, fit.lr),
     .value = "0.01",
     .minimum = 0,
     .maximum = 10,
     .placeholder = "LR",
     .help = "learning rate of the repair"},
    {.name = "ascent-lr",
     .type = LETHE_OPTION_DOUBLE,
     .offset = offsetof(ascend_repair_options, ascent_lr),
     .value = "0.0005",
     .minimum = 0,
     .maximum = 10,
     .placeholder = "LR",
     .help = "learning rate of the ascent"},
    LETHE_OPTIONS_END,
};

static lethe_status run(lethe_unlearning *unlearning, const void *options) {
    const ascend_repair_options *own = options;
    lethe_trainer *trainer = lethe_unlearning_trainer(unlearning);
    lethe_fit_options repair = {0}, ascent;
    lethe_status status = lethe_options_defaults(lethe_fit_option_table, &repair);
    if (status != LETHE_OK)
        return status;
    repair.lr_schedule = LETHE_LR_CONSTANT;
    repair.epochs = own->fit.epochs;
    repair.lr = own->fit.lr;
    ascent = repair;
    ascent.epochs = 1;
    ascent.lr = own->ascent_lr;
    ascent.ascend = true;
    status = lethe_trainer_fit(trainer, "ascend", lethe_unlearning_forget(unlearning), &ascent);
    if (status == LETHE_OK)
        status = lethe_trainer_fit(trainer, "repair", lethe_unlearning_retain(unlearning), &repair);
    return status;
}

static const lethe_unlearn_method ascend_repair = {
    .name = "ascend-repair",
    .title = "Ascend, then repair",
    .source = "an example",
    .summary = "One epoch of gradient ascent on the forget set, then fine-tuning on the retain set.",
    .options = option_table,
    .options_size = sizeof(ascend_repair_options),
    .needs = LETHE_NEEDS_RETAIN | LETHE_NEEDS_FORGET | LETHE_NEEDS_ORIGINAL,
    .run = run,
};

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: %s MODEL SPLIT\n", argv[0]);
        return 2;
    }
    lethe_runtime runtime;
    must(lethe_runtime_defaults(&runtime));
    lethe_dataset *dataset = open_images();
    lethe_split *split = NULL;
    must(lethe_split_load(argv[2], dataset, &split));
    must(lethe_split_forget(split, dataset, "random=0.1", runtime.seed));
    lethe_model *model = NULL;
    must(lethe_model_load(argv[1], NULL, &model));

    ascend_repair_options options = {0};
    must(lethe_options_defaults(ascend_repair.options, &options));
    lethe_trainer *trainer = NULL;
    must(lethe_trainer_create(model, lethe_split_samples(split, dataset, LETHE_PART_VAL), &runtime,
                              "example 4", &trainer));
    must(lethe_unlearn(&ascend_repair, &options, trainer,
                       lethe_split_samples(split, dataset, LETHE_PART_RETAIN),
                       lethe_split_samples(split, dataset, LETHE_PART_FORGET)));
    printf("%s took %.2f s\n", ascend_repair.title, lethe_trainer_seconds(trainer));

    lethe_trainer_destroy(&trainer);
    lethe_model_destroy(&model);
    lethe_split_destroy(&split);
    lethe_dataset_destroy(&dataset);
    return 0;
}
