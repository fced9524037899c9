/* SPDX-License-Identifier: Apache-2.0 */
#include "store/state_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/str.h"
#include "base/sys.h"
#include "base/xalloc.h"
#include "store/state_merge.h"

#define STATE_NAME "state.json"
#define LOCK_NAME  "state.lock"
#define OUR_DIR    ".thole"

/* ---- descriptors ---- */

static int decode_opt_int(Decoder *d, const Value *v, void *ret) {
    if (v->kind == VALUE_NULL)
        return 0;
    if (v->kind != VALUE_INT)
        return decode_problem(d, v, NULL, "expected a number");
    *(OptInt *)ret = (OptInt){.set = true, .n = v->integer};
    return 0;
}

static void encode_opt_int(const void *member, JsonWriter *out) {
    const OptInt *number = member;
    if (number->set)
        json_int(out, number->n);
    else
        json_null(out);
}

const Type type_opt_int = {.kind = TYPE_CUSTOM,
                           .name = "number",
                           .size = sizeof(OptInt),
                           .align = _Alignof(OptInt),
                           .decode = decode_opt_int,
                           .encode = encode_opt_int,
                           .json_schema = "{\"type\":[\"integer\",\"null\"]}"};

static const Field service_fields[] = {
    FIELD(ServiceState, name, "name", t_string, .flags = FIELD_KEY, .doc = "the service"),
    FIELD(ServiceState, pid, "pid", t_int, .doc = "process id of the newest run; 0: none yet"),
    FIELD(ServiceState, start_time_ms, "start_time_ms", type_opt_int,
          .doc = "when that process was made, milliseconds since 1970"),
    FIELD(ServiceState, port, "port", type_opt_int, .doc = "the port it is asked on"),
    FIELD(ServiceState, port_auto, "port_auto", t_bool, .doc = "the port was chosen for it"),
    FIELD(ServiceState, protocol, "protocol", t_string, .doc = "http, https or tcp"),
    FIELD(ServiceState, phase, "phase", t_string,
          .doc = "pending, building, starting, running, ready, unhealthy, backoff, stopping, "
                 "stopped, failed or exited"),
    FIELD(ServiceState, exit_code, "exit_code", type_opt_int,
          .doc = "of the newest run that ended, which may be one before the present one; 128 + n "
                 "after signal n"),
    FIELD(ServiceState, reason, "reason", t_string, .doc = "why it is in that phase"),
    FIELD(ServiceState, run, "run", type_opt_int, .doc = "number of the newest run"),
    FIELD(ServiceState, attempt, "attempt", type_opt_int, .doc = "restarts in a row"),
    FIELD(ServiceState, next_at, "next_at", t_string, .doc = "when it is tried again"),
    FIELD(ServiceState, start_ticks, "start_ticks", type_opt_int,
          .doc = "start time of the process in clock ticks since the boot"),
};
SCHEMA_STRUCT(type_service_state, ServiceState, "ServiceState", service_fields);
static SCHEMA_MAP(t_services, type_service_state);
typedef ServiceState t_services_is;

static const Field project_fields[] = {
    FIELD(ProjectState, slug, "slug", t_string, .doc = "name of the session"),
    FIELD(ProjectState, config_path, "config_path", t_string, .doc = "the config file"),
    FIELD(ProjectState, started_at, "started_at", t_string, .doc = "when the session was created"),
    FIELD_LIST(ProjectState, services, "services", t_services, .doc = "by name"),
    FIELD(ProjectState, pid, "pid", type_opt_int, .doc = "process id of the server"),
    FIELD(ProjectState, pid_start_time_ms, "pid_start_time_ms", type_opt_int,
          .doc = "when the server's process was made, milliseconds since 1970"),
    FIELD(ProjectState, format, "format", type_opt_int, .doc = "1"),
    FIELD(ProjectState, boot_id, "boot_id", t_string,
          .doc = "the boot that start_ticks count from"),
};
SCHEMA_STRUCT(type_project_state, ProjectState, "ProjectState", project_fields);

/* ---- where ---- */

static bool default_name(const char *config_file, const char *project) {
    const char *name = path_base(config_file);
    if (strcmp(name, "thole.yaml") == 0)
        return true;
    AUTO_FREE char *ours = path_join(project, "thole.yaml");
    return strcmp(name, "previewctl.yaml") == 0 && access(ours, F_OK) < 0;
}

char *state_dir_of(const char *config_file, const char *file_slug, const char *session_slug) {
    AUTO_FREE char *project = path_dir(config_file);
    AUTO_FREE char *root = path_join(project, OUR_DIR);
    if (!session_slug && default_name(config_file, project))
        return TAKE(root);
    return path_join(root, session_slug ? session_slug : file_slug);
}

/* `.thole` itself, of it or of a directory in it. Returns owned. */
static char *root_of(const char *dir) {
    return str_ends(dir, "/" OUR_DIR) ? xstrdup(dir) : path_dir(dir);
}

