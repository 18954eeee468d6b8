/* dataset_synthetic.c - images made by a formula: learnable, for tests and for machines without data.
 *
 * Image i of class k = i mod K shows a sinusoid grating and a bright spot:
 *     v(x, y) = 1/2 + a [ 1/4 sin(2 pi f (x cos t + y sin t) + phase) + 1/2 exp(-|p - c|^2 / 2 s^2) ] + noise
 * over x, y in [-1/2, 1/2). The class sets the direction t = pi k / K of the grating, how fine it is (f = 3,
 * 4 or 5), and where on a circle the spot c lies; phase, contrast a, small turns and shifts, and the noise
 * are drawn for each image, and each channel has a strength of its own. Faint images are hard, so a small
 * convolutional network learns most of the test set but not all of it, and a large one memorises what it
 * cannot learn. An image is a pure function of (seed, half, index): fewer or more images leave the others as
 * they are. Cost: a sine, an exponential and a normal number a pixel, 0.1 s for the default 2,500 images. */
#include "base/fail.h"
#include "base/memory.h"
#include "base/random.h"
#include "data/dataset.h"
#include <math.h>

/* What is drawn once for an image. */
typedef struct picture {
    float wave_x, wave_y, phase;
    float spot_x, spot_y;
    float contrast;
} picture;

static picture draw_scene(lethe__random *random, int label, int classes) {
    const float pi = 3.14159265f;
    float share = (float)label / (float)classes;
    float direction = pi * share + 0.5f * pi / (float)classes * lethe__random_normal(random);
    float frequency = 2 * pi * (3.0f + (float)(label % 3));
    float around = 2 * pi * share;
    picture scene;
    scene.wave_x = frequency * cosf(direction);
    scene.wave_y = frequency * sinf(direction);
    scene.phase = 2 * pi * lethe__random_uniform(random);
    scene.spot_x = 0.3f * cosf(around) + 0.06f * lethe__random_normal(random);
    scene.spot_y = 0.3f * sinf(around) + 0.06f * lethe__random_normal(random);
    scene.contrast = 0.15f + 0.85f * lethe__random_uniform(random);
    return scene;
}

static float scene_value(const picture *scene, float x, float y) {
    const float spot_size = 0.08f;
    float grating = sinf(scene->wave_x * x + scene->wave_y * y + scene->phase);
    float dx = x - scene->spot_x, dy = y - scene->spot_y;
    float spot = expf(-(dx * dx + dy * dy) / (2 * spot_size * spot_size));
    return scene->contrast * (0.25f * grating + 0.5f * spot);
}

static void draw_image(lethe__random *random, const lethe_dataset_info *info, int label, uint8_t *image) {
    picture scene = draw_scene(random, label, info->classes);
    float strength[LETHE_MAX_CHANNELS];
    for (int channel = 0; channel < info->channels; channel++)
        strength[channel] = channel == 0 ? 1 : 0.5f + 0.5f * lethe__random_uniform(random);
    for (int row = 0; row < info->height; row++) {
        for (int column = 0; column < info->width; column++) {
            float value = scene_value(&scene, (float)column / (float)info->width - 0.5f,
                                      (float)row / (float)info->height - 0.5f);
            for (int channel = 0; channel < info->channels; channel++) {
                float noise = 0.15f * lethe__random_normal(random);
                float level = 255 * (0.5f + strength[channel] * value + noise);
                *image++ = (uint8_t)(fminf(fmaxf(level, 0), 255) + 0.5f);
            }
        }
    }
}

/* half: 0 training, 1 test. */
static lethe_status draw_half(const lethe_dataset_info *info, uint64_t seed, uint32_t half, size_t n,
                              uint8_t **images, int32_t **labels) {
    size_t bytes = lethe__image_bytes(info);
    LETHE_TRY(lethe__allocate(n, bytes, images));
    LETHE_TRY(lethe__allocate(n, sizeof(int32_t), labels));
    for (size_t i = 0; i < n; i++) {
        int label = (int)(i % (size_t)info->classes);
        lethe__random random = lethe__random_open(seed, LETHE__RANDOM_SYNTHETIC, half, (uint32_t)i);
        (*labels)[i] = label;
        draw_image(&random, info, label, *images + i * bytes);
    }
    return LETHE_OK;
}

static lethe_status synthetic_read(const char *directory, const lethe_dataset_options *options,
                                   lethe_dataset *dataset) {
    (void)directory;
    LETHE_TRY(lethe_options_check(lethe_dataset_option_table, options));
    lethe_dataset_info *info = &dataset->info;
    info->classes = options->synthetic_classes;
    info->height = info->width = options->synthetic_size;
    info->channels = options->synthetic_channels;
    info->n_train = lethe__limited(options->synthetic_train, options->limit);
    info->n_test = lethe__limited(options->synthetic_test, options->test_limit);
    uint64_t seed = options->synthetic_seed;
    LETHE_TRY(draw_half(info, seed, 0, info->n_train, &dataset->train_images, &dataset->train_labels));
    return draw_half(info, seed, 1, info->n_test, &dataset->test_images, &dataset->test_labels);
}

const lethe__format lethe__datasets_synthetic[] = {
    {.name = "synthetic",
     .title = "synthetic: gratings and spots made by a formula, of any size, number and classes",
     .directory = "",
     .mean = {0.51f, 0.51f, 0.51f, 0.51f},
     .std = {0.19f, 0.19f, 0.19f, 0.19f},
     .read = synthetic_read},
    {.name = NULL},
};
