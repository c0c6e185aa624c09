/* SPDX-License-Identifier: MIT */
/*
 * An inbox from inside. inbox.c opens it and drives it, inbox_arrival.c knows the objects that are being received,
 * inbox_conclude.c what becomes of them, inbox_stream.c those without an end, inbox_sender.c the senders and what they
 * are answered.
 */
#ifndef SESSION_INBOX_H
#define SESSION_INBOX_H

#include "ledger.h"
#include "node.h"
#include "place.h"
#include "ring.h"
#include "store.h"

#include <herald/session.h>

enum {
    HD_INBOX_EVENTS_MAX = 16384, /* not taken yet; further ones are lost */
    HD_ARRIVALS_MAX = 1024,      /* open, or on their way into their places */
    HD_INBOX_SENDERS_MAX = 16,
    HD_ENTRIES_MAX = 1 << 24, /* of one delivery */
    HD_DIGESTS_MAX = 1024,    /* that came before their objects were complete */
    HD_IGNORED_MAX = 64,      /* senders that are told to be ignored; of further ones nothing is said */
};

/* ---- objects --------------------------------------------------------------------------------- */

enum hd_arrival_state {
    HD_ARRIVAL_FREE = 0,
    HD_ARRIVAL_OPEN,      /* the transport is receiving it */
    HD_ARRIVAL_UNCHECKED, /* complete, but for its digest, which is still to come */
    HD_ARRIVAL_DRAINING,  /* complete; its last bytes wait for the descriptor's reader */
    HD_ARRIVAL_FINISHING, /* complete and verified; on its way into its place */
};

/* What an arrival is of. */
struct hd_arrival_facts {
    enum hd_entry_type type; /* UNKNOWN: of a sender that is not herald */
    bool is_entry;           /* delivery_id and index mean something */
    uint64_t delivery_id;
    uint32_t index;
    bool has_meta;
    uint16_t mode;
    int64_t mtime_ns;
    bool has_digest;
    uint8_t digest[HD_DIGEST_BYTES];
    uint64_t digest_size_bytes;
};

/* A stream's reader. */
struct hd_stream_sink {
    bool is_stream;
    bool has_ended;
    uint64_t position_bytes; /* how far it was read */
    uint64_t lost_bytes;
    uint8_t *buffer; /* read from the transport, not written yet */
    size_t buffer_from, buffer_to;
    void *hash; /* XXH3_state_t */
};

struct hd_arrival {
    enum hd_arrival_state state;
    uint32_t sender_id;
    uint16_t instance_id, object_id;
    enum herald_norm_kind kind;
    uint64_t size_bytes;
    uint16_t segment_bytes;
    struct hd_partition partition;
    bool has_info;      /* its INFO is here: facts and name are known */
    bool is_new;        /* what earlier runs left was not looked for yet */
    bool is_begun;      /* BEGIN was told */
    bool is_superseded; /* its ids are another's already, the event that tells its end is still to be read */
    char *name;
    char *link;
    struct hd_arrival_facts facts;
    struct hd_store *store;
    struct hd_stream_sink stream;
    struct herald_norm_sink sink; /* the store's; what the transport has leads here by way of the arrival */
    uint64_t begin_ns, resumed_bytes, repaired_segments;
    uint64_t cookie; /* of the place's thread */
};

/* ---- senders --------------------------------------------------------------------------------- */

struct hd_orphan_digest {
    uint32_t index;
    uint64_t size_bytes;
    uint8_t digest[HD_DIGEST_BYTES];
};

/* A sender, and the delivery it is making. */
struct hd_origin {
    uint32_t node_id; /* 0: free */
    struct herald_peer peer;
    char host[HERALD_HOST_NAME_BYTES];
    bool is_herald, is_told, is_gone;
    uint16_t segment_bytes; /* what an answer to it may have at most; 0: not known yet */
    bool was_greeted;       /* it knows that we are here */
    bool is_greeting_due;   /* and is to be told */
    bool asks;              /* it has asked something, and will do so again as long as it is there */
    uint64_t silent_ns;     /* since when the transport hears nothing of it; 0: it does */
    bool is_silence_told;   /* or there was nothing to tell */
    uint64_t heard_ns;
    uint64_t packet_ns; /* when the last packet of its node id came from `peer` */
    uint64_t delivery_id;
    uint32_t entries;                   /* 0: not known yet */
    uint64_t *done, *failed, *arriving; /* bitmaps */
    uint32_t bits;                      /* that they have room for */
    uint32_t done_count, failed_count, withdrawn_count;
    uint32_t skipped_count;    /* of the failed: something else of that name was here already */
    uint32_t unverified_count; /* of the done: they were here already, as far as size and time tell */
    uint32_t lost_count;       /* objects that its end left unfinished */
    uint32_t damaged_count;    /* objects whose digest was wrong */
    uint64_t done_bytes, repaired_segments;
    char reason[HERALD_REASON_BYTES];
    bool has_begun; /* something of the delivery has come */
    bool is_ended;  /* DELIVERY was told */
    bool is_dismissed;
    char dismissal[HERALD_REASON_BYTES]; /* why, in the sender's words; "": by us, or it does not say */
    uint64_t receipt_ns;                 /* when it will have got a receipt with everything in it; 0: never */
    struct hd_orphan_digest *orphans;
    uint32_t orphan_count;
    struct hd_ledger *ledger; /* of its files that are in their places; NULL: none yet, or it cannot be */
};

