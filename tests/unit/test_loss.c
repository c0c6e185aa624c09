/* SPDX-License-Identifier: MIT */
/* What the kernel's counters say, whatever their text is like, and what follows from them. */
#include "loss_attribute.h"
#include "loss_counters.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- counters as texts ----------------------------------------------------------------------- */

static const char snmp[] =
    "Ip: Forwarding DefaultTTL InReceives InHdrErrors InAddrErrors ForwDatagrams InUnknownProtos InDiscards InDelivers "
    "OutRequests OutDiscards OutNoRoutes ReasmTimeout ReasmReqds ReasmOKs ReasmFails FragOKs FragFails FragCreates\n"
    "Ip: 1 64 1000 1 2 3 4 5 900 800 0 0 0 60 20 7 0 0 0\n"
    "Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens\n"
    "Tcp: 1 200 120000 -1 11\n"
    "Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors IgnoredMulti MemErrors\n"
    "Udp: 500 0 30 40 21 0 6 9 3\n"
    "UdpLite: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors IgnoredMulti MemErrors\n"
    "UdpLite: 1 1 1 1 1 1 1 1 1\n";

static const char netstat[] = "TcpExt: SyncookiesSent IPReversePathFilter TCPLoss\n"
                              "TcpExt: 1 77 2\n"
                              "IpExt: InNoRoutes InTruncatedPkts InMcastPkts\n"
                              "IpExt: 5 6 7\n";

static const char snmp6[] = "Ip6InReceives                   \t100\n"
                            "Ip6InDelivers                   \t90\n"
                            "Ip6ReasmFails                   \t4\n"
                            "Udp6RcvbufErrors                \t10\n"
                            "UdpLite6RcvbufErrors            \t1\n";

static const char softnet[] = "00000010 000000ff 00000002 00000000 00000000 00000000\n"
                              "00000010 00000001 00000003 00000000 00000000 00000000\n";

static void test_whole_texts(void **state)
{
    struct hd_counts counts = { 0 };

    (void)state;
    hd_counts_parse_pairs(&counts, snmp, strlen(snmp));
    hd_counts_parse_pairs(&counts, netstat, strlen(netstat));
    hd_counts_parse_lines(&counts, snmp6, strlen(snmp6));
    hd_counts_parse_softnet(&counts, softnet, strlen(softnet));
    assert_int_equal(counts.values[HD_COUNT_UDP_BUFFER], 31);
    assert_int_equal(counts.values[HD_COUNT_UDP_MEMORY], 3);
    assert_int_equal(counts.values[HD_COUNT_UDP_ERRORS], 30);
    assert_int_equal(counts.values[HD_COUNT_UDP_CHECKSUM], 6);
    assert_int_equal(counts.values[HD_COUNT_UDP_IGNORED], 9);
    assert_int_equal(counts.values[HD_COUNT_IP_RECEIVED], 1100);
    assert_int_equal(counts.values[HD_COUNT_IP_DELIVERED], 990);
    assert_int_equal(counts.values[HD_COUNT_IP_FORWARDED], 3);
    assert_int_equal(counts.values[HD_COUNT_IP_HEADER], 7);
    assert_int_equal(counts.values[HD_COUNT_IP_DISCARDS], 5);
    assert_int_equal(counts.values[HD_COUNT_IP_UNWANTED], 11);
    assert_int_equal(counts.values[HD_COUNT_IP_REVERSE_PATH], 77);
    assert_int_equal(counts.values[HD_COUNT_IP_FRAGMENTS], 60);
    assert_int_equal(counts.values[HD_COUNT_IP_REASSEMBLED], 20);
    assert_int_equal(counts.values[HD_COUNT_IP_REASSEMBLY_FAILS], 11);
    assert_int_equal(counts.values[HD_COUNT_BACKLOG_DROPS], 256);
    assert_int_equal(counts.values[HD_COUNT_BACKLOG_SQUEEZES], 5);
}

