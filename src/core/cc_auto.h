/* SPDX-License-Identifier: MIT */
/*
 * The rate that the slowest receiver sustains, found from what it says has come (EXT_DELIVERY).
 *
 * Between two probes the sender knows exactly how much it sent and in what time, and each tracked receiver how much
 * came and in what time. Three things tell that it is too much for a receiver:
 *  - less of what was sent arrives than usual. What usually is lost (the base) is the path's own loss, for instance a
 *    radio's, and no reason to be slow; how much it varies is measured, too. A loss that two reductions did not end
 *    becomes the base; and every few seconds, if there are losses, the rate dips for a moment, to see whether they dip
 *    with it;
 *  - a queue stands: the delay of the probes is clearly above the least of the last seconds, and less comes out of it
 *    than is sent;
 *  - nothing is heard any more.
 * Then the rate falls, at once, to 95% of what goes through (taking the base into account); while a queue stands, to
 * 85%; for losses without a queue not below half, and what was sent before is soon tried again: it may have been a
 * burst.
 * It rises only when the limiting receiver says that all is well with the present rate, this rate was really
 * used, and the farthest receiver had the time to object: doubling at the start as long as more arrives too, later by
 * ever greater steps, with a rest after each reduction.
 *
 * A receiver without EXT_DELIVERY (NRL's) gets no more than the rate it asks for (TFMCC's) once it has had losses; its
 * round-trip time stands for the delay.
 */
#ifndef HD_CC_AUTO_H
#define HD_CC_AUTO_H

#include "cc_sender.h"

/* Called by cc_sender.c. */
void hd_cc_auto_on_report(struct hd_cc_sender *cc, struct hd_cc_peer *peer, const struct hd_cc_report *report,
                          uint64_t now_ns);
void hd_cc_auto_on_silence(struct hd_cc_sender *cc, uint64_t now_ns);
void hd_cc_auto_on_limit_gone(struct hd_cc_sender *cc, uint64_t now_ns); /* the CLR was dropped */

#endif
