/* SPDX-License-Identifier: MIT */
/*
 * Round trips of herald's ask: sends a question, waits for the answers of N responders, and prints the time
 * from the call to the N-th answer, in nanoseconds, one line a round.
 *
 *     bench-ask GROUP IFACE PORT RESPONDERS ROUNDS
 */
#include <herald/herald.h>

#include <stdio.h>
#include <stdlib.h>

static const uint64_t patience_ns = 1000000000;

static _Noreturn void die(const struct herald_error *error)
{
    fprintf(stderr, "bench-ask: %s\n", error->cause);
    exit(3);
}

static int ask_once(herald_sender *sender, uint32_t responders, uint64_t *ret_took_ns)
{
    struct herald_ask_config config = {
        .senders = &sender,
        .sender_count = 1,
        .payload = "question",
        .size_bytes = 8,
        .wait_ns = patience_ns,
        .expect = responders,
    };
    struct herald_error error;
    herald_ask *ask;
    uint64_t start_ns = herald_clock_ns();

    if (herald_ask_new(&ask, &config, start_ns, &error) < 0)
        die(&error);
    int answered = herald_ask_run(ask, NULL, NULL, &error);

    *ret_took_ns = herald_clock_ns() - start_ns;
    if (answered < 0)
        die(&error);
    herald_ask_free(ask);
    return answered;
}

int main(int argc, char **argv)
{
    struct herald_sender_config config = { .ttl = 0 };
    char text[HERALD_ENDPOINT_TEXT_BYTES];
    herald_sender *sender;
    struct herald_error error;

    if (argc != 6) {
        fprintf(stderr, "usage: %s GROUP IFACE PORT RESPONDERS ROUNDS\n", argv[0]);
        return 2;
    }
    snprintf(text, sizeof(text), "%s%%%s:%s", argv[1], argv[2], argv[3]);
    if (herald_endpoint_parse(text, &config.endpoint, &error) < 0 || herald_sender_new(&sender, &config, &error) < 0)
        die(&error);

    uint32_t responders = (uint32_t)atoi(argv[4]);

    for (int rounds = atoi(argv[5]); rounds > 0; rounds--) {
        uint64_t took_ns;

        if (ask_once(sender, responders, &took_ns) == (int)responders)
            printf("%llu\n", (unsigned long long)took_ns);
        else
            puts("incomplete");
    }
    herald_sender_free(sender);
    return 0;
}
