/* SPDX-License-Identifier: Apache-2.0 */
/* Scenarios as text, for golden files. Each line is a command; what the planner does about it is
 * written out. Targets are named as everywhere; durations as in thole.yaml.
 *
 *     service NAME [build] [serve|job] [noauto] [probe] [deps=a,+b:started] [lock=L]… [every=D]
 *             [after] [on_failure] [deadline=D] [timeout=D] [restart=POLICY] [delay=D]
 *             [max-delay=D] [max=N] [reset=D] [codes=0,3]
 *     ci [grace=D] [timeout=D] [readiness=D] [soak=D]      slots N
 *     up [NAME…]        start TARGET…    await TARGET    restart TARGET…    stop TARGET…
 *     disable TARGET…   down
 *     exec TARGET       ready TARGET     unready TARGET     unlive TARGET WHY…
 *     hook TARGET [WHY…] (it has ended)                     stuck TARGET NAMES
 *     exit TARGET CODE  kill TARGET SIGNAL [oom]            lost TARGET
 *     nostart TARGET ERRNO [WHY…] (by its own fault)
 *     nomeans TARGET ERRNO [WHY…] (for want of something)
 *     pass D            show             check
 *
 * exec to lost are the backend speaking; show prints what the API shows, check asks the exit
 * condition. */
#pragma once

#include "base/buf.h"
#include "sim.h"

typedef struct Script {
    Sim sim;
    Buf *out;
    bool built;
    unsigned char *chosen;
    int64_t started_ms, healthy_since_ms;
} Script;

void script_init(Script *script, Buf *out);
void script_deinit(Script *script);
/* Aborts on a line it does not understand. */
void script_line(Script *script, const char *line);
