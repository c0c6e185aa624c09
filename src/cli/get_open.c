/* SPDX-License-Identifier: MIT */
/* What the command line of herald get means. */
#include "get.h"

#include "joins.h"
#include "words.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int parse_endpoint(struct get *get, struct herald_error *error)
{
    const char *text = get->operands->items[0];
    int result = herald_endpoint_parse(text, &get->endpoint, error);

    if (result >= 0 && get->endpoint.group_count != 1)
        return herald_error_set(error, -EINVAL, "one group at a time: '%.64s' names %u", text,
                                get->endpoint.group_count);
    return result;
}

static int parse_accept(struct get *get, struct herald_error *error)
{
    const struct text_list *list = &get->settings->accept;

    for (size_t i = 0; i < list->count; i++) {
        if (herald_address_parse(list->items[i], &get->accept[i]) < 0 || herald_address_is_multicast(&get->accept[i]))
            return herald_error_set(error, -EINVAL, "--accept: '%.60s' is not the numeric address of one host",
                                    list->items[i]);
        if (get->accept[i].family != get->endpoint.group.family)
            return herald_error_set(error, -EINVAL, "--accept %.60s is IPv%d, the group is IPv%d", list->items[i],
                                    (int)get->accept[i].family, (int)get->endpoint.group.family);
    }
    return 0;
}

/*
 * A fifo, a terminal, /dev/null: what cannot be replaced is written to, in order.
 * @return the descriptor; -1: it is none of these, or not there; -errno with *error.
 */
static int open_device(const char *path, struct herald_error *error)
{
    struct stat facts;
    int fd;

    if (stat(path, &facts) < 0 || S_ISREG(facts.st_mode) || S_ISDIR(facts.st_mode) || S_ISSOCK(facts.st_mode))
        return -1;
    fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return herald_error_set(error, -errno, "cannot write to %.200s: %s", path, strerror(errno));
    return fd;
}

static int check_together(struct get *get, struct herald_error *error)
{
    const struct get_settings *settings = get->settings;
    int clashes = settings->overwrite + settings->rename + settings->skip;

    if (settings->output_path != NULL && settings->directory != NULL)
        return herald_error_set(error, -EINVAL, "--output and --directory exclude each other");
    if (settings->output_path != NULL && settings->output_path[0] == '\0')
        return herald_error_set(error, -EINVAL, "--output needs the name of a file; - is standard output");
    if (settings->directory != NULL && settings->directory[0] == '\0')
        return herald_error_set(error, -EINVAL, "--directory needs the name of a directory; . is the one you are in");
    if (clashes > 1)
        return herald_error_set(error, -EINVAL, "--overwrite, --rename and --skip exclude each other");
    if (get->to_stdout && settings->common.json) {
        (void)herald_error_set(error, -EINVAL, "--json and -o - exclude each other: both write to standard output");
        herald_error_advise(error, "-o FILE, or without --json");
        return -EINVAL;
    }
    if (settings->output_path != NULL && settings->any_links)
        return herald_error_set(error, -EINVAL, "--any-links is for a directory: with -o no links are made");
    if (get->to_stdout && (settings->rename || settings->skip || settings->no_sync))
        return herald_error_set(error, -EINVAL, "--rename, --skip and --no-sync are for files, not for -o -");
    if (get->to_stdout && settings->on_complete != NULL)
        return herald_error_set(error, -EINVAL, "--on-complete needs a file to be run for, which -o - does not make");
    if (settings->silent && settings->unicast_feedback)
        return herald_error_set(error, -EINVAL, "--silent and --unicast-feedback exclude each other");
    if (settings->shell && settings->on_complete == NULL)
        return herald_error_set(error, -EINVAL, "--shell needs --on-complete");
    return 0;
}

static enum herald_inbox_clash clash_of(const struct get_settings *settings)
{
    if (settings->rename)
        return HERALD_CLASH_RENAME;
    return settings->skip ? HERALD_CLASH_SKIP : HERALD_CLASH_OVERWRITE;
}

