/* SPDX-License-Identifier: MIT */
#include "sockets.h"

#include "address.h"
#include "host.h"
#include "netlink.h"

#include <dirent.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- the list (sock_diag) -------------------------------------------------------------------- */

struct list {
    uint16_t port;
    struct hd_socket *items;
    size_t max;
    size_t count;
};

static void read_socket(const struct nlmsghdr *message, const struct inet_diag_msg *socket,
                        struct hd_socket *ret_socket)
{
    const struct nlattr *table[INET_DIAG_SOCKOPT + 1];
    const struct inet_diag_sockopt *options;
    const uint32_t *memory;

    *ret_socket = (struct hd_socket){
        .inode = socket->idiag_inode,
        .user = socket->idiag_uid,
        .reuse_port = -1,
        .all_groups = true,
    };
    ret_socket->address.family = socket->idiag_family == AF_INET6 ? HERALD_FAMILY_IPV6 : HERALD_FAMILY_IPV4;
    memcpy(ret_socket->address.bytes, socket->id.idiag_src, socket->idiag_family == AF_INET6 ? 16 : 4);
    if (hd_netlink_attributes(message, sizeof *socket, table, INET_DIAG_SOCKOPT) < 0)
        return;
    memory = hd_netlink_payload(table[INET_DIAG_SKMEMINFO], sizeof(uint32_t) * (SK_MEMINFO_DROPS + 1));
    if (memory != NULL) {
        ret_socket->buffer_bytes = memory[SK_MEMINFO_RCVBUF];
        ret_socket->drops = memory[SK_MEMINFO_DROPS];
    }
    options = hd_netlink_payload(table[INET_DIAG_SOCKOPT], sizeof *options);
    if (options != NULL)
        ret_socket->all_groups = options->mc_all != 0;
}

static int take_socket(const struct nlmsghdr *message, void *userdata)
{
    const struct inet_diag_msg *socket = mnl_nlmsg_get_payload(message);
    struct list *list = userdata;

    if (mnl_nlmsg_get_payload_len(message) < sizeof *socket || ntohs(socket->id.idiag_sport) != list->port)
        return MNL_CB_OK;
    if (list->count < list->max)
        read_socket(message, socket, &list->items[list->count]);
    list->count++;
    return MNL_CB_OK;
}

static int ask(struct mnl_socket *netlink, int family)
{
    _Alignas(struct nlmsghdr) char buffer[256];
    struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
    struct inet_diag_req_v2 *what;

    request->nlmsg_type = SOCK_DIAG_BY_FAMILY;
    request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    what = mnl_nlmsg_put_extra_header(request, sizeof *what);
    what->sdiag_family = (uint8_t)family;
    what->sdiag_protocol = IPPROTO_UDP;
    what->idiag_ext = 1 << (INET_DIAG_SKMEMINFO - 1);
    what->idiag_states = UINT32_MAX;
    return mnl_socket_sendto(netlink, request, request->nlmsg_len) < 0 ? -errno : 0;
}

static int dump(int family, struct list *list)
{
    _Alignas(struct nlmsghdr) char buffer[HD_NETLINK_BUFFER_BYTES];
    struct mnl_socket *netlink = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
    int result;

    if (netlink == NULL)
        return -errno;
    result = mnl_socket_bind(netlink, 0, MNL_SOCKET_AUTOPID) < 0 ? -errno : ask(netlink, family);
    while (result == 0) {
        ssize_t size = mnl_socket_recvfrom(netlink, buffer, sizeof buffer);

        if (size < 0 && errno == EINTR)
            continue;
        if (size <= 0)
            result = size < 0 ? -errno : -EBADMSG;
        else
            switch (mnl_cb_run(buffer, (size_t)size, 0, mnl_socket_get_portid(netlink), take_socket, list)) {
            case MNL_CB_OK:
                break;
            case MNL_CB_STOP:
                result = 1;
                break;
            default:
                result = -errno;
            }
    }
    (void)mnl_socket_close(netlink);
    return result < 0 ? result : 0;
}

static int list_sockets(enum herald_family family, uint16_t port, struct hd_socket *ret_sockets, size_t max)
{
    struct list list = { .port = port, .items = ret_sockets, .max = max };
    int result = 0;

    if (family == HERALD_FAMILY_IPV4)
        result = dump(AF_INET, &list);
    if (result == 0)
        result = dump(AF_INET6, &list);
    return result < 0 ? result : (int)list.count;
}

/* ---- whose it is ----------------------------------------------------------------------------- */

