/* SPDX-License-Identifier: MIT */
/* Records in both forms, on the right channel, whole; and what happens when they cannot be written. */
#include "options.h"
#include "output.h"
#include "status.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

struct record {
    const char *text;
    const char *missing;
    struct bytes payload;
    struct list list;
    uint64_t number;
    int64_t unknown;
    bool yes, no;
    int64_t round_trip;
    uint64_t size;
    double rate;
    uint64_t time;
    struct herald_address from, nobody;
};

#define ROW(name, type, ...)                                                       \
 {                                                                                 \
  .key = #name, .kind = type, .offset = offsetof(struct record, name), __VA_ARGS__ \
 }

static const struct field fields[] = {
    ROW(text, FIELD_TEXT, .before = ""),
    ROW(missing, FIELD_TEXT, .before = " never"),
    ROW(payload, FIELD_BYTES, .before = "  \"", .after = "\""),
    ROW(number, FIELD_NUMBER, .before = "  ttl "),
    ROW(unknown, FIELD_INTEGER, .before = " never "),
    ROW(yes, FIELD_FLAG, .before = "  first"),
    ROW(no, FIELD_FLAG, .before = " never"),
    ROW(round_trip, FIELD_DURATION, .before = "  "),
    ROW(size, FIELD_SIZE, .before = "  "),
    ROW(rate, FIELD_RATE, .before = "  "),
    ROW(time, FIELD_TIME),
    ROW(from, FIELD_ADDRESS, .before = "  "),
    ROW(nobody, FIELD_ADDRESS, .before = " never "),
    { .key = NULL },
};

static struct record sample(void)
{
    return (struct record){
        .text = "eth0",
        .payload = { (const uint8_t *)"hi", 2 },
        .number = 7,
        .unknown = -1,
        .yes = true,
        .round_trip = 213000,
        .size = 1472,
        .rate = 98.3e6,
        .time = UINT64_C(1700000000123456789),
        .from = { .family = HERALD_FAMILY_IPV4, .bytes = { 10, 0, 0, 1 } },
    };
}

/* An output whose data and messages are kept in memory. */
struct capture {
    struct output output;
    char data[8192];
    char messages[8192];
};

static struct capture *capture_new(bool json, bool quiet)
{
    struct common_settings settings = { .json = json, .quiet = quiet };
    struct capture *capture = calloc(1, sizeof *capture);

    assert_non_null(capture);
    output_init(&capture->output, "herald test", &settings);
    assert_int_equal(capture->output.data_fd, STDOUT_FILENO);
    assert_int_equal(capture->output.message_fd, STDERR_FILENO);
    capture->output.data_fd = memfd_create("data", MFD_CLOEXEC);
    capture->output.message_fd = memfd_create("messages", MFD_CLOEXEC);
    assert_true(capture->output.data_fd >= 0 && capture->output.message_fd >= 0);
    return capture;
}

static void read_back(int fd, char *text, size_t size)
{
    ssize_t length = pread(fd, text, size - 1, 0);

    text[length > 0 ? length : 0] = '\0';
}

static void check_and_free(struct capture *capture, const char *data, const char *messages)
{
    read_back(capture->output.data_fd, capture->data, sizeof capture->data);
    read_back(capture->output.message_fd, capture->messages, sizeof capture->messages);
    assert_string_equal(capture->data, data);
    assert_string_equal(capture->messages, messages);
    close(capture->output.data_fd);
    close(capture->output.message_fd);
    free(capture);
}

static void a_record_is_one_line_of_its_known_fields(void **state)
{
    struct capture *capture = capture_new(false, false);
    struct record record = sample();

    (void)state;
    assert_int_equal(output_record(&capture->output, OUTPUT_DATA, "response", fields, &record), 0);
    check_and_free(capture, "eth0  \"hi\"  ttl 7  first  213 µs  1,472 B  98.3 Mbit/s  10.0.0.1\n", "");
}

static void a_record_is_one_object_with_the_event_first(void **state)
{
    struct capture *capture = capture_new(true, false);
    struct record record = sample();

    (void)state;
    assert_int_equal(output_record(&capture->output, OUTPUT_DATA, "response", fields, &record), 0);
    check_and_free(capture,
                   "{\"event\":\"response\",\"text\":\"eth0\",\"payload\":\"hi\",\"number\":7,\"yes\":true,"
                   "\"no\":false,\"round_trip_ns\":213000,\"size_bytes\":1472,\"rate_bps\":98300000,"
                   "\"time_ns\":1700000000123456789,\"from\":\"10.0.0.1\"}\n",
                   "");
}

