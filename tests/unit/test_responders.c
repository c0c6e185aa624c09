/* SPDX-License-Identifier: MIT */
/* The set that counts each responder once. */
#include "responders.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct herald_peer ipv4_peer(uint32_t number, uint16_t port)
{
    struct herald_peer peer = { .address.family = HERALD_FAMILY_IPV4, .port = port, .interface_index = 1 };

    memcpy(peer.address.bytes, &number, sizeof(number));
    return peer;
}

static void each_address_and_port_counts_once(void **state)
{
    struct hd_responders responders;
    struct herald_peer a = ipv4_peer(1, 10);
    struct herald_peer b = ipv4_peer(1, 11);
    struct herald_peer c = ipv4_peer(2, 10);

    (void)state;
    hd_responders_init(&responders);
    assert_int_equal(hd_responders_add(&responders, &a), 1);
    assert_int_equal(hd_responders_add(&responders, &a), 0);
    assert_int_equal(hd_responders_add(&responders, &b), 1);
    assert_int_equal(hd_responders_add(&responders, &c), 1);
    a.interface_index = 2; /* the same host, heard by another interface */
    assert_int_equal(hd_responders_add(&responders, &a), 0);
    assert_int_equal(responders.count, 3);
    hd_responders_release(&responders);
}

static void one_link_local_address_on_two_links_is_two_hosts(void **state)
{
    struct hd_responders responders;
    struct herald_peer peer = { .address = { HERALD_FAMILY_IPV6, { 0xfe, 0x80, [15] = 1 } },
                                .port = 10,
                                .interface_index = 1 };

    (void)state;
    hd_responders_init(&responders);
    assert_int_equal(hd_responders_add(&responders, &peer), 1);
    peer.interface_index = 2;
    assert_int_equal(hd_responders_add(&responders, &peer), 1);
    hd_responders_release(&responders);
}

static void thousands_are_counted_exactly(void **state)
{
    struct hd_responders responders;

    (void)state;
    hd_responders_init(&responders);
    for (int round = 0; round < 3; round++)
        for (uint32_t i = 0; i < 50000; i++) {
            struct herald_peer peer = ipv4_peer(i / 10, (uint16_t)(1000 + i % 10));

            assert_int_equal(hd_responders_add(&responders, &peer), round == 0 ? 1 : 0);
        }
    assert_int_equal(responders.count, 50000);
    hd_responders_release(&responders);
}

static void forged_answers_from_port_0_are_nobody(void **state)
{
    struct hd_responders responders;
    struct herald_peer peer = ipv4_peer(1, 0);

    (void)state;
    hd_responders_init(&responders);
    assert_int_equal(hd_responders_add(&responders, &peer), 0);
    assert_int_equal(responders.count, 0);
    hd_responders_release(&responders);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_address_and_port_counts_once),
        cmocka_unit_test(one_link_local_address_on_two_links_is_two_hosts),
        cmocka_unit_test(thousands_are_counted_exactly),
        cmocka_unit_test(forged_answers_from_port_0_are_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