/* ---- reading ---- */

typedef enum Found { FOUND_NOTHING, FOUND_BROKEN, FOUND_NEWER, FOUND_GOOD } Found;

typedef struct Old {
    Found found;
    const Value *value; /* FOUND_GOOD */
    char *text;         /* owned */
    size_t size;
} Old;

static Found judge(const char *text, size_t size, Arena *arena, const Value **ret) {
    if (json_parse(text, size, arena, ret, NULL) < 0 || !value_is(*ret, VALUE_MAP))
        return FOUND_BROKEN;
    return value_check_format(*ret, STATE_FORMAT, NULL) < 0 ? FOUND_NEWER : FOUND_GOOD;
}

/* -1: it is there and cannot be read. */
static int read_old(const char *path, Arena *arena, Old *ret, Err *err) {
    Err why = {0};
    *ret = (Old){.found = FOUND_NOTHING};
    if (file_read(path, MAX_STATE_BYTES, &ret->text, &ret->size, &why) < 0) {
        if (why.kind == ERR_NOT_FOUND)
            return 0;
        if (err)
            *err = why;
        return -1;
    }
    if (ret->size > 0)
        ret->found = judge(ret->text, ret->size, arena, &ret->value);
    return 0;
}

const ProjectState *state_load(const char *dir, Arena *arena) {
    AUTO_FREE char *path = path_join(dir, STATE_NAME);
    Old old;
    Report report;
    if (read_old(path, arena, &old, NULL) < 0)
        return NULL;
    free(old.text); /* the tree has copies */
    if (old.found != FOUND_GOOD)
        return NULL;
    report_init(&report, arena);
    Decoder decoder = {.arena = arena, .report = &report, .file = path, .unknown = UNKNOWN_SILENT};
    ProjectState *state = arena_alloc(arena, sizeof(*state));
    return schema_decode(&decoder, &type_project_state, state_without_nulls(old.value, arena),
                         state) < 0
               ? NULL
               : state;
}

/* ---- writing ---- */

static int make_dir(const char *path, Err *err) {
    if (sys_mkdirat(AT_FDCWD, path, 0755) == 0 || errno == EEXIST)
        return 0;
    return err_sys(err, errno, "make %s", path);
}

/* One that is empty was written when the disk was full. */
static int make_ignore(const char *root, Err *err) {
    AUTO_FREE char *path = path_join(root, ".gitignore");
    struct stat st;
    if (lstat(path, &st) == 0 && (!S_ISREG(st.st_mode) || st.st_size > 0))
        return 0;
    return file_write_atomic(path, "*\n", 2, 0644, false, err);
}

/* Anything but a link is somebody else's, and stays. */
static int make_link(const char *dir, const char *to, Err *err) {
    AUTO_FREE char *path = path_join(dir, "logs");
    char now[4096];
    ssize_t n = readlink(path, now, sizeof(now) - 1);
    if (n >= 0) {
        now[n] = '\0';
        if (strcmp(now, to) == 0 || sys_unlinkat(AT_FDCWD, path, 0) < 0)
            return 0;
    }
    if (symlink(to, path) < 0 && errno != EEXIST)
        return err_sys(err, errno, "make the link %s", path);
    return 0;
}

/* The project's own directory is never made: it may have been moved. */
static int prepare(const char *dir, const char *logs, Err *err) {
    AUTO_FREE char *root = root_of(dir);
    if (make_dir(root, err) < 0 || make_ignore(root, err) < 0)
        return -1;
    if (strcmp(root, dir) != 0 && make_dir(dir, err) < 0)
        return -1;
    return logs ? make_link(dir, logs, err) : 0;
}

static int rename_to(const char *from, const char *dir, const char *name, Err *err) {
    AUTO_FREE char *to = path_join(dir, name);
    if (sys_renameat(AT_FDCWD, from, AT_FDCWD, to) < 0)
        return err_sys(err, errno, "rename %s to %s", from, name);
    return 0;
}

/* A second name for the present file, put in place at once; a copy where there are no second
 * names. */
static int keep_previous(const char *dir, const char *path, const Old *old, Err *err) {
    AUTO_FREE char *previous = path_join(dir, STATE_NAME ".prev");
    AUTO_FREE char *temporary = path_join(dir, STATE_NAME ".prev.tmp");
    (void)sys_unlinkat(AT_FDCWD, temporary, 0);
    if (link(path, temporary) < 0)
        return file_write_atomic(previous, old->text, old->size, 0644, false, err);
    return rename_to(temporary, dir, STATE_NAME ".prev", err);
}

/* Tables that stand in every file, also when they are empty. */
static void add_tables(Value *state, Arena *arena) {
    static const char *const tables[] = {"services", "docker", "compose_services"};
    for (size_t i = 0; i < COUNT(tables); i++)
        if (!value_get(state, tables[i]))
            value_set(arena, state, tables[i], value_new(arena, VALUE_MAP));
}

