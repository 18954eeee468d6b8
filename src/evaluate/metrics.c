/* metrics.c - the list of metrics, and how sure each is.
 *
 * A rate p counted over n samples is a draw from the binomial distribution; Wilson's interval holds every
 * true rate that would not be rejected at the 5 % level given the one seen: (p + z^2/2n +- z sqrt(p (1 - p) /
 * n + z^2/4n^2)) / (1 + z^2/n),  z = 1.96 For the mean of two rates, Newcombe's square-and-add: the distances
 * from each rate to the ends of its own interval, squared, added, rooted, halved. Both take the model, and a
 * membership predictor, as given: they say what other images could have changed, not what another seed of
 * training would; trials and a second reference show that. Source: Wilson 1927; Newcombe, "Interval
 * estimation for the difference between independent proportions", 1998.
 */
#include "evaluate/metrics.h"
#include <math.h>
#include <string.h>

static const double z = 1.959963984540054; /* of the normal distribution: 97.5 % lie below */

#define RATE(key, text, field, features)                                                                     \
    {                                                                                                        \
        .name = (key), .title = (text), .offset = offsetof(lethe_evaluation, field),                         \
        .interval_offset = offsetof(lethe_evaluation, interval.field), .by_feature = (features)              \
    }

static const lethe_metric metrics[] = {
    RATE("UA", "UA", ua, false),
    RATE("RA", "RA", ra, false),
    RATE("TA", "TA", ta, false),
    RATE("VA", "VA", va, false),
    RATE("MIA_efficacy", "MIA-Efficacy", mia_efficacy, true),
    RATE("MIA_privacy", "MIA-Privacy", mia_privacy, true),
    RATE("MIA_efficacy_threshold", "MIA-Efficacy by threshold", mia_efficacy_threshold, true),
    RATE("MIA_privacy_threshold", "MIA-Privacy by threshold", mia_privacy_threshold, true),
    RATE("MIA_efficacy_class_matched", "MIA-Efficacy, class-matched", mia_class_matched, true),
    RATE("MIA_efficacy_class_matched_threshold", "MIA-Efficacy, class-matched by threshold",
         mia_class_matched_threshold, true),
    {.name = NULL},
};

const lethe_metric *lethe_metrics(void) {
    return metrics;
}

double lethe_metric_value(const lethe_metric *metric, const lethe_evaluation *evaluation, int feature) {
    double value;
    memcpy(&value, (const char *)evaluation + metric->offset + (size_t)feature * sizeof value, sizeof value);
    return value;
}

lethe_interval lethe_metric_interval(const lethe_metric *metric, const lethe_evaluation *evaluation,
                                     int feature) {
    lethe_interval interval;
    memcpy(&interval, (const char *)evaluation + metric->interval_offset + (size_t)feature * sizeof interval,
           sizeof interval);
    return interval;
}

lethe_interval lethe_rate_interval(double percent, size_t n) {
    if (n == 0 || !(percent >= 0 && percent <= 100))
        return (lethe_interval){NAN, NAN};
    double p = percent / 100, share = z * z / (double)n;
    double centre = p + share / 2, reach = z * sqrt(p * (1 - p) / (double)n + share / (4 * (double)n));
    /* at the ends the two terms are equal, up to rounding */
    return (lethe_interval){.low = p > 0 ? 100 * (centre - reach) / (1 + share) : 0,
                            .high = p < 1 ? 100 * (centre + reach) / (1 + share) : 100};
}

lethe_interval lethe_mean_rate_interval(double percent_1, size_t n_1, double percent_2, size_t n_2) {
    lethe_interval one = lethe_rate_interval(percent_1, n_1), two = lethe_rate_interval(percent_2, n_2);
    double mean = (percent_1 + percent_2) / 2;
    return (lethe_interval){.low = mean - hypot(percent_1 - one.low, percent_2 - two.low) / 2,
                            .high = mean + hypot(one.high - percent_1, two.high - percent_2) / 2};
}

lethe_gate lethe__gate(const lethe_evaluation *evaluation) {
    double n_forget = (double)evaluation->n_forget, n_test = (double)evaluation->n_test;
    double error = 100 - evaluation->ta;
    double common = (evaluation->ua * n_forget + error * n_test) / (n_forget + n_test) / 100;
    return (lethe_gate){.gap = fabs(evaluation->ua - error),
                        .band = 100 * z * sqrt(common * (1 - common) * (1 / n_forget + 1 / n_test))};
}