/* Of each: what RcvbufErrors and the backlog's drops are taken for. */
static const struct {
    const char *what;
    const char *text;
    uint64_t expected;
} odd_texts[] = {
    { "nothing", "", 0 },
    { "blanks", " \t \n  \n", 0 },
    { "names without numbers", "Udp: RcvbufErrors\n", 0 },
    { "names without a line's end", "Udp: RcvbufErrors", 0 },
    { "a number too few", "Udp: InErrors RcvbufErrors\nUdp: 7\n", 0 },
    { "a number too many", "Udp: RcvbufErrors\nUdp: 7 8 9\n", 7 },
    { "no last line's end", "Udp: RcvbufErrors\nUdp: 7", 7 },
    { "another section's numbers", "Udp: RcvbufErrors\nTcp: 7\n", 0 },
    { "another section's name", "UdpLite: RcvbufErrors\nUdpLite: 7\n", 0 },
    { "a name that only begins so", "Udp: RcvbufErrorsX\nUdp: 7\n", 0 },
    { "a negative number", "Udp: RcvbufErrors\nUdp: -7\n", 0 },
    { "no number", "Udp: RcvbufErrors\nUdp: x7\n", 0 },
    { "hexadecimal", "Udp: RcvbufErrors\nUdp: a7\n", 0 },
    { "the largest", "Udp: RcvbufErrors\nUdp: 18446744073709551615\n", UINT64_MAX },
    { "a larger one", "Udp: RcvbufErrors\nUdp: 18446744073709551616\n", 0 },
    { "tabs", "Udp:\tRcvbufErrors\nUdp:\t7\n", 7 },
    { "what follows a line that belongs to nothing", "Udp: x\nTcp: 1\nUdp: RcvbufErrors\nUdp: 7\n", 0 },
};

static void test_odd_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(odd_texts) / sizeof(odd_texts[0]); i++) {
        struct hd_counts counts = { 0 };
        size_t length = strlen(odd_texts[i].text);
        char *exact = malloc(length + 1); /* no NUL to rely on: sanitizers see reading beyond */

        assert_non_null(exact);
        memcpy(exact, odd_texts[i].text, length);
        exact[length] = '9';
        hd_counts_parse_pairs(&counts, exact, length);
        free(exact);
        if (counts.values[HD_COUNT_UDP_BUFFER] != odd_texts[i].expected)
            fail_msg("%s", odd_texts[i].what);
    }
}