static void time_is_local_with_microseconds(void **state)
{
    static const struct field time_fields[] = { ROW(time, FIELD_TIME, .before = ""), { .key = NULL } };
    struct capture *capture = capture_new(false, false);
    struct record record = sample();

    (void)state;
    setenv("TZ", "UTC-2", 1);
    tzset();
    output_record(&capture->output, OUTPUT_DATA, "x", time_fields, &record);
    check_and_free(capture, "00:13:20.123456\n", "");
}

static void a_record_without_human_fields_prints_no_line(void **state)
{
    static const struct field silent[] = { ROW(number, FIELD_NUMBER, .before = NULL), { .key = NULL } };
    struct capture *capture = capture_new(false, false);
    struct record record = sample();

    (void)state;
    assert_int_equal(output_record(&capture->output, OUTPUT_DATA, "x", silent, &record), 0);
    check_and_free(capture, "", "");
}

static void payload_cannot_control_the_terminal_in_either_form(void **state)
{
    static const struct field payload[] = { ROW(payload, FIELD_BYTES, .before = ""),
                                            ROW(text, FIELD_TEXT, .before = " "),
                                            { .key = NULL } };
    struct record record = { .payload = { (const uint8_t *)"\x1b[2J\x7f\xc2\x9b\n\"\0z", 11 }, .text = "et\x1bh" };
    struct capture *capture = capture_new(false, false);

    (void)state;
    output_record(&capture->output, OUTPUT_DATA, "x", payload, &record);
    check_and_free(capture, "\\x1b[2J\\x7f\\xc2\\x9b\\n\\\"\\x00z et\\x1bh\n", "");
    capture = capture_new(true, false);
    output_record(&capture->output, OUTPUT_DATA, "x", payload, &record);
    check_and_free(
        capture, "{\"event\":\"x\",\"payload\":\"\\u001B[2J\\u007f\\u009B\\n\\\"\\u0000z\",\"text\":\"et\\u001Bh\"}\n",
        "");
}

static void bytes_that_are_no_utf8_become_hex_digits(void **state)
{
    static const struct field both[] = { ROW(payload, FIELD_BYTES, .before = ""),
                                         ROW(text, FIELD_TEXT, .before = " "),
                                         { .key = NULL } };
    struct record record = { .payload = { (const uint8_t *)"\xff\x00z", 3 }, .text = "\xff" };
    struct capture *capture = capture_new(true, false);

    (void)state;
    output_record(&capture->output, OUTPUT_DATA, "x", both, &record);
    check_and_free(capture, "{\"event\":\"x\",\"payload_hex\":\"ff007a\",\"text\":\"\\\\xff\"}\n", "");
}

static void an_empty_payload_is_an_empty_string(void **state)
{
    static const struct field payload[] = { ROW(payload, FIELD_BYTES, .before = "\"", .after = "\""), { .key = NULL } };
    struct record record = { .payload = { NULL, 0 } };
    struct capture *capture = capture_new(true, false);

    (void)state;
    output_record(&capture->output, OUTPUT_DATA, "x", payload, &record);
    check_and_free(capture, "{\"event\":\"x\",\"payload\":\"\"}\n", "");
    capture = capture_new(false, false);
    output_record(&capture->output, OUTPUT_DATA, "x", payload, &record);
    check_and_free(capture, "\"\"\n", "");
}

