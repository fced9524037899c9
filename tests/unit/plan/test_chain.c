/* SPDX-License-Identifier: Apache-2.0 */
/* Why each target of the cases in tests/golden/history is as it is: <case>.why. */
#include "history.h"

#include "harness/test.h"
#include "plan/chain.h"

#include "base/buf.h"
#include "base/clock.h"
#include "data/value.h"

static void describe(const History *history, const char *target, Arena *arena, Buf *out) {
    Chain chain;
    ChainAsk ask = {.target = target,
                    .statuses = history->down ? NULL : history->statuses,
                    .status_n = history->down ? 0 : history->status_n,
                    .events = history->events,
                    .now_us = history->now_us};
    chain_build(&ask, arena, &chain);
    CHECK(chain.n > 0);
    buf_printf(out, "$ why %s\n", target);
    for (size_t i = 0; i < chain.n; i++) {
        const ChainLine *line = &chain.at[i];
        char time[TIME_TEXT] = "now";
        if (line->time_us)
            time_format_seconds(line->time_us, time);
        buf_printf(out, "%-20s %-15s %u  %s\n", time, line->target ? line->target : "-", line->run,
                   line->text);
    }
    if (chain.command)
        buf_printf(out, "thole %s\n", chain.command);
    buf_putc(out, '\n');
}

TEST(golden_chains)
{
    Arena arena;
    arena_init(&arena);
    const char *cases[100];
    size_t n = history_cases(cases, 100, &arena), seen = 0;
    for (size_t i = 0; i < n; i++) {
        History history;
        Buf out;
        buf_init(&out, 1 << 20);
        history_read(arena_printf(&arena, "%s.yaml", cases[i]), &arena, &history);
        const Value *why = value_get(history.file, "why");
        for (size_t t = 0; t < value_count(why); t++, seen++)
            describe(&history, value_str(value_at(why, t)), &arena, &out);
        if (value_count(why))
            history_check(arena_printf(&arena, "%s.why", cases[i]), buf_cstr(&out));
        buf_deinit(&out);
    }
    CHECK(seen >= 12);
    arena_deinit(&arena);
}

/* Targets that restart each other for ever: the chain has an end all the same. */
TEST(a_chain_is_bounded)
{
    enum { ROUNDS = 1000 };
    Arena arena;
    Chain chain;
    arena_init(&arena);
    Event *events = arena_alloc(&arena, ROUNDS * 2 * sizeof(*events));
    for (int i = 0; i < ROUNDS; i++) {
        const char *own = i % 2 ? "a:serve" : "b:serve", *other = i % 2 ? "b:serve" : "a:serve";
        events[2 * i] = (Event){.seq = 2 * i + 1,
                                .time_us = 1000000 + i,
                                .target = own,
                                .kind = EVENT_ASKED,
                                .reason = "DependencyRestarted",
                                .message = "the other restarted",
                                .cause = {other, (uint32_t)i}};
        events[2 * i + 1] = (Event){.seq = 2 * i + 2,
                                    .time_us = 1000000 + i,
                                    .target = own,
                                    .run = (uint32_t)i + 1,
                                    .kind = EVENT_STARTED,
                                    .reason = "Started",
                                    .message = ""};
    }
    ChainAsk ask = {.target = "a:serve", .events = {events, ROUNDS * 2}, .now_us = 2000000};
    chain_build(&ask, &arena, &chain);
    CHECK_EQ(chain.n, CHAIN_LINES);
    arena_deinit(&arena);
}
