// SPDX-License-Identifier: MIT
//
// NRL's libnorm on a socket, for tests of herald's NORM core against it: see peer.h.
#include "peer.h"

#include <normApi.h>

#include <poll.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <vector>

namespace
{

constexpr UINT32 BUFFER_BYTES = 8 << 20; // with much more the first packets wait while libnorm fills its pools
constexpr int WAIT_MS = 50;

class Sender
{
  public:
    Sender(NormSessionHandle session, const peer_options &options) : session_(session), options_(options)
    {
        NormSetTxRate(session, options.rate_bytes_per_s * 8);
        NormSetGrttEstimate(session, options.grtt_s);
        NormSetCongestionControl(session, options.congestion_control);
        if (options.congestion_control)
            NormSetTxRateBounds(session, 1e5, 1e9);
        NormSetTxRobustFactor(session, int(options.robust_factor));
        NormSetTxCacheBounds(session, NormSize(1) << 32, PEER_OBJECTS_MAX, PEER_OBJECTS_MAX);
        if (!NormStartSender(session, NormGetRandomSessionId(), BUFFER_BYTES, UINT16(options.segment_bytes),
                             UINT16(options.block_segments), UINT16(options.parity_segments), UINT8(options.fec_id)))
            peer_die("NormStartSender failed");
        NormSetAutoParity(session, static_cast<unsigned char>(options.proactive_parity));
        for (unsigned i = 0; i < options.ack_nodes_count; i++)
            NormAddAckingNode(session, options.ack_nodes[i]);
        for (int i = 0; i < options.files_count; i++)
            contents_.push_back(peer_load(options.files[i]));
    }

    ~Sender()
    {
        NormStopSender(session_);
        for (const peer_content &content : contents_)
            free(content.bytes);
    }

    void start()
    {
        for (int i = 0; i < options_.files_count; i++)
            enqueue(i);
        if (options_.kind == PEER_STREAM)
            write_stream();
        else
            ask_for_acks();
    }

    void handle(const NormEvent &event)
    {
        switch (event.type) {
        case NORM_TX_QUEUE_VACANCY:
        case NORM_TX_QUEUE_EMPTY:
            if (options_.kind == PEER_STREAM)
                write_stream();
            break;
        case NORM_TX_WATERMARK_COMPLETED:
            report_acks();
            break;
        case NORM_TX_FLUSH_COMPLETED:
            peer_print("flushed");
            break;
        case NORM_TX_OBJECT_PURGED:
            peer_print("aborted: purged");
            break;
        default:
            break;
        }
    }

    bool is_done() const
    {
        return is_done_;
    }

    int exit_status() const
    {
        return is_done_ && failed_ == 0 ? 0 : options_.ack_nodes_count > 0;
    }

  private:
    void enqueue(int index)
    {
        const char *path = options_.files[index], *name = peer_base_name(path);
        const peer_content &content = contents_[size_t(index)];
        unsigned name_bytes = options_.no_info ? 0 : unsigned(strlen(name));

        if (options_.kind == PEER_FILE)
            object_ = NormFileEnqueue(session_, path, name, name_bytes);
        else if (options_.kind == PEER_DATA)
            object_ = NormDataEnqueue(session_, content.bytes, UINT32(content.size_bytes), name, name_bytes);
        else
            object_ = NormStreamOpen(session_, options_.stream_bytes, name, name_bytes);
        if (object_ == NORM_OBJECT_INVALID)
            peer_die("%s cannot be sent", path);
    }

