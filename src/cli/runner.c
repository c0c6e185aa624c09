/* SPDX-License-Identifier: MIT */
#include "runner.h"

#include "words.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FACT_BYTES = 160 };

struct waiting {
    struct waiting *next;
    struct herald_peer peer;
    uint16_t group_port;
    char *facts[RUNNER_FACTS_MAX]; /* "NAME=value" for the environment */
    size_t fact_count;
    size_t size_bytes;
    uint8_t payload[];
};

struct runner {
    char **words;
    bool shell;
    bool reply;
    bool output_to_stderr;
    uint64_t timeout_ns;
    size_t queue_max;
    /* As they were when the runner was made: programs get these, whatever the command has set for itself since. */
    struct rlimit descriptors;
    int scheduling;

    struct waiting *first, *last;
    size_t waiting_count;

    pid_t pid;        /* of what runs, which leads a process group of its own; 0: nothing runs */
    int pid_fd;       /* readable when it has ended */
    int output_fd;    /* its standard output with `reply`, else -1 */
    uint64_t kill_ns; /* when it has taken too long */
    bool timed_out;
    struct waiting *current;
    bool output_overflow;
    size_t output_bytes;
    uint8_t output[HERALD_PAYLOAD_MAX_IPV4_BYTES];
};

/* ---- opening --------------------------------------------------------------------------------- */

/* @return 0 for what can be run; -EISDIR; -errno. */
static int check_program(const char *path)
{
    struct stat status;

    if (stat(path, &status) < 0)
        return -errno;
    if (S_ISDIR(status.st_mode))
        return -EISDIR;
    return access(path, X_OK) < 0 ? -errno : 0;
}

/* Whether execvp() would find it. @return as check_program(), of the path that is left in ret_path. */
static int find_program(const char *name, char *ret_path, size_t size_bytes)
{
    const char *path = getenv("PATH");
    char candidate[PATH_MAX];
    int result = -ENOENT;

    snprintf(ret_path, size_bytes, "%s", name);
    if (strchr(name, '/') != NULL)
        return check_program(name);
    if (path == NULL)
        path = "/usr/local/bin:/usr/bin:/bin";
    while (*path != '\0') {
        int length = (int)strcspn(path, ":");

        if (snprintf(candidate, sizeof(candidate), "%.*s/%s", length, path, name) < (int)sizeof(candidate)) {
            int r = check_program(candidate);

            if (r == 0)
                return 0;
            /* The next best: a file of that name. A directory of PATH that may not be searched says nothing. */
            if (r == -EACCES && result == -ENOENT && access(candidate, F_OK) == 0) {
                result = r;
                snprintf(ret_path, size_bytes, "%s", candidate);
            }
        }
        path += length;
        path += *path == ':';
    }
    return result;
}

/* Why a program cannot be run, and what to do about it. */
static int refuse_program(const char *command_line, const char *path, int code, struct herald_error *error)
{
    char here[PATH_MAX + 2];
    char quoted[200];

    words_quote(path, quoted, sizeof(quoted));
    if (code == -EISDIR) {
        herald_error_set(error, code, "cannot run '%s': it is a directory", path);
        herald_error_advise(error, "ls %s", quoted);
        return code;
    }
    if (code == -EACCES) {
        bool exists = access(path, F_OK) == 0;

        herald_error_set(error, code, "cannot run '%s': %s", path,
                         exists ? "it is not executable" : "a directory on the way may not be searched");
        herald_error_advise(error, "ls -l %s", quoted);
        return code;
    }
    if (code != -ENOENT)
        return herald_error_set(error, code, "cannot run '%s': %s", path, strerror(-code));
    herald_error_set(error, code, "cannot run '%s': no such program", path);
    snprintf(here, sizeof(here), "./%s", path);
    if (strpbrk(command_line, "|;&<>$`(*") != NULL)
        herald_error_advise(error, "--shell, if a shell shall read the command");
    else if (strchr(path, '/') == NULL && check_program(here) == 0)
        herald_error_advise(error, "./%s", path);
    else if (strchr(path, '/') == NULL)
        herald_error_advise(error, "its full path; it is in none of the directories of PATH");
    else
        herald_error_advise(error, "ls -l %s", quoted);
    return code;
}

