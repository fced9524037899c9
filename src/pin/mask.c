/* SPDX-License-Identifier: Apache-2.0 */
#include "pin/mask.h"

#include <errno.h>

static uint32_t pair(const char *at) {
    return ((uint32_t)(uint8_t)at[0] << 4 ^ (uint8_t)at[1]) % MASK_PAIRS;
}

int mask_init(Mask *m, const char *strings, uint32_t count) {
    if (count > MASK_SECRETS_MAX)
        return errno = E2BIG, -1;
    m->count = count;
    m->shortest = UINT8_MAX;
    for (uint32_t i = 0; i < count; i++) {
        size_t size = strlen(strings);
        if (size < MASK_SECRET_BYTES_MIN || size > MASK_SECRET_BYTES_MAX)
            return errno = size < MASK_SECRET_BYTES_MIN ? EINVAL : E2BIG, -1;
        m->secrets[i] = (MaskSecret){strings, (uint32_t)size};
        m->first[(uint8_t)strings[0]] = true;
        m->shortest = size < m->shortest ? (uint32_t)size : m->shortest;
        m->longest = size > m->longest ? (uint32_t)size : m->longest;
        strings += size + 1;
    }
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t k = 0; k + 1 < m->shortest; k++)
            m->pairs[pair(m->secrets[i].at + k)] = true;
    return 0;
}

/* The longest secret that begins at text[at], or, `cut`, one of which only a part is there. */
static const MaskSecret *match(const Mask *m, const MaskText *t, size_t at, bool cut) {
    const MaskSecret *found = NULL;
    size_t left = t->size - at;
    for (uint32_t i = 0; m->first[(uint8_t)t->at[at]] && i < m->count; i++) {
        const MaskSecret *s = &m->secrets[i];
        if ((s->size > left) == cut && (!found || s->size > found->size) &&
            memcmp(t->at + at, s->at, cut ? left : s->size) == 0)
            found = s;
    }
    return found;
}

/* The first place in [at, end) where a secret begins, else SIZE_MAX. The pair at the end of a
 * window, one byte less than the shortest secret, is one of any that begins there: one look. */
static size_t find(const Mask *m, const MaskText *t, size_t at, size_t end) {
    size_t last = t->size >= m->shortest ? t->size - m->shortest + 1 : 0;
    end = end < last ? end : last;
    for (size_t window = m->shortest - 1; at < end; at += window) {
        bool some = m->pairs[pair(t->at + at + window - 1)];
        for (size_t i = at; some && i < at + window && i < end; i++)
            if (match(m, t, i, false))
                return i;
    }
    return SIZE_MAX;
}

/* Where the longest end of the text begins that is a proper prefix of a secret, else `size`. */
static size_t find_hold(const Mask *m, const MaskText *t, MaskHold *hold) {
    for (size_t at = t->size >= m->longest ? t->size - m->longest + 1 : 0; at < t->size; at++) {
        const MaskSecret *s = match(m, t, at, true);
        if (s)
            return *hold = (MaskHold){s->at, (uint32_t)(t->size - at), 0}, at;
    }
    return t->size;
}

/* `shown` is the end of what was passed on or hidden. A secret that begins before it prolongs the
 * run it is in; one that begins where something is held back waits for the next piece. */
void mask_feed(const Mask *m, MaskHold *hold, const MaskText *text, MaskFn fn, void *arg) {
    size_t shown = hold->hidden, at = 0;
    *hold = (MaskHold){0};
    size_t end = text->final ? text->size : find_hold(m, text, hold);
    while ((at = find(m, text, at, end)) < end) {
        size_t past = at + match(m, text, at, false)->size;
        if (at > shown)
            fn(arg, text->at + shown, at - shown);
        if (at >= shown)
            fn(arg, "********", 8);
        shown = past > shown ? past : shown;
        at++;
    }
    if (shown < end)
        fn(arg, text->at + shown, end - shown);
    hold->hidden = shown > end ? (uint32_t)(shown - end) : 0;
}
