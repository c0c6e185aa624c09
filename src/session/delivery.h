/* SPDX-License-Identifier: MIT */
/*
 * A delivery from inside. delivery.c opens it and drives it, delivery_send.c hands entries to the transport and sends
 * what it puts out, delivery_stream.c reads a descriptor, delivery_people.c knows the recipients, delivery_phase.c
 * asks them and decides what comes next.
 */
#ifndef SESSION_DELIVERY_H
#define SESSION_DELIVERY_H

#include "node.h"
#include "ring.h"
#include "source.h"
#include "tree.h"

#include <herald/session.h>

enum {
    HD_DELIVERY_OBJECTS_MAX = 250,                   /* in the queue; receivers of NRL's keep no more than 256 */
    HD_DELIVERY_SLOTS = 2 * HD_DELIVERY_OBJECTS_MAX, /* these, and those whose digest waits for room there */
    HD_DELIVERY_ENTRIES_MAX = 1 << 24,               /* receivers keep account of no more */
    HD_SEGMENT_BYTES_MIN = 128,                      /* requests and descriptions have to fit */
    HD_DELIVERY_EVENTS_MAX = 16384, /* not taken yet; further ones are lost, what they tell can be asked for */
    HD_STREAM_BLOCKS = 64,          /* 11 MB; not more than an inbox has */
};

/* What an object in the transport's queue is. */
enum hd_slot_purpose {
    HD_SLOT_FREE = 0,
    HD_SLOT_ENTRY,
    HD_SLOT_NOTE, /* INFO only: a digest, or that an entry will not come */
};

struct hd_slot {
    enum hd_slot_purpose purpose;
    uint16_t object_id;
    uint32_t index; /* of the entry */
    bool is_sent;
    bool needs_digest; /* its digest follows when it is sent */
    bool is_released;  /* the transport has it no more: it is here only until its digest is in the queue */
    uint64_t size_bytes;
    struct hd_source *source;
};

/* A recipient, with what the public has no use for. */
struct hd_recipient {
    struct herald_recipient facts; /* must come first */
    bool is_listed;                /* asked for acknowledgement by watermark */
    bool is_ignored;               /* left behind: its packets are dropped */
    bool has_proved;               /* it has answered more than a roll call, or confirmed something */
    bool is_told;                  /* of `facts.state` an event was made */
    bool is_dismissal_due;         /* and is to be told so */
    bool has_double;               /* another one uses its node id, which was told */
    bool has_left;                 /* FAILED, as it was stopped: it may be started again, as another node */
    unsigned messages;
    uint64_t joined_bytes;    /* of a stream: what was written when it came */
    uint64_t resumed_bytes;   /* at least so many it did not get from this delivery */
    uint64_t since_ns;        /* when it became known */
    uint64_t asked_ns;        /* when it was first asked something since it was last heard; 0: it was not */
    uint64_t progress_ns;     /* when it had more than before */
    uint64_t missing_same_ns; /* since when it has reported the same things missing */
    bool is_reminded;         /* and was told by a flush that it may ask for them */
    uint32_t missing_count;
};

/* A reader of a descriptor. */
struct hd_stream_feed {
    int fd; /* -1: there is none */
    uint16_t object_id;
    bool is_open;     /* as an object of the transport */
    bool is_watched;  /* by the node's epoll */
    bool is_regular;  /* always readable */
    bool has_ended;   /* end of file */
    bool is_ended;    /* the transport knows that nothing more comes */
    bool is_flushed;  /* and has said so as often as it does */
    bool is_closed;   /* and all of it was written */
    bool needs_flush; /* something was written since the last flush */
    uint64_t written_bytes;
    uint8_t *buffer;
    size_t buffer_from, buffer_to; /* read, not written yet */
    void *hash;                    /* XXH3_state_t */
};

/* An event with what it points to. */
struct hd_delivery_note {
    struct herald_delivery_event event;
    struct herald_recipient recipient;
    char *path;
};

