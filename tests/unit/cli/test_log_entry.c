/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/log_entry.h"

#include <string.h>

#include "data/json.h"
#include "harness/test.h"

/* A line as the server writes it; with a key more in front it is no longer, and is read as any
 * JSON. */
static char *line_of(const char *text, size_t n, bool partial, bool foreign) {
    Buf buf;
    JsonWriter out;
    buf_init(&buf, 64 * 1024);
    json_writer_init(&out, &buf);
    json_object_begin(&out);
    if (foreign)
        json_kv_int(&out, "newer", 1);
    json_kv_string(&out, "target", "a \"b\"\xc3\xa9");
    json_kv_string(&out, "object", "U\\1");
    json_kv_int(&out, "run", 3);
    json_kv_int(&out, "offset", 1234567890123);
    if (partial)
        json_kv_int(&out, "from", 7);
    json_kv_string(&out, "time", "2026-01-02T03:04:05.000006Z");
    json_kv_string(&out, "stream", partial ? "err" : "out");
    json_key(&out, "text");
    json_stringn(&out, text, n);
    if (partial)
        json_kv_bool(&out, "partial", true);
    json_object_end(&out);
    char *line = buf_take(&buf);
    buf_deinit(&buf);
    return line;
}

static void check(const char *text, size_t n, bool partial) {
    for (int foreign = 0; foreign < 2; foreign++) {
        LogEntry entry;
        Arena arena;
        AUTO_FREE char *line = line_of(text, n, partial, foreign);
        arena_init(&arena);
        ASSERT(log_entry_read(line, strlen(line), &arena, &entry));
        CHECK_STR(entry.target, "a \"b\"\xc3\xa9");
        CHECK_STR(entry.object, "U\\1");
        CHECK_STR(entry.time, "2026-01-02T03:04:05.000006Z");
        CHECK_EQ(entry.run, 3);
        CHECK_EQ(entry.offset, 1234567890123);
        CHECK_EQ(entry.from, partial ? 7 : 1234567890123);
        CHECK_EQ(entry.stream, partial ? LOG_ERR : LOG_OUT);
        CHECK_EQ(entry.partial, partial);
        CHECK(entry.size == n && memcmp(entry.bytes, text, n) == 0);
        arena_deinit(&arena);
    }
}

TEST(a_line_is_the_same_scanned_and_parsed)
{
    static const char *const texts[] = {
        "",           "plain",    "\x1b[31mred\x1b[0m",     "a \"quoted\" \\ word\\",
        "tab\tand\r", "\x7f!",    "h\xc3\xa9 \xe2\x82\xac", "\"",
        "\\u0041",    "{\"a\":1}"};
    for (size_t i = 0; i < COUNT(texts); i++) {
        check(texts[i], strlen(texts[i]), false);
        check(texts[i], strlen(texts[i]), true);
    }
    check("a\0b", 3, false);
}

TEST(what_is_cut_anywhere_is_no_line)
{
    AUTO_FREE char *line = line_of("some \"text\" \x1b", 13, true, false);
    for (size_t n = 0; n < strlen(line); n++) {
        LogEntry entry;
        Arena arena;
        AUTO_FREE char *cut = strndup(line, n);
        arena_init(&arena);
        CHECK(!log_entry_read(cut, n, &arena, &entry));
        arena_deinit(&arena);
    }
}
