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

/* ---- each field, set alone ---- */

/* A value by kind, but for those where only some are legal. */
static const char *value_of(const char *path, const Type *type) {
    static const char *const special[][2] = {
        {"step.type", "\"service\""},
        {"step.failure", "\"ignore\""},
        {"step.dns", "[\"10.0.0.1\"]"},
        {"step.extra_hosts", "[{\"name\":\"h\",\"ip\":\"10.0.0.1\"}]"},
        {"step.networks", "[{\"name\":\"n\"}]"},
        {"step.ports", "[{\"number\":80}]"},
        {"step.container_name_scheme", "\"hash\""},
        {"step.depends_on", "[\"other\"]"},
        {"step.auth_config", "{\"username\":\"u\",\"password\":\"p\"}"},
        {"step.backend_options.timeout", "\"5s\""},
        {"step.backend_options.thole", "{\"on_cancel\":true}"},
        {"step.backend_options.docker", "{\"user\":\"1\"}"},
        {"step.backend_options.kubernetes", "{\"x\":1}"},
        {"secrets", "[{\"name\":\"n\",\"value\":\"v\"}]"},
        {"step.uuid", "\"U\""},
        {"step.name", "\"one\""},
        {"step.image", "\"sh\""},
    };
    for (size_t i = 0; i < COUNT(special); i++)
        if (strcmp(special[i][0], path) == 0)
            return special[i][1];
    switch (type->kind) {
    case TYPE_BOOL: return "true";
    case TYPE_INT: return "7";
    case TYPE_STRING: return "\"/x\"";
    case TYPE_STRINGS: return "[\"/x\"]";
    case TYPE_STRING_MAP: return "{\"K\":\"v\"}";
    default: test_fail(__FILE__, __LINE__, "no value for %s", path); return "null";
    }
}

/* The steps `one`, with the field, and `other`: with the least that a Config needs. */
static char *config_with(const ConfigField *field) {
    const char *key = field->path + (field->of_step ? strlen("step.") : 0);
    const char *value = value_of(field->path, field->field->type);
    const char *dot = strchr(key, '.');
    AUTO_FREE char *member =
        dot ? xasprintf("\"%.*s\": {\"%s\": %s}", (int)(dot - key), key, dot + 1, value)
            : xasprintf("\"%s\": %s", key, value);
    AUTO_FREE char *step = xstrdup("");
    static const char *const least[][2] = {{"name", "one"}, {"uuid", "U"}, {"image", "sh"}};
    for (size_t i = 0; i < COUNT(least); i++) {
        if (field->of_step && strcmp(least[i][0], key) == 0)
            continue;
        char *longer = xasprintf("%s, \"%s\": \"%s\"", step, least[i][0], least[i][1]);
        free(step);
        step = longer;
    }
    const char *more = field->of_step && strstr(key, "thole") ? ", \"on_failure\": true" : "";
    return xasprintf("{%s%s\n\"pipeline\": [{\"steps\": [\n{%s%s%s}, {\"name\": \"other\", "
                     "\"uuid\": \"V\", \"image\": \"sh\", \"on_success\": true}]}]}",
                     field->of_step ? "" : member, field->of_step ? "" : ",",
                     field->of_step ? member : "\"environment\": {}", step, more);
}

static void try_field(Backend *backend, const ConfigField *field) {
    const char *key = field->path + (field->of_step ? strlen("step.") : 0);
    AUTO_FREE char *text = config_with(field);
    Arena arena;
    Report report;
    size_t errors = 0, said = 0;
    arena_init(&arena);
    report_init(&report, &arena);
    Source source = {.file = "c.json", .report = &report, .arena = &arena};
    const WorkflowConfig *config = workflow_read(&source, text, strlen(text), &arena);
    if (!config) {
        test_fail(__FILE__, __LINE__, "%s: %s", text, report_line(&report.at[0], &arena));
        return;
    }
    size_t before = report.n;
    backend_check_config(backend, config, &source);
    for (size_t i = before; i < report.n; i++) {
        AUTO_FREE char *quoted = xasprintf("`%s`", key);
        if (!strstr(report.at[i].message, quoted)) /* of `image`, which each step has */
            continue;
        said++;
        errors += !report.at[i].warning;
        CHECK_HAS(report.at[i].message, backend->name);
        CHECK_EQ(report.at[i].place.line, field->of_step ? 3 : 1);
    }
    FieldUse use = field->entry->use;
    if (said != (use != FIELD_HONOURED) || errors != (use == FIELD_REFUSED))
        test_fail(__FILE__, __LINE__, "%s: %s is %s, but: %s", backend->name, field->path,
                  field_use_name(use),
                  report.n > before ? report.at[before].message : "nothing was said");
    arena_deinit(&arena);
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
    static const char text[] =
        "{\"pipeline\": [{\"steps\": [\n"
        "{\"name\":\"a\",\"uuid\":\"A\",\"image\":\"sh\",\"pull\":true,\"tmpfs\":[\"/t\"],"
        "\"on_success\":true},\n"
        "{\"name\":\"b\",\"uuid\":\"B\",\"image\":\"sh\",\"pull\":true,\"tmpfs\":[\"/t\"],"
        "\"on_success\":true}]}]}";
    Backend backends[BACKENDS];
    Arena arena;
    Report report;
    all(backends);
    arena_init(&arena);
    report_init(&report, &arena);
    Source source = {.file = "c.json", .report = &report, .arena = &arena};
    const WorkflowConfig *config = workflow_read(&source, text, strlen(text), &arena);
    ASSERT(config);
    backend_check_config(&backends[0], config, &source);
    CHECK_EQ(report.warnings, 1);
    CHECK_EQ(report.errors, 2);
    ASSERT(report.n == 3);
    CHECK_STR(report_line(&report.at[2], &arena),
              "c.json:2:44: warning: pipeline[0].steps[0].pull: `pull` has no meaning on the "
              "backend local: nothing is pulled");
    CHECK_HAS(report_line(&report.at[1], &arena),
              "pipeline[0].steps[1].tmpfs: b: the backend local cannot honour `tmpfs`: processes "
              "see the files of the machine");
    arena_deinit(&arena);
}

TEST(what_has_no_meaning_is_named_in_one_warning)
{
    static const char text[] = "{\"volume\":\"v\",\"pipeline\": [{\"steps\": [\n"
                               "{\"name\":\"a\",\"uuid\":\"A\",\"image\":\"sh\",\"pull\":true,"
                               "\"working_dir\":\"/w\",\"on_success\":true}]}]}";
    Backend backends[BACKENDS];
    Arena arena;
    Report report;
    all(backends);
    arena_init(&arena);
    report_init(&report, &arena);
    Source source = {.file = "c.json", .report = &report, .arena = &arena};
    const WorkflowConfig *config = workflow_read(&source, text, strlen(text), &arena);
    ASSERT(config);
    backend_check_config(&backends[2], config, &source);
    ASSERT(report.n == 1);
    CHECK_STR(
        report_line(&report.at[0], &arena),
        "c.json:1:11: warning: volume: `volume`, `pull`, `working_dir` have no meaning on the "
        "backend fake; `thole backend show fake` says why");
    arena_deinit(&arena);
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
