// SPDX-License-Identifier: MIT
//
// Records what NRL's libnorm puts on the wire, as C arrays: the packets of tests/unit/golden_norm.h are a choice of
// them. Times, sequences and what is lost differ from run to run, so a new recording needs new expectations in
// tests/unit/test_wire_golden.c.
//
//   g++ -O1 -o /tmp/record_norm tests/interop/record_norm.cpp -lnorm -lpthread
//   unshare -rn sh -c 'ip link set lo up multicast on; ip route add 224.0.0.0/4 dev lo; /tmp/record_norm'
//
// A sender and two receivers run in one process, on the loopback interface of a namespace of their own. Each scenario
// sets up another kind of traffic; of each kind of packet in it the first one is printed.
#include <normApi.h>

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <set>
#include <string>
#include <vector>

namespace
{

constexpr const char *GROUP = "224.1.2.3";
constexpr NormNodeId SENDER = 0x0a000001, RECEIVERS[] = { 0x0a000002, 0x0a000003 };
constexpr NormSessionId INSTANCE = 0x1234;
constexpr unsigned SEGMENT_BYTES = 32;
constexpr std::chrono::milliseconds CANCEL_AFTER(130);

enum class Kind { file, data, stream };

struct Scenario {
    const char *name;
    Kind kind;
    uint8_t fec_id;
    uint16_t block_symbols, parity_symbols, auto_parity;
    double loss_percent; // at each receiver
    bool congestion_control, unicast_nacks, watermark, question, cancel;
    double seconds;
};

const Scenario SCENARIOS[] = {
    { "file", Kind::file, 0, 4, 2, 1, 0, false, false, true, true, false, 1.5 },
    { "data", Kind::data, 0, 4, 2, 1, 30, false, false, true, false, false, 3 },
    { "stream", Kind::stream, 0, 4, 2, 1, 0, false, false, false, false, false, 1.5 },
    { "small_block", Kind::data, 129, 4, 2, 1, 30, false, false, true, false, false, 3 },
    { "rs2m", Kind::data, 2, 4, 2, 1, 30, false, false, true, false, false, 3 },
    { "cc", Kind::data, 0, 4, 2, 0, 5, true, false, false, false, false, 4 },
    { "unicast", Kind::data, 0, 4, 0, 0, 40, false, true, false, false, false, 3 },
    { "squelch", Kind::data, 0, 4, 0, 0, 50, false, false, false, false, true, 3 },
};

unsigned u16(const uint8_t *at)
{
    return unsigned(at[0]) << 8 | at[1];
}

// What follows the header of a NACK or REPAIR_ADV: form and flags of each repair request.
std::string requests_of(const uint8_t *at, const uint8_t *end)
{
    std::string name;

    while (end - at >= 4) {
        name += "_" + std::to_string(at[0]) + "_" + std::to_string(at[1]);
        at += 4 + u16(at + 2);
    }
    return name;
}

std::string command_of(const std::vector<uint8_t> &packet, size_t header_bytes)
{
    static const char *const names[] = { "0", "flush", "eot", "squelch", "cc", "repair_adv", "ack_req", "application" };
    std::string name = names[packet[12] & 7];

    if (packet[12] == 5)
        return name + requests_of(packet.data() + header_bytes, packet.data() + packet.size());
    size_t base_bytes = packet[12] == 4 ? 24 : packet[12] == 1 || packet[12] == 3 ? (packet[13] == 129 ? 24 : 20) : 16;
    if (header_bytes > base_bytes)
        name += "_extended";
    if (packet.size() > header_bytes)
        name += "_list";
    return name;
}

// A name for the kind of packet, fit for an identifier.
std::string kind_of(const std::vector<uint8_t> &packet, const Scenario &scenario)
{
    size_t header_bytes = packet[1] * 4u;

    switch (packet[0] & 0x0f) {
    case 1:
        return "info";
    case 2: {
        unsigned symbol = packet[13] == 129 ? u16(&packet[22]) : packet[19];
        bool parity = symbol >= scenario.block_symbols;
        return parity ? "parity" : (packet[12] & 0x01) ? "repair" : packet.size() < header_bytes + 9 ? "end" : "source";
    }
    case 3:
        return command_of(packet, header_bytes);
    case 4:
        return "nack" + requests_of(packet.data() + header_bytes, packet.data() + packet.size());
    case 5:
        return "ack_" + std::to_string(packet[14]) + (header_bytes > 24 ? "_extended" : "");
    default:
        return "type_" + std::to_string(packet[0] & 0x0f);
    }
}

void print_packet(const std::string &name, const std::vector<uint8_t> &packet)
{
    printf("\nstatic const uint8_t golden_%s[] = {", name.c_str());
    for (size_t i = 0; i < packet.size(); i++)
        printf("%s0x%02x,", i % 16 == 0 ? "\n    " : " ", packet[i]);
    printf("\n};\n");
}

class Recorder
{
  public:
    Recorder()
    {
        socket_ = socket(AF_PACKET, SOCK_DGRAM, htons(ETH_P_IP));
        if (socket_ < 0) {
            perror("socket");
            exit(3);
        }
    }

    ~Recorder()
    {
        close(socket_);
    }

