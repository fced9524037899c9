/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "cli/event_feed.h"
#include "cli/event_print.h"
#include "cli/when.h"
#include "cli/workflow.h"

int workflow_events(Cli *cli, const WorkflowOptions *ask, Err *err) {
    const TextList steps = workflow_given_steps(cli);
    EventPrint print;
    char since[TIME_TEXT];
    int64_t us;
    if (ask->log.since && when_parse(ask->log.since, clock_wall_us(), &us, err) < 0)
        return err_in(err, "--since");
    const WorkflowRow *workflow = workflow_look(cli, workflow_given(cli), err);
    if (!workflow)
        return -1;
    const EventFeedAsk feed = {.workflow = workflow->name,
                               .names = &steps,
                               .follow = ask->log.follow,
                               .limit = ask->log.tail,
                               .since = ask->log.since ? since : NULL};
    if (ask->log.since)
        time_format_micro(us, since);
    event_print_init(&print, cli, feed.follow);
    int r = event_feed(&cli->client, &feed, event_print, &print, err);
    event_print_rest(&print);
    return r < 0 ? -1 : EXIT_DONE;
}