    // As much as there is room for.
    void write_stream()
    {
        const peer_content &content = contents_[0];

        while (written_ < content.size_bytes) {
            if (options_.message_bytes_max > 0 && written_ == message_end_) {
                if (written_ > 0 && options_.flush_messages)
                    NormStreamFlush(object_, true, NORM_FLUSH_PASSIVE);
                else if (written_ > 0)
                    NormStreamMarkEom(object_);
                message_end_ += peer_message_bytes(&options_, messages_++);
            }
            size_t end = options_.message_bytes_max > 0 && message_end_ < content.size_bytes ? message_end_
                                                                                             : content.size_bytes;
            unsigned taken = NormStreamWrite(object_, content.bytes + written_, unsigned(end - written_));
            written_ += taken;
            if (written_ < end)
                return;
        }
        if (is_closed_)
            return;
        is_closed_ = true;
        if (messages_ > 0)
            peer_print("messages %u", messages_);
        NormStreamFlush(object_, true, NORM_FLUSH_ACTIVE);
        NormStreamClose(object_, true);
        ask_for_acks();
    }

    void ask_for_acks()
    {
        if (options_.ack_nodes_count > 0)
            NormSetWatermark(session_, object_, true);
    }

    void report_acks()
    {
        NormNodeId node = NORM_NODE_NONE;
        NormAckingStatus status;

        failed_ = 0;
        for (bool more = NormGetNextAckingNode(session_, &node, &status); more;
             more = NormGetNextAckingNode(session_, &node, &status)) {
            if (status == NORM_ACK_SUCCESS)
                peer_print("acked %u", node);
            else if (node != NORM_NODE_NONE)
                failed_++;
        }
        if (failed_ > 0)
            peer_print("failed %u", failed_);
        else
            peer_print("done");
        is_done_ = true;
    }

    NormSessionHandle session_;
    const peer_options &options_;
    std::vector<peer_content> contents_;
    NormObjectHandle object_ = NORM_OBJECT_INVALID;
    size_t written_ = 0, message_end_ = 0;
    unsigned messages_ = 0;
    bool is_closed_ = false, is_done_ = false;
    unsigned failed_ = 0;
};

class Receiver
{
  public:
    Receiver(NormInstanceHandle instance, NormSessionHandle session, const peer_options &options) : options_(options)
    {
        NormSetCacheDirectory(instance, options.directory);
        NormSetDefaultUnicastNack(session, options.unicast);
        NormSetSilentReceiver(session, options.silent);
        NormSetDefaultSyncPolicy(session, options.sync_all ? NORM_SYNC_ALL : NORM_SYNC_CURRENT);
        NormSetRxCacheLimit(session, PEER_OBJECTS_MAX);
        if (!NormStartReceiver(session, BUFFER_BYTES))
            peer_die("NormStartReceiver failed");
        NormSetRxSocketBuffer(session, 1 << 20); // only now there is a socket
    }

    void handle(const NormEvent &event)
    {
        bool is_stream = event.object != NORM_OBJECT_INVALID && NormObjectGetType(event.object) == NORM_OBJECT_STREAM;

        switch (event.type) {
        case NORM_RX_OBJECT_NEW:
            if (is_stream)
                streams_[event.object] = {};
            break;
        case NORM_RX_OBJECT_COMPLETED:
            if (is_stream)
                store_stream(event.object);
            else
                store(event.object);
            break;
        case NORM_RX_OBJECT_ABORTED:
            peer_print("aborted");
            streams_.erase(event.object);
            break;
        default:
            break;
        }
    }

    // Not only when something new is told: after a seek that found nothing it may not be told again.
    void read_streams()
    {
        for (auto &stream : streams_)
            read_stream(stream.first);
    }

  private:
    struct Stream {
        peer_content content;
        unsigned messages;   // whose start was found
        uint64_t next_start; // offset of message number `messages`
    };

    static std::string name_of(NormObjectHandle object)
    {
        char name[256] = "no-name";

        if (NormObjectHasInfo(object))
            name[NormObjectGetInfo(object, name, sizeof(name) - 1)] = '\0';
        return name;
    }

