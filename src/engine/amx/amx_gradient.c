/* amx_gradient.c - backward-weights of the bf16 convolution on AMX.
 *
 *     diff_weight[o][i][tap] = sum over pixels of dst, images of diff_dst[pixel][o] * src[pixel of tap][i]
 *
 * A task packs a band of rows of 32 images (src as pairs, diff_dst transposed, amx_kernels.h), and for each
 * tap, each block of outputs and of inputs walks over those pixels whose tap falls into the source: a
 * rectangle. Sums stay in tiles during the walk, and in the group's private copy of the gradient between
 * walks. In the end the groups are added in their order, so that threads change nothing. */
#include "engine/amx/amx_convolution.h"
#include <omp.h>
#include <string.h>

/* Blocks of outputs in a task, so that src is packed seldom; groups that a gradient is summed in. */
enum { MAX_OUTPUTS = 4, MAX_GROUPS = 8 };

/* Rows of src that `band` rows of dst meet, at most. */
static int rows_of_src(const lethe__operation *operation, int band) {
    int rows = (band - 1) * operation->node->stride + operation->node->kernel;
    return rows < operation->src.h ? rows : operation->src.h;
}

static size_t src_size(const lethe__operation *operation, int band) {
    return (size_t)rows_of_src(operation, band) * (size_t)operation->src.w *
           (size_t)lethe__amx_blocks(operation->src.c) * LETHE__AMX_BLOCK;
}

static size_t dst_size(const lethe__operation *operation, int band) {
    int blocks = lethe__amx_blocks(operation->dst.c);
    return (size_t)band * (size_t)operation->dst.w * (size_t)(blocks < MAX_OUTPUTS ? blocks : MAX_OUTPUTS) *
           LETHE__AMX_BLOCK;
}

static int tasks_of_outputs(const lethe__operation *operation) {
    return (lethe__amx_blocks(operation->dst.c) + MAX_OUTPUTS - 1) / MAX_OUTPUTS;
}

void lethe__amx_gradient_init(lethe__amx_sums *sums, const lethe__operation *operation) {
    int band = operation->dst.h, taps = operation->node->kernel * operation->node->kernel;
    while (band > 1 && src_size(operation, band) + dst_size(operation, band) > LETHE__AMX_CACHED)
        band--;
    sums->band = band;
    sums->n_bands = (operation->dst.h + band - 1) / band;
    sums->n_units = lethe__amx_blocks(operation->src.n) * sums->n_bands;
    sums->n_groups = MAX_GROUPS / tasks_of_outputs(operation);
    if (sums->n_groups < 1)
        sums->n_groups = 1;
    if (sums->n_groups > sums->n_units)
        sums->n_groups = sums->n_units;
    sums->size = (size_t)lethe__amx_blocks(operation->dst.c) * (size_t)lethe__amx_blocks(operation->src.c) *
                 (size_t)taps * LETHE__AMX_BLOCK;
    sums->src_size = src_size(operation, band);
    sums->dst_size = dst_size(operation, band);
}

size_t lethe__amx_gradient_scratch(const lethe__amx_sums *sums, int threads) {
    return (size_t)sums->n_groups * sums->size * sizeof(float) +
           (size_t)threads * (sums->src_size + sums->dst_size) * sizeof(uint16_t);
}

/* 32 images by rows top .. bottom - 1 of dst, for the outputs from channel `first` on. */
typedef struct unit {
    const lethe__amx_kernels *kernels;
    const lethe__operation *operation;
    int first_image, n_images, top, bottom;
    int src_top, src_bottom; /* rows of src that are packed */
    int first, n_outputs;    /* channels of dst */
    uint16_t *src, *dst;     /* packed: [rows][w][blocks] */
    float *sums;             /* the group's, from block `first` on */
} unit;

