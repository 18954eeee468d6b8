/* arch_resnet_cifar.c - the narrow ResNets that He et al. (2015, section 4.2) made for CIFAR, as the official
 * code has them: three stages of (depth - 2) / 6 basic blocks with 16, 32 and 64 channels. Shortcuts that
 * change shape are option A: every second pixel, with zero channels on both sides, no parameters.
 * Convolutions and the head start Kaiming-normal by fan-in. ResNet-20s has 269,722 parameters for three
 * channels and ten classes. */
#include "models/model.h"
#include <stdio.h>

static const lethe__fill kaiming = LETHE__FILL_KAIMING_NORMAL_FAN_IN;

static int basic_block(lethe__graph *graph, int x, int stage, int index, int channels, int stride) {
    char module[LETHE__NAME_BYTES];
#define MODULE(leaf) (snprintf(module, sizeof module, "layer%d.%d." leaf, stage, index), module)
    int y = lethe__graph_convolution(graph, x, MODULE("conv1"), channels, 3, stride, 1, false, kaiming);
    y = lethe__graph_batchnorm(graph, y, MODULE("bn1"), -1, true);
    y = lethe__graph_convolution(graph, y, MODULE("conv2"), channels, 3, 1, 1, false, kaiming);
    int shortcut = stride == 1 ? x : lethe__graph_pad_shortcut(graph, x, channels, stride);
    return lethe__graph_batchnorm(graph, y, MODULE("bn2"), shortcut, true);
#undef MODULE
}

static lethe_status build(lethe__graph *graph, const lethe_model_info *info, int blocks) {
    int x = lethe__graph_input(graph, info->height, info->width, info->channels, info->mean, info->std);
    x = lethe__graph_convolution(graph, x, "conv1", 16, 3, 1, 1, false, kaiming);
    x = lethe__graph_batchnorm(graph, x, "bn1", -1, true);
    for (int stage = 1; stage <= 3; stage++)
        for (int index = 0; index < blocks; index++)
            x = basic_block(graph, x, stage, index, 8 << stage, stage > 1 && index == 0 ? 2 : 1);
    x = lethe__graph_global_pool(graph, x);
    lethe__graph_linear(graph, x, "fc", info->classes, kaiming);
    return lethe__graph_finish(graph);
}

static lethe_status build_resnet20s(lethe__graph *graph, const lethe_model_info *info) {
    return build(graph, info, 3);
}

static lethe_status build_resnet44s(lethe__graph *graph, const lethe_model_info *info) {
    return build(graph, info, 7);
}

static lethe_status build_resnet56s(lethe__graph *graph, const lethe_model_info *info) {
    return build(graph, info, 9);
}

#define SOURCE "He et al. 2015, arXiv 1512.03385, section 4.2"

const lethe__arch lethe__archs_resnet_cifar[] = {
    {"resnet20s", "ResNet-20, 16 to 64 channels, option-A shortcuts", SOURCE, build_resnet20s},
    {"resnet44s", "ResNet-44, 16 to 64 channels, option-A shortcuts", SOURCE, build_resnet44s},
    {"resnet56s", "ResNet-56, 16 to 64 channels, option-A shortcuts", SOURCE, build_resnet56s},
    {0},
};
