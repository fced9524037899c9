/* SPDX-License-Identifier: Apache-2.0 */
/* docs/keys.md is made from the tables; THOLE_UPDATE=1 writes it. */
#include <string.h>

#include "base/file.h"
#include "base/xalloc.h"
#include "harness/test.h"
#include "spec/config.h"
#include "spec/config_doc.h"

TEST(keys_page_is_up_to_date)
{
    AUTO_FREE char *path = test_source("docs/keys.md");
    AUTO_FREE char *there = NULL;
    Buf page;
    Err err;
    buf_init(&page, 1 << 20);
    config_doc(&page);
    if (test_updates() && file_write(path, buf_cstr(&page), page.n, 0644, &err) < 0)
        test_fail(__FILE__, __LINE__, "%s", err.msg);
    if (file_read(path, 1 << 20, &there, NULL, &err) < 0)
        test_fail(__FILE__, __LINE__, "%s (THOLE_UPDATE=1 writes it)", err.msg);
    else if (strcmp(there, buf_cstr(&page)) != 0)
        test_fail(__FILE__, __LINE__,
                  "docs/keys.md is not what the tables say; THOLE_UPDATE=1 writes it");
    buf_deinit(&page);
}

/* Every key has a sentence, and every struct member a field. */
static void check_type(const Type *type, int depth) {
    CHECK(depth < 10);
    if (type->of)
        check_type(type->of, depth + 1);
    for (size_t i = 0; i < type->field_n; i++) {
        const Field *field = &type->fields[i];
        if (!(field->flags & (FIELD_INTERNAL | FIELD_KEY)) && !field->doc)
            test_fail(__FILE__, __LINE__, "%s.%s has no doc", type->name, field->name);
        check_type(field->type, depth + 1);
    }
}

TEST(keys_are_all_described)
{
    const Type *where = NULL;
    check_type(&type_config, 0);
    int64_t at = schema_uncovered(&type_config, &where);
    if (at >= 0)
        test_fail(__FILE__, __LINE__, "no field describes byte %d of %s", (int)at, where->name);
}

TEST(keys_schema_accepts_what_is_documented)
{
    Arena arena;
    Buf text;
    Err err;
    const Value *v = NULL;
    arena_init(&arena);
    buf_init(&text, 1 << 20);
    JsonWriter w;
    json_writer_init(&w, &text);
    schema_json_schema(&type_config, "thole.yaml", &w);
    ASSERT(json_parse(buf_cstr(&text), text.n, &arena, &v, &err) == 0);
    CHECK(value_get(value_get(value_get(v, "$defs"), "service"), "properties") != NULL);
    buf_deinit(&text);
    arena_deinit(&arena);
}
