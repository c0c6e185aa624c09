/* SPDX-License-Identifier: MIT */
/* What herald doctor --peer compared: a table of all that went there and came back. */
#include "doctor.h"

#include <stdio.h>

struct trial {
    const char *test;
    uint64_t size_bytes;
    const char *way; /* there */
    uint64_t sent;
    int64_t arrived;
    int64_t answers_unicast;
    int64_t answers_multicast;
    int64_t by_unicast;
    int64_t by_multicast;
    const char *lost; /* for people */
    int64_t lost_there;
    int64_t lost_back_unicast;
    int64_t lost_back_multicast;
    int64_t unicast_ns;
    int64_t multicast_ns;
};

#define TRIAL(name, type, member, heading)                                                     \
 {                                                                                             \
  .key = (name), .kind = (type), .offset = offsetof(struct trial, member), .before = (heading) \
 }

static const struct field trial_fields[] = {
    TRIAL("test", FIELD_TEXT, test, "TEST"),
    TRIAL("size", FIELD_SIZE, size_bytes, "SIZE"),
    TRIAL("way", FIELD_TEXT, way, "THERE BY"),
    TRIAL("sent", FIELD_NUMBER, sent, "SENT"),
    TRIAL("arrived", FIELD_INTEGER, arrived, "ARRIVED"),
    TRIAL("lost_there", FIELD_INTEGER, lost_there, NULL),
    TRIAL("answers_unicast", FIELD_INTEGER, answers_unicast, NULL),
    TRIAL("answers_multicast", FIELD_INTEGER, answers_multicast, NULL),
    TRIAL("by_unicast", FIELD_INTEGER, by_unicast, "BACK BY UNICAST"),
    TRIAL("by_multicast", FIELD_INTEGER, by_multicast, "BY MULTICAST"),
    TRIAL("lost_back_unicast", FIELD_INTEGER, lost_back_unicast, NULL),
    TRIAL("lost_back_multicast", FIELD_INTEGER, lost_back_multicast, NULL),
    TRIAL("lost", FIELD_TEXT, lost, "LOST"),
    TRIAL("unicast", FIELD_DURATION, unicast_ns, "UNICAST"),
    TRIAL("multicast", FIELD_DURATION, multicast_ns, "MULTICAST"),
    { .key = NULL },
};

enum { LOST_BYTES = 48 };

static int64_t difference(int64_t all, int64_t some)
{
    return all < 0 || some < 0 ? -1 : all > some ? all - some : 0;
}

/* "none", "2 there", "3 back": of the way back the better one. */
static void say_lost(const struct trial *row, char ret_text[LOST_BYTES])
{
    int64_t back = row->lost_back_unicast;

    if (row->lost_back_multicast >= 0 && (back < 0 || row->lost_back_multicast < back))
        back = row->lost_back_multicast;
    if (row->arrived < 0)
        (void)snprintf(ret_text, LOST_BYTES, "?");
    else if (row->lost_there > 0)
        (void)snprintf(ret_text, LOST_BYTES, "%lld there", (long long)row->lost_there);
    else if (back > 0)
        (void)snprintf(ret_text, LOST_BYTES, "%lld back", (long long)back);
    else
        (void)snprintf(ret_text, LOST_BYTES, "0");
}

void doctor_report_trials(struct output *output, const herald_doctor *doctor)
{
    struct herald_doctor_trial trials[HERALD_DOCTOR_TRIALS_MAX];
    struct trial rows[HERALD_DOCTOR_TRIALS_MAX];
    char lost[HERALD_DOCTOR_TRIALS_MAX][LOST_BYTES];
    size_t count = herald_doctor_trials(doctor, trials, HERALD_DOCTOR_TRIALS_MAX);

    if (count == 0 || output->quiet)
        return;
    for (size_t i = 0; i < count; i++) {
        const struct herald_doctor_trial *trial = &trials[i];

        rows[i] = (struct trial){
            .test = trial->what,
            .size_bytes = trial->size_bytes,
            .way = trial->by_multicast ? "multicast" : "unicast",
            .sent = trial->sent,
            .arrived = trial->arrived,
            .answers_unicast = trial->answers_unicast,
            .answers_multicast = trial->answers_multicast,
            .by_unicast = trial->came_unicast,
            .by_multicast = trial->came_multicast,
            .lost_there = difference((int64_t)trial->sent, trial->arrived),
            .lost_back_unicast = difference(trial->answers_unicast, trial->came_unicast),
            .lost_back_multicast = difference(trial->answers_multicast, trial->came_multicast),
            .unicast_ns = trial->unicast_ns,
            .multicast_ns = trial->multicast_ns,
        };
        say_lost(&rows[i], lost[i]);
        rows[i].lost = output->json ? NULL : lost[i];
    }
    if (!output->json)
        (void)output_text(output, OUTPUT_DATA, "\n", 1);
    (void)output_table(output, OUTPUT_DATA, "trial", trial_fields, rows, sizeof *rows, count);
}
