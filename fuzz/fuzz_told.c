/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: what another host tells of its findings. Whatever can be read is written again and must then be read as
 * the same, and no command comes through that a shell could take for more than one word list.
 */
#include "fuzz.h"
#include "told.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { FINDINGS_MAX = 16, ROOM_BYTES = 65536 };

/* An assertion that no build option switches off. */
static void require(bool truth)
{
    if (!truth)
        abort();
}

static void require_sound(const struct herald_finding *finding)
{
    require(finding->level == HERALD_FINDING_FAULT || finding->level == HERALD_FINDING_WARNING);
    require(finding->check != NULL && finding->host[0] == '\0');
    require(strlen(finding->seen) < sizeof finding->seen && strlen(finding->meaning) < sizeof finding->meaning);
    require(strcspn(finding->seen, "\t\n\x1b") == strlen(finding->seen));
    if (finding->remedy_is_command)
        require(strpbrk(finding->remedy, ";|$`<>()\\'\"*?!#~\n") == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    static struct herald_finding findings[FINDINGS_MAX], again[FINDINGS_MAX];
    static char room[ROOM_BYTES];
    char *text = malloc(size_bytes + 1);
    bool is_whole = false;
    size_t length;
    int count;

    require(text != NULL);
    memcpy(text, data, size_bytes);
    text[size_bytes] = '\0';
    (void)hd_told_is_harmless(text);
    count = hd_told_read(text, findings, FINDINGS_MAX, &is_whole);
    require(count == -EBADMSG || (count >= 0 && count <= FINDINGS_MAX));
    for (int i = 0; i < count; i++)
        require_sound(&findings[i]);
    if (count > 0) {
        length = hd_told_write(room, sizeof room, findings, (size_t)count);
        require(length == strlen(room));
        require(hd_told_read(room, again, FINDINGS_MAX, &is_whole) == count && is_whole);
        for (int i = 0; i < count; i++)
            require(strcmp(findings[i].seen, again[i].seen) == 0 &&
                    findings[i].remedy_is_command == again[i].remedy_is_command);
    }
    free(text);
    return 0;
}
