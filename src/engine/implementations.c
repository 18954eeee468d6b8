/* implementations.c - which implementations each kind of operation has, best first.
 *
 * The plan takes the first that supports an operation on this machine; the reference supports everything and
 * stands last. A new implementation is one record, declared in implementations.h and named here;
 * test_engine_operations then compares it with the reference. */
#include "engine/implementations.h"
#include "base/fail.h"

enum { MAX_IMPLEMENTATIONS = 6 };

static const lethe__implementation *const lists[LETHE__OP_KINDS][MAX_IMPLEMENTATIONS + 1] = {
    [LETHE__NORMALISE] = {&lethe__native_normalise, &lethe__ref_normalise},
    [LETHE__CONVOLUTION] = {&lethe__amx_convolution, &lethe__native_winograd_4, &lethe__native_winograd,
                            &lethe__native_convolution, &lethe__onednn_convolution, &lethe__ref_convolution},
    [LETHE__BATCHNORM] = {&lethe__native_batchnorm, &lethe__ref_batchnorm},
    [LETHE__MAX_POOL] = {&lethe__native_max_pool, &lethe__ref_max_pool},
    [LETHE__GLOBAL_POOL] = {&lethe__native_global_pool, &lethe__ref_global_pool},
    [LETHE__PAD_SHORTCUT] = {&lethe__native_pad_shortcut, &lethe__ref_pad_shortcut},
    [LETHE__LINEAR] = {&lethe__onednn_linear, &lethe__ref_linear},
};

const lethe__implementation *const *lethe__implementations(lethe__op_kind kind) {
    return lists[kind];
}

lethe_status lethe__operation_forward(lethe__operation *operation, lethe__mode mode) {
    lethe__operation *follower = operation->follower;
    if (operation->leader != NULL)
        return LETHE_OK;
    if (follower != NULL)
        LETHE_TRY(follower->implementation->await(follower, mode));
    return operation->implementation->forward(operation, mode);
}

lethe_status lethe__operation_sample_products(lethe__operation *operation,
                                              const lethe__sample_products *products) {
    const lethe__implementation *own = operation->implementation;
    return own->sample_products != NULL ? own->sample_products(operation, products)
                                        : lethe__ref_sample_products(operation, products);
}

size_t lethe__operation_sample_scratch_bytes(const lethe__operation *operation) {
    const lethe__implementation *own = operation->implementation;
    if (operation->weight == NULL)
        return 0;
    return own->sample_scratch_bytes != NULL ? own->sample_scratch_bytes(operation)
                                             : lethe__ref_sample_scratch_bytes(operation);
}

const char *lethe__op_kind_name(lethe__op_kind kind) {
    static const char *const names[LETHE__OP_KINDS] = {"normalise",   "convolution",  "batchnorm", "max pool",
                                                       "global pool", "pad shortcut", "linear"};
    return names[kind];
}