struct herald_delivery {
    struct herald_delivery_config config; /* `expected` and the strings are not used after _new */
    char host[HERALD_HOST_NAME_BYTES];
    struct hd_node node;
    herald_norm_sender *norm;
    struct herald_norm_sender_config norm_config;
    struct hd_tree *tree;
    struct hd_block_cache *cache;
    struct hd_run_out run_out;
    struct herald_norm_datagram held; /* did not fit into the run */
    bool has_held;
    bool is_blocked;        /* the send buffer is full: POLLOUT is waited for */
    bool is_cut;            /* the interface has no carrier, or is down */
    bool is_failing;        /* the interface refuses to send */
    uint64_t pause_ns;      /* nothing is sent before */
    uint64_t rest_until_ns; /* until then the transport's time-outs wait, so that more can be sent together */
    struct herald_error send_error;
    bool has_begun, is_stopped;
    bool is_busy; /* there was more to do than one turn allows */
    uint64_t delivery_id;
    enum herald_delivery_phase phase;
    uint64_t phase_ns;         /* since when */
    uint64_t begin_ns, end_ns; /* of sending; 0: not yet */
    uint64_t forsaken_ns;      /* since when nobody is left who could get more of it; 0: somebody is */
    int result;
    struct herald_error result_error;

    struct hd_slot slots[HD_DELIVERY_SLOTS];
    uint32_t next_index; /* of the first pass */
    uint64_t *again;     /* bitmap of entries to be sent again */
    uint32_t again_count, again_next;
    uint64_t *void_entries; /* bitmap of entries that cannot be read */
    uint32_t void_count;
    struct hd_slot pending; /* opened, but the transport had no room */
    uint32_t unsent_count;  /* slots that are not sent yet, */
    uint64_t unsent_bytes;  /* and what is in them */
    uint16_t last_object_id;
    uint16_t sent_object_id; /* the last one of which all was sent */
    uint32_t unasked_count;  /* objects that were sent since it was asked who has all */
    bool is_room_asked;      /* that question is not answered yet */
    uint64_t objects_sent;
    uint64_t tree_bytes;
    struct hd_stream_feed stream;

    struct hd_recipient *people;
    uint32_t people_count;
    uint32_t listed_count, dismiss_count;
    bool lists_all;       /* not only those who are not herald */
    uint64_t tick_ns;     /* when time-outs of recipients are looked at */
    uint64_t repairs;     /* datagrams that the transport has sent as such so far */
    uint64_t repaired_ns; /* when there were more of them than before */

    bool request_active, acks_active;
    enum hd_request_kind request_kind; /* of the last one */
    uint64_t request_ns;               /* when it was asked */
    bool has_asked_silent;             /* that everything is out, when nobody answers */
    bool has_ended;                    /* the transport has said good-bye */
    uint64_t acks_ns;                  /* when the watermark may be set again */
    uint32_t ask_next;                 /* who is asked first */
    uint8_t request_id;
    uint64_t ask_ns; /* when the next question is due */
    uint64_t ask_interval_ns;
    bool someone_new; /* since the last question */
    uint64_t new_ns;  /* when the last recipient became known */

    struct hd_ring notes;            /* struct hd_delivery_note: events that were not taken yet */
    struct hd_delivery_note current; /* what the last event that was taken points to */
    uint64_t now_ns;
};

#define HD_DELIVERY_TICK_NS UINT64_C(50000000)

/* ---- delivery.c ---- */

/* Makes an event; a path is copied. */
void hd_delivery_tell(herald_delivery *delivery, const struct herald_delivery_event *event);
void hd_delivery_tell_unreadable(herald_delivery *delivery, const char *path, const struct herald_error *error);

/* ---- delivery_send.c ---- */

/* Hands the transport what it has room for. */
void hd_delivery_feed(herald_delivery *delivery);
/* Sends what the transport puts out, for a while. @return whether there may be more at once. */
bool hd_delivery_pump(herald_delivery *delivery);
/* Something became of an object. */
void hd_delivery_on_sent(herald_delivery *delivery, uint16_t object_id);
void hd_delivery_on_released(herald_delivery *delivery, uint16_t object_id, bool has_failed);
/* Everything that is to be sent was sent once. */
bool hd_delivery_is_all_sent(const herald_delivery *delivery);
/* Entries first .. last are to be sent again, unless the transport still has them and `even_if_live` is false. */
void hd_delivery_send_again(herald_delivery *delivery, uint32_t first, uint32_t last, bool even_if_live);
void hd_delivery_close_slots(herald_delivery *delivery);
/* Takes everything out of the transport's queue: nothing of it is sent or repaired any more. */
void hd_delivery_forget_all(herald_delivery *delivery);
/* Enqueues an object that is only an INFO about an entry. @return 0; -ENOBUFS: no room now. */
int hd_delivery_enqueue_note(herald_delivery *delivery, enum hd_entry_type type, uint32_t index,
                             const uint8_t digest[HD_DIGEST_BYTES], uint64_t size_bytes);