    void store(NormObjectHandle object)
    {
        std::string name = name_of(object);
        size_t size_bytes = size_t(NormObjectGetSize(object));

        if (NormObjectGetType(object) == NORM_OBJECT_FILE) {
            char path[4096];
            NormFileGetName(object, path, sizeof(path));
            peer_content content = peer_load(path);
            peer_store(&options_, name.c_str(), content.bytes, content.size_bytes);
            free(content.bytes);
            remove(path);
        } else if (size_bytes == 0) {
            peer_print("nothing %s", name.c_str());
            return;
        } else {
            peer_store(&options_, name.c_str(), NormDataAccessData(object), size_bytes);
        }
        peer_print("complete %s %zu", name.c_str(), size_bytes);
    }

    // libnorm tells starts of messages only to who seeks one: so where one should be, it is asked to go there.
    // Had it to skip something, what was read would not be what was sent. (Its read offset is not that of the byte
    // that is read next, so it cannot be compared.) @return false when nothing is there yet
    bool seek_start(NormObjectHandle object, Stream &stream)
    {
        if (options_.message_bytes_max == 0 || stream.content.size_bytes < stream.next_start)
            return true;
        if (!NormStreamSeekMsgStart(object))
            return false;
        stream.next_start += peer_message_bytes(&options_, stream.messages++);
        return true;
    }

    void read_stream(NormObjectHandle object)
    {
        Stream &stream = streams_[object];
        char buffer[65536];
        unsigned got = 1;

        while (got > 0 && seek_start(object, stream)) {
            got = sizeof(buffer);
            if (options_.message_bytes_max > 0 && got > stream.next_start - stream.content.size_bytes)
                got = unsigned(stream.next_start - stream.content.size_bytes);
            if (!NormStreamRead(object, buffer, &got))
                peer_print("lost a part");
            peer_append(&stream.content, buffer, got);
        }
    }

    void store_stream(NormObjectHandle object)
    {
        read_stream(object);
        Stream &stream = streams_[object];
        std::string name = name_of(object);

        peer_store(&options_, name.c_str(), stream.content.bytes, stream.content.size_bytes);
        peer_print("stream %s %zu starts=%u wrong=0", name.c_str(), stream.content.size_bytes, stream.messages);
        free(stream.content.bytes);
        streams_.erase(object);
    }

    const peer_options &options_;
    std::map<NormObjectHandle, Stream> streams_;
};

NormSessionHandle new_session(NormInstanceHandle instance, const peer_options &options)
{
    NormSessionHandle session = NormCreateSession(instance, options.group, UINT16(options.port), options.node);

    if (session == NORM_SESSION_INVALID)
        peer_die("no session");
    NormSetRxPortReuse(session, true);
    NormSetMulticastInterface(session, options.interface);
    NormSetMulticastLoopback(session, true);
    NormSetRxLoss(session, options.rx_loss_percent);
    NormSetTxLoss(session, options.tx_loss_percent);
    if (options.verbose)
        NormSetMessageTrace(session, true);
    return session;
}

// Calls handle(event) for all events until a signal ends it, or is_done().
template <typename Handle, typename IsDone> void loop(NormInstanceHandle instance, Handle handle, IsDone is_done)
{
    pollfd poll_fd = { NormGetDescriptor(instance), POLLIN, 0 };
    NormEvent event;

    peer_print("ready");
    while (!peer_is_over() && !is_done()) {
        (void)poll(&poll_fd, 1, WAIT_MS);
        while (NormGetNextEvent(instance, &event, false))
            handle(event);
    }
}

} // namespace

int main(int argc, char **argv)
{
    peer_options options = peer_parse(argc, argv);
    NormInstanceHandle instance = NormCreateInstance();
    NormSessionHandle session = new_session(instance, options);
    int exit_status = 0;

    if (options.sends) {
        Sender sender(session, options);
        sender.start();
        loop(
            instance, [&](const NormEvent &event) { sender.handle(event); }, [&] { return sender.is_done(); });
        exit_status = sender.exit_status();
    } else {
        Receiver receiver(instance, session, options);
        loop(
            instance, [&](const NormEvent &event) { receiver.handle(event); },
            [&] {
                receiver.read_streams();
                return false;
            });
    }
    NormDestroySession(session);
    NormDestroyInstance(instance);
    return exit_status;
}