static void a_payload_cannot_imitate_the_rest_of_its_line(void **state)
{
    static const struct field payload[] = { ROW(payload, FIELD_BYTES, .before = "\"", .after = "\"  213 µs"),
                                            { .key = NULL } };
    static const struct {
        const char *payload;
        const char *line;
    } rows[] = {
        { "hi\"  999 µs", "\"hi\\\"  999 µs\"  213 µs\n" },
        { "\"", "\"\\\"\"  213 µs\n" },
        { "\"\"ü\\\"", "\"\\\"\\\"ü\\\\\\\"\"  213 µs\n" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct record record = { .payload = { (const uint8_t *)rows[i].payload, strlen(rows[i].payload) } };
        struct capture *capture = capture_new(false, false);
        output_record(&capture->output, OUTPUT_DATA, "x", payload, &record);
        check_and_free(capture, rows[i].line, "");
    }
}

static void a_list_shows_a_few_and_json_has_all(void **state)
{
    static const struct field lists[] = { ROW(list, FIELD_LIST, .before = "on "), { .key = NULL } };
    static const char *const names[] = { "eth0", "et\x1bh", "lo" };
    static const struct {
        size_t count, shown;
        const char *line, *object;
    } rows[] = {
        { 3, 3, "on eth0, et\\x1bh, lo\n", "{\"event\":\"x\",\"list\":[\"eth0\",\"et\\u001Bh\",\"lo\"]}\n" },
        { 3, 1, "on eth0 and 2 more\n", "{\"event\":\"x\",\"list\":[\"eth0\",\"et\\u001Bh\",\"lo\"]}\n" },
        { 1, 3, "on eth0\n", "{\"event\":\"x\",\"list\":[\"eth0\"]}\n" },
        { 0, 3, "on none yet\n", "{\"event\":\"x\",\"list\":[]}\n" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct record record = { .list = { names, rows[i].count, rows[i].shown, "none yet" } };
        struct capture *capture = capture_new(false, false);
        output_record(&capture->output, OUTPUT_DATA, "x", lists, &record);
        check_and_free(capture, rows[i].line, "");
        capture = capture_new(true, false);
        output_record(&capture->output, OUTPUT_DATA, "x", lists, &record);
        check_and_free(capture, rows[i].object, "");
    }
}

static void a_reader_that_has_gone_is_reported_once_and_sticks(void **state)
{
    struct capture *capture = capture_new(false, false);

    (void)state;
    output_reader_gone(&capture->output);
    output_reader_gone(&capture->output);
    assert_int_equal(output_raw(&capture->output, "x", 1), -EPIPE);
    assert_int_equal(output_status(&capture->output, STATUS_DONE), STATUS_FAILED);
    check_and_free(capture, "", "herald test: cannot write to standard output: Broken pipe\n");
}

/* The human form is escaped in pieces: no character may fall between two of them. */
static void a_long_payload_is_whole(void **state)
{
    static const struct field payload[] = { ROW(payload, FIELD_BYTES, .before = ""), { .key = NULL } };

    (void)state;
    for (size_t shift = 0; shift < 4; shift++) {
        char text[1024] = "aaa";
        char wanted[sizeof text + 1];
        text[shift] = '\0';
        for (int i = 0; i < 200; i++)
            strcat(text, "📡");
        snprintf(wanted, sizeof wanted, "%s\n", text);
        struct record record = { .payload = { (const uint8_t *)text, strlen(text) } };
        struct capture *capture = capture_new(false, false);
        output_record(&capture->output, OUTPUT_DATA, "x", payload, &record);
        check_and_free(capture, wanted, "");
    }
}

static void messages_go_to_stderr_and_quiet_drops_them(void **state)
{
    static const struct field number[] = { ROW(number, FIELD_NUMBER, .before = ""), { .key = NULL } };
    struct record record = sample();
    struct capture *capture = capture_new(false, false);

    (void)state;
    output_record(&capture->output, OUTPUT_MESSAGE, "m", number, &record);
    output_record(&capture->output, OUTPUT_ERROR, "e", number, &record);
    output_note(&capture->output, "note %d", 5);
    check_and_free(capture, "", "7\n7\nnote 5\n");

    capture = capture_new(false, true);
    output_record(&capture->output, OUTPUT_DATA, "d", number, &record);
    output_record(&capture->output, OUTPUT_MESSAGE, "m", number, &record);
    output_record(&capture->output, OUTPUT_ERROR, "e", number, &record);
    output_note(&capture->output, "note %d", 5);
    check_and_free(capture, "7\n", "7\n");
}

static void in_json_everything_goes_to_stdout(void **state)
{
    static const struct field number[] = { ROW(number, FIELD_NUMBER, .before = ""), { .key = NULL } };
    struct record record = sample();
    struct capture *capture = capture_new(true, false);

    (void)state;
    output_record(&capture->output, OUTPUT_MESSAGE, "m", number, &record);
    output_note(&capture->output, "note %d", 5);
    check_and_free(capture, "{\"event\":\"m\",\"number\":7}\n{\"event\":\"note\",\"text\":\"note 5\"}\n", "");

    capture = capture_new(true, true);
    output_record(&capture->output, OUTPUT_MESSAGE, "m", number, &record);
    output_note(&capture->output, "note %d", 5);
    output_record(&capture->output, OUTPUT_DATA, "d", number, &record);
    check_and_free(capture, "{\"event\":\"d\",\"number\":7}\n", "");
}

static void errors_and_warnings_have_cause_and_advice(void **state)
{
    struct herald_error error = { .code = -ENODEV, .cause = "no interface 'et\x1b[31m'" };
    struct capture *capture = capture_new(false, false);

    (void)state;
    output_error(&capture->output, &error);
    herald_error_advise(&error, "ip link");
    output_error(&capture->output, &error);
    output_warning(&capture->output, &error);
    check_and_free(capture, "",
                   "herald test: no interface 'et\\x1b[31m'\n"
                   "herald test: no interface 'et\\x1b[31m'\n  try: ip link\n"
                   "herald test: warning: no interface 'et\\x1b[31m'\n  try: ip link\n");

    capture = capture_new(true, true);
    output_error(&capture->output, &error);
    output_warning(&capture->output, &error);
    check_and_free(capture, "{\"event\":\"error\",\"cause\":\"no interface 'et\\u001B[31m'\",\"advice\":\"ip link\"}\n",
                   "");

    capture = capture_new(false, true);
    herald_error_set(&error, -EIO, "bad");
    output_error(&capture->output, &error);
    output_warning(&capture->output, &error);
    check_and_free(capture, "", "herald test: bad\n");
}

static void a_full_disk_is_reported_once_and_sticks(void **state)
{
    static const struct field number[] = { ROW(number, FIELD_NUMBER, .before = ""), { .key = NULL } };
    struct record record = sample();
    struct capture *capture = capture_new(false, false);

    (void)state;
    close(capture->output.data_fd);
    capture->output.data_fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    capture->output.data_name = "standard output";
    assert_int_equal(output_status(&capture->output, STATUS_NOT_EVERYONE), STATUS_NOT_EVERYONE);
    assert_int_equal(output_record(&capture->output, OUTPUT_DATA, "x", number, &record), -ENOSPC);
    assert_int_equal(output_record(&capture->output, OUTPUT_DATA, "x", number, &record), -ENOSPC);
    assert_int_equal(output_raw(&capture->output, "x", 1), -ENOSPC);
    assert_int_equal(capture->output.write_error, -ENOSPC);
    assert_int_equal(output_status(&capture->output, STATUS_DONE), STATUS_FAILED);
    read_back(capture->output.message_fd, capture->messages, sizeof capture->messages);
    assert_string_equal(capture->messages, "herald test: cannot write to standard output: No space left on device\n");
    close(capture->output.data_fd);
    close(capture->output.message_fd);
    free(capture);
}

static void raw_payload_is_written_as_it_is(void **state)
{
    struct capture *capture = capture_new(false, true);
    char data[4] = "";

    (void)state;
    assert_int_equal(output_raw(&capture->output, "\0\x1b\n", 3), 0);
    assert_int_equal(pread(capture->output.data_fd, data, sizeof data, 0), 3);
    assert_memory_equal(data, "\0\x1b\n", 3);
    close(capture->output.data_fd);
    close(capture->output.message_fd);
    free(capture);
}

static void *read_slowly(void *argument)
{
    char buffer[1000];
    size_t total = 0;
    ssize_t length;

    while ((length = read(*(const int *)argument, buffer, sizeof buffer)) > 0)
        total += (size_t)length;
    return (void *)total;
}

static void a_nonblocking_pipe_that_is_full_is_waited_for(void **state)
{
    enum { BYTES = 1 << 20 };
    struct capture *capture = capture_new(false, false);
    char *data = calloc(1, BYTES);
    int ends[2];
    pthread_t reader;
    void *total = NULL;

    (void)state;
    assert_non_null(data);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
    close(capture->output.data_fd);
    capture->output.data_fd = ends[1];
    assert_int_equal(pthread_create(&reader, NULL, read_slowly, &ends[0]), 0);
    assert_int_equal(output_raw(&capture->output, data, BYTES), 0);
    close(ends[1]);
    pthread_join(reader, &total);
    assert_int_equal((size_t)total, BYTES);
    close(ends[0]);
    close(capture->output.message_fd);
    free(capture);
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_is_one_line_of_its_known_fields),
        cmocka_unit_test(a_record_is_one_object_with_the_event_first),
        cmocka_unit_test(time_is_local_with_microseconds),
        cmocka_unit_test(a_record_without_human_fields_prints_no_line),
        cmocka_unit_test(payload_cannot_control_the_terminal_in_either_form),
        cmocka_unit_test(bytes_that_are_no_utf8_become_hex_digits),
        cmocka_unit_test(an_empty_payload_is_an_empty_string),
        cmocka_unit_test(a_payload_cannot_imitate_the_rest_of_its_line),
        cmocka_unit_test(a_list_shows_a_few_and_json_has_all),
        cmocka_unit_test(a_reader_that_has_gone_is_reported_once_and_sticks),
        cmocka_unit_test(a_long_payload_is_whole),
        cmocka_unit_test(messages_go_to_stderr_and_quiet_drops_them),
        cmocka_unit_test(in_json_everything_goes_to_stdout),
        cmocka_unit_test(errors_and_warnings_have_cause_and_advice),
        cmocka_unit_test(a_full_disk_is_reported_once_and_sticks),
        cmocka_unit_test(raw_payload_is_written_as_it_is),
        cmocka_unit_test(a_nonblocking_pipe_that_is_full_is_waited_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
