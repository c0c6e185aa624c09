/* SPDX-License-Identifier: MIT */
/* The service manager is told, by a path and by an abstract name; nobody is told when nobody asks. */
#include "notify.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

/* Sends to a socket of that name, "@..." for an abstract one, and compares what arrives. */
static void check_delivery(const char *name)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    size_t length = strlen(name);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    char text[32] = "";

    memcpy(address.sun_path, name, length);
    if (name[0] == '@')
        address.sun_path[0] = '\0';
    assert_int_equal(bind(fd, (const struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (name[0] == '/'))),
                     0);
    setenv("NOTIFY_SOCKET", name, 1);
    assert_int_equal(notify_send("READY=1"), 1);
    assert_int_equal(recv(fd, text, sizeof text - 1, MSG_DONTWAIT), 7);
    assert_string_equal(text, "READY=1");
    close(fd);
}

static void a_socket_in_the_file_system_is_told(void **state)
{
    char directory[] = "/tmp/notify_XXXXXX";
    char path[64];

    (void)state;
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/socket", directory);
    check_delivery(path);
    unlink(path);
    assert_int_equal(notify_send("READY=1"), -ENOENT);
    rmdir(directory);
}

static void a_socket_with_an_abstract_name_is_told(void **state)
{
    char name[64];

    (void)state;
    snprintf(name, sizeof name, "@herald-test-%ld", (long)getpid());
    check_delivery(name);
    assert_int_equal(notify_send("READY=1"), -ECONNREFUSED);
}

static void without_a_socket_nobody_is_told(void **state)
{
    char long_name[256];

    (void)state;
    unsetenv("NOTIFY_SOCKET");
    assert_int_equal(notify_send("READY=1"), 0);
    setenv("NOTIFY_SOCKET", "", 1);
    assert_int_equal(notify_send("READY=1"), 0);
    setenv("NOTIFY_SOCKET", "relative", 1);
    assert_int_equal(notify_send("READY=1"), -EINVAL);
    setenv("NOTIFY_SOCKET", "@", 1);
    assert_int_equal(notify_send("READY=1"), -EINVAL);
    memset(long_name, 'x', sizeof long_name - 1);
    long_name[0] = '/';
    long_name[sizeof long_name - 1] = '\0';
    setenv("NOTIFY_SOCKET", long_name, 1);
    assert_int_equal(notify_send("READY=1"), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_socket_in_the_file_system_is_told),
        cmocka_unit_test(a_socket_with_an_abstract_name_is_told),
        cmocka_unit_test(without_a_socket_nobody_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
