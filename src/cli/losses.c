/* SPDX-License-Identifier: MIT */
#include "losses.h"

struct cause_record {
    int64_t least; /* -1: no bound, or nothing can have been lost there */
    int64_t most;
    int64_t likely;
};

struct loss_record {
    const char *text;
    const char *advice;
    const char *main_cause;
    uint64_t lost;
    int64_t missing; /* -1: there are no sequence numbers */
    struct cause_record causes[HERALD_LOSS_CAUSE_COUNT];
};

#define LOSS(key, kind, member, before, after)                   \
 {                                                               \
  key, kind, offsetof(struct loss_record, member), before, after \
 }
#define CAUSE(key, cause)                                              \
 LOSS(key "_least", FIELD_INTEGER, causes[cause].least, NULL, NULL),   \
     LOSS(key "_most", FIELD_INTEGER, causes[cause].most, NULL, NULL), \
     LOSS(key "_likely", FIELD_INTEGER, causes[cause].likely, NULL, NULL)

static const struct field loss_fields[] = {
    LOSS("text", FIELD_TEXT, text, "", ""),
    LOSS("advice", FIELD_TEXT, advice, "\n  try: ", ""),
    LOSS("main_cause", FIELD_TEXT, main_cause, NULL, NULL),
    LOSS("lost", FIELD_NUMBER, lost, NULL, NULL),
    LOSS("missing", FIELD_INTEGER, missing, NULL, NULL),
    CAUSE("network", HERALD_LOSS_NETWORK),
    CAUSE("nic", HERALD_LOSS_NIC),
    CAUSE("backlog", HERALD_LOSS_BACKLOG),
    CAUSE("rp_filter", HERALD_LOSS_RP_FILTER),
    CAUSE("firewall", HERALD_LOSS_FIREWALL),
    CAUSE("fragments", HERALD_LOSS_FRAGMENTS),
    CAUSE("checksum", HERALD_LOSS_CHECKSUM),
    CAUSE("memory", HERALD_LOSS_MEMORY),
    CAUSE("receive_buffer", HERALD_LOSS_RECEIVE_BUFFER),
    { NULL, FIELD_TEXT, 0, NULL, NULL },
};

static int64_t bounded(uint64_t number)
{
    return number > INT64_MAX ? -1 : (int64_t)number;
}

void losses_report(struct output *output, const struct herald_loss_report *report)
{
    struct loss_record record = {
        .text = report->text,
        .advice = report->advice[0] != '\0' ? report->advice : NULL,
        .main_cause = herald_loss_cause_name(report->main_cause),
        .lost = report->lost,
        .missing = report->missing_is_known ? bounded(report->missing) : -1,
    };

    if (report->text[0] == '\0')
        return;
    for (int i = 0; i < HERALD_LOSS_CAUSE_COUNT; i++) {
        const struct herald_loss_part *part = &report->parts[i];

        record.causes[i] = part->most == 0 ? (struct cause_record){ -1, -1, -1 }
                                           : (struct cause_record){ bounded(part->least), bounded(part->most),
                                                                    bounded(part->likely) };
    }
    (void)output_record(output, OUTPUT_MESSAGE, "loss", loss_fields, &record);
}
