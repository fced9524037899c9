/* SPDX-License-Identifier: Apache-2.0 */
/* In what forms a secret is found again. */
#include "spec/mask_forms.h"

#include <string.h>

#include "base/base64.h"
#include "harness/test.h"

typedef struct Forms {
    Arena arena;
    StrList list;
} Forms;

static void forms_init(Forms *forms, const char *value) {
    arena_init(&forms->arena);
    forms->list = (StrList){0};
    mask_forms(value, &forms->arena, &forms->list);
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

TEST(what_is_long_is_found_in_an_address)
{
    Forms forms;
    forms_init(&forms, "pass word&=/1");
    CHECK(has(&forms, "pass%20word%26%3D%2F1"));
    CHECK(has(&forms, "pass+word%26%3D%2F1"));
    arena_deinit(&forms.arena);
    forms_init(&forms, "a&bcd");
    CHECK_EQ(forms.list.n, 1);
    arena_deinit(&forms.arena);
}
