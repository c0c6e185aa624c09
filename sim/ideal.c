/* SPDX-License-Identifier: MIT */
#include "ideal.h"

#include <math.h>

/*
 * One receiver needs n packets with the negative binomial probability C(n-1, k-1) (1-p)^k p^(n-k). The expectation of
 * the maximum over all is the sum over n >= 0 of the probability that n packets are not enough for all of them.
 */
double sim_ideal_packets(uint32_t segments, uint64_t receivers, double loss)
{
    double k = segments;
    double expected = k; /* n = 0 .. k-1 are never enough */
    double probability = pow(1 - loss, k);
    double enough = probability;

    if (loss <= 0)
        return k;
    for (double n = k;; n++) {
        double short_of = enough < 1 ? 1 - enough : 0;
        double all = exp((double)receivers * log1p(-short_of));

        if (enough <= 0)
            all = 0;
        expected += 1 - all;
        if (1 - all < 1e-9)
            return expected;
        probability *= n / (n - k + 1) * loss;
        enough += probability;
    }
}