/* ---- the whole ------------------------------------------------------------------------------- */

struct hd_inbox_note {
    struct herald_inbox_event event;
    char *name, *path;
    struct hd_store *store; /* that the event's bytes are in */
};

struct herald_inbox {
    struct herald_inbox_config config; /* pointers are not used after _new, but accept */
    char host[HERALD_HOST_NAME_BYTES];
    struct herald_address *accept;
    struct herald_address ignored[HD_IGNORED_MAX];
    uint32_t ignored_count;
    struct hd_node node;
    herald_loss *loss; /* of the node's receiver */
    herald_norm_receiver *norm;
    struct hd_place *place;  /* NULL: not to files */
    struct hd_spares spares; /* of what is received into memory */
    uint8_t *send_buffer;
    size_t send_buffer_bytes;
    struct herald_norm_datagram unsent; /* waits for room */
    bool has_unsent, is_busy, is_stopped, is_finishing, is_done;
    bool has_new;          /* some arrival is_new */
    bool is_cut;           /* it ends, as what the descriptor's reader was given cannot be completed: result_error */
    uint64_t resumed_ns;   /* CLOCK_REALTIME: what came before has waited as we were stopped; 0: nothing has */
    uint32_t writer_id;    /* `once`, to a descriptor: whose delivery is written to it; 0: nobody's yet */
    bool has_enough;       /* `count` is reached: what else is under way is not wanted */
    bool has_waiting;      /* something complete may have to wait whether it is wanted, or nothing more is */
    bool discards;         /* config.fd is /dev/null */
    bool waits_for_reader; /* config.fd is watched for POLLOUT */
    bool is_reader_unwatchable;
    uint64_t finishing_ns; /* since */
    uint64_t stop_ns;      /* when it ends, whether the good-byes are out or not */
    uint64_t sweep_ns;     /* when unfinished files that are too old are looked for; HERALD_NEVER: there can be none */
    int result;
    struct herald_error result_error;

    struct hd_arrival *arrivals; /* HD_ARRIVALS_MAX */
    uint32_t arrival_count;      /* in use, */
    uint32_t arrival_end;        /* all of them before this one: mostly few, of a table that fills a cache */
    uint64_t next_cookie;
    struct hd_origin origins[HD_INBOX_SENDERS_MAX];

    struct hd_ring notes; /* struct hd_inbox_note: events that were not taken yet */
    struct hd_inbox_note current;
    struct herald_inbox_stats stats;
    uint64_t now_ns;
};

/* ---- inbox.c ---- */

/* Makes an event. Its name and path are copied; `store` belongs to it from now on. */
void hd_inbox_tell(herald_inbox *inbox, const struct herald_inbox_event *event, struct hd_store *store);
void hd_inbox_tell_object(herald_inbox *inbox, enum herald_inbox_event_kind kind, struct hd_arrival *arrival,
                          const char *path, const struct herald_error *error);
/* `count` may be reached now: by what is done, or skipped. */
void hd_inbox_check_count(herald_inbox *inbox);
/* Ends it if something of the arrival, which has failed, has left already: what followed would be taken for its rest.
   @return whether it does. */
bool hd_inbox_check_cut(herald_inbox *inbox, const struct hd_arrival *arrival, const struct herald_error *error);
void hd_inbox_watch_reader(herald_inbox *inbox, bool wanted);
/* Notes of which senders something was heard lately. */
void hd_inbox_note_heard(herald_inbox *inbox);

/* ---- inbox_arrival.c ---- */

