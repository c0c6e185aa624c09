/* SPDX-License-Identifier: MIT */
/* How long a delivery will take yet: by what was sent, and by what each got that it did not have before. */
#include "delivery.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

enum { PEOPLE_MAX = 2 };

#define S(n) (UINT64_C(1000000000) * (n))

/* What one told, the first time and now; and how much was sent then. */
struct person {
    uint64_t had_bytes, had_sent_bytes;
    uint64_t bytes;
    uint64_t since_s;
    enum herald_recipient_state state;
    bool is_stranger;
};

/* Of 1000 bytes, by a delivery that began to send at 100 s. */
static const struct {
    const char *name;
    uint64_t now_s, sent_bytes;
    struct person people[PEOPLE_MAX];
    uint64_t eta_s; /* UINT64_MAX: never */
} rows[] = {
    { "as fast as it is sent", 110, 500, { { .bytes = 500 } }, 10 },
    { "slower than it is sent", 110, 500, { { .bytes = 250 } }, 30 },
    { "the slowest counts", 110, 500, { { .bytes = 500 }, { .bytes = 100 } }, 90 },
    { "who has it counts not",
      110,
      500,
      { { .bytes = 500 }, { .bytes = 1000, .state = HERALD_RECIPIENT_COMPLETE } },
      10 },
    { "half of it was here", 110, 100, { { .had_bytes = 500, .bytes = 500 } }, 90 },
    { "and then it got more", 160, 600, { { .had_bytes = 500, .bytes = 600 } }, 40 },
    { "it came when some was sent", 110, 100, { { .had_bytes = 510, .had_sent_bytes = 10, .bytes = 510 } }, 90 },
    { "all is sent, one is slow", 120, 1000, { { .had_bytes = 500, .bytes = 600 } }, 80 },
    { "all is sent, and nothing new has come", 120, 1000, { { .had_bytes = 500, .bytes = 500 } }, UINT64_MAX },
    { "all is sent, and has arrived", 120, 1000, { { .bytes = 1000 } }, 0 },
    { "who came late is as fast as it was since", 120, 1000, { { .bytes = 500, .since_s = 110 } }, 10 },
    { "nothing has arrived", 110, 500, { { .bytes = 0 } }, UINT64_MAX },
    { "nothing is sent", 110, 0, { { .bytes = 0 } }, UINT64_MAX },
    { "nobody is there", 110, 500, { { .is_stranger = true } }, UINT64_MAX },
    { "it has only just begun", 100, 0, { { .bytes = 0 } }, UINT64_MAX },
};

static void set_person(struct hd_recipient *recipient, const struct person *person)
{
    recipient->since_ns = S(person->since_s);
    recipient->facts.is_herald = !person->is_stranger;
    recipient->facts.state = person->state != HERALD_RECIPIENT_EXPECTED ? person->state : HERALD_RECIPIENT_RECEIVING;
    hd_recipient_set_bytes(recipient, person->had_bytes, person->had_sent_bytes);
}

static void it_takes_as_long_as_the_slowest_will(void **state)
{
    herald_delivery *delivery = calloc(1, sizeof(*delivery));

    (void)state;
    assert_non_null(delivery);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct hd_recipient people[PEOPLE_MAX] = { { .is_told = false } };
        uint64_t wanted_ns = rows[i].eta_s == UINT64_MAX ? HERALD_NEVER : S(rows[i].eta_s);
        uint64_t eta_ns;

        delivery->people = people;
        delivery->people_count = 0;
        delivery->begin_ns = S(100);
        for (const struct person *person = rows[i].people; delivery->people_count < PEOPLE_MAX; person++) {
            bool is_none = delivery->people_count > 0 && person->bytes == 0;

            if (is_none)
                break;
            set_person(&people[delivery->people_count], person);
            hd_recipient_set_bytes(&people[delivery->people_count++], person->bytes, rows[i].sent_bytes);
        }
        eta_ns = hd_people_eta_ns(delivery, 1000, rows[i].sent_bytes, S(rows[i].now_s));
        if (eta_ns != wanted_ns)
            fail_msg("%s: %llu ns", rows[i].name, (unsigned long long)eta_ns);
    }
    free(delivery);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(it_takes_as_long_as_the_slowest_will) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
