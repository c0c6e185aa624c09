/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: the messages of sessions. The first byte chooses what the rest is decoded as: an INFO, a request or an
 * answer. Whatever decodes is encoded again, no longer than it was, and must then decode to the same.
 */
#include "../tests/unit/message_again.h"
#include "fuzz.h"
#include "message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MESSAGE_BYTES_MAX = 65507 };

/* An assertion that no build option switches off. */
static void require(bool truth)
{
    if (!truth)
        abort();
}

/* A copy of exactly this size, so that a byte read too many is seen wherever the input lies. */
static uint8_t *exactly(const uint8_t *bytes, size_t size_bytes)
{
    uint8_t *copy = malloc(size_bytes + 1);

    require(copy != NULL);
    memcpy(copy + 1, bytes, size_bytes);
    return copy;
}

static void require_text(struct hd_text text, size_t max_bytes, const uint8_t *bytes, size_t size_bytes)
{
    const uint8_t *at = (const uint8_t *)text.at;

    if (text.size_bytes == 0)
        return;
    require(text.size_bytes <= max_bytes);
    require(at >= bytes && at + text.size_bytes <= bytes + size_bytes);
    require(memchr(text.at, '\0', text.size_bytes) == NULL);
}

static void try_info(const uint8_t *bytes, size_t size_bytes)
{
    uint8_t *copy;
    struct hd_info info, again;
    int encoded_bytes, result = hd_info_decode(bytes, size_bytes, &info);

    require(result == 0 || result == -EBADMSG);
    if (result < 0)
        return;
    require_text(info.name, MESSAGE_BYTES_MAX, bytes, size_bytes);
    require_text(info.directory, MESSAGE_BYTES_MAX, bytes, size_bytes);
    require_text(info.link, MESSAGE_BYTES_MAX, bytes, size_bytes);
    copy = exactly(bytes, size_bytes);
    encoded_bytes = hd_info_encode(&info, copy + 1, size_bytes);
    if (info.type == HD_ENTRY_UNKNOWN) {
        require(encoded_bytes == -EINVAL);
    } else {
        require(encoded_bytes > 0);
        require(hd_info_decode(copy + 1, (size_t)encoded_bytes, &again) == 0);
        require(same_info(&again, &info));
        require(hd_info_encode(&info, copy + 1, (size_t)encoded_bytes - 1) == -EMSGSIZE);
    }
    free(copy);
}

static void require_talk(int result)
{
    require(result == 0 || result == -EBADMSG || result == -ENOTSUP);
}

static void try_request(const uint8_t *bytes, size_t size_bytes)
{
    uint8_t *copy;
    struct hd_request request, again;
    int encoded_bytes, result = hd_request_decode(bytes, size_bytes, &request);

    require_talk(result);
    if (result < 0)
        return;
    require_text(request.host, 64, bytes, size_bytes);
    require_text(request.reason, 159, bytes, size_bytes);
    copy = exactly(bytes, size_bytes);
    encoded_bytes = hd_request_encode(&request, copy + 1, size_bytes);
    require(encoded_bytes > 0 && encoded_bytes <= HD_MESSAGE_BYTES);
    require(hd_request_decode(copy + 1, (size_t)encoded_bytes, &again) == 0);
    require(same_request(&again, &request));
    require(hd_request_encode(&request, copy + 1, (size_t)encoded_bytes - 1) == -EMSGSIZE);
    free(copy);
}

static void require_ranges(const struct hd_answer *answer)
{
    require(answer->missing_count <= HD_RANGES_MAX);
    for (size_t i = 0; i < answer->missing_count; i++) {
        require(answer->missing[i].first <= answer->missing[i].last);
        require(i == 0 || answer->missing[i].first > answer->missing[i - 1].last);
    }
}

static void try_answer(const uint8_t *bytes, size_t size_bytes)
{
    uint8_t *copy;
    struct hd_answer answer, again;
    int encoded_bytes, result = hd_answer_decode(bytes, size_bytes, &answer);

    require_talk(result);
    if (result < 0)
        return;
    require_text(answer.host, 64, bytes, size_bytes);
    require_text(answer.reason, 159, bytes, size_bytes);
    require_ranges(&answer);
    copy = exactly(bytes, size_bytes);
    encoded_bytes = hd_answer_encode(&answer, copy + 1, size_bytes);
    require(encoded_bytes > 0 && encoded_bytes <= HD_MESSAGE_BYTES);
    require(hd_answer_decode(copy + 1, (size_t)encoded_bytes, &again) == 0);
    require(same_answer(&again, &answer));
    encoded_bytes = hd_answer_encode(&answer, copy + 1, (size_t)encoded_bytes - 1);
    if (answer.missing_count == 0) {
        require(encoded_bytes == -EMSGSIZE);
    } else { /* there is room for one range less */
        require(hd_answer_decode(copy + 1, (size_t)encoded_bytes, &again) == 0);
        require(again.missing_count == answer.missing_count - 1);
    }
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    static void (*const tries[])(const uint8_t *bytes, size_t size_bytes) = { try_info, try_request, try_answer };
    uint8_t *message;

    if (size_bytes == 0 || size_bytes > MESSAGE_BYTES_MAX)
        return 0;
    message = exactly(data + 1, size_bytes - 1);
    tries[data[0] % 3](message + 1, size_bytes - 1);
    free(message);
    return 0;
}