/* Rows y0 .. y1 - 1 of `view`, channels first .. first + n - 1, into blocks. */
static void pack_rows(const unit *u, const lethe__view *view, const void *data, int y0, int y1, int first,
                      int n, void (*pack)(const lethe__amx_pixel *, uint16_t *), uint16_t *block) {
    size_t map = (size_t)view->h * (size_t)view->w * (size_t)view->c;
    for (int y = y0; y < y1; y++)
        for (int x = 0; x < view->w; x++) {
            uint16_t *pixel = (uint16_t *)data + (size_t)u->first_image * map +
                              ((size_t)y * (size_t)view->w + (size_t)x) * (size_t)view->c + first;
            for (int c = 0; c < n; c += LETHE__AMX_SIDE, block += LETHE__AMX_BLOCK)
                pack(&(lethe__amx_pixel){pixel + c, map, u->n_images, lethe__amx_part(n, c, LETHE__AMX_SIDE)},
                     block);
        }
}

/* Of positions first .. last - 1 in dst, those whose tap k falls into src: *begin .. *end - 1. */
static void clip(const lethe__node *node, int k, int src_size, int first, int last, int *begin, int *end) {
    while (first < last && first * node->stride - node->padding + k < 0)
        first++;
    while (first < last && (last - 1) * node->stride - node->padding + k >= src_size)
        last--;
    *begin = first;
    *end = last;
}

/* Adds the tap (ky, kx), or `kernel`'s taps from (ky, 0) on, for all blocks. The pixels of dst are rows
 * y0 .. y1 - 1 and columns x0 .. x1 - 1, and (y0, x0) meets column src_x of src. */
static void add_rectangle(const unit *u, int ky, int kx, int y0, int y1, int x0, int x1, int src_x,
                          void (*kernel)(const lethe__amx_gradient *)) {
    const lethe__operation *operation = u->operation;
    const lethe__node *node = operation->node;
    size_t in_blocks = (size_t)lethe__amx_blocks(operation->src.c),
           out_blocks = (size_t)lethe__amx_blocks(u->n_outputs), taps = (size_t)(node->kernel * node->kernel),
           tap = (size_t)(ky * node->kernel + kx);
    size_t src_row = (size_t)operation->src.w * in_blocks, dst_row = (size_t)operation->dst.w * out_blocks;
    size_t src_at = (size_t)(y0 * node->stride - node->padding + ky - u->src_top) * src_row +
                    (size_t)src_x * in_blocks,
           dst_at = (size_t)(y0 - u->top) * dst_row + (size_t)x0 * out_blocks;
    lethe__amx_gradient task = {.height = (size_t)(y1 - y0),
                                .width = (size_t)(x1 - x0),
                                .src_row = (size_t)node->stride * src_row,
                                .src_step = (size_t)node->stride * in_blocks,
                                .dst_row = dst_row,
                                .dst_step = out_blocks};
    for (size_t out = 0; out < out_blocks; out++)
        for (size_t in = 0; in < in_blocks; in++) {
            task.src = u->src + (src_at + in) * LETHE__AMX_BLOCK;
            task.diff_dst = u->dst + (dst_at + out) * LETHE__AMX_BLOCK;
            task.diff_weights = u->sums + ((out * in_blocks + in) * taps + tap) * LETHE__AMX_BLOCK;
            kernel(&task);
        }
}

/* The taps of one filter row: together where the kernel can do that, else one by one. */
static void add_filter_row(const unit *u, int ky) {
    const lethe__operation *operation = u->operation;
    const lethe__node *node = operation->node;
    int y0, y1, x0, x1;
    clip(node, ky, operation->src.h, u->top, u->bottom, &y0, &y1);
    if (y0 == y1)
        return;
    if (node->kernel == 3 && node->stride == 1 && node->padding == 1) {
        add_rectangle(u, ky, 0, y0, y1, 0, operation->dst.w, 0, u->kernels->gradient_3);
        return;
    }
    for (int kx = 0; kx < node->kernel; kx++) {
        clip(node, kx, operation->src.w, 0, operation->dst.w, &x0, &x1);
        if (x0 < x1)
            add_rectangle(u, ky, kx, y0, y1, x0, x1, x0 * node->stride - node->padding + kx,
                          u->kernels->gradient);
    }
}

