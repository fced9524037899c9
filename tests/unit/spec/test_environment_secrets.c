/* SPDX-License-Identifier: Apache-2.0 */
/* What of an environment is hidden, and what of it any text may have. */
#include "spec/environment_secrets.h"

#include <stdio.h>
#include <string.h>

#include "harness/test.h"
#include "spec/mask_forms.h"
#include "spec/secret_lines.h"

static bool hides(const char *value) {
    StrPair pair = {"NAME", value};
    const EnvironmentEntry entry = {.values = {&pair, 1}};
    Arena arena;
    arena_init(&arena);
    StrList forms = environment_mask_forms(&entry, &arena);
    bool ret = forms.n == 1 && strcmp(forms.at[0], value) == 0;
    CHECK(environment_is_secret(&entry, value) == (*value != '\0'));
    arena_deinit(&arena);
    return ret;
}

TEST(ordinary_words_and_numbers_are_not_hidden_in_texts)
{
    static const char *const ordinary[] = {"",         "true",        "localhost", "PRODUCTION",
                                           "10.0.0.7", "my_database", "/srv/data", "5432",
                                           "---",      "db.internal", "a1b"};
    static const char *const hidden[] = {"hunter2",       "postgres://localhost/shop",
                                         "s3cr3t",        "Swordfish",
                                         "correct horse", "db:password",
                                         "größe",         "550e8400-e29b"};
    for (size_t i = 0; i < COUNT(ordinary); i++)
        CHECK(!hides(ordinary[i]));
    for (size_t i = 0; i < COUNT(hidden); i++)
        CHECK(hides(hidden[i]));
}

TEST(of_more_than_a_log_can_mask_values_of_one_line_come_first)
{
    char lines[4096], *at = lines;
    for (int i = 0; i < 2 * MASK_FORMS_MAX; i++)
        at += snprintf(at, (size_t)(lines + sizeof(lines) - at), "p%d\n", 100 + i);
    StrPair values[] = {{"CERT", lines}, {"KEY", "hunter2"}};
    const EnvironmentEntry entry = {.values = {values, COUNT(values)}};
    Arena arena;
    arena_init(&arena);
    StrList forms = environment_mask_forms(&entry, &arena);
    CHECK_EQ(forms.n, MASK_FORMS_MAX);
    CHECK_STR(forms.at[0], "hunter2");
    arena_deinit(&arena);
}

TEST(outputs_are_hidden_as_key_values_are)
{
    StrPair said[] = {{"HOST", "localhost"}, {"URL", "postgres://u:p@h/x"}};
    ProvisionedOutputs outputs = {.service = "db", .values = {said, COUNT(said)}};
    const EnvironmentEntry entry = {.outputs = {&outputs, 1}};
    Arena arena;
    arena_init(&arena);
    StrList forms = environment_mask_forms(&entry, &arena);
    CHECK_EQ(forms.n, 1);
    CHECK_STR(forms.at[0], said[1].value);
    CHECK(environment_is_secret(&entry, "localhost") &&
          environment_is_secret(&entry, said[1].value));
    CHECK(!environment_is_secret(&entry, "local") && !environment_is_secret(&entry, ""));
    arena_deinit(&arena);
}

static const char *masked(const char *text, const char *like, Arena *arena) {
    static StrPair pair[] = {{"URL", "hunter2 \"x\""}, {"WORD", "main"}};
    static const char *names[] = {"NAMED"};
    const EnvironmentEntry entry = {.values = {pair, COUNT(pair)}};
    const SecretLines lines = {.entry = &entry, .names = {names, 1}, .like = like};
    return secret_lines_mask(&lines, text, arena);
}

TEST(in_files_that_are_written_values_that_are_secret_are_masked)
{
    Arena arena;
    arena_init(&arena);
    CHECK_STR(masked("# A=hunter2\nU='hunter2 \"x\"'\nP=80\nNAMED=x\nW=main\nE=\n", NULL, &arena),
              "# A=hunter2\nU=********\nP=80\nNAMED=********\nW=********\nE=\n");
    CHECK_STR(masked("{\n  \"U\": \"a hunter2 \\\"x\\\"\",\n  \"P\": 80,\n  \"W\": \"main\"\n}",
                     NULL, &arena),
              "{\n  \"U\": \"********\",\n  \"P\": 80,\n  \"W\": \"********\"\n}");
    const char *like = masked("U='hunter2 \"x\"'\nP=80\n", NULL, &arena);
    CHECK_STR(masked("U=older\nP=81\nGONE=1\nno name\n", like, &arena),
              "U=********\nP=81\nGONE=********\nno name\n");
    CHECK_STR(masked("", NULL, &arena), "");
    arena_deinit(&arena);
}