static int refuse_words(const char *command_line, int code, struct herald_error *error)
{
    if (code == -EINVAL) {
        herald_error_set(error, code, "cannot run '%s': a quote is not closed", command_line);
        herald_error_advise(error, "close it, or put a backslash before it if it is meant as it is");
    } else if (code == -EILSEQ) {
        herald_error_set(error, -EINVAL, "cannot run '%s': it ends with a backslash", command_line);
        herald_error_advise(error, "two of them where one is meant");
    } else if (code == -ENODATA) {
        herald_error_set(error, -EINVAL, "cannot run '%s': the command is empty", command_line);
        herald_error_advise(error, "a program, and its arguments, such as 'logger -t multicast'");
    } else {
        return herald_error_set(error, code, "out of memory");
    }
    return -EINVAL;
}

static int make_shell_words(struct runner *runner, const char *command_line, struct herald_error *error)
{
    if (command_line[strspn(command_line, " \t\n")] == '\0')
        return refuse_words(command_line, -ENODATA, error);
    runner->words = calloc(4, sizeof(*runner->words));
    if (runner->words == NULL)
        return refuse_words(command_line, -ENOMEM, error);
    runner->words[0] = strdup("/bin/sh");
    runner->words[1] = strdup("-c");
    runner->words[2] = strdup(command_line);
    if (runner->words[0] == NULL || runner->words[1] == NULL || runner->words[2] == NULL)
        return refuse_words(command_line, -ENOMEM, error);
    return 0;
}

static int make_words(struct runner *runner, const struct runner_config *config, struct herald_error *error)
{
    char path[PATH_MAX];
    int r;

    if (config->shell)
        return make_shell_words(runner, config->command_line, error);
    r = words_split(config->command_line, &runner->words);
    if (r < 0)
        return refuse_words(config->command_line, r, error);
    r = find_program(runner->words[0], path, sizeof(path));
    return r < 0 ? refuse_program(config->command_line, path, r, error) : 0;
}

int runner_new(struct runner **ret_runner, const struct runner_config *config, struct herald_error *error)
{
    struct runner *runner = calloc(1, sizeof(*runner));
    int r;

    if (runner == NULL)
        return herald_error_set(error, -ENOMEM, "out of memory");
    runner->shell = config->shell;
    runner->reply = config->reply;
    runner->output_to_stderr = config->output_to_stderr;
    runner->timeout_ns = config->timeout_ns;
    runner->queue_max = config->queue_max > 0 ? config->queue_max : RUNNER_QUEUE_MAX;
    runner->pid_fd = -1;
    runner->output_fd = -1;
    runner->scheduling = sched_getscheduler(0);
    if (getrlimit(RLIMIT_NOFILE, &runner->descriptors) < 0) {
        free(runner);
        return herald_error_set(error, -EPERM, "the limit of open files cannot be read");
    }
    r = make_words(runner, config, error);
    if (r < 0) {
        runner_free(runner);
        return r;
    }
    *ret_runner = runner;
    return 0;
}

/* ---- the queue ------------------------------------------------------------------------------- */

static struct waiting *free_waiting(struct waiting *waiting)
{
    if (waiting == NULL)
        return NULL;
    for (size_t i = 0; i < waiting->fact_count; i++)
        free(waiting->facts[i]);
    free(waiting);
    return NULL;
}

/* @return 0; -ENOMEM. */
static int add_fact(struct waiting *waiting, const char *fact)
{
    assert(waiting->fact_count < RUNNER_FACTS_MAX);
    waiting->facts[waiting->fact_count] = strdup(fact);
    if (waiting->facts[waiting->fact_count] == NULL)
        return -ENOMEM;
    waiting->fact_count++;
    return 0;
}

static int __attribute__((format(printf, 2, 3))) format_fact(struct waiting *waiting, const char *format, ...)
{
    char fact[FACT_BYTES];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(fact, sizeof(fact), format, arguments);
    va_end(arguments);
    return add_fact(waiting, fact);
}

