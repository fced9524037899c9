/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>

#include "base/arena.h"
#include "data/json.h"
#include "harness/test.h"
#include "spec/session.h"
#include "spec/signals.h"

static Buf buf;

static JsonWriter writer(void) {
    JsonWriter w;
    buf_init(&buf, 1 << 16);
    json_writer_init(&w, &buf);
    return w;
}

static void encodes(const TargetState *state, const char *json) {
    JsonWriter w = writer();
    target_encode_state(state, &w);
    CHECK_STR(buf_cstr(&buf), json);
    buf_deinit(&buf);
}

/* 2026-06-18T09:00:05.000123Z */
#define AT INT64_C(1781773205000123)

TEST(session_target_states)
{
    static const char *const on[] = {"db:serve", "mig:update"};
    encodes(&(TargetState){.phase = PHASE_NONE, .run = 3}, "{}");
    encodes(&(TargetState){.phase = PHASE_DISABLED}, "{\"disabled\":{}}");
    encodes(&(TargetState){.phase = PHASE_WAITING}, "{\"waiting\":{\"waitReason\":\"unknown\"}}");
    encodes(&(TargetState){.phase = PHASE_WAITING,
                           .wait_reason = "waiting-for-dep",
                           .waiting_on = on,
                           .waiting_on_n = 2,
                           .trigger_us = AT},
            "{\"waiting\":{\"waitReason\":\"waiting-for-dep\",\"waitingOn\":[\"db:serve\",\"mig:"
            "update\"],"
            "\"triggerTime\":\"2026-06-18T09:00:05.000123Z\"}}");
    encodes(
        &(TargetState){.phase = PHASE_ACTIVE, .run = 2, .pid = 77, .restarts = 1, .start_us = AT},
        "{\"active\":{\"startTime\":\"2026-06-18T09:00:05.000123Z\",\"ready\":false,"
        "\"lastReadyTime\":null,"
        "\"run\":2,\"pid\":77,\"restarts\":1}}");
    encodes(
        &(TargetState){
            .phase = PHASE_ACTIVE, .run = 1, .start_us = AT, .ready = true, .last_ready_us = AT},
        "{\"active\":{\"startTime\":\"2026-06-18T09:00:05.000123Z\",\"ready\":true,"
        "\"lastReadyTime\":\"2026-06-18T09:00:05.000123Z\",\"run\":1,\"restarts\":0}}");
}

TEST(session_terminated_says_how)
{
    encodes(&(TargetState){.phase = PHASE_TERMINATED,
                           .run = 1,
                           .pid = 5,
                           .start_us = AT,
                           .finish_us = AT + 1000000,
                           .grace_status = "",
                           .oom_killed = UNKNOWN},
            "{\"terminated\":{\"startTime\":\"2026-06-18T09:00:05.000123Z\",\"finishTime\":\"2026-"
            "06-18T09:00:06.000123Z\","
            "\"run\":1,\"pid\":5,\"restarts\":0,\"exitCode\":0}}");
    encodes(
        &(TargetState){.phase = PHASE_TERMINATED,
                       .run = 1,
                       .start_us = AT,
                       .error = "killed by SIGKILL",
                       .grace_status = "Tolerated",
                       .exit_code = -1,
                       .signal = SIGKILL,
                       .oom_killed = YES},
        "{\"terminated\":{\"startTime\":\"2026-06-18T09:00:05.000123Z\",\"finishTime\":null,"
        "\"error\":\"killed by SIGKILL\",\"graceStatus\":\"Tolerated\",\"run\":1,\"restarts\":0,"
        "\"signal\":\"KILL\",\"oomKilled\":true}}");
    encodes(&(TargetState){.phase = PHASE_TERMINATED, .run = 1, .exit_code = -1, .oom_killed = NO},
            "{\"terminated\":{\"startTime\":null,\"finishTime\":null,\"run\":1,\"restarts\":0,"
            "\"oomKilled\":false}}");
}

