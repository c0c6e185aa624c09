/* SPDX-License-Identifier: MIT */
#include "bench_host.h"

#include "random.h"

#include <herald/types.h>

#include <fcntl.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S UINT64_C(1000000000)

/* Less is not told from a delay between two readings. */
#define SET_LEAST_NS UINT64_C(20000)

enum { READINGS = 5 };

uint64_t hd_bench_realtime_ns(void)
{
    struct timespec time;

    clock_gettime(CLOCK_REALTIME, &time);
    return (uint64_t)time.tv_sec * NS_PER_S + (uint64_t)time.tv_nsec;
}

/* The quickest of some readings, for this process may lose its processor in between. */
static void read_ahead(uint64_t *ret_ahead_ns, uint64_t *ret_exact_ns)
{
    *ret_exact_ns = UINT64_MAX;
    for (int i = 0; i < READINGS; i++) {
        uint64_t before_ns = herald_clock_ns();
        uint64_t realtime_ns = hd_bench_realtime_ns();
        uint64_t took_ns = herald_clock_ns() - before_ns;

        if (took_ns >= *ret_exact_ns)
            continue;
        *ret_exact_ns = took_ns;
        *ret_ahead_ns = realtime_ns - before_ns - took_ns / 2;
    }
}

void hd_bench_clock_init(struct hd_bench_clock *clock)
{
    uint64_t exact_ns;

    *clock = (struct hd_bench_clock){ .set_ns = 0 };
    read_ahead(&clock->ahead_ns, &exact_ns);
}

void hd_bench_clock_compare(struct hd_bench_clock *clock, uint64_t ahead_ns, uint64_t exact_ns, uint64_t now_ns)
{
    int64_t set_ns = (int64_t)(ahead_ns - clock->ahead_ns);
    int64_t more_ns = set_ns - clock->set_ns;

    if ((more_ns < 0 ? 0 - (uint64_t)more_ns : (uint64_t)more_ns) < exact_ns + SET_LEAST_NS)
        return;
    clock->before_ns = clock->set_ns;
    clock->set_ns = set_ns;
    clock->seen_ns = now_ns;
}

void hd_bench_clock_watch(struct hd_bench_clock *clock)
{
    uint64_t now_ns = herald_clock_ns();
    uint64_t ahead_ns = hd_bench_realtime_ns() - now_ns;
    uint64_t exact_ns = herald_clock_ns() - now_ns;
    int64_t more_ns = (int64_t)(ahead_ns - clock->ahead_ns) - clock->set_ns;

    if (more_ns > -(int64_t)SET_LEAST_NS && more_ns < (int64_t)SET_LEAST_NS)
        return;
    read_ahead(&ahead_ns, &exact_ns);
    hd_bench_clock_compare(clock, ahead_ns, exact_ns, now_ns);
}

uint64_t hd_bench_clock_ns(const struct hd_bench_clock *clock)
{
    return clock->ahead_ns + herald_clock_ns();
}

/* How far from now it is. */
static uint64_t distance(uint64_t time_ns, uint64_t now_ns)
{
    return time_ns > now_ns ? time_ns - now_ns : now_ns - time_ns;
}

int64_t hd_bench_clock_set_ns(const struct hd_bench_clock *clock, uint64_t noted_ns, uint64_t now_ns)
{
    uint64_t as_set_ns = noted_ns - clock->ahead_ns - (uint64_t)clock->set_ns; /* monotonic */
    uint64_t as_before_ns = noted_ns - clock->ahead_ns - (uint64_t)clock->before_ns;

    if (clock->seen_ns == 0 || now_ns > clock->seen_ns + NS_PER_S)
        return clock->set_ns;
    /* It was noted just now, before the clock was set or after: by the other the time would be far off. */
    return distance(as_before_ns, now_ns) < distance(as_set_ns, now_ns) ? clock->before_ns : clock->set_ns;
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