/* What is known of a datagram. @return 0; -ENOMEM. */
static int set_datagram_facts(struct waiting *waiting, const struct runner_job *job)
{
    char source[HERALD_ADDRESS_TEXT_BYTES];

    herald_address_format(&job->peer.address, source, sizeof(source));
    if (format_fact(waiting, "HERALD_SOURCE=%s", source) < 0 ||
        format_fact(waiting, "HERALD_SOURCE_PORT=%u", job->peer.port) < 0 ||
        format_fact(waiting, "HERALD_GROUP=%s", job->group) < 0 ||
        format_fact(waiting, "HERALD_PORT=%u", job->group_port) < 0 ||
        format_fact(waiting, "HERALD_INTERFACE=%s", job->interface) < 0 ||
        format_fact(waiting, "HERALD_TTL=%d", job->ttl) < 0 ||
        format_fact(waiting, "HERALD_SIZE=%zu", job->size_bytes) < 0)
        return -ENOMEM;
    return format_fact(waiting, "HERALD_TIME=%llu.%09llu", (unsigned long long)(job->time_ns / 1000000000),
                       (unsigned long long)(job->time_ns % 1000000000));
}

static int set_facts(struct waiting *waiting, const struct runner_job *job)
{
    if (job->facts == NULL)
        return set_datagram_facts(waiting, job);
    for (size_t i = 0; job->facts[i] != NULL; i++)
        if (add_fact(waiting, job->facts[i]) < 0)
            return -ENOMEM;
    return 0;
}

int runner_submit(struct runner *runner, const struct runner_job *job)
{
    struct waiting *waiting;

    if (runner->waiting_count >= runner->queue_max)
        return -EBUSY;
    waiting = calloc(1, sizeof(*waiting) + job->size_bytes);
    if (waiting == NULL)
        return -ENOMEM;
    waiting->peer = job->peer;
    waiting->group_port = job->group_port;
    waiting->size_bytes = job->size_bytes;
    if (job->size_bytes > 0)
        memcpy(waiting->payload, job->payload, job->size_bytes);
    if (set_facts(waiting, job) < 0) {
        free_waiting(waiting);
        return -ENOMEM;
    }
    if (runner->last != NULL)
        runner->last->next = waiting;
    else
        runner->first = waiting;
    runner->last = waiting;
    runner->waiting_count++;
    return 0;
}

static struct waiting *take_waiting(struct runner *runner)
{
    struct waiting *waiting = runner->first;

    runner->first = waiting->next;
    if (runner->first == NULL)
        runner->last = NULL;
    runner->waiting_count--;
    return waiting;
}

/* ---- starting -------------------------------------------------------------------------------- */

/* A file in memory rather than a pipe: whether the program reads it, or when, need not concern us. */
static int open_payload(const struct waiting *waiting)
{
    int fd = memfd_create("herald-payload", MFD_CLOEXEC);
    int r;

    if (fd < 0)
        return -errno;
    if (write(fd, waiting->payload, waiting->size_bytes) == (ssize_t)waiting->size_bytes && lseek(fd, 0, SEEK_SET) == 0)
        return fd;
    r = errno != 0 ? -errno : -EIO;
    close(fd);
    return r;
}

/* Our environment with the facts in front, so that they hold. @return an array to be freed, or NULL. */
static char **make_environment(struct waiting *waiting)
{
    char **environment;
    size_t count = 0;
    size_t used = 0;

    while (environ[count] != NULL)
        count++;
    environment = calloc(count + waiting->fact_count + 1, sizeof(*environment));
    if (environment == NULL)
        return NULL;
    for (size_t i = 0; i < waiting->fact_count; i++)
        environment[used++] = waiting->facts[i];
    for (size_t i = 0; i < count; i++)
        if (strncmp(environ[i], "HERALD_", 7) != 0)
            environment[used++] = environ[i];
    return environment;
}