/* SO_REUSEPORT of a socket of another process, through a copy of its descriptor that is closed at once. */
static int ask_reuse_port(pid_t process, int fd)
{
    int pidfd = (int)syscall(SYS_pidfd_open, process, 0);
    int copy = pidfd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
    socklen_t length = sizeof(int);
    int value = -1;

    if (copy >= 0) {
        if (getsockopt(copy, SOL_SOCKET, SO_REUSEPORT, &value, &length) < 0)
            value = -1;
        close(copy);
    }
    if (pidfd >= 0)
        close(pidfd);
    return value;
}

static void read_program(pid_t process, char ret_name[HD_PROGRAM_BYTES])
{
    char path[64];

    (void)snprintf(path, sizeof path, "/proc/%d/comm", (int)process);
    if (hd_host_read(path, ret_name, HD_PROGRAM_BYTES) < 0)
        ret_name[0] = '\0';
    ret_name[strcspn(ret_name, "\n")] = '\0';
}

/* Looks through the descriptors of one process for the sockets. */
static void look_through(pid_t process, DIR *descriptors, struct hd_socket *sockets, size_t count)
{
    const struct dirent *entry;

    while ((entry = readdir(descriptors)) != NULL) {
        char target[64];
        ssize_t length = readlinkat(dirfd(descriptors), entry->d_name, target, sizeof target - 1);
        unsigned long long inode;

        if (length <= 0)
            continue;
        target[length] = '\0';
        if (sscanf(target, "socket:[%llu]", &inode) != 1)
            continue;
        for (size_t i = 0; i < count; i++) {
            if (sockets[i].inode != inode || sockets[i].process != 0)
                continue;
            sockets[i].process = process;
            read_program(process, sockets[i].program);
            sockets[i].reuse_port = ask_reuse_port(process, (int)strtol(entry->d_name, NULL, 10));
        }
    }
}

static void find_owners(struct hd_socket *sockets, size_t count)
{
    DIR *processes = opendir("/proc");
    const struct dirent *entry;

    if (processes == NULL)
        return;
    while ((entry = readdir(processes)) != NULL) {
        char path[300];
        DIR *descriptors;
        pid_t process = (pid_t)strtol(entry->d_name, NULL, 10);

        if (process <= 0)
            continue;
        (void)snprintf(path, sizeof path, "/proc/%s/fd", entry->d_name);
        descriptors = opendir(path);
        if (descriptors == NULL)
            continue;
        look_through(process, descriptors, sockets, count);
        (void)closedir(descriptors);
    }
    (void)closedir(processes);
}

int hd_sockets_list(enum herald_family family, uint16_t port, struct hd_socket *ret_sockets, size_t max)
{
    int count = list_sockets(family, port, ret_sockets, max);

    if (count > 0)
        find_owners(ret_sockets, (size_t)count < max ? (size_t)count : max);
    return count;
}

int hd_sockets_drops(enum herald_family family, uint16_t port, struct hd_socket_drops *ret_drops, size_t max)
{
    struct hd_socket *sockets = calloc(max, sizeof *sockets);
    int count = sockets != NULL ? list_sockets(family, port, sockets, max) : -ENOMEM;

    for (int i = 0; i < count && (size_t)i < max; i++)
        ret_drops[i] = (struct hd_socket_drops){ .inode = sockets[i].inode, .drops = sockets[i].drops };
    free(sockets);
    return count;
}

const char *hd_socket_owner(const struct hd_socket *socket, char ret_text[HD_PROGRAM_BYTES + 32])
{
    if (socket->process != 0)
        (void)snprintf(ret_text, HD_PROGRAM_BYTES + 32, "%s (pid %d)", socket->program, (int)socket->process);
    else
        (void)snprintf(ret_text, HD_PROGRAM_BYTES + 32, "a program of user %u", socket->user);
    return ret_text;
}

/* ---- just how many --------------------------------------------------------------------------- */

/* Each line but the first: "  12: 00000000:2710 00000000:0000 07 ...", the number as it lies in memory. */
static size_t count_lines(const char *path, uint16_t port)
{
    size_t count = 0;
    char *text;

    if (hd_host_read_all(path, &text) < 0)
        return 0;
    for (const char *line = text; *line != '\0'; line += strcspn(line, "\n"), line += *line == '\n') {
        unsigned found;

        if (sscanf(line, " %*u: %*[0-9A-F]:%x", &found) == 1 && found == port)
            count++;
    }
    free(text);
    return count;
}

size_t hd_sockets_on_port(enum herald_family family, uint16_t port)
{
    size_t count = count_lines("/proc/net/udp6", port);

    return family == HERALD_FAMILY_IPV4 ? count + count_lines("/proc/net/udp", port) : count;
}
