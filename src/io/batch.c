/* SPDX-License-Identifier: MIT */
#include "batch.h"

#include "address.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

/* Room for every control message that hd_socket_want_facts() asks for. */
#define CONTROL_BYTES                                                                                          \
 (CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(struct timespec)) + 3 * CMSG_SPACE(sizeof(int)) + \
  CMSG_SPACE(3 * sizeof(struct timespec)))

union control {
    char bytes[CONTROL_BYTES];
    struct cmsghdr align;
};

struct hd_batch {
    struct mmsghdr messages[HERALD_RUNS_MAX];
    struct iovec vectors[HERALD_RUNS_MAX];
    struct sockaddr_in6 names[HERALD_RUNS_MAX]; /* large enough for sockaddr_in too */
    union control controls[HERALD_RUNS_MAX];
    uint8_t buffers[HERALD_RUNS_MAX][HD_BATCH_BUFFER_BYTES];
};

int hd_batch_new(struct hd_batch **ret_batch)
{
    struct hd_batch *batch = calloc(1, sizeof(*batch));

    if (batch == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < HERALD_RUNS_MAX; i++) {
        batch->vectors[i].iov_base = batch->buffers[i];
        batch->vectors[i].iov_len = HD_BATCH_BUFFER_BYTES;
        batch->messages[i].msg_hdr.msg_iov = &batch->vectors[i];
        batch->messages[i].msg_hdr.msg_iovlen = 1;
        batch->messages[i].msg_hdr.msg_name = &batch->names[i];
        batch->messages[i].msg_hdr.msg_control = batch->controls[i].bytes;
    }
    *ret_batch = batch;
    return 0;
}

struct hd_batch *hd_batch_free(struct hd_batch *batch)
{
    free(batch);
    return NULL;
}

uint8_t *hd_batch_buffer(struct hd_batch *batch, const struct herald_run *run)
{
    for (size_t i = 0; i < HERALD_RUNS_MAX; i++)
        if (run->payload == batch->buffers[i])
            return batch->buffers[i];
    return NULL;
}

static void read_ip_fact(const struct cmsghdr *cmsg, struct herald_run *run)
{
    const void *data = CMSG_DATA(cmsg);

    if (cmsg->cmsg_type == IP_PKTINFO) {
        struct in_pktinfo info;

        memcpy(&info, data, sizeof(info));
        hd_address_from_in(&info.ipi_addr, &run->group);
        run->source.interface_index = (uint32_t)info.ipi_ifindex;
    } else if (cmsg->cmsg_type == IP_TTL) {
        memcpy(&run->ttl, data, sizeof(run->ttl));
    }
}

static void read_ipv6_fact(const struct cmsghdr *cmsg, struct herald_run *run)
{
    const void *data = CMSG_DATA(cmsg);

    if (cmsg->cmsg_type == IPV6_PKTINFO) {
        struct in6_pktinfo info;

        memcpy(&info, data, sizeof(info));
        hd_address_from_in6(&info.ipi6_addr, &run->group);
        run->source.interface_index = info.ipi6_ifindex;
    } else if (cmsg->cmsg_type == IPV6_HOPLIMIT) {
        memcpy(&run->ttl, data, sizeof(run->ttl));
    }
}

static void read_socket_fact(const struct cmsghdr *cmsg, struct herald_run *run)
{
    const void *data = CMSG_DATA(cmsg);

    if (cmsg->cmsg_type == SCM_TIMESTAMPNS) {
        struct timespec time;

        memcpy(&time, data, sizeof(time));
        run->time_ns = (uint64_t)time.tv_sec * UINT64_C(1000000000) + (uint64_t)time.tv_nsec;
    } else if (cmsg->cmsg_type == SO_RXQ_OVFL) {
        memcpy(&run->kernel_drops, data, sizeof(run->kernel_drops));
    }
}

static void read_facts(struct msghdr *message, struct herald_run *run)
{
    for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(message); cmsg != NULL; cmsg = CMSG_NXTHDR(message, cmsg)) {
        if (cmsg->cmsg_level == IPPROTO_IP) {
            read_ip_fact(cmsg, run);
        } else if (cmsg->cmsg_level == IPPROTO_IPV6) {
            read_ipv6_fact(cmsg, run);
        } else if (cmsg->cmsg_level == SOL_SOCKET) {
            read_socket_fact(cmsg, run);
        } else if (cmsg->cmsg_level == IPPROTO_UDP && cmsg->cmsg_type == UDP_GRO) {
            int segment = 0; /* the kernel writes an int, whatever the option's 16 bits suggest */

            memcpy(&segment, CMSG_DATA(cmsg), sizeof(segment));
            if (segment > 0)
                run->segment_bytes = (size_t)segment;
        }
    }
}

static void fill_run(const struct hd_batch *batch, size_t index, uint16_t port, struct herald_run *run)
{
    struct msghdr message = batch->messages[index].msg_hdr;

    *run = (struct herald_run){
        .payload = batch->buffers[index],
        .size_bytes = batch->messages[index].msg_len,
        .segment_bytes = batch->messages[index].msg_len, /* a datagram that came alone says nothing of segments */
        .group_port = port,
        .ttl = -1,
        .truncated = (message.msg_flags & MSG_TRUNC) != 0,
    };
    hd_peer_from_sockaddr((const struct sockaddr *)&batch->names[index], &run->source);
    read_facts(&message, run);
}

int hd_batch_receive(struct hd_batch *batch, int fd, uint16_t port, struct herald_run *ret_runs, size_t max_runs)
{
    int n;

    if (max_runs > HERALD_RUNS_MAX)
        max_runs = HERALD_RUNS_MAX;
    for (size_t i = 0; i < max_runs; i++) {
        batch->messages[i].msg_hdr.msg_namelen = sizeof(batch->names[i]);
        batch->messages[i].msg_hdr.msg_controllen = sizeof(batch->controls[i]);
    }
    do
        n = recvmmsg(fd, batch->messages, (unsigned)max_runs, MSG_DONTWAIT, NULL);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -errno;
    for (size_t i = 0; i < (size_t)n; i++)
        fill_run(batch, i, port, &ret_runs[i]);
    return n;
}
