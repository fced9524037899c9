/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "harness/test.h"

typedef struct Given {
    bool flag, other;
    const char *text;
    int64_t number, ms;
    TextList list;
} Given;

static const Option table[] = {
    {"flag", 'f', OPTION_FLAG, offsetof(Given, flag), NULL, "a flag", NULL},
    {"other", 'o', OPTION_FLAG, offsetof(Given, other), NULL, "another", NULL},
    {"text", 't', OPTION_TEXT, offsetof(Given, text), "TEXT", "some text", "one|two"},
    {"number", 'n', OPTION_NUMBER, offsetof(Given, number), "N", "a number", NULL},
    {"after", 0, OPTION_DURATION, offsetof(Given, ms), "D", "a duration", NULL},
    {"list", 'l', OPTION_TEXTS, offsetof(Given, list), "X", "many", NULL},
};

static int parse(Given *given, TextList *rest, bool stop, Err *err, const char **argv) {
    int argc = 0;
    while (argv[argc])
        argc++;
    OptionSet set = {table, COUNT(table), given};
    *given = (Given){0};
    rest->n = 0;
    OptionWords words = {.argv = (char **)(uintptr_t)argv, .argc = argc, .stop_at_word = stop};
    return options_parse(&set, 1, &words, rest, err) < 0 ? -1 : words.at;
}

#define PARSE(...) parse(&given, &rest, false, &err, (const char *[]){"x", __VA_ARGS__, NULL})
#define SETUP()                 \
    const char *words[32];      \
    TextList rest = {words, 0}; \
    Given given;                \
    Err err

TEST(options_in_every_form)
{
    SETUP();
    CHECK_EQ(PARSE("-fo", "a", "--text", "one", "-n5", "b", "--after=1m30s", "-l", "x", "--list=y"),
             11);
    CHECK(given.flag && given.other);
    CHECK_STR(given.text, "one");
    CHECK_EQ(given.number, 5);
    CHECK_EQ(given.ms, 90000);
    CHECK_EQ(given.list.n, 2);
    CHECK_STR(given.list.at[1], "y");
    CHECK_EQ(rest.n, 2);
    CHECK_STR(rest.at[1], "b");
    free(given.list.at);
    CHECK_EQ(PARSE("-fn", "7", "-"), 4);
    CHECK_EQ(given.number, 7);
    CHECK_STR(rest.at[0], "-");
}

TEST(an_option_of_another_verb_is_refused_by_name)
{
    static const Option own[] = {
        {"detach", 'd', OPTION_FLAG, offsetof(Given, flag), NULL, "", NULL, "run"},
        {"timeout", 0, OPTION_DURATION, offsetof(Given, ms), "D", "", NULL, "run|wait"}};
    const char *argv[] = {"x", "-d", "--timeout=1s", NULL}, *words[4];
    Given given = {0};
    TextList rest = {words, 0};
    Err err;
    OptionWords line = {.argv = (char **)(uintptr_t)argv, .argc = 3};
    CHECK_EQ(options_parse(&(OptionSet){own, COUNT(own), &given}, 1, &line, &rest, &err), 0);
    CHECK_EQ(options_check_verb(&line, "workflow", "run", &err), 0);
    CHECK_EQ(options_check_verb(&line, "workflow", "wait", &err), -1);
    CHECK_STR(err.msg, "thole workflow wait takes no --detach; that is for run");
    line.given[0] = &own[1];
    line.given[1] = NULL;
    CHECK_EQ(options_check_verb(&line, "workflow", "wait", &err), 0);
}

TEST(two_dashes_end_the_options)
{
    SETUP();
    CHECK_EQ(PARSE("-f", "--", "-o", "--text"), 5);
    CHECK(given.flag && !given.other);
    CHECK_EQ(rest.n, 2);
    CHECK_STR(rest.at[0], "-o");
}

TEST(it_is_known_which_words_stood_before_the_dashes)
{
    static const char *const argv[] = {"x", "a", "-f", "--", "b", "--", NULL};
    const char *room[8];
    Given given = {0};
    TextList rest = {room, 0};
    OptionSet set = {table, COUNT(table), &given};
    OptionWords words = {.argv = (char **)(uintptr_t)argv, .argc = 6}, none = words;
    ASSERT(options_parse(&set, 1, &words, &rest, NULL) == 0);
    CHECK(words.dashed);
    CHECK_EQ(words.before, 1);
    CHECK_EQ(rest.n, 3); /* a, b, and the second -- */
    rest.n = 0;
    none.argc = 3;
    ASSERT(options_parse(&set, 1, &none, &rest, NULL) == 0);
    CHECK(!none.dashed);
}

TEST(a_word_ends_them_where_that_is_asked_for)
{
    SETUP();
    CHECK_EQ(parse(&given, &rest, true, &err, (const char *[]){"x", "-f", "up", "-o", NULL}), 2);
    CHECK(given.flag && !given.other);
    CHECK_EQ(rest.n, 0);
}

TEST(wrong_options_say_what_is_wrong)
{
    static const struct {
        const char *word, *next, *says;
    } wrong[] = {{"--flagg", NULL, "did you mean --flag?"},
                 {"-x", NULL, "there is no option -x"},
                 {"--flag=1", NULL, "--flag takes no value"},
                 {"--text", NULL, "--text needs a value: --text TEXT"},
                 {"--text", "-f", "--text=-f makes it one"},
                 {"--text", "three", "--text takes one|two, not \"three\""},
                 {"--text", "on", "takes one|two"},
                 {"-n", "x", "--number takes a number"},
                 {"--number", "99999999999999999999", "takes a number"},
                 {"--after", "5", "--after"},
                 {"-fx", NULL, "-fx"}};
    for (size_t i = 0; i < COUNT(wrong); i++) {
        SETUP();
        char word[40], next[40];
        snprintf(word, sizeof(word), "%s", wrong[i].word);
        snprintf(next, sizeof(next), "%s", wrong[i].next ? wrong[i].next : "");
        CHECK_EQ(parse(&given, &rest, false, &err,
                       (const char *[]){"x", word, wrong[i].next ? next : NULL, NULL}),
                 -1);
        CHECK_EQ(err.kind, ERR_INVALID);
        CHECK_HAS(err.msg, wrong[i].says);
    }
}

TEST(every_command_is_described_and_no_option_is_double)
{
    for (const Command *const *at = commands; *at; at++) {
        const Command *command = *at;
        CHECK(command->name[0] && command->args && command->doc && command->run);
        CHECK(command_find(command->name) == command);
        for (size_t i = 0; i < command->option_n; i++) {
            const Option *option = &command->options[i];
            CHECK((option->kind == OPTION_FLAG) == (option->arg == NULL));
            CHECK(option->offset < command->options_size);
            for (size_t g = 0; g < GLOBAL_OPTION_N; g++) {
                CHECK(strcmp(option->name, global_options[g].name) != 0);
                CHECK(!option->letter || option->letter != global_options[g].letter);
            }
        }
    }
    CHECK(!command_find("u"));
}