/* What receivers are told about an entry. The texts are those of the entry. */
void hd_delivery_fill_info(const herald_delivery *delivery, const struct hd_entry *entry, uint32_t index,
                           struct hd_info *ret_info);
/* @return a slot for another object, NULL: all are in use. */
struct hd_slot *hd_delivery_free_slot(herald_delivery *delivery);

/* ---- delivery_stream.c ---- */

/* Whether a stream of that name can be told of at all. @return 0; -ENAMETOOLONG. */
HERALD_CHECKED int hd_stream_check_name(const herald_delivery *delivery, const char *name, struct herald_error *error);
int hd_stream_feed_init(struct hd_stream_feed *feed, int fd);
void hd_stream_feed_release(struct hd_stream_feed *feed);
/* Reads and writes what can be. */
void hd_delivery_feed_stream(herald_delivery *delivery);
/* The transport has sent everything it has, and the flush after it. */
void hd_delivery_on_flushed(herald_delivery *delivery);

/* ---- delivery_people.c ---- */

HERALD_CHECKED int hd_people_init(herald_delivery *delivery, const struct herald_delivery_config *config);
/* Looks at a packet's header: somebody was heard. @return false: it is to be dropped. */
bool hd_people_on_packet(herald_delivery *delivery, const struct herald_peer *from, const uint8_t *packet,
                         size_t packet_bytes);
/* An application acknowledgement came. */
void hd_people_on_answer(herald_delivery *delivery, uint32_t node_id, const uint8_t *content, size_t content_bytes);
/* It has everything up to that object. */
void hd_people_on_acked(herald_delivery *delivery, uint32_t node_id, uint16_t object_id);
struct hd_recipient *hd_people_find(herald_delivery *delivery, uint32_t node_id);
void hd_people_set_state(herald_delivery *delivery, struct hd_recipient *recipient, enum herald_recipient_state state);
/* Nothing more is to be waited for from it. */
bool hd_recipient_is_final(const struct hd_recipient *recipient);
bool hd_recipient_has_all(const struct hd_recipient *recipient);
/* It was expected, or takes part: not only a node id in a packet or two. */
bool hd_recipient_counts(const struct hd_recipient *recipient);
/* Time-outs: who vanished, who is left behind. */
void hd_people_tick(herald_delivery *delivery);
/* Asks all, or no more than those who are not herald, for acknowledgements by watermark. */
void hd_people_list_all(herald_delivery *delivery, bool all);
/* All who are waited for before sending are here. */
bool hd_people_are_here(const herald_delivery *delivery);
/* Some of those have not said that they are herald. */
bool hd_people_has_strangers(const herald_delivery *delivery);
uint32_t hd_people_missing(const herald_delivery *delivery);
/* The least that a live herald recipient has; UINT64_MAX if there is none. */
uint64_t hd_people_least_bytes(const herald_delivery *delivery);
/* It told how much it has. What is more than was sent so far it had before. */
void hd_recipient_set_bytes(struct hd_recipient *recipient, uint64_t bytes, uint64_t sent_bytes);
/* Until the slowest live herald recipient has all, if each goes on as it did so far; HERALD_NEVER: cannot be told. */
uint64_t hd_people_eta_ns(const herald_delivery *delivery, uint64_t all_bytes, uint64_t sent_bytes, uint64_t now_ns);

/* ---- delivery_phase.c ---- */

void hd_delivery_set_phase(herald_delivery *delivery, enum herald_delivery_phase phase);
/* Does what is due in this phase. */
void hd_delivery_step(herald_delivery *delivery);
uint64_t hd_delivery_step_deadline(const herald_delivery *delivery);
/* It cannot go on: says good-bye, and why. */
void hd_delivery_fail(herald_delivery *delivery, int code, const char *cause);
void hd_delivery_on_request_done(herald_delivery *delivery);
void hd_delivery_on_acks_done(herald_delivery *delivery, uint32_t missing_count);

#endif
