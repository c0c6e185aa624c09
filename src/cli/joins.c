/* SPDX-License-Identifier: MIT */
#include "joins.h"

#include <stdio.h>
#include <sys/resource.h>

struct membership_record {
    const char *what;
    const char *interface;
    const char *text;
    uint64_t groups;
    const char *cause;
};

#define MEMBERSHIP(key, kind, member, before, after)                   \
 {                                                                     \
  key, kind, offsetof(struct membership_record, member), before, after \
 }

static const struct field membership_fields[] = {
    MEMBERSHIP("text", FIELD_TEXT, text, "", ""),
    MEMBERSHIP("what", FIELD_TEXT, what, NULL, NULL),
    MEMBERSHIP("interface", FIELD_TEXT, interface, NULL, NULL),
    MEMBERSHIP("groups", FIELD_NUMBER, groups, NULL, NULL),
    MEMBERSHIP("cause", FIELD_TEXT, cause, ": ", ""),
    { NULL, FIELD_TEXT, 0, NULL, NULL },
};

void joins_report(struct output *messages, const struct herald_receiver_event *event)
{
    struct membership_record record = { .interface = event->interface, .groups = event->group_count };
    const char *before = "";
    const char *after = "";
    char text[64];

    switch (event->kind) {
    case HERALD_RECEIVER_JOINED:
        record.what = "joined";
        before = "joined on ";
        break;
    case HERALD_RECEIVER_REJOINED:
        record.what = "rejoined";
        before = "rejoined on ";
        break;
    case HERALD_RECEIVER_LOST:
        record.what = "lost";
        after = event->group_count > 0 ? " lost carrier" : " has no carrier; waiting for it";
        break;
    case HERALD_RECEIVER_DOWN:
        record.what = "down";
        after = event->group_count > 0 ? " was set down" : " is down; waiting for it";
        break;
    case HERALD_RECEIVER_GONE:
        record.what = "gone";
        after = " is gone";
        break;
    case HERALD_RECEIVER_JOIN_FAILED:
        record.what = "failed";
        before = "not joined on ";
        record.cause = event->error.cause;
        break;
    }
    snprintf(text, sizeof(text), "%s%s%s", before, event->interface, after);
    record.text = text;
    output_record(messages, OUTPUT_MESSAGE, "membership", membership_fields, &record);
}

/* The soft limit of 1,024 is for programs that use select(). */
void joins_raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}
