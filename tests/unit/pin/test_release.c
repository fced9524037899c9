/* SPDX-License-Identifier: Apache-2.0 */
/* What release 1 fixed for ever: pins and rails of it live on under every later server, and its
 * files are read. Numbers are written out here; a change of wire.h that breaks one is a change of
 * protocol. */
#include "pin/wire.h"

#include <stddef.h>

#include "harness/test.h"

/* A member where it was, with the size it had. Members may be added behind the last. */
#define FIXED(Struct, member, at, size)                   \
    do {                                                  \
        CHECK_EQ(offsetof(Struct, member), at);           \
        CHECK_EQ(sizeof(((Struct *)NULL)->member), size); \
        CHECK(sizeof(Struct) >= (at) + (size));           \
    } while (0)

TEST(release_1_numbers)
{
    const int types[][2] = {{WIRE_HELLO, 1},     {WIRE_SPAWN, 2},      {WIRE_BYE, 3},
                            {WIRE_SWEEP, 4},     {WIRE_WELCOME, 32},   {WIRE_SPAWN_FAILED, 33},
                            {WIRE_PIN_DIED, 34}, {WIRE_SWEPT, 35},     {WIRE_ATTACH, 64},
                            {WIRE_STOP, 65},     {WIRE_SIGNAL, 66},    {WIRE_WATCH_LOG, 67},
                            {WIRE_STATE, 96},    {WIRE_STARTED, 97},   {WIRE_ENDED, 98},
                            {WIRE_LOG, 99},      {WIRE_SURVIVORS, 100}};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        CHECK_EQ(types[i][0], types[i][1]);
    CHECK_EQ(WIRE_PROTOCOL, 1);
    CHECK(WIRE_MAX >= 16384);
    CHECK_STR(WIRE_RAIL_NAME, "thole/%u/rail-%s");
    CHECK_STR(WIRE_PIN_NAME, "thole/%u/%s");
    CHECK_EQ(RUN_PHASE_STARTING, 1);
    CHECK_EQ(RUN_PHASE_RUNNING, 2);
    CHECK_EQ(RUN_PHASE_STOPPING, 3);
    CHECK_EQ(RUN_PHASE_ENDED, 4);
    CHECK_EQ(RUN_END_EXITED, 1);
    CHECK_EQ(RUN_END_SIGNALED, 2);
    CHECK_EQ(RUN_END_FAILED, 3);
    CHECK_EQ(RUN_END_LOST, 4);
    CHECK_EQ(RUN_STAGE_CLAIM, 1);
    CHECK_EQ(RUN_STAGE_EXEC, 7);
    CHECK_EQ(RUN_STAGE_RECORD, 8);
    CHECK_EQ(RUN_OOM_YES, 2);
}

TEST(release_1_of_the_rail)
{
    FIXED(WireHead, type, 0, 4);
    FIXED(WireHead, size, 4, 4);
    FIXED(WireHello, protocol, 8, 4);
    FIXED(WireHello, argc, 12, 4);
    FIXED(WireHello, pid, 16, 4);
    FIXED(WireWelcome, pid, 12, 4);
    FIXED(WireWelcome, pins, 16, 4);
    FIXED(WireSpawn, tag, 8, 8);
    FIXED(WireSpawnFailed, tag, 8, 8);
    FIXED(WireSpawnFailed, error, 16, 4);
    FIXED(WirePinDied, pid, 8, 4);
    FIXED(WirePinDied, status, 12, 4);
    FIXED(WirePinDied, survivors, 16, 4);
    FIXED(WirePinDied, id, 20, 40);
    FIXED(WireSweep, tag, 8, 8);
    FIXED(WireSwept, tag, 8, 8);
    FIXED(WireSwept, survivors, 16, 4);
}

TEST(release_1_of_the_pin)
{
    FIXED(WireStop, signal, 8, 4);
    FIXED(WireStop, grace_ms, 12, 4);
    FIXED(WireSignal, signal, 8, 4);
    FIXED(WireSignal, group, 12, 4);
    FIXED(WireWatchLog, on, 8, 4);
    FIXED(WireWatchLog, seen, 16, 8);
    FIXED(WireLog, size, 8, 8);
    FIXED(WireStarted, pid, 8, 4);
    FIXED(WireStarted, start_ticks, 16, 8);
    FIXED(WireStarted, started_us, 24, 8);
    FIXED(WireState, phase, 12, 4);
    FIXED(WireState, pid, 16, 4);
    FIXED(WireState, pin, 20, 4);
    FIXED(WireState, start_ticks, 24, 8);
    FIXED(WireState, started_us, 32, 8);
    FIXED(WireState, log_size, 40, 8);
    FIXED(WireEnded, end, 8, 4);
    FIXED(WireEnded, code, 12, 4);
    FIXED(WireEnded, stage, 16, 4);
    FIXED(WireEnded, oom, 20, 4);
    FIXED(WireEnded, started_us, 24, 8);
    FIXED(WireEnded, ended_us, 32, 8);
    FIXED(WireEnded, user_us, 40, 8);
    FIXED(WireEnded, log_size, 64, 8);
    FIXED(WireEnded, lingering, 72, 4);
    FIXED(WireEnded, killed, 76, 4);
    FIXED(WireSurvivors, count, 8, 4);
    FIXED(WireSurvivors, named, 12, 4);
    FIXED(WireSurvivors, who, 16, 32 * 24);
}

TEST(release_1_of_the_files)
{
    CHECK_EQ(LAUNCH_MAGIC, 0x31484c54u);
    CHECK_EQ(LAUNCH_FORMAT, 1);
    FIXED(Launch, format, 4, 4);
    FIXED(Launch, size, 8, 4);
    FIXED(Launch, flags, 12, 4);
    FIXED(Launch, run, 16, 4);
    FIXED(Launch, restarts, 20, 4);
    FIXED(Launch, argv_at, 28, 4);
    FIXED(Launch, env_at, 36, 4);
    FIXED(Launch, secrets_at, 44, 4);
    FIXED(Launch, id_at, 48, 4);
    FIXED(Launch, cwd_at, 52, 4);
    FIXED(Launch, title_at, 56, 4);
    FIXED(Launch, cause_at, 60, 4);
    FIXED(Launch, end_signal, 64, 4);
    FIXED(Launch, end_grace_ms, 68, 4);
    FIXED(Launch, log_max, 72, 8);
    FIXED(Launch, umask, 80, 4);
    FIXED(Launch, limitc, 88, 4);
    FIXED(Launch, limits, 96, 16 * 24);
    FIXED(LogChunk, at, 0, 8);
    FIXED(LogChunk, time_us, 8, 8);
    FIXED(LogChunk, size, 16, 4);
    FIXED(LogChunk, kind, 20, 2);
    FIXED(LogChunk, stream, 22, 2);
    CHECK_STR(RUN_LAUNCH " " RUN_CLAIM " " RUN_RECORD " " EXIT_RECORD,
              "launch claim run.json exit.json");
    CHECK_STR(LOG_DATA " " LOG_INDEX, "log. index.");
}
