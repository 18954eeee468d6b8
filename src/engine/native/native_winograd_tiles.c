/* native_winograd_tiles.c - tiles of maps to their points and back. */
#include "engine/native/native.h"
#include "engine/native/native_winograd.h"

enum { PIXELS_MOST = LETHE__WINOGRAD_POINTS_MOST };

static size_t value_bytes(const lethe__winograd *g) {
    return g->pairs ? sizeof(uint16_t) : sizeof(float);
}

/* Where the square of `side` x `side` pixels lies in `map` whose first one is `before` rows and columns
 * before the first result of the tile; `outside` where it reaches beyond the map. */
static void find_pixels(const lethe__winograd *g, size_t tile, int before, int side, size_t channels,
                        const void *map, void *outside, void *pixels[PIXELS_MOST]) {
    int in_image = (int)(tile % g->tiles), tiles_x = (int)g->tiles_x;
    int y = in_image / tiles_x * g->side - before, x = in_image % tiles_x * g->side - before;
    const uint8_t *image =
        (const uint8_t *)map + tile / g->tiles * (size_t)(g->h * g->w) * channels * value_bytes(g);
    ptrdiff_t bytes = (ptrdiff_t)(channels * value_bytes(g)), row = (ptrdiff_t)(y * g->w + x) * bytes;
    for (int i = 0; i < side; i++, row += g->w * bytes) {
        bool row_inside = y + i >= 0 && y + i < g->h;
        int begin = row_inside ? -x : side, end = g->w - x; /* columns inside the map */
        for (int j = 0; j < side; j++)
            *pixels++ = j >= begin && j < end ? (void *)(image + row + j * bytes) : outside;
    }
}

static void find_source(const lethe__winograd *g, const void *src, size_t tile,
                        const lethe__winograd_work *work, void *pixels[PIXELS_MOST]) {
    find_pixels(g, tile, 1, g->side + 2, (size_t)g->in, src, work->zeros, pixels);
}

static void find_gradient(const lethe__winograd *g, const void *diff_dst, size_t tile,
                          const lethe__winograd_work *work, void *pixels[PIXELS_MOST]) {
    find_pixels(g, tile, 0, g->side, (size_t)g->out, diff_dst, work->zeros, pixels);
}

/* A tile of zeros, beside an odd last one. */
static void find_nothing(const lethe__winograd_work *work, void *pixels[PIXELS_MOST]) {
    for (size_t i = 0; i < PIXELS_MOST; i++)
        pixels[i] = work->zeros;
}

void lethe__winograd_read_sources(const lethe__winograd *g, const void *src, size_t first, size_t n,
                                  const lethe__winograd_work *work) {
    void *pixels[PIXELS_MOST];
    lethe__winograd_tile tile = {
        .pixels = pixels, .pitch = work->source_pitch * (g->pairs ? 2 : 1), .channels = (size_t)g->in};
    for (size_t i = 0; i < n; i++) {
        find_source(g, src, first + i, work, pixels);
        tile.points = work->sources + i * (size_t)g->words;
        g->transforms->source(&tile);
    }
}

void lethe__winograd_write_results(const lethe__winograd *g, void *dst, size_t first, size_t n,
                                   const lethe__winograd_work *work) {
    void *pixels[PIXELS_MOST];
    lethe__winograd_tile tile = {.pixels = pixels, .pitch = work->result_pitch};
    int two = lethe__winograd_two(g);
    for (size_t i = 0; i < n; i++) {
        find_pixels(g, first + i, 0, g->side, (size_t)g->out, dst, work->waste, pixels);
        for (int channel = 0; channel < g->out; channel += two) {
            tile.first = (size_t)channel;
            tile.channels = (size_t)lethe__block_channels(g->kernels, channel, g->out);
            tile.points = lethe__winograd_results(g, work, channel) + i * tile.channels;
            g->transforms->result(&tile);
        }
    }
}

/* --- for the weight gradient --- */

/* The points of diff_dst of one tile, or of two of bf16. */
static void read_gradient(const lethe__winograd *g, lethe__winograd_tile tiles[2], size_t at,
                          const lethe__winograd_work *work) {
    for (int channel = 0; channel < g->out; channel += lethe__winograd_two(g)) {
        tiles[0].first = tiles[1].first = (size_t)channel;
        tiles[0].channels = (size_t)lethe__block_channels(g->kernels, channel, g->out);
        tiles[0].points = lethe__winograd_results(g, work, channel) + at * tiles[0].channels;
        if (g->pairs)
            g->transforms->gradient_pair(&tiles[0], &tiles[1]);
        else
            g->transforms->gradient(&tiles[0]);
    }
}

static void read_source(const lethe__winograd *g, lethe__winograd_tile tiles[2], size_t at,
                        const lethe__winograd_work *work) {
    tiles[0].first = tiles[1].first = 0;
    tiles[0].channels = (size_t)g->in;
    tiles[0].points = work->sources + at * tiles[0].channels;
    if (g->pairs)
        g->transforms->source_pair(&tiles[0], &tiles[1]);
    else
        g->transforms->source(&tiles[0]);
}

void lethe__winograd_read_gradients(const lethe__winograd *g, const void *src, const void *diff_dst,
                                    size_t first, size_t n, size_t at, const lethe__winograd_work *work) {
    void *pixels[2][PIXELS_MOST];
    lethe__winograd_tile sources[2] = {{.pixels = pixels[0], .pitch = work->source_pitch},
                                       {.pixels = pixels[1], .pitch = work->source_pitch}};
    lethe__winograd_tile gradients[2] = {{.pixels = pixels[0], .pitch = work->result_pitch},
                                         {.pixels = pixels[1], .pitch = work->result_pitch}};
    size_t together = g->pairs ? 2 : 1;
    for (size_t i = 0; i < n; i += together) {
        for (size_t k = 0; k < together; k++)
            i + k < n ? find_source(g, src, first + i + k, work, pixels[k]) : find_nothing(work, pixels[k]);
        read_source(g, sources, (at + i) / together, work);
    }
    for (size_t i = 0; i < n; i += together) {
        for (size_t k = 0; k < together; k++)
            i + k < n ? find_gradient(g, diff_dst, first + i + k, work, pixels[k])
                      : find_nothing(work, pixels[k]);
        read_gradient(g, gradients, (at + i) / together, work);
    }
}
