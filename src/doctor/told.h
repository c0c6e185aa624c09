/* SPDX-License-Identifier: MIT */
/*
 * Findings as one host tells them to another: a line for each, its parts divided by tabs. Pure.
 *
 *     herald 1
 *     fault TAB rp_filter TAB eth0 TAB seen TAB meaning TAB remedy TAB command
 *     end
 *
 * Without the last line the text was cut. Lines of another kind, and more parts than these, are passed over.
 */
#ifndef HD_DOCTOR_TOLD_H
#define HD_DOCTOR_TOLD_H

#include <herald/doctor.h>

#include <stddef.h>

/*
 * Writes the faults and warnings of these, with a NUL, into room for at least the first and the last line. What does
 * not fit whole is left out, and then the last line too. @return the length.
 */
size_t hd_told_write(char *text, size_t size_bytes, const struct herald_finding *findings, size_t count);

/*
 * Takes such a text apart, which may be anything. `check` of each is one of the table, or "other"; control characters
 * become '?'; a remedy is a command only if it is one that hd_told_is_harmless(). `host` stays empty.
 * @return how many, at most `max`; -EBADMSG: it is no such text.
 */
int hd_told_read(const char *text, struct herald_finding *ret_findings, size_t max, bool *ret_is_whole);

/*
 * Whether a command that came over the network may be offered for a shell: it is of the few kinds that this program
 * itself tells others (a setting below net, a rule that accepts one port of one group, a route to one host, a link that
 * is switched on), or several of them joined by &&, and has nothing else that a shell treats specially.
 */
bool hd_told_is_harmless(const char *command);

#endif
