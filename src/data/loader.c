/* loader.c - batches for training: an order, and images cropped and flipped at random.
 *
 * The order of an epoch is a permutation drawn from (seed, shuffle, epoch), made when the epoch begins. The
 * crop moves the image by (dy, dx) in -4..4, zeros coming in from outside; the flip mirrors it left to right
 * with probability 1/2; both are drawn from (seed, augment, epoch, sample id). So a batch is the same
 * whatever the number of threads, and a resumed run sees what the unbroken run would have seen.
 *
 * Batches are filled when they are asked for, crops and flips shared out over OpenMP threads: an image of
 * 32 x 32 x 3 takes 2 microseconds, under a hundredth of its training step, so preparing ahead in further
 * threads would win nothing and take processors from the step. Plain copies (0.3 microseconds) are not worth
 * waking threads for. */
#include "data/loader.h"
#include "base/fail.h"
#include "base/memory.h"
#include "base/random.h"
#include "data/dataset.h"
#include <limits.h>
#include <string.h>

enum { PADDING = 4 };

struct lethe__loader {
    lethe_samples samples;
    size_t batch;
    bool augment, shuffle;
    uint64_t seed;
    int threads;
    bool ordered; /* `order` is that of `order_epoch` */
    uint32_t order_epoch;
    uint32_t *order; /* [samples.n] positions in samples.ids */
    /* for a batch, or for all samples where those are fewer */
    uint8_t *images; /* [.., h, w, c] */
    int32_t *labels;
    uint32_t *ids;
};

static lethe_status loader_allocate(lethe__loader *loader) {
    size_t room = lethe__limited(loader->samples.n, loader->batch);
    LETHE_TRY(lethe__allocate(loader->samples.n, sizeof(uint32_t), &loader->order));
    LETHE_TRY(lethe__allocate(room, lethe__image_bytes(&loader->samples.dataset->info), &loader->images));
    LETHE_TRY(lethe__allocate(room, sizeof(int32_t), &loader->labels));
    return lethe__allocate(room, sizeof(uint32_t), &loader->ids);
}

lethe_status lethe__loader_create(lethe_samples samples, size_t batch, bool augment, bool shuffle,
                                  uint64_t seed, int threads, lethe__loader **out) {
    if (batch == 0 || batch > INT_MAX)
        LETHE_FAIL(LETHE_USAGE, "a batch of %zu images is not possible; take from 1 to %d", batch, INT_MAX);
    lethe__loader *loader;
    LETHE_TRY(lethe__allocate(1, sizeof *loader, &loader));
    *loader = (lethe__loader){.samples = samples,
                              .batch = batch,
                              .augment = augment,
                              .shuffle = shuffle,
                              .seed = seed,
                              .threads = lethe_threads_resolve(threads)};
    lethe_status status = loader_allocate(loader);
    if (status != LETHE_OK) {
        lethe__loader_destroy(&loader);
        return status;
    }
    *out = loader;
    return LETHE_OK;
}

void lethe__loader_destroy(lethe__loader **loader) {
    lethe__loader *this = *loader;
    if (this == NULL)
        return;
    lethe__free(this->order);
    lethe__free(this->images);
    lethe__free(this->labels);
    lethe__free(this->ids);
    lethe__free(this);
    *loader = NULL;
}

size_t lethe__loader_batches(const lethe__loader *loader) {
    return loader->samples.n / loader->batch + (loader->samples.n % loader->batch != 0);
}

static void make_order(lethe__loader *loader, uint32_t epoch) {
    if (loader->ordered && (loader->order_epoch == epoch || !loader->shuffle))
        return;
    for (size_t i = 0; i < loader->samples.n; i++)
        loader->order[i] = (uint32_t)i;
    if (loader->shuffle) {
        lethe__random random = lethe__random_open(loader->seed, LETHE__RANDOM_SHUFFLE, epoch, 0);
        lethe__random_permute(&random, loader->order, loader->samples.n);
    }
    loader->ordered = true;
    loader->order_epoch = epoch;
}

/* One row moved by dx and, if asked for, mirrored after that. `out` is zero where nothing is written. */
static void move_row(const uint8_t *row, int width, size_t channels, int dx, bool flip, uint8_t *out) {
    int first = dx < 0 ? -dx : 0, end = dx > 0 ? width - dx : width; /* columns that come from inside */
    if (first >= end)
        return;
    if (!flip) {
        memcpy(out + (size_t)first * channels, row + (size_t)(first + dx) * channels,
               (size_t)(end - first) * channels);
        return;
    }
    const uint8_t *from = row + (size_t)(first + dx) * channels;
    uint8_t *to = out + (size_t)(width - 1 - first) * channels;
    for (int x = first; x < end; x++, from += channels, to -= channels)
        for (size_t channel = 0; channel < channels; channel++)
            to[channel] = from[channel];
}

/* out(y, x) = image(y + dy, x + dx), zero outside. */
static void crop_and_flip(const uint8_t *image, const lethe_dataset_info *info, lethe__random random,
                          uint8_t *out) {
    int dy = (int)lethe__random_below(&random, 2 * PADDING + 1) - PADDING;
    int dx = (int)lethe__random_below(&random, 2 * PADDING + 1) - PADDING;
    bool flip = lethe__random_below(&random, 2) == 1;
    size_t channels = (size_t)info->channels, row_bytes = (size_t)info->width * channels;
    memset(out, 0, (size_t)info->height * row_bytes);
    for (int y = 0; y < info->height; y++)
        if (y + dy >= 0 && y + dy < info->height)
            move_row(image + (size_t)(y + dy) * row_bytes, info->width, channels, dx, flip,
                     out + (size_t)y * row_bytes);
}

/* Puts the sample at `position` of the order into slot `slot` of the batch. */
static void fill_slot(lethe__loader *loader, uint32_t epoch, size_t position, size_t slot) {
    const lethe_samples *samples = &loader->samples;
    const lethe_dataset_info *info = &samples->dataset->info;
    size_t bytes = lethe__image_bytes(info);
    uint32_t id = samples->ids[loader->order[position]];
    const uint8_t *image = samples->images + id * bytes;
    uint8_t *out = loader->images + slot * bytes;
    loader->ids[slot] = id;
    loader->labels[slot] = samples->labels[id];
    if (loader->augment)
        crop_and_flip(image, info, lethe__random_open(loader->seed, LETHE__RANDOM_AUGMENT, epoch, id), out);
    else
        memcpy(out, image, bytes);
}

void lethe__loader_batch(lethe__loader *loader, uint32_t epoch, size_t index, lethe__batch *out) {
    make_order(loader, epoch);
    size_t first = index * loader->batch, left = loader->samples.n - first;
    int n = (int)(left < loader->batch ? left : loader->batch);
#pragma omp parallel for num_threads(loader->threads) schedule(static) if (loader->augment)
    for (int slot = 0; slot < n; slot++)
        fill_slot(loader, epoch, first + (size_t)slot, (size_t)slot);
    *out = (lethe__batch){.images = loader->images, .labels = loader->labels, .ids = loader->ids, .n = n};
}
