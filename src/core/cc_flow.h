/* SPDX-License-Identifier: MIT */
/*
 * No more on the way than receivers take: for a sender that is faster than those who listen, as on one host or one fast
 * switch, where nothing else slows it down before their buffers overflow.
 *
 * A probe lies behind the data in a receiver's buffer, so its answer tells that everything before it was taken out.
 * What was sent since the last probe that every tracked receiver has answered is kept below a window; probes go out
 * four times as often as that. Where none is lost the window grows; where much is lost, by whoever lost the most, it
 * shrinks. A receiver that answers nothing new for long holds nobody up; before the first answer of all, one window is
 * sent.
 *
 * Only those who answer with EXT_DELIVERY are waited for: nobody else tells what has come.
 */
#ifndef HD_CC_FLOW_H
#define HD_CC_FLOW_H

#include "cc_sender.h"

/* Is a probe due, since so much was sent after the last? */
bool hd_cc_flow_wants_probe(const struct hd_cc_sender *cc);

/* Whether data may go out now. If not, *ret_until_ns is when it may although nobody answers; later than now. */
bool hd_cc_flow_is_open(struct hd_cc_sender *cc, uint64_t now_ns, uint64_t *ret_until_ns);

/*
 * While it is not open: is a probe due because the last one's answer should be here, and it or the answer was lost? No
 * data goes out that others would follow. If not, *ret_next_ns is when it will be.
 */
bool hd_cc_flow_asks_again(struct hd_cc_sender *cc, uint64_t now_ns, uint64_t *ret_next_ns);

/* Called by cc_sender.c. */
void hd_cc_flow_init(struct hd_cc_sender *cc, uint32_t window_bytes_max);
void hd_cc_flow_on_report(struct hd_cc_sender *cc, struct hd_cc_peer *peer, const struct hd_cc_report *report,
                          uint64_t now_ns);

#endif
