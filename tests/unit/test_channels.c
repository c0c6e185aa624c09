/* SPDX-License-Identifier: MIT */
/* Endpoints expanded and merged into channels, and which interface each of them concerns. */
#include "channels.h"
#include "membership.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct hd_channels build(const char *const *texts, size_t count)
{
    struct herald_endpoint endpoints[8];
    struct hd_channels channels;

    for (size_t i = 0; i < count; i++)
        assert_int_equal(herald_endpoint_parse(texts[i], &endpoints[i], NULL), 0);
    assert_int_equal(hd_channels_build(&channels, endpoints, count), 0);
    return channels;
}

#define BUILD(...) \
 build((const char *const[]){ __VA_ARGS__ }, sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(const char *))

static struct herald_interface interface_named(const char *name, uint32_t index)
{
    struct herald_interface interface = { .index = index, .up = true, .multicast = true };

    strcpy(interface.name, name);
    return interface;
}

static void a_range_becomes_one_channel_for_each_group(void **state)
{
    struct hd_channels channels = BUILD("239.1.2.254+4:5000");

    (void)state;
    assert_int_equal(channels.count, 4);
    assert_memory_equal(hd_channel_group(&channels.list[0])->bytes, "\xef\x01\x02\xfe", 4);
    assert_memory_equal(hd_channel_group(&channels.list[3])->bytes, "\xef\x01\x03\x01", 4);
    hd_channels_release(&channels);
}

static void overlapping_ranges_join_each_group_once(void **state)
{
    struct hd_channels channels = BUILD("239.1.2.1+10:5000", "239.1.2.5+10:5000", "239.1.2.7:5000");

    (void)state;
    assert_int_equal(channels.count, 14);
    assert_int_equal(channels.want_count, 14);
    hd_channels_release(&channels);
}

static void another_port_or_family_is_another_channel(void **state)
{
    struct hd_channels channels = BUILD("239.1.2.3:5000", "239.1.2.3:5001", "[ff15::7]:5000");

    (void)state;
    assert_int_equal(channels.count, 3);
    hd_channels_release(&channels);
}

static void sources_of_one_group_share_a_channel(void **state)
{
    struct hd_channels channels = BUILD("10.0.0.2@232.1.1.1:5000", "10.0.0.1@232.1.1.1:5000",
                                        "10.0.0.2@232.1.1.1:5000");

    (void)state;
    assert_int_equal(channels.count, 1);
    assert_int_equal(channels.list[0].want_count, 2);
    hd_channels_release(&channels);
}

static void a_zone_concerns_its_interface_only(void **state)
{
    struct hd_channels channels = BUILD("239.1.2.3%eth0:5000");
    struct herald_interface eth0 = interface_named("eth0", 7);
    struct herald_interface eth1 = interface_named("eth1", 8);

    (void)state;
    assert_true(hd_membership_wanted(&channels.list[0], &eth0, false));
    assert_false(hd_membership_wanted(&channels.list[0], &eth1, true));
    hd_channels_release(&channels);
}

static void without_a_zone_the_receivers_choice_counts(void **state)
{
    struct hd_channels channels = BUILD("239.1.2.3:5000", "239.1.2.3%eth0:5000");
    struct herald_interface eth0 = interface_named("eth0", 7);
    struct herald_interface eth1 = interface_named("eth1", 8);

    (void)state;
    assert_int_equal(channels.count, 1);
    assert_true(hd_membership_wanted(&channels.list[0], &eth0, false));
    assert_false(hd_membership_wanted(&channels.list[0], &eth1, false));
    assert_true(hd_membership_wanted(&channels.list[0], &eth1, true));
    hd_channels_release(&channels);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_range_becomes_one_channel_for_each_group),
        cmocka_unit_test(overlapping_ranges_join_each_group_once),
        cmocka_unit_test(another_port_or_family_is_another_channel),
        cmocka_unit_test(sources_of_one_group_share_a_channel),
        cmocka_unit_test(a_zone_concerns_its_interface_only),
        cmocka_unit_test(without_a_zone_the_receivers_choice_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
