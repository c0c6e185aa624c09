// SPDX-License-Identifier: MIT
//
// A file by NRL's libnorm, as a program of few lines would use it.
//
//     bench-copy-norm send FILE GROUP PORT IFACE NODE MBIT PARITY RECEIVER-NODE...
//     bench-copy-norm receive DIRECTORY GROUP PORT IFACE NODE
//
// The sender ends when all have acknowledged, with status 1 if some have not. A receiver prints "complete" when it has
// the file, as DIRECTORY/file, and stays: the sender may still ask.
#include <normApi.h>

#include <poll.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace
{

constexpr UINT32 POOL_BYTES = 16 << 20;
constexpr unsigned SOCKET_BUFFER_BYTES = 4 << 20; // as all programs here
constexpr UINT16 SEGMENT_BYTES = 1400, BLOCK_SEGMENTS = 64;
constexpr double GRTT_S = 0.01; // to begin with: it is measured from then on
constexpr int OBJECTS_MAX = 16;

[[noreturn]] void die(const char *what)
{
    fprintf(stderr, "bench-copy-norm: %s\n", what);
    exit(3);
}

void wait_for_event(NormInstanceHandle instance)
{
    pollfd wait = { NormGetDescriptor(instance), POLLIN, 0 };

    (void)poll(&wait, 1, -1);
}

NormSessionHandle new_session(NormInstanceHandle instance, char **arguments)
{
    NormSessionHandle session = NormCreateSession(instance, arguments[0], UINT16(atoi(arguments[1])),
                                                  NormNodeId(atoi(arguments[3])));

    if (session == NORM_SESSION_INVALID)
        die("no session");
    NormSetRxPortReuse(session, true);
    NormSetMulticastInterface(session, arguments[2]);
    return session;
}

// How many have not acknowledged.
int count_missing(NormSessionHandle session)
{
    NormNodeId node = NORM_NODE_NONE;
    NormAckingStatus status;
    int missing = 0;

    while (NormGetNextAckingNode(session, &node, &status))
        missing += status != NORM_ACK_SUCCESS;
    return missing;
}

int send_file(NormInstanceHandle instance, const char *path, char **arguments, int count)
{
    NormSessionHandle session = new_session(instance, arguments);
    UINT16 parity = UINT16(atoi(arguments[5]));

    NormSetTxRate(session, atof(arguments[4]) * 1e6);
    NormSetGrttEstimate(session, GRTT_S);
    NormSetTxCacheBounds(session, NormSize(1) << 32, 1, OBJECTS_MAX);
    for (int i = 6; i < count; i++)
        NormAddAckingNode(session, NormNodeId(atoi(arguments[i])));
    if (!NormStartSender(session, NormGetRandomSessionId(), POOL_BYTES, SEGMENT_BYTES, BLOCK_SEGMENTS, parity))
        die("NormStartSender failed");
    NormSetTxSocketBuffer(session, SOCKET_BUFFER_BYTES); // only now there is a socket
    NormObjectHandle object = NormFileEnqueue(session, path, "file", 4);
    if (object == NORM_OBJECT_INVALID)
        die("the file cannot be sent");
    NormSetWatermark(session, object, true);
    for (;;) {
        NormEvent event;

        wait_for_event(instance);
        while (NormGetNextEvent(instance, &event, false)) {
            if (event.type == NORM_TX_OBJECT_PURGED)
                die("the file was given up");
            if (event.type == NORM_TX_WATERMARK_COMPLETED)
                return count_missing(session) > 0;
        }
    }
}

void store(NormObjectHandle object, const std::string &directory)
{
    char path[4096];
    std::string name = directory + "/file";

    NormFileGetName(object, path, sizeof(path));
    if (rename(path, name.c_str()) < 0)
        die("cannot rename what was received");
    puts("complete");
    fflush(stdout);
}

void receive_file(NormInstanceHandle instance, const char *directory, char **arguments)
{
    NormSessionHandle session = new_session(instance, arguments);

    NormSetCacheDirectory(instance, directory);
    if (!NormStartReceiver(session, POOL_BYTES))
        die("NormStartReceiver failed");
    NormSetRxSocketBuffer(session, SOCKET_BUFFER_BYTES); // only now there is a socket
    for (;;) {
        NormEvent event;

        wait_for_event(instance);
        while (NormGetNextEvent(instance, &event, false)) {
            if (event.type == NORM_RX_OBJECT_COMPLETED)
                store(event.object, directory);
            else if (event.type == NORM_RX_OBJECT_ABORTED)
                die("reception was given up");
        }
    }
}

} // namespace

int main(int argc, char **argv)
{
    NormInstanceHandle instance = NormCreateInstance();

    if (argc > 9 && strcmp(argv[1], "send") == 0)
        return send_file(instance, argv[2], argv + 3, argc - 3);
    if (argc == 7 && strcmp(argv[1], "receive") == 0)
        receive_file(instance, argv[2], argv + 3);
    die("wrong arguments");
}
