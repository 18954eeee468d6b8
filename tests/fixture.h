/* fixture.h - the parity fixtures: numbers computed with PyTorch in float64 (tests/fixtures/make.py).
 *
 * Weights, images and labels come from a formula, so no weight file is needed: `fixture_stream` gives number
 * k of the stream of a name, a multiple of 2^-24 in [0, 1). The files are read from tests/fixtures or from
 * the folder named by LETHE_FIXTURES, which holds files of the same form made with another seed; each file
 * names its seed. What that folder lacks is read from tests/fixtures. */
#ifndef LETHE_TESTS_FIXTURE_H
#define LETHE_TESTS_FIXTURE_H

#include "base/json.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/* 64-bit FNV-1a of the name, mixed with the seed; then splitmix64's output function of a counter. */
static inline uint64_t fixture_key(const char *name, uint64_t seed) {
    uint64_t hash = 0xcbf29ce484222325u;
    for (; *name != '\0'; name++)
        hash = (hash ^ (uint8_t)*name) * 0x100000001b3u;
    return hash ^ (seed * 0x9e3779b97f4a7c15u);
}

static inline double fixture_stream(uint64_t key, uint64_t k) {
    uint64_t x = key + (k + 1) * 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    x ^= x >> 31;
    return (double)(x >> 40) / 16777216.0;
}

/* The file NAME.json; the test stops when it cannot be read. Free with json_decref. */
static inline json_t *fixture_load(const char *name) {
    const char *folder = getenv("LETHE_FIXTURES");
    char path[1024];
    snprintf(path, sizeof path, "%s/%s.json", folder != NULL ? folder : LETHE_TEST_FIXTURES, name);
    if (access(path, R_OK) != 0)
        snprintf(path, sizeof path, "%s/%s.json", LETHE_TEST_FIXTURES, name);
    json_t *fixture = NULL;
    if (lethe__json_read(path, &fixture) != LETHE_OK)
        fail_msg("%s", lethe_last_message());
    return fixture;
}

static inline uint64_t fixture_seed(const json_t *fixture) {
    return (uint64_t)json_integer_value(json_object_get(fixture, "seed"));
}

static inline double fixture_number(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    if (!json_is_number(value))
        fail_msg("the fixture has no number '%s'", key);
    return json_number_value(value);
}

/* Images [n, h, w, c] as bytes floor(256 u), where the stream's order is [n, c, h, w]; labels floor(classes
 * u). */
static inline void fixture_images(const char *name, uint64_t seed, int n, int c, int h, int w,
                                  uint8_t *images) {
    uint64_t key = fixture_key(name, seed), k = 0;
    for (int i = 0; i < n; i++)
        for (int ch = 0; ch < c; ch++)
            for (int y = 0; y < h; y++)
                for (int x = 0; x < w; x++)
                    images[((i * h + y) * w + x) * c + ch] = (uint8_t)(256.0 * fixture_stream(key, k++));
}

static inline void fixture_labels(const char *name, uint64_t seed, int n, int classes, int32_t *labels) {
    uint64_t key = fixture_key(name, seed);
    for (int i = 0; i < n; i++)
        labels[i] = (int32_t)(classes * fixture_stream(key, (uint64_t)i));
}

/* After some steps of training a ReLU whose input is a rounding error away from zero lets a gradient pass
 * that PyTorch stops: norms hardly notice, but sums and single entries do. So they may be as many times as
 * far off as norms. */
enum { FIXTURE_TRAINED = 10, FIXTURE_COMPUTED = 1 };

/* How a tensor is compared: Euclidean norm, sum and first four entries. Fails the test when the norms differ
 * by more than tolerance * norm + floor, or a sum or entry by `singles` times that; `floor` is the absolute
 * allowance for tensors whose true value is zero. */
static inline void fixture_compare(const json_t *digest, const char *what, const float *values, size_t n,
                                   double tolerance, double floor_, double singles) {
    if (digest == NULL)
        fail_msg("the fixture has no tensor '%s'", what);
    double squares = 0, sum = 0;
    for (size_t i = 0; i < n; i++) {
        squares += (double)values[i] * (double)values[i];
        sum += (double)values[i];
    }
    assert_int_equal(n, (size_t)fixture_number(digest, "n"));
    double norm = fixture_number(digest, "norm"), allowed = tolerance * norm + floor_;
    if (!(fabs(sqrt(squares) - norm) <= allowed))
        fail_msg("%s: norm %.9g, PyTorch %.9g (allowed difference %.3g)", what, sqrt(squares), norm, allowed);
    /* n errors of relative size tolerance add up to sqrt(n) of them in a sum */
    if (!(fabs(sum - fixture_number(digest, "sum")) <= singles * allowed * sqrt((double)n)))
        fail_msg("%s: sum %.9g, PyTorch %.9g", what, sum, fixture_number(digest, "sum"));
    size_t index;
    json_t *value;
    json_array_foreach(json_object_get(digest, "first"), index, value) {
        if (!(fabs((double)values[index] - json_number_value(value)) <= singles * allowed))
            fail_msg("%s[%zu]: %.9g, PyTorch %.9g", what, index, (double)values[index],
                     json_number_value(value));
    }
}

#endif