/* In the child, between fork() and exec: only what is safe there. Whatever fails is told through `report_fd`. */
static void become_program(const struct runner *runner, char **environment, int input_fd, int output_fd, int report_fd,
                           pid_t parent)
{
    const struct sched_param no_priority = { 0 };
    sigset_t none;
    int code;

    sigemptyset(&none);
    signal(SIGPIPE, SIG_DFL); /* which this command ignores */
    sigprocmask(SIG_SETMASK, &none, NULL);
    setpgid(0, 0);
    /* Neither matters enough to give up for. */
    (void)setrlimit(RLIMIT_NOFILE, &runner->descriptors);
    if (runner->scheduling == SCHED_OTHER)
        (void)sched_setscheduler(0, SCHED_OTHER, &no_priority);
    /* A listener that is killed at once must not leave its program behind. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == parent && dup2(input_fd, STDIN_FILENO) >= 0 &&
        (output_fd < 0 || dup2(output_fd, STDOUT_FILENO) >= 0))
        execvpe(runner->words[0], runner->words, environment);
    code = errno;
    if (write(report_fd, &code, sizeof(code)) != (ssize_t)sizeof(code))
        _exit(126);
    _exit(127);
}

/* @return 0 when the program runs; -errno when it could not be started. */
static int spawn(struct runner *runner, char **environment, int input_fd, int output_fd)
{
    pid_t parent = getpid();
    int report[2];
    int code = 0;
    ssize_t n;

    if (pipe2(report, O_CLOEXEC) < 0)
        return -errno;
    runner->pid = fork();
    if (runner->pid == 0)
        become_program(runner, environment, input_fd, output_fd, report[1], parent);
    code = runner->pid < 0 ? errno : 0;
    close(report[1]);
    do
        n = runner->pid > 0 ? read(report[0], &code, sizeof(code)) : 0;
    while (n < 0 && errno == EINTR);
    close(report[0]);
    if (code == 0)
        return 0;
    if (runner->pid > 0)
        waitpid(runner->pid, NULL, 0);
    runner->pid = 0;
    return -code;
}

static int start_with(struct runner *runner, char **environment, int input_fd)
{
    int pipe_fds[2] = { -1, -1 };
    int r;

    if (runner->reply && pipe2(pipe_fds, O_CLOEXEC) < 0)
        return -errno;
    r = spawn(runner, environment, input_fd, runner->output_to_stderr ? STDERR_FILENO : pipe_fds[1]);
    if (pipe_fds[1] >= 0)
        close(pipe_fds[1]);
    if (r < 0) {
        if (pipe_fds[0] >= 0)
            close(pipe_fds[0]);
        return r;
    }
    runner->output_fd = pipe_fds[0];
    if (runner->output_fd >= 0)
        fcntl(runner->output_fd, F_SETFL, O_NONBLOCK);
    runner->pid_fd = (int)syscall(SYS_pidfd_open, runner->pid, 0);
    if (runner->pid_fd < 0) { /* before Linux 5.3: nothing would tell when it ends */
        r = -errno;
        kill(-runner->pid, SIGKILL);
        waitpid(runner->pid, NULL, 0);
        runner->pid = 0;
        if (runner->output_fd >= 0)
            close(runner->output_fd);
        runner->output_fd = -1;
    }
    return r;
}

static int start(struct runner *runner, struct waiting *waiting, uint64_t now_ns)
{
    char **environment = make_environment(waiting);
    int input_fd = open_payload(waiting);
    int r = environment == NULL ? -ENOMEM : input_fd;

    if (r >= 0)
        r = start_with(runner, environment, input_fd);
    if (input_fd >= 0)
        close(input_fd);
    free(environment);
    if (r < 0)
        return r;
    runner->current = waiting;
    runner->kill_ns = runner->timeout_ns > 0 ? now_ns + runner->timeout_ns : HERALD_NEVER;
    runner->timed_out = false;
    runner->output_overflow = false;
    runner->output_bytes = 0;
    return 0;
}

/* ---- following ------------------------------------------------------------------------------- */

/* @return whether more may come. */
static bool read_output(struct runner *runner)
{
    uint8_t surplus[4096];

    while (runner->output_fd >= 0) {
        size_t room = sizeof(runner->output) - runner->output_bytes;
        ssize_t n = room > 0 ? read(runner->output_fd, runner->output + runner->output_bytes, room)
                             : read(runner->output_fd, surplus, sizeof(surplus));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN;
        if (n == 0) {
            close(runner->output_fd);
            runner->output_fd = -1;
        } else if (room > 0) {
            runner->output_bytes += (size_t)n;
        } else {
            runner->output_overflow = true;
        }
    }
    return false;
}

static void judge(const struct runner *runner, int wait_status, struct runner_result *result)
{
    const char *name = runner->shell ? runner->words[2] : runner->words[0];

    result->failed = true;
    if (runner->timed_out)
        herald_error_set(&result->error, -ETIMEDOUT, "'%s' took longer than --exec-timeout and was killed", name);
    else if (WIFSIGNALED(wait_status))
        herald_error_set(&result->error, -EIO, "'%s' was ended by signal %d (%s)", name, WTERMSIG(wait_status),
                         strsignal(WTERMSIG(wait_status)));
    else if (WEXITSTATUS(wait_status) != 0)
        herald_error_set(&result->error, -EIO, "'%s' ended with status %d", name, WEXITSTATUS(wait_status));
    else if (runner->output_overflow)
        herald_error_set(&result->error, -EMSGSIZE, "'%s' wrote more than one datagram can carry (%d bytes)", name,
                         HERALD_PAYLOAD_MAX_IPV4_BYTES);
    else
        result->failed = false;
}

/* @return whether the program has ended; then *result is filled. */
static bool collect(struct runner *runner, uint64_t now_ns, struct runner_result *result)
{
    int wait_status;

    read_output(runner);
    if (now_ns >= runner->kill_ns && !runner->timed_out) {
        runner->timed_out = true;
        kill(-runner->pid, SIGKILL);
    }
    if (waitpid(runner->pid, &wait_status, WNOHANG) != runner->pid)
        return false;
    read_output(runner);
    if (runner->output_fd >= 0)
        close(runner->output_fd); /* a child of it may hold the other end: what counts is that it has ended itself */
    close(runner->pid_fd);
    runner->output_fd = runner->pid_fd = -1;
    runner->pid = 0;
    *result = (struct runner_result){
        .peer = runner->current->peer,
        .group_port = runner->current->group_port,
        .output = runner->output,
        .output_bytes = runner->output_bytes,
    };
    judge(runner, wait_status, result);
    runner->current = free_waiting(runner->current);
    return true;
}

int runner_process(struct runner *runner, uint64_t now_ns, struct runner_result *ret_result)
{
    struct waiting *waiting;
    int r;

    if (runner->pid != 0)
        return collect(runner, now_ns, ret_result);
    if (runner->first == NULL)
        return 0;
    waiting = take_waiting(runner);
    r = start(runner, waiting, now_ns);
    if (r == 0)
        return 0;
    *ret_result = (struct runner_result){ .peer = waiting->peer, .group_port = waiting->group_port, .failed = true };
    herald_error_set(&ret_result->error, r, "cannot run '%s': %s", runner->words[0], strerror(-r));
    free_waiting(waiting);
    return 1;
}

size_t runner_poll_fds(const struct runner *runner, struct pollfd *ret_fds)
{
    size_t count = 0;

    if (runner->pid_fd >= 0)
        ret_fds[count++] = (struct pollfd){ .fd = runner->pid_fd, .events = POLLIN };
    if (runner->output_fd >= 0)
        ret_fds[count++] = (struct pollfd){ .fd = runner->output_fd, .events = POLLIN };
    return count;
}

uint64_t runner_deadline(const struct runner *runner)
{
    if (runner->pid == 0)
        return runner->first != NULL ? 0 : HERALD_NEVER;
    return runner->timed_out ? HERALD_NEVER : runner->kill_ns;
}

size_t runner_unfinished(const struct runner *runner)
{
    return runner->waiting_count + (runner->pid != 0);
}

size_t runner_drop_waiting(struct runner *runner)
{
    size_t count = runner->waiting_count;

    while (runner->first != NULL)
        free_waiting(take_waiting(runner));
    return count;
}

bool runner_is_idle(const struct runner *runner)
{
    return runner->pid == 0 && runner->first == NULL;
}

struct runner *runner_free(struct runner *runner)
{
    if (runner == NULL)
        return NULL;
    if (runner->pid != 0) {
        kill(-runner->pid, SIGKILL);
        waitpid(runner->pid, NULL, 0);
    }
    if (runner->pid_fd >= 0)
        close(runner->pid_fd);
    if (runner->output_fd >= 0)
        close(runner->output_fd);
    runner_drop_waiting(runner);
    free_waiting(runner->current);
    words_free(runner->words);
    free(runner);
    return NULL;
}
