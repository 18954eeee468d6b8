/* arch_resnet.c - ResNet-18 (He et al. 2015) for small images: torchvision's network with a 3x3 stem of
 * stride 1 and no max-pool, as in the paper and the official code. Four stages of two basic blocks, 64 to 512
 * channels; where a block changes shape its shortcut is a 1x1 convolution with BatchNorm. Convolutions start
 * Kaiming-normal by fan-out, the head with PyTorch's default. 11,173,962 parameters for three channels and
 * ten classes.
 *
 * A BatchNorm operation can add a residual, so the last BatchNorm of a block does: bn2 where the shortcut is
 * the identity, the shortcut's own where there is one (addition commutes, and PyTorch declares the shortcut
 * last). */
#include "models/model.h"
#include <stdio.h>

static const lethe__fill kaiming = LETHE__FILL_KAIMING_NORMAL_FAN_OUT;

static int basic_block(lethe__graph *graph, int x, int stage, int index, int channels, int stride) {
    char module[LETHE__NAME_BYTES];
#define MODULE(leaf) (snprintf(module, sizeof module, "layer%d.%d." leaf, stage, index), module)
    int y = lethe__graph_convolution(graph, x, MODULE("conv1"), channels, 3, stride, 1, false, kaiming);
    y = lethe__graph_batchnorm(graph, y, MODULE("bn1"), -1, true);
    y = lethe__graph_convolution(graph, y, MODULE("conv2"), channels, 3, 1, 1, false, kaiming);
    if (stride == 1) /* the first stage keeps the stem's channels: nothing changes shape there */
        return lethe__graph_batchnorm(graph, y, MODULE("bn2"), x, true);
    y = lethe__graph_batchnorm(graph, y, MODULE("bn2"), -1, false);
    int shortcut =
        lethe__graph_convolution(graph, x, MODULE("downsample.0"), channels, 1, stride, 0, false, kaiming);
    return lethe__graph_batchnorm(graph, shortcut, MODULE("downsample.1"), y, true);
#undef MODULE
}

static lethe_status build_resnet18(lethe__graph *graph, const lethe_model_info *info) {
    int x = lethe__graph_input(graph, info->height, info->width, info->channels, info->mean, info->std);
    x = lethe__graph_convolution(graph, x, "conv1", 64, 3, 1, 1, false, kaiming);
    x = lethe__graph_batchnorm(graph, x, "bn1", -1, true);
    for (int stage = 1; stage <= 4; stage++)
        for (int index = 0; index < 2; index++)
            x = basic_block(graph, x, stage, index, 32 << stage, stage > 1 && index == 0 ? 2 : 1);
    x = lethe__graph_global_pool(graph, x);
    lethe__graph_linear(graph, x, "fc", info->classes, LETHE__FILL_UNIFORM_FAN_IN);
    return lethe__graph_finish(graph);
}

const lethe__arch lethe__archs_resnet[] = {
    {"resnet18", "ResNet-18 with a 3x3 stem", "He et al. 2015, arXiv 1512.03385; torchvision's names",
     build_resnet18},
    {0},
};
