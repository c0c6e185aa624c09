/* SPDX-License-Identifier: MIT */
/*
 * What of a delivery is in its place already: one line for each file that was verified and put there. A receiver that
 * was killed and is started again during the same delivery does not ask for it another time.
 *
 * A file counts only as long as nobody has touched it since: its inode, its size, its time and the time of its last
 * change are those that it was put there with.
 */
#ifndef SESSION_LEDGER_H
#define SESSION_LEDGER_H

#include "place.h"

struct hd_ledger;

/* Called for each entry of the delivery that is in its place. */
typedef void hd_ledger_found(void *user, uint32_t index, uint64_t size_bytes);

/*
 * Opens what an earlier run has left of a delivery, to go on with it.
 * @return NULL: there is none, or another process works on it.
 */
struct hd_ledger *hd_ledger_open(struct hd_place *place, uint64_t delivery_id, hd_ledger_found *found, void *user);

/* Begins one. @return NULL: it cannot be, and what is received now is received again after a restart. */
struct hd_ledger *hd_ledger_new(struct hd_place *place, uint64_t delivery_id);

/* Notes a file that has just been put into its place, under that path. Errors are ignored, as above. */
void hd_ledger_add(struct hd_ledger *ledger, const struct hd_place *place, uint32_t index, const char *path);

/* For another run. @return NULL */
struct hd_ledger *hd_ledger_close(struct hd_ledger *ledger);

/* Nobody will need it any more. @return NULL */
struct hd_ledger *hd_ledger_delete(struct hd_ledger *ledger, const struct hd_place *place);

#endif
