/* 02_prune.c - remove 90 % of the convolution weights of the model that example 1 trained: one-shot magnitude
 * pruning.
 *
 *     ./02_prune model.safetensors split.json sparse.safetensors */
#include "example.h"

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: %s MODEL SPLIT OUT\n", argv[0]);
        return 2;
    }
    lethe_runtime runtime;
    must(lethe_runtime_defaults(&runtime));
    lethe_dataset *dataset = open_images();
    lethe_split *split = NULL;
    must(lethe_split_load(argv[2], dataset, &split)); /* the division that the model was trained on */
    lethe_model *model = NULL;
    must(lethe_model_load(argv[1], NULL, &model));

    const lethe_prune_method *omp = NULL;
    must(lethe_prune_find("omp", &omp));
    lethe_prune_options options = {0}; /* omp has no further ones */
    must(lethe_options_defaults(omp->options, &options));
    options.sparsity = 0.9;
    options.fit.epochs = 0; /* prune the given model and stop */

    lethe_trainer *trainer = NULL;
    must(lethe_trainer_create(model, lethe_split_samples(split, dataset, LETHE_PART_VAL), &runtime,
                              "example 2", &trainer));
    must(lethe_prune(omp, &options, trainer, lethe_split_samples(split, dataset, LETHE_PART_TRAIN)));
    printf("%.1f %% of the convolution weights are gone\n", 100 * lethe_model_sparsity(model));
    must(lethe_model_save(model, argv[3]));

    lethe_trainer_destroy(&trainer);
    lethe_model_destroy(&model);
    lethe_split_destroy(&split);
    lethe_dataset_destroy(&dataset);
    return 0;
}
