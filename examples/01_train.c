/* 01_train.c - train a small network on synthetic images and save it in PyTorch's format.
 *
 *     cc 01_train.c $(pkg-config --cflags --libs lethe) -o 01_train && ./01_train model.safetensors */
#include <lethe/lethe.h>
#include <stdio.h>
#include <stdlib.h>

static void must(lethe_status status) {
    if (status == LETHE_OK)
        return;
    fprintf(stderr, "%s: %s\n", lethe_status_text(status), lethe_last_message());
    exit(lethe_status_exit_code(status));
}

int main(int argc, char **argv) {
    /* Every options structure has defaults, described by a table. */
    lethe_runtime runtime;
    must(lethe_runtime_defaults(&runtime));

    lethe_dataset_options data_options;
    must(lethe_options_defaults(lethe_dataset_option_table, &data_options));
    data_options.name = "synthetic";
    data_options.synthetic_train = 400;
    data_options.synthetic_test = 100;
    lethe_dataset *dataset = NULL;
    must(lethe_dataset_open(&data_options, &dataset));

    /* Ten per cent of every class is held out for validation. */
    lethe_split *split = NULL;
    must(lethe_split_create(dataset, 0.1, runtime.seed, &split));

    lethe_model *model = NULL;
    lethe_model_info info;
    must(lethe_model_info_for(lethe_dataset_get_info(dataset), "resnet20s", &info));
    must(lethe_model_create(&info, &model));
    must(lethe_model_initialise(model, runtime.seed));

    lethe_fit_options fit;
    must(lethe_options_defaults(lethe_fit_option_table, &fit));
    fit.epochs = 4;
    fit.batch = 32;
    lethe_trainer *trainer = NULL;
    must(lethe_trainer_create(model, lethe_split_samples(split, dataset, LETHE_PART_VAL), &runtime, "example 1", &trainer));
    must(lethe_trainer_fit(trainer, "train", lethe_split_samples(split, dataset, LETHE_PART_TRAIN), &fit));

    size_t n_epochs;
    const lethe_epoch_record *history = lethe_trainer_history(trainer, &n_epochs);
    for (size_t i = 0; i < n_epochs; i++)
        printf("epoch %d: loss %.3f, accuracy %.1f %%, validation %.1f %%\n", history[i].epoch, history[i].loss,
               history[i].accuracy, history[i].val_accuracy);
    must(lethe_model_save(model, argc > 1 ? argv[1] : "model.safetensors"));

    lethe_trainer_destroy(&trainer);
    lethe_model_destroy(&model);
    lethe_split_destroy(&split);
    lethe_dataset_destroy(&dataset);
    return 0;
}
