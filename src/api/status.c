/* SPDX-License-Identifier: Apache-2.0 */
#include "api/status.h"

#include <string.h>

static bool has_details(const Status *status) {
    return status->group || status->kind || status->name || status->uid || status->cause_n ||
           status->problems || status->retry_after_s;
}

static void write_cause(const Cause *cause, JsonWriter *out) {
    json_object_begin(out);
    json_kv_string(out, "reason", cause->reason);
    json_kv_string(out, "message", cause->message);
    if (cause->field)
        json_kv_string(out, "field", cause->field);
    json_object_end(out);
}

static void write_causes(const Status *status, JsonWriter *out) {
    const Report *report = status->problems;
    if (!status->cause_n && !report)
        return;
    json_kv_array(out, "causes");
    for (size_t i = 0; i < status->cause_n; i++)
        write_cause(&status->causes[i], out);
    for (size_t i = 0; report && i < report->n; i++)
        if (!report->at[i].warning)
            write_cause(
                &(Cause){"FieldValueInvalid", report->at[i].message, report->at[i].place.path},
                out);
    json_array_end(out);
}

static void kv_given(JsonWriter *out, const char *key, const char *text) {
    if (text)
        json_kv_string(out, key, text);
}

void problems_write(const Report *report, bool warnings, JsonWriter *out) {
    json_array_begin(out);
    for (size_t i = 0; i < report->n; i++) {
        const Problem *problem = &report->at[i];
        if (problem->warning != warnings)
            continue;
        json_object_begin(out);
        kv_given(out, "file", problem->place.file);
        json_kv_int(out, "line", problem->place.line);
        json_kv_int(out, "column", problem->place.column);
        json_kv_string(out, "path", problem->place.path ? problem->place.path : "");
        json_kv_string(out, "message", problem->message);
        kv_given(out, "hint", problem->hint);
        json_object_end(out);
    }
    json_array_end(out);
}

static void write_details(const Status *status, JsonWriter *out) {
    json_kv_object(out, "details");
    kv_given(out, "name", status->name);
    kv_given(out, "group", status->group);
    kv_given(out, "kind", status->kind);
    kv_given(out, "uid", status->uid);
    write_causes(status, out);
    if (status->problems) {
        json_key(out, "problems");
        problems_write(status->problems, false, out);
    }
    if (status->retry_after_s)
        json_kv_int(out, "retryAfterSeconds", status->retry_after_s);
    json_object_end(out);
}

void status_write(const Status *status, JsonWriter *out) {
    bool failure = status->code >= 400;
    json_object_begin(out);
    json_kv_string(out, "kind", "Status");
    json_kv_string(out, "apiVersion", "v1");
    json_kv_object(out, "metadata");
    json_object_end(out);
    json_kv_string(out, "status", failure ? "Failure" : "Success");
    kv_given(out, "message", status->message);
    kv_given(out, "reason", status->reason);
    if (has_details(status))
        write_details(status, out);
    if (failure)
        json_kv_int(out, "code", status->code);
    json_object_end(out);
}

void reply_status_full(Request *request, const Status *status) {
    Buf buf;
    JsonWriter out;
    buf_init(&buf, MAX_REPLY_BYTES);
    json_writer_init(&out, &buf);
    status_write(status, &out);
    buf_putc(&buf, '\n');
    request_reply(request, status->code, NULL, &buf);
}

void reply_status(Request *request, int code, const char *reason, const char *format, ...) {
    va_list args;
    va_start(args, format);
    const char *message = arena_vprintf(request->arena, format, args);
    va_end(args);
    reply_status_full(request, &(Status){.code = code, .reason = reason, .message = message});
}

void reply_err(Request *request, const Err *err) {
    reply_status(request, err_http(err->kind), err_reason(err->kind), "%s", err->msg);
}

void reply_not_found(Request *request, const char *group, const char *plural, const char *name) {
    const char *message =
        arena_printf(request->arena, "%s.%s \"%s\" not found", plural, group, name);
    reply_status_full(request, &(Status){.code = 404,
                                         .reason = "NotFound",
                                         .message = message,
                                         .group = group,
                                         .kind = plural,
                                         .name = name});
}

void reply_no_page(Request *request) {
    Buf buf;
    buf_init(&buf, MAX_REPLY_BYTES);
    buf_puts(&buf, "404 page not found\n");
    request_reply(request, 404, "text/plain; charset=utf-8", &buf);
}