static void run_unit(unit *u) {
    const lethe__operation *operation = u->operation;
    const lethe__node *node = operation->node;
    int first = u->top * node->stride - node->padding,
        last = (u->bottom - 1) * node->stride - node->padding + node->kernel;
    u->src_top = first > 0 ? first : 0;
    u->src_bottom = last < operation->src.h ? last : operation->src.h;
    pack_rows(u, &operation->src, operation->src.data, u->src_top, u->src_bottom, 0, operation->src.c,
              u->kernels->pack_pairs, u->src);
    pack_rows(u, &operation->dst, operation->diff_dst, u->top, u->bottom, u->first, u->n_outputs,
              u->kernels->pack_transposed, u->dst);
    for (int ky = 0; ky < node->kernel; ky++)
        add_filter_row(u, ky);
}

/* The units of one group, for one part of the outputs, into the group's sums. */
static void run_task(const lethe__amx_state *state, const lethe__operation *operation, int group, int first) {
    const lethe__amx_sums *sums = &state->gradient;
    size_t block_sums = sums->size / (size_t)lethe__amx_blocks(operation->dst.c);
    float *groups = operation->scratch;
    uint16_t *packed = (void *)(groups + (size_t)sums->n_groups * sums->size);
    packed += (size_t)omp_get_thread_num() * (sums->src_size + sums->dst_size);
    unit u = {.kernels = state->kernels,
              .operation = operation,
              .first = first,
              .n_outputs = lethe__amx_part(operation->dst.c, first, MAX_OUTPUTS * LETHE__AMX_SIDE),
              .src = packed,
              .dst = packed + sums->src_size,
              .sums = groups + (size_t)group * sums->size + (size_t)(first / LETHE__AMX_SIDE) * block_sums};
    memset(u.sums, 0, (size_t)lethe__amx_blocks(u.n_outputs) * block_sums * sizeof(float));
    int end = (int)((int64_t)sums->n_units * (group + 1) / sums->n_groups);
    for (int i = (int)((int64_t)sums->n_units * group / sums->n_groups); i < end; i++) {
        u.first_image = i / sums->n_bands * LETHE__AMX_SIDE;
        u.n_images = lethe__amx_part(operation->src.n, u.first_image, LETHE__AMX_SIDE);
        u.top = i % sums->n_bands * sums->band;
        u.bottom = u.top + lethe__amx_part(operation->dst.h, u.top, sums->band);
        run_unit(&u);
    }
}

/* Adds the groups into PyTorch's layout. */
static void add_groups(const lethe__amx_state *state, const lethe__operation *operation) {
    const lethe__amx_sums *sums = &state->gradient;
    size_t taps = (size_t)(operation->node->kernel * operation->node->kernel), in = (size_t)operation->src.c,
           in_blocks = (size_t)lethe__amx_blocks(operation->src.c);
#pragma omp parallel for schedule(static) num_threads(state->threads)
    for (int out = 0; out < operation->dst.c; out++) {
        float *to = operation->diff_weight + (size_t)out * in * taps;
        size_t o = (size_t)out % LETHE__AMX_SIDE, out_block = (size_t)out / LETHE__AMX_SIDE;
        for (size_t i = 0; i < in; i++)
            for (size_t tap = 0; tap < taps; tap++) {
                const float *from =
                    (const float *)operation->scratch +
                    ((out_block * in_blocks + i / LETHE__AMX_SIDE) * taps + tap) * LETHE__AMX_BLOCK +
                    lethe__amx_gradient_at(o, i % LETHE__AMX_SIDE);
                float sum = 0;
                for (int group = 0; group < sums->n_groups; group++)
                    sum += from[(size_t)group * sums->size];
                *to++ = sum;
            }
    }
}

void lethe__amx_gradient_run(const lethe__amx_state *state, const lethe__operation *operation) {
    int n_groups = state->gradient.n_groups;
#pragma omp parallel num_threads(state->threads)
    {
        state->kernels->open();
#pragma omp for schedule(dynamic) collapse(2)
        for (int group = 0; group < n_groups; group++)
            for (int first = 0; first < operation->dst.c; first += MAX_OUTPUTS * LETHE__AMX_SIDE)
                run_task(state, operation, group, first);
        state->kernels->close();
    }
    add_groups(state, operation);
}