    // Prints what is new among the packets that are there, or come within the time.
    void record(const Scenario &scenario, int timeout_ms)
    {
        pollfd poll_fd = { socket_, POLLIN, 0 };

        while (poll(&poll_fd, 1, timeout_ms) > 0) {
            uint8_t buffer[2048];
            sockaddr_ll from;
            socklen_t from_bytes = sizeof(from);
            ssize_t got = recvfrom(socket_, buffer, sizeof(buffer), 0, reinterpret_cast<sockaddr *>(&from),
                                   &from_bytes);

            timeout_ms = 0;
            // Everything passes the loopback interface twice.
            if (got < 0 || from.sll_pkttype == PACKET_OUTGOING || buffer[9] != IPPROTO_UDP)
                continue;
            size_t headers_bytes = (buffer[0] & 0x0f) * 4u + 8;
            if (size_t(got) < headers_bytes + 16)
                continue;
            std::vector<uint8_t> packet(buffer + headers_bytes, buffer + got);
            std::string name = std::string(scenario.name) + "_" + kind_of(packet, scenario);
            if (seen_.insert(name).second)
                print_packet(name, packet);
        }
    }

  private:
    int socket_;
    std::set<std::string> seen_;
};

NormSessionHandle new_session(NormInstanceHandle instance, NormNodeId node, uint16_t port)
{
    NormSessionHandle session = NormCreateSession(instance, GROUP, port, node);

    NormSetRxPortReuse(session, true);
    NormSetMulticastInterface(session, "lo");
    NormSetMulticastLoopback(session, true);
    return session;
}

NormSessionHandle new_receiver(NormInstanceHandle instance, NormNodeId node, uint16_t port, const Scenario &scenario)
{
    NormSessionHandle session = new_session(instance, node, port);

    NormSetDefaultUnicastNack(session, scenario.unicast_nacks);
    NormSetRxLoss(session, scenario.loss_percent);
    NormStartReceiver(session, 1 << 20);
    return session;
}

NormSessionHandle new_sender(NormInstanceHandle instance, uint16_t port, const Scenario &scenario)
{
    NormSessionHandle session = new_session(instance, SENDER, port);

    if (scenario.unicast_nacks)
        NormSetTxPort(session, uint16_t(port + 1));
    NormSetTxRate(session, 100e3);
    NormSetGrttEstimate(session, 0.02);
    NormSetCongestionControl(session, scenario.congestion_control);
    if (scenario.congestion_control)
        NormSetTxRateBounds(session, 50e3, 500e3);
    NormStartSender(session, INSTANCE, 1 << 20, SEGMENT_BYTES, scenario.block_symbols, scenario.parity_symbols,
                    scenario.fec_id);
    NormSetAutoParity(session, uint8_t(scenario.auto_parity));
    for (NormNodeId node : RECEIVERS)
        if (scenario.watermark)
            NormAddAckingNode(session, node);
    return session;
}

// @return what was queued
NormObjectHandle send(NormSessionHandle sender, const Scenario &scenario, const std::string &path)
{
    static const std::string content = [] {
        std::string text;
        for (unsigned i = 0; i < 330; i++)
            text += char('a' + i % 26);
        return text;
    }();

    if (scenario.kind == Kind::file) {
        FILE *file = fopen(path.c_str(), "w");
        fwrite(content.data(), 1, content.size(), file);
        fclose(file);
        return NormFileEnqueue(sender, path.c_str(), "letters", 7);
    }
    if (scenario.kind == Kind::data)
        return NormDataEnqueue(sender, content.data(), unsigned(content.size()), "letters", 7);

    NormObjectHandle stream = NormStreamOpen(sender, 1024, "stream", 6);
    for (unsigned i = 0; i < 6; i++) {
        NormStreamWrite(stream, content.data(), 50);
        NormStreamMarkEom(stream);
    }
    NormStreamFlush(stream, true, NORM_FLUSH_ACTIVE);
    NormStreamClose(stream, true);
    return stream;
}

// Receivers answer what comes with a watermark.
void drain_events(NormInstanceHandle instance)
{
    NormEvent event;

    while (NormGetNextEvent(instance, &event, false))
        if (event.type == NORM_RX_ACK_REQUEST)
            NormNodeSendAckEx(event.sender, "yes", 3);
}

void run(const Scenario &scenario, uint16_t port, const std::string &directory)
{
    using clock = std::chrono::steady_clock;
    NormInstanceHandle instance = NormCreateInstance();
    Recorder recorder;

    NormSetCacheDirectory(instance, directory.c_str());
    std::vector<NormSessionHandle> sessions;
    for (NormNodeId node : RECEIVERS)
        sessions.push_back(new_receiver(instance, node, port, scenario));
    NormSessionHandle sender = new_sender(instance, port, scenario);
    sessions.push_back(sender);

    NormObjectHandle object = send(sender, scenario, directory + "/sent");
    if (scenario.question)
        NormSetWatermarkEx(sender, object, "question", 8, true);
    else if (scenario.watermark)
        NormSetWatermark(sender, object, true);
    NormSendCommand(sender, "hello", 5);

    // For SQUELCH: one object that goes, between two that stay.
    NormObjectHandle cancelled = NORM_OBJECT_INVALID;
    if (scenario.cancel) {
        cancelled = send(sender, scenario, directory);
        send(sender, scenario, directory);
    }

    auto start = clock::now();
    while (clock::now() < start + std::chrono::duration<double>(scenario.seconds)) {
        recorder.record(scenario, 10);
        drain_events(instance);
        if (cancelled != NORM_OBJECT_INVALID && clock::now() > start + CANCEL_AFTER) {
            NormObjectCancel(cancelled);
            cancelled = NORM_OBJECT_INVALID;
        }
    }
    for (NormSessionHandle session : sessions)
        NormDestroySession(session);
    NormDestroyInstance(instance);
}

} // namespace

int main()
{
    char directory[] = "/tmp/record_norm.XXXXXX";
    uint16_t port = 6000;

    if (!mkdtemp(directory))
        return 3;
    for (const Scenario &scenario : SCENARIOS) {
        run(scenario, port, directory);
        port = uint16_t(port + 10);
        fflush(stdout);
    }
    return system((std::string("rm -r ") + directory).c_str()) == 0 ? 0 : 1;
}
