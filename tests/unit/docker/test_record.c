/* SPDX-License-Identifier: Apache-2.0 */
/* How a step ended is on disk before anybody hears of it. */
#include "harness/test.h"

#include <signal.h>
#include <sys/stat.h>

#include "unit/docker/town.h"

/* The record cannot be renamed into its place while there is a directory. */
static void block(char path[300]) {
    snprintf(path, 300, "%s/runs/build/1/exit.json", test_dir());
    ASSERT(mkdir(path, 0700) == 0);
}

static void until_it_waits(Town *town, char *why, size_t size) {
    while (!backend_waits_for(town->backend, town_id, why, size) || !strstr(why, "written down"))
        ASSERT(loop_turn(town->s.loop, 10000));
}

TEST(record_that_the_disk_does_not_take_keeps_the_container_and_is_tried_again)
{
    Town town;
    char path[300], why[300];
    town_open(&town, (const char *[]){CREATED, DONE, RUNS, NONE, NONE, NONE, NONE, DONE, NULL});
    town_start(&town);
    block(path);
    backend_wait_step(town.backend, town_id, town_hear, &town);
    until_it_waits(&town, why, sizeof(why));
    CHECK_HAS(why, "the end of step build cannot be written down: ");
    CHECK_EQ(town.called, 0);
    CHECK(!strstr(scripted_asked(), "DELETE"));
    ASSERT(rmdir(path) == 0);
    town_until(&town);
    CHECK_EQ(town.state.end, STEP_LOST);
    CHECK(access(path, F_OK) == 0);
    town_close(&town);
}

/* Who wants to be rid of it waits for a disk as long as for an engine. */
TEST(record_that_cannot_be_written_does_not_keep_who_stops_the_step)
{
    static const StopHow how = {.signal = SIGTERM, .grace_ms = 1000};
    Town town;
    char path[300], why[300];
    town_open(&town, (const char *[]){CREATED, DONE, RUNS, NONE, NONE, NONE, NONE, NULL});
    town_start(&town);
    block(path);
    backend_wait_step(town.backend, town_id, town_hear, &town);
    until_it_waits(&town, why, sizeof(why));
    backend_destroy_step(town.backend, town_id, &how, NULL, NULL);
    town_until(&town);
    CHECK_EQ(town.state.end, STEP_LOST);
    town_close(&town);
}