/* Cut anywhere, and with any byte anywhere, a text is read within its bounds. */
static void test_cut_and_damaged_texts(void **state)
{
    static const struct {
        const char *text;
        void (*parse)(struct hd_counts *counts, const char *text, size_t size_bytes);
    } texts[] = {
        { snmp, hd_counts_parse_pairs },
        { netstat, hd_counts_parse_pairs },
        { snmp6, hd_counts_parse_lines },
        { softnet, hd_counts_parse_softnet },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        for (size_t length = 0; length <= strlen(texts[i].text); length++) {
            struct hd_counts counts = { 0 };
            char *cut = malloc(length > 0 ? length : 1);

            assert_non_null(cut);
            memcpy(cut, texts[i].text, length);
            texts[i].parse(&counts, cut, length);
            if (length > 0)
                cut[length - 1] = (char)(length * 37); /* NUL, 0xff and all between */
            texts[i].parse(&counts, cut, length);
            free(cut);
        }
}

/* ---- interfaces that stand upon others ------------------------------------------------------- */

static void test_interfaces_below(void **state)
{
    /* vlan 4 upon bond 3 of 1 and 2; 5 is by itself; 6 and 7 name each other. */
    struct hd_loss_link items[] = {
        { .index = 1, .master = 3 },
        { .index = 2, .master = 3 },
        { .index = 3 },
        { .index = 4, .lower = 3 },
        { .index = 5 },
        { .index = 6, .lower = 7 },
        { .index = 7, .lower = 6 },
    };
    const struct hd_loss_links links = { .items = items, .count = 7 };
    bool vlan[7] = { [3] = true };
    bool circle[7] = { [5] = true };

    (void)state;
    hd_loss_links_mark_below(&links, vlan);
    assert_true(vlan[0] && vlan[1] && vlan[2] && vlan[3]);
    assert_false(vlan[4] || vlan[5] || vlan[6]);
    hd_loss_links_mark_below(&links, circle);
    assert_true(circle[5] && circle[6]);
    assert_false(circle[0] || circle[4]);
}

/* ---- attribution ----------------------------------------------------------------------------- */

#define NONE HERALD_LOSS_UNKNOWN

struct expected_part {
    enum herald_loss_cause cause;
    uint64_t least, most, likely;
};

static const struct {
    const char *what;
    struct hd_loss_evidence evidence;
    uint64_t lost;
    enum herald_loss_cause main_cause;
    struct expected_part parts[4]; /* those with most > 0 */
    const char *text;
} cases[] = {
    { "nothing", { .missing = 0 }, 0, HERALD_LOSS_NETWORK, { { 0 } }, "" },
    { "nothing known", { .missing = NONE }, 0, HERALD_LOSS_NETWORK, { { HERALD_LOSS_NETWORK, 0, NONE, 0 } }, "" },
    { "no counter has grown",
      { .missing = 1 },
      1,
      HERALD_LOSS_NETWORK,
      { { HERALD_LOSS_NETWORK, 1, 1, 1 } },
      "1 datagram lost, in the network" },
    { "a socket without UDP_GRO",
      { .missing = 1234567, .counters = { .socket_drops = 34 } },
      1234567,
      HERALD_LOSS_NETWORK,
      { { HERALD_LOSS_NETWORK, 1234533, 1234533, 1234533 }, { HERALD_LOSS_RECEIVE_BUFFER, 34, 34, 34 } },
      "1,234,567 datagrams lost: 1,234,533 in the network, 34 in the full receive buffer" },
    { "a socket with UDP_GRO: packets of 40 on the average, of 46 at most",
      { .missing = 1234,
        .counters = { .socket_drops = 10, .is_coalesced = true },
        .datagrams = 4000,
        .packets = 100,
        .socket_packet_max = 46 },
      1234,
      HERALD_LOSS_NETWORK,
      { { HERALD_LOSS_NETWORK, 774, 1224, 834 }, { HERALD_LOSS_RECEIVE_BUFFER, 10, 460, 400 } },
      "1,234 datagrams lost: at least 774 in the network, about 400 in the full receive buffer" },
    { "more certain than missing: the last ones have no number behind them",
      { .missing = 10, .counters = { .socket_drops = 34 } },
      34,
      HERALD_LOSS_RECEIVE_BUFFER,
      { { HERALD_LOSS_RECEIVE_BUFFER, 34, 34, 34 } },
      "at least 34 datagrams lost, all in the full receive buffer" },
    { "no sequence numbers",
      { .missing = NONE, .counters = { .socket_drops = 34 } },
      34,
      HERALD_LOSS_RECEIVE_BUFFER,
      { { HERALD_LOSS_NETWORK, 0, NONE, 0 }, { HERALD_LOSS_RECEIVE_BUFFER, 34, 34, 34 } },
      "34 datagrams lost in the full receive buffer" },
    { "no sequence numbers, packets of 2",
      { .missing = NONE, .counters = { .socket_drops = 34 }, .datagrams = 20, .packets = 10, .socket_packet_max = 3 },
      34,
      HERALD_LOSS_RECEIVE_BUFFER,
      { { HERALD_LOSS_NETWORK, 0, NONE, 0 }, { HERALD_LOSS_RECEIVE_BUFFER, 34, 102, 68 } },
      "about 68 datagrams (at least 34) lost in the full receive buffer" },
    { "a filter's rejects only",
      { .missing = 5, .counters = { .socket_drops = 100, .is_filtered = true } },
      5,
      HERALD_LOSS_NETWORK,
      { { HERALD_LOSS_NETWORK, 5, 5, 5 } },
      "5 datagrams lost, all in the network" },
    { "a filter's rejects and full buffers, somebody's",
      { .missing = 1234, .counters = { .socket_drops = 100, .udp_buffer_errors = 34, .is_filtered = true } },
      1234,
      HERALD_LOSS_NETWORK,
      { { HERALD_LOSS_NETWORK, 1200, 1234, 1200 }, { HERALD_LOSS_RECEIVE_BUFFER, 0, 34, 34 } },
      "1,234 datagrams lost: at least 1,200 in the network, at most 34 in the full receive buffer" },
    { "full buffers that cannot be this socket's",
      { .missing = 1234, .counters = { .udp_buffer_errors = 5000, .is_filtered = true } },
      1234,
      HERALD_LOSS_NETWORK,
      { { HERALD_LOSS_NETWORK, 1234, 1234, 1234 } },
      "1,234 datagrams lost, all in the network" },
    { "damaged ones are among the socket's",
      { .missing = 10, .counters = { .socket_drops = 10, .udp_checksum = 10 } },
      10,
      HERALD_LOSS_CHECKSUM,
      { { HERALD_LOSS_NETWORK, 0, 10, 0 },
        { HERALD_LOSS_CHECKSUM, 0, 10, 10 },
        { HERALD_LOSS_RECEIVE_BUFFER, 0, 10, 0 } },
      "10 datagrams lost, most likely all by damage on the way" },
    { "the reverse path filter",
      { .missing = 50, .counters = { .ip_reverse_path = 50 } },
      50,
      HERALD_LOSS_RP_FILTER,
      { { HERALD_LOSS_NETWORK, 0, 50, 0 }, { HERALD_LOSS_RP_FILTER, 0, 50, 50 } },
      "50 datagrams lost, most likely all by the reverse path filter" },
    { "the reverse path filter, without sequence numbers",
      { .missing = NONE, .counters = { .ip_reverse_path = 50 } },
      0,
      HERALD_LOSS_RP_FILTER,
      { { HERALD_LOSS_NETWORK, 0, NONE, 0 }, { HERALD_LOSS_RP_FILTER, 0, 50, 50 } },
      "perhaps lost: at most 50 by the reverse path filter" },
    { "the firewall, and a few of other groups",
      { .missing = 50, .counters = { .ip_vanished = 53 } },
      50,
      HERALD_LOSS_FIREWALL,
      { { HERALD_LOSS_NETWORK, 0, 50, 0 }, { HERALD_LOSS_FIREWALL, 0, 50, 50 } },
      "50 datagrams lost, most likely all by this host's firewall" },
    { "a few of other groups",
      { .missing = 50, .counters = { .ip_vanished = 4 } },
      50,
      HERALD_LOSS_NETWORK,
      { { HERALD_LOSS_NETWORK, 46, 50, 50 }, { HERALD_LOSS_FIREWALL, 0, 4, 0 } },
      "50 datagrams lost, most likely all in the network" },
    { "as many of other groups as would explain most of it, but not all",
      { .missing = 255, .counters = { .ip_vanished = 184 } },
      255,
      HERALD_LOSS_NETWORK,
      { { HERALD_LOSS_NETWORK, 71, 255, 255 }, { HERALD_LOSS_FIREWALL, 0, 184, 0 } },
      "255 datagrams lost, most likely all in the network" },
    { "one lost, and one of other groups",
      { .missing = 1, .counters = { .ip_vanished = 1 } },
      1,
      HERALD_LOSS_NETWORK,
      { { HERALD_LOSS_NETWORK, 0, 1, 1 }, { HERALD_LOSS_FIREWALL, 0, 1, 0 } },
      "1 datagram lost, most likely in the network" },
    { "little loss, and more of other groups",
      { .missing = 5, .counters = { .ip_vanished = 20 } },
      5,
      HERALD_LOSS_NETWORK,
      { { HERALD_LOSS_NETWORK, 0, 5, 5 }, { HERALD_LOSS_FIREWALL, 0, 5, 0 } },
      "5 datagrams lost, most likely all in the network" },
    { "a flood of other groups",
      { .missing = 50, .counters = { .ip_vanished = 100000 } },
      50,
      HERALD_LOSS_NETWORK,
      { { HERALD_LOSS_NETWORK, 0, 50, 50 }, { HERALD_LOSS_FIREWALL, 0, 50, 0 } },
      "50 datagrams lost, most likely all in the network" },
    { "other groups, without sequence numbers",
      { .missing = NONE, .counters = { .ip_vanished = 100, .nic_dropped = 100 } },
      0,
      HERALD_LOSS_NETWORK,
      { { HERALD_LOSS_NETWORK, 0, NONE, 0 }, { HERALD_LOSS_NIC, 0, 100, 0 }, { HERALD_LOSS_FIREWALL, 0, 100, 0 } },
      "" },
    { "the backlog's drops are in rx_dropped as well",
      { .missing = 100, .counters = { .backlog_drops = 60, .nic_dropped = 60 } },
      100,
      HERALD_LOSS_BACKLOG,
      { { HERALD_LOSS_NETWORK, 40, 100, 40 }, { HERALD_LOSS_BACKLOG, 0, 60, 60 } },
      "100 datagrams lost: at most 60 in a processor's full queue, at least 40 in the network" },
    { "a card's ring",
      { .missing = 100, .counters = { .nic_errors = 100 } },
      100,
      HERALD_LOSS_NIC,
      { { HERALD_LOSS_NETWORK, 0, 100, 0 }, { HERALD_LOSS_NIC, 0, 100, 100 } },
      "100 datagrams lost, most likely all by the network card" },
    { "figures that cannot be",
      { .missing = UINT64_MAX - 1,
        .counters = { .socket_drops = UINT64_MAX,
                      .udp_buffer_errors = UINT64_MAX,
                      .udp_memory_errors = UINT64_MAX,
                      .ip_discards = UINT64_MAX,
                      .nic_errors = UINT64_MAX },
        .datagrams = UINT64_MAX,
        .packets = 1,
        .socket_packet_max = 128,
        .host_packet_max = 128 },
      UINT64_MAX - 1,
      HERALD_LOSS_RECEIVE_BUFFER,
      { { HERALD_LOSS_NETWORK, 0, UINT64_MAX - 1, 0 },
        { HERALD_LOSS_NIC, 0, UINT64_MAX - 1, UINT64_MAX - 1 },
        { HERALD_LOSS_MEMORY, 0, UINT64_MAX - 1, 0 },
        { HERALD_LOSS_RECEIVE_BUFFER, 0, UINT64_MAX - 1, 0 } },
      NULL },
};

static void check_parts(size_t i, const struct herald_loss_report *report)
{
    uint64_t likely = 0;

    for (int cause = 0; cause < HERALD_LOSS_CAUSE_COUNT; cause++) {
        const struct herald_loss_part *part = &report->parts[cause];
        struct expected_part expected = { 0 };

        for (size_t j = 0; j < 4; j++)
            if (cases[i].parts[j].most > 0 && (int)cases[i].parts[j].cause == cause)
                expected = cases[i].parts[j];
        if (cases[i].text != NULL &&
            (part->least != expected.least || part->most != expected.most || part->likely != expected.likely))
            fail_msg("%s: %s is %llu/%llu/%llu", cases[i].what, herald_loss_cause_name((enum herald_loss_cause)cause),
                     (unsigned long long)part->least, (unsigned long long)part->most, (unsigned long long)part->likely);
        if (part->least > part->likely || part->likely > part->most)
            fail_msg("%s: %s is out of order", cases[i].what, herald_loss_cause_name((enum herald_loss_cause)cause));
        likely += part->likely;
    }
    if (report->missing_is_known && likely != report->lost)
        fail_msg("%s: the parts are %llu together", cases[i].what, (unsigned long long)likely);
}

static void test_attribution(void **state)
{
    const struct hd_loss_limits limits = { 0 };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct hd_loss_evidence evidence = cases[i].evidence;
        struct herald_loss_report report;

        if (evidence.socket_packet_max == 0)
            evidence.socket_packet_max = 1;
        if (evidence.host_packet_max == 0)
            evidence.host_packet_max = evidence.socket_packet_max;
        hd_loss_attribute(&evidence, &report);
        hd_loss_describe(&report, &limits);
        if (report.lost != cases[i].lost)
            fail_msg("%s: %llu lost", cases[i].what, (unsigned long long)report.lost);
        check_parts(i, &report);
        if (cases[i].text == NULL)
            continue;
        if (report.main_cause != cases[i].main_cause)
            fail_msg("%s: %s", cases[i].what, herald_loss_cause_name(report.main_cause));
        if (strcmp(report.text, cases[i].text) != 0)
            fail_msg("%s: \"%s\"", cases[i].what, report.text);
        assert_int_equal(report.advice[0] == '\0', report.text[0] == '\0');
    }
}