static const Value *as_value(const ProjectState *state, Arena *arena, Err *err) {
    Buf buf;
    JsonWriter out;
    const Value *v = NULL;
    buf_init(&buf, MAX_STATE_BYTES);
    json_writer_init(&out, &buf);
    schema_encode(&type_project_state, state, &(EncodeOptions){0}, &out);
    if (buf.failed || json_parse(buf_cstr(&buf), buf.n, arena, &v, err) < 0)
        v = NULL;
    if (buf.failed)
        err_set(err, ERR_LIMIT, "the state is larger than %d bytes", MAX_STATE_BYTES);
    buf_deinit(&buf);
    return v;
}

static int render(const ProjectState *state, const Old *old, Arena *arena, Buf *ret, Err *err) {
    const Value *now = as_value(state, arena, err);
    if (!now)
        return -1;
    Value *merged = (Value *)(uintptr_t)state_merge(&type_project_state, old->value, now, arena);
    add_tables(merged, arena);
    JsonWriter out;
    json_writer_init(&out, ret);
    out.pretty = true;
    json_value(&out, merged);
    buf_putc(ret, '\n');
    return ret->failed ? err_set(err, ERR_LIMIT, "the state would be too large") : 0;
}

static int replace(const char *dir, const char *path, const Old *old, const Buf *text, Err *err) {
    if (old->found == FOUND_GOOD && old->size == text->n &&
        memcmp(old->text, buf_cstr(text), text->n) == 0)
        return 0;
    if (old->found == FOUND_BROKEN && rename_to(path, dir, STATE_NAME ".broken", err) < 0)
        return -1;
    if (old->found == FOUND_GOOD && keep_previous(dir, path, old, err) < 0)
        return -1;
    if (file_write_atomic(path, buf_cstr(text), text->n, 0644, true, err) < 0)
        return -1;
    return old->found == FOUND_BROKEN;
}

static int save_locked(const char *dir, const ProjectState *state, Err *err) {
    AUTO_FREE char *path = path_join(dir, STATE_NAME);
    Arena arena;
    Buf text;
    Old old;
    arena_init(&arena);
    buf_init(&text, MAX_STATE_BYTES);
    int r = read_old(path, &arena, &old, err);
    if (r == 0 && old.found == FOUND_NEWER)
        r = err_set(err, ERR_UNAVAILABLE,
                    "%s is of a newer format, written by a newer thole: it is left as it is", path);
    if (r == 0)
        r = render(state, &old, &arena, &text, err);
    if (r == 0)
        r = replace(dir, path, &old, &text, err);
    free(old.text);
    buf_deinit(&text);
    arena_deinit(&arena);
    return r;
}

int state_save(const char *dir, const ProjectState *state, const char *logs, Err *err) {
    AUTO_FREE char *lock_path = path_join(dir, LOCK_NAME);
    AUTO_CLOSE int lock = -1;
    if (prepare(dir, logs, err) < 0 || file_lock(lock_path, false, &lock, err) < 0)
        return -1;
    return save_locked(dir, state, err);
}

/* ---- removing ---- */

static int remove_file(const char *dir, const char *name, Err *err) {
    AUTO_FREE char *path = path_join(dir, name);
    if (sys_unlinkat(AT_FDCWD, path, 0) < 0 && errno != ENOENT && errno != ENOTDIR)
        return err_sys(err, errno, "remove %s", path);
    return 0;
}

static bool is_link(const char *dir, const char *name) {
    AUTO_FREE char *path = path_join(dir, name);
    struct stat st;
    return lstat(path, &st) == 0 && S_ISLNK(st.st_mode);
}

/* With its .gitignore, if that is the last thing in it. */
static void remove_root(const char *root) {
    if (rmdir(root) == 0 || errno != ENOTEMPTY)
        return;
    AUTO_FREE char *aside = xasprintf("%s/.gitignore", root);
    AUTO_FREE char *text = NULL;
    size_t size;
    if (file_read(aside, 16, &text, &size, NULL) < 0 || (size && strcmp(text, "*\n") != 0))
        return;
    (void)sys_unlinkat(AT_FDCWD, aside, 0);
    if (rmdir(root) < 0 && errno == ENOTEMPTY) /* something else is in it */
        (void)!file_write(aside, text, size, 0644, NULL);
}

int state_remove(const char *dir, Err *err) {
    static const char *const names[] = {
        STATE_NAME,        STATE_NAME ".prev",   STATE_NAME ".prev.tmp",
        STATE_NAME ".tmp", STATE_NAME ".broken", LOCK_NAME};
    AUTO_FREE char *root = root_of(dir);
    for (size_t i = 0; i < COUNT(names); i++)
        if (remove_file(dir, names[i], err) < 0)
            return -1;
    if (is_link(dir, "logs") && remove_file(dir, "logs", err) < 0)
        return -1;
    if (strcmp(root, dir) != 0)
        (void)rmdir(dir);
    remove_root(root);
    return 0;
}