/* herald_norm_receiver_config.accept */
int hd_arrival_accept(void *user, const struct herald_norm_offer *offer, struct herald_norm_sink *ret_sink);
struct hd_arrival *hd_arrival_find(herald_inbox *inbox, uint32_t sender_id, uint16_t object_id);
/* The one that an ABORTED event is about. */
struct hd_arrival *hd_arrival_find_aborted(herald_inbox *inbox, uint32_t sender_id, uint16_t object_id);
struct hd_arrival *hd_arrival_add(herald_inbox *inbox, uint32_t sender_id, uint16_t object_id);
/* It is not on its way any more: unless it is complete, or comes as another object, its entry is missing. */
void hd_arrival_set_gone(herald_inbox *inbox, const struct hd_arrival *arrival);
/* Gives it back; a store that it still has is freed: its unfinished file stays. */
void hd_arrival_remove(herald_inbox *inbox, struct hd_arrival *arrival);
void hd_arrival_on_info(herald_inbox *inbox, struct hd_arrival *arrival, const uint8_t *info, size_t info_bytes);
/* @return 0, also if it has to wait for its turn; -errno with *error. */
int hd_arrival_open_store(herald_inbox *inbox, struct hd_arrival *arrival, bool is_sparse, struct herald_error *error);
/* Objects go to a descriptor one after the other: this is the first of those that wait for it. */
bool hd_arrival_has_turn(const herald_inbox *inbox, const struct hd_arrival *arrival);
/* It is written to the descriptor now. */
void hd_arrival_note_writer(herald_inbox *inbox, const struct hd_arrival *arrival);
/* Says who it is to the application, and to its own journal. */
void hd_arrival_introduce(herald_inbox *inbox, struct hd_arrival *arrival);
/* Gives it a name of ours if it has none. @return 0; -ENOMEM with *error. */
int hd_arrival_name_unnamed(herald_inbox *inbox, struct hd_arrival *arrival, struct herald_error *error);
/* Something of that name is here, and so it is not received: told to the application and to the sender. */
void hd_arrival_skip(herald_inbox *inbox, struct hd_arrival *arrival, const struct herald_error *error);
/* The entry of a delivery that is on its way; NULL: it is not. */
struct hd_arrival *hd_arrival_find_entry(herald_inbox *inbox, uint32_t sender_id, uint64_t delivery_id, uint32_t index);
/* It is being put into its place, or is there, as another object. */
bool hd_arrival_is_here_otherwise(herald_inbox *inbox, const struct hd_arrival *arrival);
/* Descriptors or memory are short: it is only missing, and may have room when others are done. */
bool hd_arrival_is_short(const herald_inbox *inbox, int code);
/* It cannot be completed, now or ever: what is here is kept for another time. */
void hd_arrival_abandon(herald_inbox *inbox, struct hd_arrival *arrival, const struct herald_error *error);
/* Nothing more comes of a sender, or only of another delivery: what waits for more is abandoned. */
uint32_t hd_arrival_abandon_all(herald_inbox *inbox, uint32_t sender_id, const struct herald_error *error);
/* Whether something of a sender has begun, and waits for more of it. */
bool hd_arrival_is_awaited(const herald_inbox *inbox, uint32_t sender_id);
/* Adds those that are not complete. */
void hd_arrival_count_under_way(herald_inbox *inbox, struct herald_inbox_stats *stats);
void hd_arrival_abandon_stale(herald_inbox *inbox, const struct hd_origin *origin);

/* ---- inbox_conclude.c ---- */

void hd_arrival_on_complete(herald_inbox *inbox, struct hd_arrival *arrival);
void hd_arrival_on_aborted(herald_inbox *inbox, struct hd_arrival *arrival,
                           const struct herald_norm_receiver_event *event);
/* It cannot be received, for good: told to the application and to the sender. */
void hd_arrival_fail(herald_inbox *inbox, struct hd_arrival *arrival, const struct herald_error *error);
/* It is where it belongs. */
void hd_arrival_done(herald_inbox *inbox, struct hd_arrival *arrival, const char *path);
/* All of it is here and, unless it is a stranger's, its digest: verifies it and puts it into its place. */
void hd_arrival_conclude(herald_inbox *inbox, struct hd_arrival *arrival);
/* What came after the last call: goes on with what earlier runs left. */
void hd_arrival_resume_new(herald_inbox *inbox);
/* Whether `count` has room for it, if all that is on its way into its place gets there. */
bool hd_arrival_has_room(const herald_inbox *inbox, const struct hd_arrival *arrival);
/* It would take the place of a file of the same delivery, as a FILE has but one. @return 0; -EBUSY with *error. */
int hd_arrival_check_only(const herald_inbox *inbox, const struct hd_arrival *arrival, struct herald_error *error);
/* Goes on with what has waited for others, or gives it up. Not from within the transport's callbacks. */
void hd_arrival_settle_waiting(herald_inbox *inbox);
/* Writes what waits for the end of a run. */
void hd_arrival_flush_all(herald_inbox *inbox);
/* Results of the place's thread, and descriptors that can take more. */
void hd_arrival_collect(herald_inbox *inbox);
void hd_arrival_describe(const herald_inbox *inbox, const struct hd_arrival *arrival,
                         struct herald_inbox_object *ret_object);
