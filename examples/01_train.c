/* 01_train.c - train a small network and save it in PyTorch's format.
 *
 *     cc 01_train.c $(pkg-config --cflags --libs lethe) -o 01_train
 *     ./01_train model.safetensors split.json */
#include "example.h"

int main(int argc, char **argv) {
    lethe_runtime runtime; /* seed, threads, precision */
    must(lethe_runtime_defaults(&runtime));
    lethe_dataset *dataset = open_images();

    /* Ten per cent of every class is held out for validation. */
    lethe_split *split = NULL;
    must(lethe_split_create(dataset, 0.1, runtime.seed, &split));

    lethe_model *model = NULL;
    lethe_model_info info;
    must(lethe_model_info_for(lethe_dataset_get_info(dataset), "resnet20s", &info));
    must(lethe_model_create(&info, &model));
    must(lethe_model_initialise(model, runtime.seed));

    lethe_fit_options fit = {0}; /* no l1 penalty, no ascent: those have no rows in the table */
    must(lethe_options_defaults(lethe_fit_option_table, &fit));
    fit.epochs = 4;
    fit.batch = 32;
    lethe_trainer *trainer = NULL;
    lethe_samples train = lethe_split_samples(split, dataset, LETHE_PART_TRAIN);
    lethe_samples val = lethe_split_samples(split, dataset, LETHE_PART_VAL);
    must(lethe_trainer_create(model, val, &runtime, "example 1", &trainer));
    must(lethe_trainer_fit(trainer, "train", train, &fit));

    size_t n_epochs;
    const lethe_epoch_record *history = lethe_trainer_history(trainer, &n_epochs);
    for (size_t i = 0; i < n_epochs; i++)
        printf("epoch %d: loss %.3f, accuracy %.1f %%, validation %.1f %%\n", history[i].epoch,
               history[i].loss, history[i].accuracy, history[i].val_accuracy);
    must(lethe_model_save(model, argc > 1 ? argv[1] : "model.safetensors"));
    must(lethe_split_save(split, dataset, argc > 2 ? argv[2] : "split.json"));

    lethe_trainer_destroy(&trainer);
    lethe_model_destroy(&model);
    lethe_split_destroy(&split);
    lethe_dataset_destroy(&dataset);
    return 0;
}