TEST(session_status_and_spec)
{
    TargetStatus targets[] = {
        {.name = "api:serve",
         .resource = "api",
         .type = TARGET_SERVER,
         .message = "stopped by request"},
        {.name = "tiltfile:update", .resource = "(Tiltfile)", .type = TARGET_JOB},
    };
    SessionStatus status = {
        .pid = 9, .start_us = AT, .targets = targets, .target_n = 2, .done = true, .error = "x"};
    JsonWriter w = writer();
    session_encode_status(&status, &w);
    CHECK_STR(buf_cstr(&buf),
              "{\"pid\":9,\"startTime\":\"2026-06-18T09:00:05.000123Z\",\"targets\":["
              "{\"name\":\"api:serve\",\"type\":\"server\",\"resources\":[\"api\"],\"state\":{},"
              "\"message\":\"stopped by request\"},"
              "{\"name\":\"tiltfile:update\",\"type\":\"job\",\"resources\":[\"(Tiltfile)\"],"
              "\"state\":{}}],"
              "\"done\":true,\"error\":\"x\"}");
    buf_deinit(&buf);
    w = writer();
    session_encode_status(&(SessionStatus){.pid = 1}, &w);
    CHECK_STR(buf_cstr(&buf), "{\"pid\":1,\"startTime\":null,\"targets\":[],\"done\":false}");
    buf_deinit(&buf);
    w = writer();
    session_encode_status(
        &(SessionStatus){.late = true, .slug = "my-shop-1a2b3c-facade", .session = "facade"}, &w);
    CHECK_STR(buf_cstr(&buf), "{\"pid\":0,\"startTime\":null,\"targets\":[],\"done\":false,"
                              "\"reason\":\"Timeout\",\"project\":\"my-shop\","
                              "\"session\":\"facade\"}");
    buf_deinit(&buf);
    w = writer();
    session_encode_status(&(SessionStatus){.slug = "facade-1a2b3c"}, &w);
    CHECK_HAS(buf_cstr(&buf), "\"project\":\"facade\"}");
    buf_deinit(&buf);
    w = writer();
    session_encode_spec(&(SessionSpec){.tiltfile_path = "/p/thole.yaml",
                                       .exit_condition = "ci",
                                       .ci_timeout_ms = 1800000,
                                       .ci_readiness_timeout_ms = 300000,
                                       .ci_grace_ms = 1500},
                        &w);
    CHECK_STR(buf_cstr(&buf),
              "{\"tiltfilePath\":\"/p/thole.yaml\",\"exitCondition\":\"ci\",\"ci\":{"
              "\"k8sGracePeriod\":\"1.5s\",\"timeout\":\"30m0s\",\"readinessTimeout\":\"5m0s\"}}");
    buf_deinit(&buf);
}

TEST(session_names)
{
    CHECK_STR(target_type_name(TARGET_JOB), "job");
    CHECK_STR(target_type_name(TARGET_SERVER), "server");
    CHECK_STR(target_phase_name(PHASE_NONE), "none");
    CHECK_STR(target_phase_name(PHASE_TERMINATED), "terminated");
}

TEST(signals_by_name_and_number)
{
    char text[16];
    CHECK_EQ(signal_number("TERM"), SIGTERM);
    CHECK_EQ(signal_number("SIGTERM"), SIGTERM);
    CHECK_EQ(signal_number("sigusr1"), SIGUSR1);
    CHECK_EQ(signal_number("15"), 15);
    CHECK_EQ(signal_number("0"), -1);
    CHECK_EQ(signal_number("65"), -1);
    CHECK_EQ(signal_number("9x"), -1);
    CHECK_EQ(signal_number(""), -1);
    CHECK_EQ(signal_number("SIG"), -1);
    CHECK_EQ(signal_number("-1"), -1);
    CHECK_EQ(signal_number("TERMINATE"), -1);
    CHECK_EQ(signal_number("RTMIN"), SIGRTMIN);
    CHECK_EQ(signal_number("RTMIN+2"), SIGRTMIN + 2);
    CHECK_EQ(signal_number("RTMIN+99"), -1);
    CHECK_EQ(signal_number("RTMIN+"), -1);
    CHECK_STR(signal_name(SIGKILL, text), "KILL");
    CHECK_STR(signal_name(SIGRTMIN + 1, text), "RTMIN+1");
    CHECK_STR(signal_name(32, text), "32");
}
