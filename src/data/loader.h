/* loader.h - batches of augmented images, a pure function of (seed, epoch, batch index). */
#ifndef LETHE_DATA_LOADER_H
#define LETHE_DATA_LOADER_H

#include <lethe/data.h>

typedef struct lethe__loader lethe__loader;

typedef struct lethe__batch {
    const uint8_t *images; /* [n, h, w, c], lent until the next call */
    const int32_t *labels; /* [n] */
    const uint32_t *ids;   /* [n] */
    int n;
} lethe__batch;

/* samples are lent until destroy. augment: random crop of the image padded by 4 (zeros) and horizontal flip
 * with probability 1/2, drawn from (seed, epoch, sample id). shuffle: a new order each epoch from (seed,
 * epoch). */
lethe_status lethe__loader_create(lethe_samples samples, size_t batch, bool augment, bool shuffle,
                                  uint64_t seed, int threads, lethe__loader **out);
void lethe__loader_destroy(lethe__loader **loader);
size_t lethe__loader_batches(const lethe__loader *loader); /* in an epoch; the last may be smaller */
void lethe__loader_batch(lethe__loader *loader, uint32_t epoch, size_t index, lethe__batch *out);

#endif
