/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/docker/masker.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/xalloc.h"
#include "pin/mask.h"

enum { STREAMS = 2, TEXT_MAX = 16 << 20 };

struct Masker {
    Mask mask;
    bool none; /* there is nothing to hide */
    char *strings;
    MaskHold holds[STREAMS];
    Buf text;   /* what was held back, and the next bytes */
    int stream; /* whose they are */
    MaskerFn fn;
    void *arg;
};

static void give(void *arg, const char *at, size_t size) {
    const Masker *masker = arg;
    masker->fn(masker->arg, masker->stream, at, size);
}

Masker *masker_new(const char *strings, size_t size, MaskerFn fn, void *arg, Err *err) {
    Masker *masker = xcalloc(1, sizeof *masker);
    uint32_t count = 0;
    masker->fn = fn;
    masker->arg = arg;
    masker->strings = xmalloc(size + 1);
    memcpy(masker->strings, strings ? strings : "", size);
    masker->strings[size] = '\0';
    for (size_t i = 0; i < size; i++)
        count += masker->strings[i] == '\0';
    masker->none = count == 0;
    buf_init(&masker->text, TEXT_MAX);
    if (masker->none || mask_init(&masker->mask, masker->strings, count) == 0)
        return masker;
    err_set(err, ERR_LIMIT,
            "there are %u secrets to be masked in it; at most %d, each of %d to %d bytes, can be",
            count, MASK_SECRETS_MAX, MASK_SECRET_BYTES_MIN, MASK_SECRET_BYTES_MAX);
    return masker_free(masker);
}

Masker *masker_free(Masker *masker) {
    if (!masker)
        return NULL;
    buf_deinit(&masker->text);
    free(masker->strings);
    free(masker);
    return NULL;
}

void masker_reset(Masker *masker) {
    memset(masker->holds, 0, sizeof masker->holds);
}

void masker_put(Masker *masker, int stream, const char *bytes, size_t n, bool last) {
    char prefix[MASK_SECRET_BYTES_MAX];
    MaskHold *hold = &masker->holds[stream == 2];
    masker->stream = stream;
    if (masker->none) {
        if (n > 0)
            give(masker, bytes, n);
        return;
    }
    buf_reset(&masker->text);
    buf_put(&masker->text, prefix, mask_prefix(hold, prefix));
    buf_put(&masker->text, bytes, n);
    MaskText text = {buf_cstr(&masker->text), masker->text.n, last};
    mask_feed(&masker->mask, hold, &text, give, masker);
}
