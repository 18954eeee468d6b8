/* 03_unlearn.c - forget class 3 by fine-tuning, retrain without it, and see how far apart the two are.
 *
 *     ./03_unlearn model.safetensors split.json */
#include "example.h"

/* Runs `method` on a copy of the model and measures what comes out. */
static lethe_evaluation unlearn(const lethe_model *original, const char *name, int epochs,
                                const lethe_dataset *dataset, const lethe_split *split,
                                const lethe_runtime *runtime) {
    lethe_model *model = NULL;
    must(lethe_model_copy(original, &model));
    const lethe_unlearn_method *method = NULL;
    must(lethe_unlearn_find(name, &method));
    void *options = calloc(1, method->options_size);
    must(lethe_options_defaults(method->options, options));
    char text[16];
    snprintf(text, sizeof text, "%d", epochs);
    must(lethe_options_set(method->options, options, "epochs", text));

    lethe_trainer *trainer = NULL;
    must(lethe_trainer_create(model, lethe_split_samples(split, dataset, LETHE_PART_VAL), runtime, name,
                              &trainer));
    must(lethe_unlearn(method, options, trainer, lethe_split_samples(split, dataset, LETHE_PART_RETAIN),
                       lethe_split_samples(split, dataset, LETHE_PART_FORGET)));
    lethe_evaluate_options evaluate;
    must(lethe_options_defaults(lethe_evaluate_option_table, &evaluate));
    lethe_evaluation evaluation;
    must(lethe_evaluate(model, dataset, split, &evaluate, runtime, &evaluation));
    printf("%-8s %.2f s: UA %.1f %%, RA %.1f %%, TA %.1f %%, MIA-Efficacy %.1f %%\n", name,
           lethe_trainer_seconds(trainer), evaluation.ua, evaluation.ra, evaluation.ta,
           evaluation.mia_efficacy[LETHE_MIA_CONFIDENCE]);
    lethe_trainer_destroy(&trainer);
    lethe_model_destroy(&model);
    free(options);
    return evaluation;
}

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
    must(lethe_split_forget(split, dataset, "class=3", runtime.seed));
    lethe_model *original = NULL;
    must(lethe_model_load(argv[1], NULL, &original));

    lethe_evaluation retrain = unlearn(original, "retrain", 4, dataset, split, &runtime);
    lethe_evaluation ft = unlearn(original, "ft", 2, dataset, split, &runtime);
    printf("disparity average of ft to retrain: %.2f points\n",
           lethe_evaluation_gaps(&ft, &retrain).disparity_average);

    lethe_model_destroy(&original);
    lethe_split_destroy(&split);
    lethe_dataset_destroy(&dataset);
    return 0;
}
