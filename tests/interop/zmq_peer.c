/* SPDX-License-Identifier: MIT */
/*
 * libzmq's norm:// transport, for tests of herald's streams against it, and the bytes that it makes of messages.
 *
 *   zmq_peer publish MESSAGE FILE ENDPOINT            sends FILE by a PUB socket, until a signal ends it
 *   zmq_peer subscribe MESSAGE FILE ENDPOINT BYTES    receives BYTES by a SUB socket, checks how they are divided
 *                                                     into frames, and writes them to FILE
 *   zmq_peer frame MESSAGE FILE                       writes to standard output what `publish` makes of FILE
 *
 * FILE is divided into frames; three of them are a message. With all that is around it, frame number i takes
 * peer_message_bytes(i) bytes of the stream, where MESSAGE is the maximum: so a sender of streams that marks messages
 * of that length marks the frames.
 *
 * In NORM the socket is one stream without INFO, and a frame is a message of it: a byte that is 0 if the frame is the
 * first of its message and 255 if it is not, then a frame of ZMTP 2.0. That is a byte of flags (1: more frames of the
 * message follow, 2: the length is long), the length (1 byte, or 8 if long), and the content.
 */
#include "peer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zmq.h>

enum {
    FRAMES_OF_MESSAGE = 3,
    FLAG_MORE = 1,
    FLAG_LONG = 2,
    NOT_THE_FIRST = 0xff,
    SHORT_MAX_BYTES = 255,
    SHORT_HEADER_BYTES = 3,
    LONG_HEADER_BYTES = 10,
};

struct frame {
    unsigned index;
    size_t size_bytes;
    bool more;
};

/* What follows after `done_bytes` of `size_bytes`; `index` is the frame's. */
static struct frame next_frame(const struct peer_options *options, unsigned index, size_t done_bytes, size_t size_bytes)
{
    size_t taken_bytes = peer_message_bytes(options, index);
    size_t left_bytes = size_bytes - done_bytes;
    struct frame frame = { .index = index };

    if (taken_bytes <= SHORT_HEADER_BYTES + SHORT_MAX_BYTES)
        frame.size_bytes = taken_bytes - SHORT_HEADER_BYTES;
    else
        frame.size_bytes = taken_bytes - LONG_HEADER_BYTES;
    if (frame.size_bytes > left_bytes)
        frame.size_bytes = left_bytes;
    frame.more = frame.size_bytes < left_bytes && index % FRAMES_OF_MESSAGE != FRAMES_OF_MESSAGE - 1;
    return frame;
}

static void must(bool is_good, const char *what)
{
    if (!is_good)
        peer_die("%s: %s", what, zmq_strerror(errno));
}

static void *open_socket(void *context, int type, const char *endpoint)
{
    void *socket = zmq_socket(context, type);
    int unlimited = 0;

    must(socket != NULL, "socket");
    must(zmq_setsockopt(socket, ZMQ_SNDHWM, &unlimited, sizeof unlimited) == 0, "ZMQ_SNDHWM");
    must(zmq_setsockopt(socket, ZMQ_RCVHWM, &unlimited, sizeof unlimited) == 0, "ZMQ_RCVHWM");
    if (type == ZMQ_SUB)
        must(zmq_setsockopt(socket, ZMQ_SUBSCRIBE, "", 0) == 0, "ZMQ_SUBSCRIBE");
    must(zmq_connect(socket, endpoint) == 0, endpoint);
    return socket;
}

static void publish(const struct peer_options *options, const struct peer_content *content, const char *endpoint)
{
    void *socket = open_socket(zmq_ctx_new(), ZMQ_PUB, endpoint);
    size_t done_bytes = 0;

    for (unsigned i = 0; done_bytes < content->size_bytes; i++) {
        struct frame frame = next_frame(options, i, done_bytes, content->size_bytes);
        int sent = zmq_send(socket, content->bytes + done_bytes, frame.size_bytes, frame.more ? ZMQ_SNDMORE : 0);

        must(sent >= 0, "send");
        done_bytes += frame.size_bytes;
    }
    peer_print("ready");
    for (;;) /* what it is given it only sends as long as it lives */
        (void)zmq_poll(NULL, 0, -1);
}

static void subscribe(const struct peer_options *options, const char *path, const char *endpoint, size_t size_bytes)
{
    void *socket = open_socket(zmq_ctx_new(), ZMQ_SUB, endpoint);
    struct peer_content content = { .bytes = NULL };
    unsigned frames = 0, wrong = 0;
    FILE *file;

    peer_print("ready");
    while (content.size_bytes < size_bytes) {
        struct frame frame = next_frame(options, frames++, content.size_bytes, size_bytes);
        zmq_msg_t message;

        must(zmq_msg_init(&message) == 0 && zmq_msg_recv(&message, socket, 0) >= 0, "receive");
        wrong += zmq_msg_size(&message) != frame.size_bytes || (zmq_msg_more(&message) != 0) != frame.more;
        peer_append(&content, zmq_msg_data(&message), zmq_msg_size(&message));
        zmq_msg_close(&message);
    }
    file = fopen(path, "wb");
    if (file == NULL || fwrite(content.bytes, 1, content.size_bytes, file) != content.size_bytes || fclose(file) != 0)
        peer_die("%s: %s", path, strerror(errno));
    free(content.bytes);
    peer_print("complete %zu frames=%u wrong=%u", content.size_bytes, frames, wrong);
}

static void write_frames(const struct peer_options *options, const struct peer_content *content)
{
    bool is_first = true;
    size_t done_bytes = 0;

    for (unsigned i = 0; done_bytes < content->size_bytes; i++) {
        struct frame frame = next_frame(options, i, done_bytes, content->size_bytes);
        bool is_long = frame.size_bytes > SHORT_MAX_BYTES;

        putchar(is_first ? 0 : NOT_THE_FIRST);
        putchar((frame.more ? FLAG_MORE : 0) | (is_long ? FLAG_LONG : 0));
        for (int shift = is_long ? 56 : 0; shift >= 0; shift -= 8)
            putchar((int)(frame.size_bytes >> shift & 0xff));
        fwrite(content->bytes + done_bytes, 1, frame.size_bytes, stdout);
        is_first = !frame.more;
        done_bytes += frame.size_bytes;
    }
    if (fflush(stdout) != 0)
        peer_die("standard output: %s", strerror(errno));
}

int main(int argc, char **argv)
{
    const char *verb = argc > 3 ? argv[1] : "";
    struct peer_options options = { .message_bytes_max = argc > 3 ? (unsigned)strtoul(argv[2], NULL, 10) : 0 };
    struct peer_content content = { .bytes = NULL };

    if (options.message_bytes_max < 2 * LONG_HEADER_BYTES)
        peer_die("usage: %s publish|subscribe|frame MESSAGE FILE [ENDPOINT [BYTES]]", argv[0]);
    if (!zmq_has("norm"))
        peer_die("libzmq was built without norm://");
    if (strcmp(verb, "subscribe") != 0)
        content = peer_load(argv[3]);
    if (strcmp(verb, "publish") == 0 && argc == 5)
        publish(&options, &content, argv[4]);
    else if (strcmp(verb, "subscribe") == 0 && argc == 6)
        subscribe(&options, argv[3], argv[4], strtoul(argv[5], NULL, 10));
    else if (strcmp(verb, "frame") == 0 && argc == 4)
        write_frames(&options, &content);
    else
        peer_die("usage: %s publish|subscribe|frame MESSAGE FILE [ENDPOINT [BYTES]]", argv[0]);
    free(content.bytes);
    return 0;
}
