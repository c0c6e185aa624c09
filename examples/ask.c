/* SPDX-License-Identifier: MIT */
/* Asks everyone in a group, and counts who answers. The README shows it from here on. */
#include <herald/herald.h>
#include <stdio.h>

int main(void)
{
    struct herald_sender_config to = { .ttl_given = true, .ttl = 2 }; /* what is not set has its default */
    herald_sender *sender = NULL;
    struct herald_ask_config question = { .senders = &sender, .sender_count = 1, .payload = "hello", .size_bytes = 5 };
    herald_ask *ask = NULL;
    struct herald_error error;
    int count = herald_endpoint_parse("239.1.2.3:10000", &to.endpoint, &error);

    if (count == 0 && (count = herald_sender_new(&sender, &to, &error)) == 0 &&
        (count = herald_ask_new(&ask, &question, herald_clock_ns(), &error)) == 0)
        count = herald_ask_run(ask, NULL, NULL, &error);
    if (count < 0)
        printf("%s\n", error.cause);
    else
        printf("%d answered\n", count);
    herald_ask_free(ask);
    herald_sender_free(sender);
    return count < 0;
}
