/* mia_features.c - what a membership predictor sees of a sample, from the softmax output p and the label y.
 *
 *   confidence          p_y
 *   correctness         1 if the largest probability (the first of equals) is p_y, else 0
 *   entropy             - sum_i p_i log p_i
 *   modified entropy    - (1 - p_y) log p_y - sum_{i != y} p_i log(1 - p_i)
 *   probability         p itself
 *
 * Source: Song & Mittal, "Systematic evaluation of privacy risks of machine learning models" (2020). Numbers
 * below 1e-30 count as 1e-30 under the logarithm, so a saturated softmax gives finite features.
 *
 * The official code's modified entropy (--compat official) departs in two ways: it takes log p_i in place of
 * log(1 - p_i), and where it means to treat a sample's own label apart it does so to every class that is the
 * label of any sample of the set,
 *     - sum_{i in labels of the set} (1 - p_i) log p_i - sum_{i not} p_i log p_i
 * so a sample's value depends on the set it is in. */
#include "evaluate/mia.h"
#include <math.h>

size_t lethe__mia_width(lethe_mia_feature feature, size_t classes) {
    return feature == LETHE_MIA_PROBABILITY ? classes : 1;
}

const char *lethe_mia_feature_name(lethe_mia_feature feature) {
    static const char *const names[] = {
#define FEATURE_NAME(name, text) text,
        LETHE_MIA_FEATURE_LIST(FEATURE_NAME)
#undef FEATURE_NAME
    };
    return names[feature];
}

static double safe_log(double x) {
    return log(fmax(x, 1e-30));
}

static double correctness(const float *p, size_t label, size_t classes) {
    size_t largest = 0;
    for (size_t i = 1; i < classes; i++)
        if (p[i] > p[largest])
            largest = i;
    return largest == label ? 1 : 0;
}

static double entropy(const float *p, size_t classes) {
    double sum = 0;
    for (size_t i = 0; i < classes; i++)
        sum -= p[i] * safe_log(p[i]);
    return sum;
}

static double modified_entropy(const float *p, size_t label, size_t classes) {
    double sum = -(1.0 - p[label]) * safe_log(p[label]);
    for (size_t i = 0; i < classes; i++)
        if (i != label)
            sum -= p[i] * safe_log(1.0 - p[i]);
    return sum;
}

static bool has_label(const lethe__predictions *predictions, size_t class) {
    for (size_t i = 0; i < predictions->n; i++)
        if ((size_t)predictions->labels[i] == class)
            return true;
    return false;
}

/* Class by class, since that is what the official code overwrites. */
static void official_modified_entropy(const lethe__predictions *predictions, double *values) {
    size_t classes = predictions->classes;
    for (size_t i = 0; i < predictions->n; i++)
        values[i] = 0;
    for (size_t class = 0; class < classes; class ++) {
        bool reversed = has_label(predictions, class);
        for (size_t i = 0; i < predictions->n; i++) {
            double p = predictions->probabilities[i * classes + class];
            values[i] -= (reversed ? 1 - p : p) * (p > 0 ? log(p) : log(1e-30));
        }
    }
}

void lethe__mia_features(lethe_mia_feature feature, lethe_compat compat,
                         const lethe__predictions *predictions, double *values) {
    if (feature == LETHE_MIA_MODIFIED_ENTROPY && compat == LETHE_COMPAT_OFFICIAL) {
        official_modified_entropy(predictions, values);
        return;
    }
    size_t classes = predictions->classes;
    for (size_t i = 0; i < predictions->n; i++) {
        const float *p = predictions->probabilities + i * classes;
        size_t label = (size_t)predictions->labels[i];
        switch (feature) {
        case LETHE_MIA_CONFIDENCE:
            values[i] = p[label];
            break;
        case LETHE_MIA_CORRECTNESS:
            values[i] = correctness(p, label, classes);
            break;
        case LETHE_MIA_ENTROPY:
            values[i] = entropy(p, classes);
            break;
        case LETHE_MIA_MODIFIED_ENTROPY:
            values[i] = modified_entropy(p, label, classes);
            break;
        case LETHE_MIA_PROBABILITY:
            for (size_t k = 0; k < classes; k++)
                values[i * classes + k] = p[k];
            break;
        case LETHE_MIA_FEATURES:
            break;
        }
    }
}
