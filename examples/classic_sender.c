/* SPDX-License-Identifier: MIT */
/*
 * The classic sender: multicasts a message once and prints every answer until none comes any more.
 *
 *     cc classic_sender.c $(pkg-config --cflags --libs libherald) -o classic_sender
 *     ./classic_sender 239.1.2.3:10000 'very important data'
 */
#include <herald/herald.h>

#include <stdio.h>
#include <string.h>

static void print_response(void *userdata, const struct herald_response *response)
{
    char from[HERALD_ENDPOINT_TEXT_BYTES];

    (void)userdata;
    herald_peer_format(&response->peer, NULL, from, sizeof(from));
    printf("received \"%.*s\" from %s after %lld us\n", (int)response->size_bytes, (const char *)response->payload,
           from, (long long)response->round_trip_ns / 1000);
}

int main(int argc, char **argv)
{
    struct herald_sender_config to = { 0 }; /* zero is every default: TTL 1, loopback on, interface by route */
    struct herald_ask_config question = { 0 };
    struct herald_error error;
    herald_sender *sender = NULL;
    herald_ask *ask = NULL;
    int responders = -1;

    if (argc != 3) {
        fprintf(stderr, "usage: %s GROUP:PORT MESSAGE\n", argv[0]);
        return 2;
    }
    question.senders = &sender;
    question.sender_count = 1;
    question.payload = argv[2];
    question.size_bytes = strlen(argv[2]);

    if (herald_endpoint_parse(argv[1], &to.endpoint, &error) == 0 && herald_sender_new(&sender, &to, &error) == 0 &&
        herald_ask_new(&ask, &question, herald_clock_ns(), &error) == 0)
        responders = herald_ask_run(ask, print_response, NULL, &error);
    if (responders < 0)
        fprintf(stderr, "%s: %s\n", argv[0], error.cause);
    else
        printf("%d responders\n", responders);

    herald_ask_free(ask);
    herald_sender_free(sender);
    return responders < 0 ? 3 : 0;
}
