/* SPDX-License-Identifier: MIT */
/* The sender of test streams among receivers that do not exist. */
#include "library.h"

#include "bench_sender.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <netinet/ip.h>

enum { FRAME_BYTES = ETH_HLEN + sizeof(struct iphdr) + sizeof(struct udphdr) + HD_BENCH_REPORT_BYTES_MAX };

static uint16_t checksum(const void *data, size_t size_bytes)
{
    const uint8_t *bytes = data;
    uint32_t sum = 0;

    for (size_t i = 0; i + 1 < size_bytes; i += 2)
        sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
    while (sum > UINT16_MAX)
        sum = (sum & UINT16_MAX) + (sum >> 16);
    return htons((uint16_t)~sum);
}

/* A report as it comes by veth0 from an address of its LAN that nobody has. */
static void forge_report(int fd, const herald_bench_sender *sender, uint32_t number)
{
    const struct hd_bench_report report = {
        .stream_id = sender->stream_id,
        .receiver_id = number,
        .number = 1,
        .figures.hops = -1,
    };
    struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex("veth1") };
    struct ether_header ether = { .ether_type = htons(ETHERTYPE_IP) };
    struct iphdr ip = { .version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP, .daddr = htonl(0x0a090001) };
    struct udphdr udp = { .source = htons(7000), .dest = htons(herald_bench_sender_facts(sender)->port) };
    uint8_t frame[FRAME_BYTES];
    uint8_t *at = frame;
    int size_bytes = hd_bench_report_encode(&report, frame + sizeof(ether) + sizeof(ip) + sizeof(udp),
                                            HD_BENCH_REPORT_BYTES_MAX);

    assert_true(size_bytes > 0);
    memset(ether.ether_dhost, 0xff, sizeof(ether.ether_dhost));
    ip.saddr = htonl(0x0a090002 + number % 250);
    udp.len = htons((uint16_t)(sizeof(udp) + (size_t)size_bytes));
    ip.tot_len = htons((uint16_t)(sizeof(ip) + sizeof(udp) + (size_t)size_bytes));
    at = (uint8_t *)memcpy(at, &ether, sizeof(ether)) + sizeof(ether);
    memcpy(at, &ip, sizeof(ip));
    ip.check = checksum(at, sizeof(ip));
    at = (uint8_t *)memcpy(at, &ip, sizeof(ip)) + sizeof(ip);
    memcpy(at, &udp, sizeof(udp));
    size_bytes += (int)(sizeof(ether) + sizeof(ip) + sizeof(udp));
    assert_int_equal(sendto(fd, frame, (size_t)size_bytes, 0, (struct sockaddr *)&to, sizeof(to)), size_bytes);
}

/* Requests to them wait for ARP in the buffer that the stream leaves from. */
static void forged_receivers_do_not_hold_up_the_stream(void **state)
{
    struct herald_bench_sender_config config = { .sender.send_buffer_bytes = 65536 };
    const struct herald_bench_run run = { .rate_bps = 1000000 };
    herald_bench_sender *sender = NULL;
    struct herald_bench_sent sent = { 0 };
    uint64_t end_ns = herald_clock_ns() + PATIENCE_NS;
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

    (void)state;
    assert_true(fd >= 0);
    run_command("ip link add veth0 type veth peer name veth1 && ip link set veth0 up && ip link set veth1 up");
    run_command("ip address add 10.9.0.1/24 dev veth0");
    config.sender.endpoint = endpoint("239.1.2.3%veth0:5001");
    assert_int_equal(herald_bench_sender_new(&sender, &config, NULL), 0);
    assert_int_equal(herald_bench_sender_start(sender, &run, herald_clock_ns(), NULL), 0);
    for (uint32_t number = 1; sent.datagrams < 60; number++) {
        const struct timespec pause = { .tv_nsec = 250000 };
        struct herald_bench_sender_event event;

        assert_true(herald_clock_ns() < end_ns);
        forge_report(fd, sender, number);
        assert_int_equal(herald_bench_sender_process(sender, herald_clock_ns()), 0);
        while (herald_bench_sender_next_event(sender, &event) > 0)
            assert_int_not_equal(event.kind, HERALD_BENCH_RUN_FAILED);
        herald_bench_sender_sent(sender, &sent);
        (void)ppoll(NULL, 0, &pause, NULL);
    }
    assert_true(herald_bench_sender_peer_count(sender) > 500);
    assert_int_equal(sent.waits, 0);
    herald_bench_sender_free(sender);
    close(fd);
    run_command("ip link del veth0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forged_receivers_do_not_hold_up_the_stream),
    };

    return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