/* Whatever the counters say, the bounds are in order and the guesses add up. */
static void test_any_counters(void **state)
{
    static const uint64_t values[] = { 0, 1, 7, 60, 1000, UINT64_MAX / 2, UINT64_MAX };
    uint64_t seed = 1;

    (void)state;
    for (int round = 0; round < 20000; round++) {
        struct hd_loss_evidence evidence = { .socket_packet_max = 1, .host_packet_max = 128 };
        uint64_t *const members[] = {
            &evidence.missing,
            &evidence.datagrams,
            &evidence.packets,
            &evidence.counters.socket_drops,
            &evidence.counters.udp_buffer_errors,
            &evidence.counters.udp_memory_errors,
            &evidence.counters.udp_checksum,
            &evidence.counters.ip_header,
            &evidence.counters.ip_discards,
            &evidence.counters.ip_reassembly,
            &evidence.counters.ip_reverse_path,
            &evidence.counters.ip_vanished,
            &evidence.counters.backlog_drops,
            &evidence.counters.nic_errors,
            &evidence.counters.nic_dropped,
        };
        struct herald_loss_report report;
        const struct hd_loss_limits limits = { 0 };
        uint64_t likely = 0;

        for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
            *members[i] = values[(seed >> 33) % (sizeof(values) / sizeof(values[0]))];
        }
        evidence.counters.is_filtered = (seed >> 40) % 2 != 0;
        hd_loss_attribute(&evidence, &report);
        hd_loss_describe(&report, &limits);
        for (int i = 0; i < HERALD_LOSS_CAUSE_COUNT; i++) {
            assert_true(report.parts[i].least <= report.parts[i].likely);
            assert_true(report.parts[i].likely <= report.parts[i].most);
            likely += report.parts[i].likely;
        }
        if (report.missing_is_known)
            assert_true(likely == report.lost);
        assert_true(strlen(report.text) < sizeof(report.text));
    }
}

