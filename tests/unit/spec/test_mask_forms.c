/* SPDX-License-Identifier: Apache-2.0 */
/* In what forms a secret is found again. */
#include "spec/mask_forms.h"

#include <string.h>

#include "base/base64.h"
#include "base/xalloc.h"
#include "harness/test.h"

typedef struct Forms {
    Arena arena;
    StrList list;
} Forms;

static StrList forms_of(const char *value, Arena *arena) {
    MaskForms forms;
    mask_forms_init(&forms, arena);
    mask_forms_add(&forms, value);
    mask_forms_add_encoded(&forms, value);
    mask_forms_add_more(&forms, value);
    mask_forms_deinit(&forms);
    return forms.list;
}

static void forms_init(Forms *forms, const char *value) {
    arena_init(&forms->arena);
    forms->list = forms_of(value, &forms->arena);
}

static bool has(const Forms *forms, const char *form) {
    for (size_t i = 0; i < forms->list.n; i++)
        if (strcmp(forms->list.at[i], form) == 0)
            return true;
    return false;
}

/* Is there a form of at least `least` bytes in the text? */
static bool finds(const Forms *forms, const char *text, size_t least) {
    for (size_t i = 0; i < forms->list.n; i++)
        if (strlen(forms->list.at[i]) >= least && strstr(text, forms->list.at[i]))
            return true;
    return false;
}

TEST(short_secrets_and_short_lines_mask_nothing)
{
    Forms forms;
    forms_init(&forms, " abc\n");
    CHECK_EQ(forms.list.n, 0);
    arena_deinit(&forms.arena);
    forms_init(&forms, "{\n  \"key\": 1\r\n}\n");
    CHECK(has(&forms, "{\n  \"key\": 1\r\n}"));
    CHECK(has(&forms, "  \"key\": 1"));
    CHECK(!has(&forms, "{") && !has(&forms, "}"));
    arena_deinit(&forms.arena);
}

TEST(what_is_long_is_found_in_base64_wherever_it_stands)
{
    static const char secret[] = "s3cr3t-t0ken/with+signs";
    Forms forms;
    forms_init(&forms, secret);
    for (size_t before = 0; before < 7; before++) {
        char text[64];
        Buf encoded;
        int n = snprintf(text, sizeof(text), "%.*s%s: and more", (int)before, "user:xx", secret);
        buf_init(&encoded, 1024);
        base64_put(&encoded, text, (size_t)n);
        CHECK(finds(&forms, encoded.p, 24));
        buf_deinit(&encoded);
    }
    arena_deinit(&forms.arena);
}

/* Of base64 no more of a secret is seen than up to 4 bits of its first and last byte. */
TEST(base64_shows_nothing_of_a_secret_but_a_few_bits_at_its_ends)
{
    static const char secret[] = "hunter2222222", *const around[] = {"", "a", "ab", "abc", "\n\n"};
    for (size_t size = 8; size < sizeof(secret); size++) {
        AUTO_FREE char *own = xasprintf("%.*s", (int)size, secret);
        Forms forms;
        forms_init(&forms, own);
        for (size_t i = 0; i < COUNT(around) * COUNT(around); i++) {
            const char *before = around[i / COUNT(around)], *after = around[i % COUNT(around)];
            AUTO_FREE char *text = xasprintf("%s%s%s", before, own, after);
            size_t encoded = strlen(text) * 4 / 3 + (strlen(text) % 3 != 0);
            size_t first = (strlen(before) * 8 + 5) / 6; /* whole characters of the secret alone */
            size_t last = (strlen(before) + size) * 8 / 6;
            if (*after == '\n' && (strlen(before) + size) % 3) /* its bits are those of an end */
                last++;
            size_t end = *after ? last : encoded;
            Buf buf;
            buf_init(&buf, 1024);
            base64_put(&buf, text, strlen(text));
            AUTO_FREE char *copy = mask_copy(&forms.list, buf.p);
            AUTO_FREE char *want = xasprintf("%.*s********%s", (int)first, buf.p, buf.p + end);
            CHECK_STR(copy, want);
            buf_deinit(&buf);
        }
        arena_deinit(&forms.arena);
    }
}

TEST(what_is_long_is_found_in_an_address)
{
    Forms forms;
    forms_init(&forms, "pass word&=/1");
    CHECK(has(&forms, "pass%20word%26%3D%2F1"));
    CHECK(has(&forms, "pass+word%26%3D%2F1"));
    CHECK(has(&forms, "pass%20word%26%3d%2f1"));
    CHECK(has(&forms, "pass+word%26%3d%2f1"));
    arena_deinit(&forms.arena);
    forms_init(&forms, "a&bcd");
    CHECK_EQ(forms.list.n, 1);
    arena_deinit(&forms.arena);
}

TEST(a_sentence_is_masked_as_a_log_is)
{
    Forms forms;
    char text[60] = "open hunter2222: aHVudGVyMjIyMg==, hunter";
    forms_init(&forms, "hunter2222");
    mask_text(&forms.list, text, sizeof(text));
    CHECK_STR(text, "open ********: ********==, hunter");
    char full[] = "open hunter22"; /* the rest did not fit */
    mask_text(&forms.list, full, sizeof(full));
    CHECK_STR(full, "open ********");
    AUTO_FREE char *copy = mask_copy(&forms.list, "xhunter2222x");
    CHECK_STR(copy, "x********x");
    arena_deinit(&forms.arena);
}

TEST(a_secret_that_is_very_long_is_masked_in_parts)
{
    enum { SIZE = MASK_FORM_BYTES_MAX + 100 };
    static char secret[SIZE + 1];
    Forms forms;
    for (int i = 0; i < SIZE; i++)
        secret[i] = (char)('a' + i % 23);
    forms_init(&forms, secret);
    for (size_t i = 0; i < forms.list.n; i++)
        CHECK(strlen(forms.list.at[i]) <= MASK_FORM_BYTES_MAX);
    CHECK(has(&forms, secret + MASK_FORM_BYTES_MAX));
    arena_deinit(&forms.arena);
}

TEST(many_secrets_are_each_masked_and_encodings_as_far_as_there_is_room)
{
    MaskForms forms;
    Arena arena;
    char value[32];
    arena_init(&arena);
    mask_forms_init(&forms, &arena);
    for (int i = 0; i < MASK_FORMS_MAX - 4; i++) {
        snprintf(value, sizeof(value), "secret-number-%d", i);
        mask_forms_add(&forms, value);
        mask_forms_add(&forms, value);
    }
    CHECK_EQ(forms.list.n, MASK_FORMS_MAX - 4);
    for (int i = 0; i < 10; i++) {
        snprintf(value, sizeof(value), "secret-number-%d", i);
        mask_forms_add_encoded(&forms, value);
    }
    CHECK_EQ(forms.list.n, MASK_FORMS_MAX);
    mask_forms_deinit(&forms);
    arena_deinit(&arena);
}
