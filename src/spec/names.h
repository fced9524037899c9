/* SPDX-License-Identifier: Apache-2.0 */
/* What names may look like. Each check returns NULL, or one sentence that says what is wrong. */
#pragma once

const char *check_service_name(const char *name); /* [a-z0-9][a-z0-9_-]{0,62}, not "tiltfile" */
const char *check_env_name(const char *name);     /* [A-Za-z_][A-Za-z0-9_]* */
const char *check_port_name(const char *name);    /* [a-z0-9][a-z0-9_-]{0,62} */
const char *check_var_name(const char *name);     /* [A-Za-z0-9_-]+ */
const char *check_label(const char *name);
const char *check_header(const char *name);
const char *check_url_path(const char *path);
const char *check_host(const char *host);
