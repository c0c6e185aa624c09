/* SPDX-License-Identifier: MIT */
#include "bench_host.h"

#include "random.h"

#include <fcntl.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S UINT64_C(1000000000)

uint64_t hd_bench_realtime_ns(void)
{
    struct timespec time;

    clock_gettime(CLOCK_REALTIME, &time);
    return (uint64_t)time.tv_sec * NS_PER_S + (uint64_t)time.tv_nsec;
}

uint64_t hd_bench_random_id(void)
{
    uint64_t id = 0;

    if (getrandom(&id, sizeof(id), 0) != (ssize_t)sizeof(id) || id == 0)
        id = hd_random_hash(hd_bench_realtime_ns()) | 1;
    return id;
}

uint64_t hd_bench_clock_id(void)
{
    char text[64];
    uint64_t id = 0;
    ssize_t length;
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return 0;
    length = read(fd, text, sizeof(text));
    close(fd);
    for (ssize_t i = 0; i < length; i++)
        id = hd_random_hash(id + (uint8_t)text[i] + 1);
    return id;
}

bool hd_bench_limit_allows(struct hd_bench_limit *limit, uint64_t reserve, uint64_t now_ns)
{
    uint64_t gap_ns = NS_PER_S / limit->per_s;
    uint64_t earned = now_ns > limit->as_of_ns ? (now_ns - limit->as_of_ns) / gap_ns : 0;

    limit->as_of_ns += earned * gap_ns;
    limit->left = earned < limit->per_s - limit->left ? limit->left + earned : limit->per_s;
    if (limit->left <= reserve)
        return false;
    limit->left--;
    return true;
}
