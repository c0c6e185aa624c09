/* SPDX-License-Identifier: MIT */
/* herald get --on-complete */
#include "get.h"

#include "words.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* So many files may wait for a program that is slower than the network; none may be forgotten without being counted. */
enum { WAITING_MAX = 1 << 20 };

int get_open_runner(struct get *get, struct herald_error *error)
{
    const struct get_settings *settings = get->settings;
    const struct runner_config config = {
        .command_line = settings->on_complete,
        .shell = settings->shell,
        .output_to_stderr = true, /* standard output is for what this command says, or for the data */
        .queue_max = WAITING_MAX,
    };
    const char *syntax = settings->shell ? NULL : words_shell_syntax(settings->on_complete);
    struct herald_error warning;
    int result = runner_new(&get->runner, &config, error);

    if (result < 0 || syntax == NULL)
        return result;
    (void)herald_error_set(&warning, -EINVAL, "no shell reads '%s' in '%.150s': the program gets it as it is", syntax,
                           settings->on_complete);
    herald_error_advise(&warning, "--shell, if a shell shall read the command");
    output_warning(&get->output, &warning);
    return 0;
}

/* What the program finds in its environment. */
struct facts {
    char *path;
    char *name;
    char size[64];
    char sender[64 + HERALD_ADDRESS_TEXT_BYTES];
    char host[64 + HERALD_HOST_NAME_BYTES];
    char verified[64];
};

/* Where it is, as the program can open it: its working directory is ours. */
static int make_path(const struct get *get, const struct herald_inbox_object *object, char **ret_fact)
{
    if (get->directory == NULL)
        return asprintf(ret_fact, "HERALD_PATH=%s", get->settings->output_path);
    if (strcmp(get->directory, ".") == 0) /* a name that a sender chose must not be read as an option */
        return asprintf(ret_fact, "HERALD_PATH=%s%s", object->path[0] == '-' ? "./" : "", object->path);
    return asprintf(ret_fact, "HERALD_PATH=%s/%s", get->directory, object->path);
}

static int submit(struct get *get, const struct herald_inbox_object *object, struct facts *facts)
{
    char address[HERALD_ADDRESS_TEXT_BYTES] = "";
    const char *list[] = { NULL, NULL, facts->size, facts->sender, facts->host, facts->verified, NULL };
    const struct runner_job job = { .peer = object->sender, .facts = list };

    if (make_path(get, object, &facts->path) < 0) {
        facts->path = NULL;
        return -ENOMEM;
    }
    if (asprintf(&facts->name, "HERALD_NAME=%s", object->name != NULL ? object->name : "") < 0) {
        facts->name = NULL;
        return -ENOMEM;
    }
    list[0] = facts->path;
    list[1] = facts->name;
    (void)herald_address_format(&object->sender.address, address, sizeof address);
    (void)snprintf(facts->size, sizeof facts->size, "HERALD_SIZE=%llu", (unsigned long long)object->size_bytes);
    (void)snprintf(facts->sender, sizeof facts->sender, "HERALD_SENDER=%s", address);
    (void)snprintf(facts->host, sizeof facts->host, "HERALD_SENDER_HOST=%s", object->sender_host);
    (void)snprintf(facts->verified, sizeof facts->verified, "HERALD_VERIFIED=%d", object->is_verified);
    return runner_submit(get->runner, &job);
}

void get_submit(struct get *get, const struct herald_inbox_object *object)
{
    struct facts facts = { .path = NULL };
    struct herald_error warning;
    int result;

    if (get->runner == NULL || object->type == 'd' || object->type == 'l')
        return;
    if (get->directory != NULL && object->path == NULL)
        return;
    result = submit(get, object, &facts);
    free(facts.path);
    free(facts.name);
    if (result >= 0)
        return;
    get->not_run++;
    (void)herald_error_set(&warning, result, "the program is not run for %.150s: %s",
                           object->name != NULL ? object->name : "what has come",
                           result == -EBUSY ? "too many files wait for it already" : strerror(-result));
    output_warning(&get->output, &warning);
}

void get_run_programs(struct get *get, uint64_t now_ns)
{
    struct runner_result result;

    if (get->runner == NULL)
        return;
    while (runner_process(get->runner, now_ns, &result) > 0) {
        if (!result.failed)
            continue;
        get->programs_failed++;
        output_warning(&get->output, &result.error);
    }
}