/* What cannot be written to may be only a step away. @return result */
static int advise_place(const struct get *get, int result, struct herald_error *error)
{
    const struct get_settings *settings = get->settings;
    const char *slash = settings->output_path != NULL ? strrchr(settings->output_path, '/') : NULL;
    char path[PATH_MAX] = "", word[200];

    if (result != -ENOENT && result != -EISDIR)
        return result;
    if (result == -EISDIR && settings->output_path != NULL) {
        herald_error_advise(error, "-d %s, to receive into it", words_quote(settings->output_path, word, sizeof word));
        return result;
    }
    if (slash != NULL)
        (void)snprintf(path, sizeof path, "%.*s", (int)(slash - settings->output_path), settings->output_path);
    else if (settings->directory != NULL)
        (void)snprintf(path, sizeof path, "%s", settings->directory);
    if (path[0] != '\0' && access(path, F_OK) < 0 && errno == ENOENT)
        herald_error_advise(error, "mkdir -p %s", words_quote(path, word, sizeof word));
    return result;
}

static int open_inbox(struct get *get, struct herald_error *error)
{
    const struct get_settings *settings = get->settings;
    struct herald_inbox_config config = {
        .endpoint = get->endpoint,
        .interfaces = settings->interfaces.items,
        .interface_count = settings->interfaces.count,
        .node_id = (uint32_t)settings->node_id,
        .unicast_feedback = settings->unicast_feedback,
        .silent = settings->silent,
        .no_ping = settings->no_ping,
        .examine = examined_tell,
        .examine_userdata = &get->examined,
        .kind = HERALD_INBOX_DIRECTORY,
        .directory = get->directory,
        .clash = clash_of(settings),
        .any_links = settings->any_links,
        .no_sync = settings->no_sync,
        .all_again = settings->on_complete != NULL, /* it has to run for each, at least once */
        .accept = get->accept,
        .accept_count = settings->accept.count,
        .count = (uint64_t)settings->count,
        .once = settings->once,
        .receive_buffer_bytes = settings->receive_buffer_bytes,
    };

    get->examined = (struct examined){ &get->endpoint, 1 };
    if (get->to_stdout) {
        config.kind = HERALD_INBOX_DESCRIPTOR;
        config.fd = STDOUT_FILENO;
    } else if (get->device_fd >= 0) {
        config.kind = HERALD_INBOX_DESCRIPTOR;
        config.fd = get->device_fd;
    } else if (settings->output_path != NULL) {
        config.kind = HERALD_INBOX_FILE;
        config.path = settings->output_path;
    }
    /* One file: the second object would take the place of the first. */
    if (settings->output_path != NULL && settings->count == 0 && !settings->once)
        config.count = 1;
    joins_raise_descriptor_limit(); /* a tree takes more, for the files that are under way */
    return advise_place(get, herald_inbox_new(&get->inbox, &config, error), error);
}

int get_open(struct get *get, struct herald_error *error)
{
    const struct get_settings *settings = get->settings;
    int result;

    get->to_stdout = settings->output_path != NULL && output_is_stdout(settings->output_path);
    if (settings->output_path == NULL)
        get->directory = settings->directory != NULL ? settings->directory : ".";
    result = parse_endpoint(get, error);
    if (result >= 0)
        result = parse_accept(get, error);
    if (result >= 0)
        result = check_together(get, error);
    if (result >= 0 && settings->on_complete != NULL)
        result = get_open_runner(get, error);
    if (result < 0)
        return result;
    if (settings->output_path != NULL && !get->to_stdout) {
        get->device_fd = open_device(settings->output_path, error);
        if (get->device_fd < -1)
            return get->device_fd;
    }
    if (get->to_stdout)
        get->output.data_fd = get->output.message_fd; /* standard output is for the data alone */
    return open_inbox(get, error);
}

void get_close(struct get *get)
{
    get->runner = runner_free(get->runner);
    get->inbox = herald_inbox_free(get->inbox);
    if (get->device_fd >= 0)
        close(get->device_fd);
}