uint64_t hd_arrival_received_bytes(const struct hd_arrival *arrival);

/* ---- inbox_stream.c ---- */

/* Opens where it goes to, when it is its turn. @return 0; -errno with *error. */
int hd_stream_open(herald_inbox *inbox, struct hd_arrival *arrival, struct herald_error *error);
void hd_stream_on_new(herald_inbox *inbox, const struct herald_norm_receiver_event *event);
/* Reads what there is, and writes what can be written. */
void hd_stream_read(herald_inbox *inbox, struct hd_arrival *arrival);
void hd_stream_release(struct hd_arrival *arrival);
/* Whether the digest of what was read is that of the sender. */
bool hd_stream_is_verified(const struct hd_arrival *arrival);

/* ---- inbox_sender.c ---- */

struct hd_origin *hd_origin_find(herald_inbox *inbox, uint32_t node_id);
/* @return NULL: there are too many. */
struct hd_origin *hd_origin_get(herald_inbox *inbox, uint32_t node_id);
void hd_origin_release(herald_inbox *inbox, struct hd_origin *origin);
/* Whether a packet says that it is of a sender that is heard from another address: then it is made up. */
bool hd_origin_is_impostor(herald_inbox *inbox, const struct herald_peer *from, const uint8_t *packet,
                           size_t packet_bytes);
/* Whether a packet is, as far as its header tells, one that senders send: no receiver's feedback, and no other's. */
bool hd_origin_is_sender(const uint8_t *packet, size_t packet_bytes);
/* What an INFO says of the delivery it belongs to. @return 0; -E2BIG. */
int hd_origin_note_entry(herald_inbox *inbox, struct hd_origin *origin, uint64_t delivery_id, uint32_t index);
bool hd_origin_has_done(const struct hd_origin *origin, uint32_t index);
bool hd_origin_has_failed(const struct hd_origin *origin, uint32_t index);
/* Its file was verified and is in its place, at that path: a later run of ours need not ask for it. */
void hd_origin_note_file(herald_inbox *inbox, struct hd_origin *origin, uint32_t index, const char *path);
void hd_origin_set_done(struct hd_origin *origin, uint32_t index, uint64_t size_bytes, bool is_withdrawn);
void hd_origin_set_failed(struct hd_origin *origin, uint32_t index, const char *name, const struct herald_error *error);
/* It is not received, as something of that name is here; is_like: its size and time are those of the sender's. */
void hd_origin_set_skipped(struct hd_origin *origin, uint32_t index, const char *name, uint64_t size_bytes,
                           bool is_like);
/* An entry is on its way, or not any more: what is not and not here is missing. */
void hd_origin_set_arriving(struct hd_origin *origin, uint32_t index, bool is_arriving);
/* Keeps a digest until its object is complete, or takes one that came before. @return whether there was one. */
void hd_origin_keep_digest(struct hd_origin *origin, const struct hd_info *info);
bool hd_origin_take_digest(struct hd_origin *origin, struct hd_arrival *arrival);
/* A REQUEST event. */
void hd_origin_on_request(herald_inbox *inbox, const struct herald_norm_receiver_event *event);
/* Says that we are here, unless it knows. */
void hd_origin_greet(herald_inbox *inbox, struct hd_origin *origin);
/* Tells the senders that nothing more is taken, who were not told yet. @return when it will have been said to all;
   HERALD_NEVER: it must be tried again. */
uint64_t hd_origin_say_good_bye(herald_inbox *inbox);
/* The sender said good-bye or fell silent. */
void hd_origin_on_gone(herald_inbox *inbox, uint32_t node_id);
/* It is heard again. */
void hd_origin_on_back(struct hd_origin *origin);
void hd_origin_check_ended(herald_inbox *inbox, struct hd_origin *origin);

#endif
