/* SPDX-License-Identifier: Apache-2.0 */
/* The table field × backend: nothing is forgotten, what is refused is refused, and the page in
 * docs/ is what the tables say. THOLE_UPDATE=1 writes it. */
#include "backend/fields.h"

#include <string.h>

#include "backend/docker/docker_fields.h"
#include "backend/fake/fake.h"
#include "backend/local/local.h"
#include "base/file.h"
#include "base/xalloc.h"
#include "harness/test.h"
#include "unit/backend/one_field.h"

enum { BACKENDS = 3 };

static const BackendOps no_ops;

static void all(Backend ret[BACKENDS]) {
    ret[0] = (Backend){.ops = &no_ops, .name = "local"};
    ret[0].fields = local_fields(&ret[0].field_n);
    ret[1] = (Backend){.ops = &no_ops, .name = "docker"};
    ret[1].fields = docker_fields(&ret[1].field_n);
    ret[2] = (Backend){.ops = &no_ops, .name = "fake"};
    ret[2].fields = fake_fields(&ret[2].field_n);
}

TEST(every_field_of_a_config_is_in_the_table_of_every_backend)
{
    Backend backends[BACKENDS];
    ConfigField fields[CONFIG_FIELDS_MAX];
    all(backends);
    for (size_t i = 0; i < BACKENDS; i++) {
        size_t n = backend_config_fields(&backends[i], fields);
        CHECK_EQ(n, backends[i].field_n); /* and nothing else is */
        for (size_t k = 0; k < n; k++)
            if (!fields[k].entry)
                test_fail(__FILE__, __LINE__, "%s: %s is forgotten", backends[i].name,
                          fields[k].path);
    }
}

/* ---- Configs that are checked ---- */

typedef struct Checked {
    Arena arena;
    Report report;
    Source source;
    size_t said; /* what the backend said begins there in the report */
} Checked;

static void check(Checked *checked, Backend *backend, const char *text) {
    *checked = (Checked){0};
    arena_init(&checked->arena);
    report_init(&checked->report, &checked->arena);
    checked->source =
        (Source){.file = "c.json", .report = &checked->report, .arena = &checked->arena};
    const WorkflowConfig *config =
        workflow_read(&checked->source, text, strlen(text), &checked->arena);
    if (!config)
        test_fail(__FILE__, __LINE__, "%s: %s", text,
                  report_line(&checked->report.at[0], &checked->arena));
    ASSERT(config);
    checked->said = checked->report.n;
    backend_check_config(backend, config, &checked->source);
}

static void drop(Checked *checked) {
    arena_deinit(&checked->arena);
}

static const char *line(Checked *checked, size_t i) {
    ASSERT(i < checked->report.n);
    return report_line(&checked->report.at[i], &checked->arena);
}

static void try_field(Backend *backend, const ConfigField *field) {
    AUTO_FREE char *text = config_with(field, "");
    AUTO_FREE char *quoted = xasprintf("`%s`", config_field_key(field));
    size_t errors = 0, said = 0;
    Checked checked;
    check(&checked, backend, text);
    for (size_t i = checked.said; i < checked.report.n; i++) {
        const Problem *problem = &checked.report.at[i];
        if (!strstr(problem->message, quoted)) /* of `image`, which each step has */
            continue;
        said++;
        errors += !problem->warning;
        CHECK_HAS(problem->message, backend->name);
        CHECK_EQ(problem->place.line, field->of_step ? 3 : 1);
    }
    FieldUse use = field->entry->use;
    if (said != (use != FIELD_HONOURED) || errors != (use == FIELD_REFUSED))
        test_fail(__FILE__, __LINE__, "%s: %s is %s, but: %s", backend->name, field->path,
                  field_use_name(use),
                  checked.report.n > checked.said ? line(&checked, checked.said)
                                                  : "nothing was said");
    drop(&checked);
}

TEST(every_field_is_treated_as_the_table_says)
{
    Backend backends[BACKENDS];
    ConfigField fields[CONFIG_FIELDS_MAX];
    all(backends);
    for (size_t i = 0; i < BACKENDS; i++) {
        size_t n = backend_config_fields(&backends[i], fields);
        for (size_t k = 0; k < n; k++)
            try_field(&backends[i], &fields[k]);
    }
}

TEST(what_has_no_meaning_is_said_once_and_what_is_refused_each_time)
{
    Backend backends[BACKENDS];
    Checked checked;
    all(backends);
    check(&checked, &backends[0],
          "{\"pipeline\": [{\"steps\": [\n"
          "{\"name\":\"a\",\"uuid\":\"A\",\"image\":\"sh\",\"pull\":true,\"tmpfs\":[\"/t\"],"
          "\"on_success\":true},\n"
          "{\"name\":\"b\",\"uuid\":\"B\",\"image\":\"sh\",\"pull\":true,\"tmpfs\":[\"/t\"],"
          "\"on_success\":true}]}]}");
    CHECK_EQ(checked.report.warnings, 1);
    CHECK_EQ(checked.report.errors, 2);
    CHECK_STR(line(&checked, 2),
              "c.json:2:44: warning: pipeline[0].steps[0].pull: `pull` has no meaning on the "
              "backend local: nothing is pulled");
    CHECK_HAS(line(&checked, 1),
              "pipeline[0].steps[1].tmpfs: b: the backend local cannot honour `tmpfs`: processes "
              "see the files of the machine");
    drop(&checked);
}

TEST(what_has_no_meaning_is_named_in_one_warning)
{
    Backend backends[BACKENDS];
    Checked checked;
    all(backends);
    check(&checked, &backends[2],
          "{\"volume\":\"v\",\"pipeline\": [{\"steps\": [\n"
          "{\"name\":\"a\",\"uuid\":\"A\",\"image\":\"sh\",\"pull\":true,"
          "\"working_dir\":\"/w\",\"on_success\":true}]}]}");
    CHECK_EQ(checked.report.n, 1);
    CHECK_STR(
        line(&checked, 0),
        "c.json:1:11: warning: volume: `volume`, `pull`, `working_dir` have no meaning on the "
        "backend fake; `thole backend show fake` says why");
    drop(&checked);
}

TEST(the_page_of_fields_is_up_to_date)
{
    AUTO_FREE char *path = test_source("docs/fields.md");
    AUTO_FREE char *there = NULL;
    Backend backends[BACKENDS];
    Buf page;
    Err err;
    all(backends);
    buf_init(&page, 1 << 20);
    buf_puts(&page,
             "# Fields of a Config, by backend\n\n"
             "What becomes of each field of a workflow's Config. *Refused*: the workflow is not "
             "begun, with an error that\nnames step and field. *Without meaning*: it is begun, "
             "with one warning for all of them. All else is honoured.\n\n");
    backend_fields_markdown(backends, BACKENDS, &page);
    if (test_updates() && file_write(path, buf_cstr(&page), page.n, 0644, &err) < 0)
        test_fail(__FILE__, __LINE__, "%s", err.msg);
    if (file_read(path, 1 << 20, &there, NULL, &err) < 0 || strcmp(there, buf_cstr(&page)) != 0)
        test_fail(__FILE__, __LINE__,
                  "docs/fields.md is not what the tables say; THOLE_UPDATE=1 writes it");
    buf_deinit(&page);
}
