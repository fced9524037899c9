/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/review.h"

#include <string.h>

#include "base/limits.h"
#include "base/path.h"
#include "cli/report_print.h"
#include "cli/request.h"
#include "spec/routes.h"

int review_request(Cli *cli, const Value **ret, Err *err) {
    Buf body;
    JsonWriter out;
    buf_init(&body, MAX_REQUEST_BYTES);
    json_writer_init(&out, &body);
    json_object_begin(&out);
    json_kv_object(&out, "spec");
    json_kv_string(&out, "tiltfilePath", cli->config_file);
    json_object_end(&out);
    request_client(&out);
    json_object_end(&out);
    int r = client_ask(&cli->client, "POST", THOLE_API "/configreviews", buf_cstr(&body),
                       &cli->arena, ret, err);
    buf_deinit(&body);
    return r;
}

int review_ask(Cli *cli, const Value **ret_status, Err *err) {
    const Value *review;
    if (cli_project(cli, err) < 0)
        return -1;
    int r = review_request(cli, &review, err);
    if (r < 0)
        report_print(cli, review);
    *ret_status = value_get(review, "status");
    return r;
}

void review_say_foreign(Cli *cli) {
    const char *name = path_base(cli->config_file);
    const Value *status;
    bool own = strcmp(name, "thole.yaml") == 0 || strncmp(name, "previewctl.", 11) == 0;
    if (!own && review_ask(cli, &status, NULL) == 0 && value_get(status, "written"))
        report_print_review(cli, status);
}