static void test_names(void **state)
{
    (void)state;
    for (int i = 0; i < HERALD_LOSS_CAUSE_COUNT; i++) {
        assert_true(strlen(herald_loss_cause_name((enum herald_loss_cause)i)) > 1);
        assert_true(strlen(herald_loss_cause_words((enum herald_loss_cause)i)) > 1);
    }
    assert_string_equal(herald_loss_cause_name((enum herald_loss_cause)HERALD_LOSS_CAUSE_COUNT), "?");
}

/* ---- whose losses ---------------------------------------------------------------------------- */

static void test_what_cannot_be_watched(void **state)
{
    static const char *const nowhere[] = { "no-such-interface" };
    int tcp = socket(AF_INET, SOCK_STREAM, 0);
    int udp = socket(AF_INET, SOCK_DGRAM, 0);
    int file = open("/dev/null", O_RDONLY);
    const struct {
        struct herald_loss_config config;
        int result;
    } rows[] = {
        { { .fd = -1 }, -EBADF },
        { { .fd = file }, -ENOTSOCK },
        { { .fd = tcp }, -EINVAL },
        { { .fd = udp, .interfaces = nowhere, .interface_count = 1 }, -ENODEV },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        herald_loss *loss = NULL;
        struct herald_error error = { 0 };

        assert_int_equal(herald_loss_new(&loss, &rows[i].config, &error), rows[i].result);
        assert_null(loss);
        assert_true(error.cause[0] != '\0');
    }
    assert_null(herald_loss_free(NULL));
    close(tcp);
    close(udp);
    close(file);
}

static void test_an_idle_socket(void **state)
{
    const struct herald_loss_config config = { .fd = socket(AF_INET, SOCK_DGRAM, 0) };
    struct herald_loss_report report;
    herald_loss *loss;

    (void)state;
    assert_int_equal(herald_loss_new(&loss, &config, NULL), 0);
    assert_int_equal(herald_loss_restart(loss), 0);
    assert_int_equal(herald_loss_read(loss, 0, &report), 0);
    assert_true(report.missing_is_known);
    assert_int_equal(report.lost, 0);
    assert_string_equal(report.text, "");
    assert_true(report.receive_buffer_bytes > 0);
    assert_null(herald_loss_free(loss));
    close(config.fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_texts),
        cmocka_unit_test(test_odd_texts),
        cmocka_unit_test(test_cut_and_damaged_texts),
        cmocka_unit_test(test_interfaces_below),
        cmocka_unit_test(test_attribution),
        cmocka_unit_test(test_any_counters),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_what_cannot_be_watched),
        cmocka_unit_test(test_an_idle_socket),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
