/* SPDX-License-Identifier: Apache-2.0 */
#include "pin/mask.h"

#include "base/attr.h"
#include "harness/test.h"

#include <errno.h>

enum { TEXT = 4096, OUT = 4 * TEXT };

typedef struct Out {
    char text[OUT];
    size_t size;
    MaskHold hold;
} Out;

static void collect(void *arg, const char *at, size_t size) {
    Out *out = arg;
    CHECK(size > 0);
    if (out->size + size > OUT)
        abort();
    memcpy(out->text + out->size, at, size);
    out->size += size;
}

/* As output.c does it: what is held is put before the next piece. */
static void feed(const Mask *m, Out *out, const char *piece, size_t size, bool final) {
    char buffer[2 * TEXT + 64];
    size_t held = mask_prefix(&out->hold, buffer);
    memcpy(buffer + held, piece, size);
    mask_feed(m, &out->hold, &(MaskText){buffer, held + size, final}, collect, out);
}

static Mask *mask_of(const char *strings, uint32_t count) {
    static Mask m;
    memset(&m, 0, sizeof(m));
    return mask_init(&m, strings, count) == 0 ? &m : NULL;
}

/* The definition: every byte of every occurrence is hidden; a run of overlapping occurrences is one
 * "********". */
static void naive(const Mask *m, const char *text, size_t size, Out *out) {
    size_t shown = 0;
    out->size = 0;
    for (size_t at = 0; at < size; at++) {
        size_t past = 0;
        for (uint32_t i = 0; i < m->count; i++) {
            const MaskSecret *s = &m->secrets[i];
            if (s->size <= size - at && memcmp(text + at, s->at, s->size) == 0 &&
                at + s->size > past)
                past = at + s->size;
        }
        if (past > 0 && at >= shown)
            collect(out, "********", 8);
        shown = past > shown ? past : shown;
        if (at >= shown)
            collect(out, text + at, 1);
    }
}

static const char *whole(const Mask *m, const char *text) {
    static Out out;
    memset(&out, 0, sizeof(out));
    feed(m, &out, text, strlen(text), true);
    CHECK_EQ(out.hold.size, 0);
    return out.text;
}

TEST(mask_hides_a_secret)
{
    const Mask *m = mask_of("hunter22", 1);
    CHECK_STR(whole(m, "the password is hunter22."), "the password is ********.");
    CHECK_STR(whole(m, "hunter22hunter22"), "****************");
    CHECK_STR(whole(m, "hunter2"), "hunter2");
    CHECK_STR(whole(m, "hunthunter22er22"), "hunt********er22");
}

TEST(mask_takes_the_longest_and_joins_what_overlaps)
{
    const Mask *m = mask_of("abcd\0abcdefgh\0ghij", 3);
    CHECK_STR(whole(m, "-abcdefgh-"), "-********-");
    CHECK_STR(whole(m, "-abcdefg-"), "-********efg-");
    CHECK_STR(whole(m, "-abcdefghij-"), "-********-");
    CHECK_STR(whole(m, "aaaaabcdabcd"), "aaaa****************");
}

TEST(mask_holds_back_only_a_proper_prefix)
{
    const Mask *m = mask_of("secret-one\0second", 2);
    Out out = {.size = 0};
    feed(m, &out, "say sec", 7, false);
    CHECK_EQ(out.size, 4);
    CHECK_EQ(out.hold.size, 3);
    feed(m, &out, "ret-on", 6, false);
    CHECK_EQ(out.size, 4);
    CHECK_EQ(out.hold.size, 9);
    feed(m, &out, "e and secondly, se", 18, false);
    CHECK_EQ(out.hold.size, 2);
    feed(m, &out, "", 0, true);
    out.text[out.size] = '\0';
    CHECK_STR(out.text, "say ******** and ********ly, se");
}

TEST(mask_remembers_what_it_has_hidden_when_it_holds)
{
    const Mask *m = mask_of("abcd\0cdefgh", 2);
    Out out = {.size = 0};
    /* stars are out, "cd" is held: it may begin the second secret */
    feed(m, &out, "xabcd", 5, false);
    CHECK_EQ(out.hold.size, 2);
    CHECK_EQ(out.hold.hidden, 2);
    feed(m, &out, "efg", 3, false);
    CHECK_EQ(out.hold.size, 5);
    feed(m, &out, "z", 1, false);
    out.text[out.size] = '\0';
    CHECK_STR(out.text, "x********efgz");
}

TEST(mask_refuses_what_it_cannot_hide)
{
    static char big[MASK_SECRET_BYTES_MAX + 2];
    memset(big, 'x', sizeof(big) - 1);
    CHECK(!mask_of(big, 1));
    CHECK_EQ(errno, E2BIG);
    CHECK(!mask_of("", 1));
    CHECK_EQ(errno, EINVAL);
    CHECK(!mask_of("x", 1));
    CHECK_EQ(errno, EINVAL);
    CHECK(!mask_of("abcd", MASK_SECRETS_MAX + 1));
    CHECK_EQ(errno, E2BIG);
    CHECK(mask_of("", 0));
}

/* Random secrets over a small alphabet, so that they overlap, contain and prefix each other; random
 * cuts. */
static void round_of(unsigned seed) {
    char strings[256] = "", text[TEXT];
    static Out wanted, got;
    size_t at = 0, size = (size_t)rand() % 300;
    uint32_t count = 1 + (uint32_t)rand() % 4;
    int letters = 2 + rand() % 3;
    for (uint32_t i = 0; i < count; i++) {
        size_t length = MASK_SECRET_BYTES_MIN + (size_t)rand() % (i % 2 ? 12 : 5);
        for (size_t k = 0; k < length; k++)
            strings[at++] = (char)('a' + rand() % letters);
        strings[at++] = '\0';
    }
    for (size_t i = 0; i < size; i++)
        text[i] = (char)('a' + rand() % letters);
    const Mask *m = mask_of(strings, count);
    naive(m, text, size, &wanted);
    got.size = 0;
    got.hold = (MaskHold){0};
    for (size_t from = 0, piece; from < size; from += piece) {
        piece = 1 + (size_t)rand() % 9;
        piece = piece < size - from ? piece : size - from;
        feed(m, &got, text + from, piece, false);
    }
    feed(m, &got, "", 0, true);
    if (got.size != wanted.size || memcmp(got.text, wanted.text, got.size) != 0)
        test_fail(__FILE__, __LINE__, "seed %u: %.*s, not %.*s, of %.*s", seed, (int)got.size,
                  got.text, (int)wanted.size, wanted.text, (int)size, text);
}

TEST(mask_is_what_the_definition_says)
{
    for (unsigned seed = 1; seed <= 20000; seed++) {
        srand(seed);
        round_of(seed);
    }
}

/* A secret may begin anywhere in a window of the search, and end with the text. */
TEST(mask_finds_a_secret_wherever_it_lies)
{
    static const char *const secrets[] = {"ab", "third-9f8e7d6c5b4a",
                                          "and\0a quite long secret, longer"};
    for (size_t i = 0; i < COUNT(secrets); i++) {
        const Mask *m = mask_of(secrets[i], i == 2 ? 2 : 1);
        for (uint32_t at = 0; at < 100; at++) {
            char text[200], wanted[200];
            const MaskSecret *s = &m->secrets[m->count - 1];
            snprintf(text, sizeof text, "%*s%s%s", (int)at, "", s->at, at % 2 ? "" : "-");
            snprintf(wanted, sizeof wanted, "%*s********%s", (int)at, "", at % 2 ? "" : "-");
            CHECK_STR(whole(m, text), wanted);
        }
    }
}
