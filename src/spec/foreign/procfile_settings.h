/* SPDX-License-Identifier: Apache-2.0 */
/* Overmind's switches. */
#pragma once

#include "spec/source.h"

typedef struct ProcfileSettings {
    StrMap env;    /* what the files say, for the processes */
    StrList files; /* their names, as they stand in the project */
    int64_t port, port_step, formation_step, timeout_s;
    bool no_port, any_can_die;
    const char *shell;
    /* "a,b" and "a=1,b=2"; NULL: not set */
    const char *processes, *ignored, *can_die, *auto_restart, *formation, *stop_signals;
} ProcfileSettings;

/* -1: reported. */
MUST int procfile_settings(const Source *source, ProcfileSettings *ret);

/* Is `word` one of "a,b,c"? NULL has none. */
bool procfile_listed(const char *list, const char *word);
/* The value of `word` in "a=1,b=2"; NULL: none. In `arena`. */
const char *procfile_value(const char *list, const char *word, Arena *arena);

typedef enum SwitchFate { SWITCH_WORKS, SWITCH_IGNORED } SwitchFate;
typedef struct ProcfileSwitch {
    const char *name; /* behind OVERMIND_ */
    SwitchFate fate;
    const char *why; /* what there is instead */
} ProcfileSwitch;
extern const ProcfileSwitch procfile_switches[]; /* ends with name NULL */
