/* SPDX-License-Identifier: MIT */
/* The herald command: finds the sub-command in the table, parses its options, runs it. */
#include "commands.h"
#include "help.h"
#include "output.h"
#include "status.h"

#include <herald/herald.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* More than any help is long, so that only the flush at the end can fail, and its errno is known. */
static char stdout_buffer[65536];

/*
 * A descriptor 0, 1 or 2 that was closed when we started would be taken by the first socket, and output written
 * into it. It becomes /dev/null, opened the wrong way round: reading or writing still fails.
 */
static int claim_standard_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
            return -errno;
    }
    return 0;
}

static void print_error(const struct herald_error *error)
{
    output_error_to(STDERR_FILENO, "herald", error);
}

static int run_command(const struct command *command, int argc, char **argv)
{
    struct operands operands;
    struct herald_error error;
    void *settings = calloc(1, command->settings_bytes);
    int status;

    if (settings == NULL) {
        herald_error_set(&error, -ENOMEM, "out of memory");
        print_error(&error);
        return STATUS_FAILED;
    }
    if (options_parse(command, argc, argv, settings, &operands) < 0) {
        status = STATUS_USAGE;
    } else if (((const struct common_settings *)settings)->help) {
        options_print_help(command);
        status = STATUS_DONE;
    } else {
        status = command->run(settings, &operands);
    }
    free(settings);
    return status;
}

static int refuse_option(const char *argument)
{
    static const char *const options[] = { "--help", "--version", NULL };
    struct herald_error error;
    const char *near = suggest(argument, options);

    if (near != NULL)
        herald_error_set(&error, -EINVAL, "no option '%.64s'; did you mean '%s'?", argument, near);
    else
        herald_error_set(&error, -EINVAL, "no option '%.64s' before the command", argument);
    herald_error_advise(&error, "herald help");
    print_error(&error);
    return STATUS_USAGE;
}

static int run(int argc, char **argv)
{
    if (argc < 2) {
        help_print_overview(stderr, help_columns(stderr));
        return STATUS_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        help_print_overview(stdout, help_columns(stdout));
        return STATUS_DONE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("herald %s\n", herald_version());
        return STATUS_DONE;
    }
    if (argv[1][0] == '-')
        return refuse_option(argv[1]);
    size_t count = (size_t)argc - 1;
    char **words = argv + 1;
    struct herald_error error;
    const struct command *command = command_resolve(&count, &words, &error);
    if (command == NULL) {
        print_error(&error);
        return STATUS_USAGE;
    }
    return run_command(command, (int)count, words);
}

/* Help and version go through stdio: a full disk or a closed pipe shows when it is flushed. */
static int close_stdout(int status)
{
    struct herald_error error;

    if (fclose(stdout) == 0)
        return status;
    herald_error_set(&error, -errno, "cannot write to standard output: %s",
                     errno == EBADF ? "it is closed" : strerror(errno));
    print_error(&error);
    return STATUS_FAILED;
}

int main(int argc, char **argv)
{
    if (claim_standard_descriptors() < 0)
        return STATUS_FAILED;
    signal(SIGPIPE, SIG_IGN); /* writing to a pipe that nobody reads is an error like any other */
    setvbuf(stdout, stdout_buffer, _IOFBF, sizeof stdout_buffer);
    return close_stdout(run(argc, argv));
}
