/* SPDX-License-Identifier: MIT */
/*
 * The classic receiver: joins a group on all interfaces, prints what arrives, and answers "ack".
 *
 *     cc classic_receiver.c $(pkg-config --cflags --libs libherald) -o classic_receiver
 *     ./classic_receiver 239.1.2.3:10000
 */
#include <herald/herald.h>

#include <stdio.h>

/* Prints and acknowledges every datagram of a run; a run is one datagram unless many came at once. */
static void handle(herald_receiver *receiver, const struct herald_run *run)
{
    char from[HERALD_ENDPOINT_TEXT_BYTES];
    struct herald_error error;

    herald_peer_format(&run->source, NULL, from, sizeof(from));
    for (size_t i = 0; i < herald_run_count(run); i++) {
        size_t size_bytes;
        const uint8_t *payload = herald_run_datagram(run, i, &size_bytes);

        printf("received %zu bytes from %s: \"%.*s\"\n", size_bytes, from, (int)size_bytes, (const char *)payload);
        if (herald_receiver_reply(receiver, &run->source, run->group_port, "ack", 3, &error) < 0)
            fprintf(stderr, "no ack to %s: %s\n", from, error.cause);
    }
    fflush(stdout);
}

int main(int argc, char **argv)
{
    struct herald_endpoint group;
    struct herald_receiver_config config = { .endpoints = &group, .endpoint_count = 1 };
    struct herald_run runs[HERALD_RUNS_MAX];
    struct herald_error error;
    herald_receiver *receiver;
    int count;

    if (argc != 2 || herald_endpoint_parse(argv[1], &group, &error) < 0 ||
        herald_receiver_new(&receiver, &config, &error) < 0) {
        fprintf(stderr, "%s: %s\n", argv[0], argc == 2 ? error.cause : "usage: classic_receiver GROUP:PORT");
        return argc == 2 ? 3 : 2;
    }
    fprintf(stderr, "listening to %s\n", argv[1]);

    /* Until Ctrl-C. Interfaces may come and go meanwhile: herald_receiver_process() follows them. */
    do {
        count = herald_receiver_wait(receiver, HERALD_NEVER);
        if (count == 0)
            count = herald_receiver_process(receiver, herald_clock_ns());
        while (count >= 0 && (count = herald_receiver_receive(receiver, runs, HERALD_RUNS_MAX)) > 0)
            for (int i = 0; i < count; i++)
                handle(receiver, &runs[i]);
    } while (count >= 0);
    herald_receiver_free(receiver);
    return 3;
}
