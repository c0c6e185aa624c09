/* SPDX-License-Identifier: MIT */
/*
 * Reliable delivery of one message, and its receipt:
 *
 *     delivery 239.1.2.3:10000                 receives one object into memory, prints it, and confirms it
 *     delivery 239.1.2.3:10000 "hello"         sends to everyone who is there, and waits for their receipts
 */
#include <herald/herald.h>

#include <stdio.h>
#include <string.h>

static void print_recipient(void *user, const struct herald_delivery_event *event)
{
    (void)user;
    if (event->kind == HERALD_DELIVERY_RECIPIENT && event->recipient->state == HERALD_RECIPIENT_COMPLETE)
        printf("%s has it\n", event->recipient->host);
}

/* @return the number of receivers that lack it; -errno */
static int send_message(const struct herald_endpoint *endpoint, const char *message, struct herald_error *error)
{
    const struct herald_delivery_config config = { .endpoint = *endpoint }; /* the rest has its defaults */
    herald_delivery *delivery = NULL;
    int r = herald_delivery_new(&delivery, &config, error);

    if (r == 0 && (r = herald_delivery_add_bytes(delivery, "greeting", message, strlen(message), error)) == 0)
        r = herald_delivery_run(delivery, print_recipient, NULL, error);
    herald_delivery_free(delivery);
    return r;
}

static void print_object(void *user, const struct herald_inbox_event *event)
{
    (void)user;
    if (event->kind == HERALD_INBOX_DONE)
        printf("%s: %.*s\n", event->object.name, (int)event->object.size_bytes, (const char *)event->object.bytes);
}

/* @return the number of objects that failed; -errno */
static int receive_message(const struct herald_endpoint *endpoint, struct herald_error *error)
{
    const struct herald_inbox_config config = { .endpoint = *endpoint, .kind = HERALD_INBOX_MEMORY, .count = 1 };
    herald_inbox *inbox = NULL;
    int r = herald_inbox_new(&inbox, &config, error);

    if (r == 0) {
        printf("waiting\n");
        fflush(stdout);
        r = herald_inbox_run(inbox, print_object, NULL, error);
    }
    herald_inbox_free(inbox);
    return r;
}

int main(int count, char **arguments)
{
    struct herald_endpoint endpoint;
    struct herald_error error;
    int r;

    if (count < 2 || count > 3) {
        fprintf(stderr, "usage: %s GROUP:PORT [MESSAGE]\n", arguments[0]);
        return 2;
    }
    r = herald_endpoint_parse(arguments[1], &endpoint, &error);
    if (r == 0)
        r = count == 3 ? send_message(&endpoint, arguments[2], &error) : receive_message(&endpoint, &error);
    if (r < 0)
        fprintf(stderr, "%s\n", error.cause);
    return r != 0;
}
