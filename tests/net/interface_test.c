/* SPDX-License-Identifier: MIT */
/* The list of interfaces and the watch on them, in a namespace of the test's own. */
#include "library.h"

static const struct herald_interface *named(const struct herald_interface *list, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i].name, name) == 0)
            return &list[i];
    return NULL;
}

/* Waits for the next event about that interface. */
static struct herald_interface_event next_event(herald_interface_watch *watch, const char *name)
{
    for (;;) {
        struct herald_interface_event event;
        int r = herald_interface_watch_next(watch, &event);

        assert_true(r >= 0);
        if (r == 0)
            wait_readable(herald_interface_watch_fd(watch));
        else if (strcmp(event.interface.name, name) == 0)
            return event;
    }
}

/* Waits until an event of that kind comes; others may come before it. */
static struct herald_interface wait_kind(herald_interface_watch *watch, const char *name,
                                         enum herald_interface_event_kind kind)
{
    struct herald_interface_event event;

    do
        event = next_event(watch, name);
    while (event.kind != kind);
    return event.interface;
}

static void the_list_tells_names_addresses_and_states(void **state)
{
    struct herald_interface *list = NULL;
    struct herald_address wanted;
    const struct herald_interface *lo;
    const struct herald_interface *veth;
    int count;

    (void)state;
    run_command("ip link add veth0 mtu 1400 type veth peer name veth1 && ip address add 10.9.0.1/24 dev veth0");
    count = herald_interfaces_list(&list);
    assert_int_equal(count, 3);
    lo = named(list, 3, "lo");
    veth = named(list, 3, "veth0");
    assert_non_null(lo);
    assert_non_null(veth);
    assert_true(lo->up && lo->loopback && !lo->multicast && lo->index == 1);
    assert_int_equal(herald_address_parse("127.0.0.1", &wanted), 0);
    assert_true(herald_address_equal(&lo->ipv4, &wanted));
    assert_true(!veth->up && !veth->carrier && veth->multicast && !veth->loopback);
    assert_int_equal(veth->mtu_bytes, 1400);
    assert_int_equal(herald_address_parse("10.9.0.1", &wanted), 0);
    assert_true(herald_address_equal(&veth->ipv4, &wanted));
    assert_int_equal(veth->ipv6.family, HERALD_FAMILY_NONE);
    free(list);
    run_command("ip link del veth0");
}

static void an_interface_is_found_by_name_index_and_other_name(void **state)
{
    struct herald_interface found;
    struct herald_error error;

    (void)state;
    run_command("ip link property add dev lo altname other0");
    assert_int_equal(herald_interface_find("lo", &found, NULL), 0);
    assert_int_equal(herald_interface_find("1", &found, NULL), 0);
    assert_string_equal(found.name, "lo");
    assert_int_equal(herald_interface_find("other0", &found, NULL), 0);
    assert_string_equal(found.name, "lo");
    assert_int_equal(herald_interface_find("eth9", &found, &error), -ENODEV);
    assert_string_equal(error.cause, "unknown interface 'eth9'; there are: lo");
    run_command("ip link property del dev lo altname other0");
}

static void the_watch_follows_an_interface_through_its_life(void **state)
{
    herald_interface_watch *watch = NULL;
    const struct herald_interface *list;
    struct herald_interface seen;
    size_t count;

    (void)state;
    assert_int_equal(herald_interface_watch_new(&watch, NULL), 0);
    assert_int_equal(herald_interface_watch_list(watch, &list), 1);

    run_command("ip link add veth0 type veth peer name veth1");
    seen = wait_kind(watch, "veth0", HERALD_INTERFACE_APPEARED);
    assert_false(seen.up);
    run_command("ip link set veth0 up && ip link set veth1 up");
    seen = wait_kind(watch, "veth0", HERALD_INTERFACE_UP);
    assert_true(seen.up && seen.carrier);
    run_command("ip link set veth1 down");
    seen = wait_kind(watch, "veth0", HERALD_INTERFACE_DOWN);
    assert_true(seen.up && !seen.carrier);
    run_command("ip link set veth1 up");
    wait_kind(watch, "veth0", HERALD_INTERFACE_UP);
    run_command("ip link set veth0 down");
    seen = wait_kind(watch, "veth0", HERALD_INTERFACE_DOWN);
    assert_false(seen.up);
    run_command("ip link set veth0 mtu 1300");
    do
        seen = wait_kind(watch, "veth0", HERALD_INTERFACE_CHANGED);
    while (seen.mtu_bytes != 1300);
    run_command("ip link set veth0 name wire0");
    wait_kind(watch, "wire0", HERALD_INTERFACE_CHANGED);
    count = herald_interface_watch_list(watch, &list);
    assert_non_null(named(list, count, "wire0"));
    assert_null(named(list, count, "veth0"));
    run_command("ip link del wire0");
    wait_kind(watch, "wire0", HERALD_INTERFACE_DISAPPEARED);
    count = herald_interface_watch_list(watch, &list);
    assert_null(named(list, count, "wire0"));
    herald_interface_watch_free(watch);
}

/* What comes and goes between two looks is told as two events, not as none. */
static void a_flap_between_two_looks_is_told(void **state)
{
    herald_interface_watch *watch = NULL;

    (void)state;
    run_command("ip link add veth0 type veth peer name veth1 && ip link set veth0 up && ip link set veth1 up");
    assert_int_equal(herald_interface_watch_new(&watch, NULL), 0);
    run_command("ip link set veth1 down && ip link set veth1 up");
    wait_kind(watch, "veth0", HERALD_INTERFACE_DOWN);
    wait_kind(watch, "veth0", HERALD_INTERFACE_UP);
    herald_interface_watch_free(watch);
    run_command("ip link del veth0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_list_tells_names_addresses_and_states),
        cmocka_unit_test(an_interface_is_found_by_name_index_and_other_name),
        cmocka_unit_test(the_watch_follows_an_interface_through_its_life),
        cmocka_unit_test(a_flap_between_two_looks_is_told),
    };

    return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
