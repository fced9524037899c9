/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/signals.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

const char *signal_name(int number, char text[16]) {
    const char *name = sigabbrev_np(number);
    if (name)
        snprintf(text, 16, "%s", name);
    else if (number >= SIGRTMIN && number <= SIGRTMAX)
        snprintf(text, 16, "RTMIN+%d", number - SIGRTMIN);
    else
        snprintf(text, 16, "%d", number);
    return text;
}

/* RTMIN or RTMIN+n. */
static int real_time(const char *name) {
    int64_t n = 0;
    if (strncasecmp(name, "RTMIN", 5) != 0)
        return -1;
    if (name[5] == 0)
        return SIGRTMIN;
    if (name[5] != '+' || number_parse(name + 6, 0, SIGRTMAX - SIGRTMIN, &n) < 0)
        return -1;
    return SIGRTMIN + (int)n;
}

int signal_number(const char *name) {
    int64_t n;
    if (*name >= '0' && *name <= '9')
        return number_parse(name, 1, SIGRTMAX, &n) < 0 ? -1 : (int)n;
    if (strncasecmp(name, "SIG", 3) == 0)
        name += 3;
    for (int i = 1; i < SIGRTMIN; i++) {
        const char *known = sigabbrev_np(i);
        if (known && strcasecmp(known, name) == 0)
            return i;
    }
    return real_time(name);
}

static int decode_signal(Decoder *d, const Value *v, void *ret) {
    bool scalar = value_is(v, VALUE_STRING) || value_is(v, VALUE_INT);
    int number = scalar ? signal_number(v->text) : -1;
    if (number < 0)
        return decode_problem(d, v, "names are TERM, INT, HUP, QUIT, USR1, ...; numbers 1 to 64",
                              scalar ? "there is no signal \"%.40s\""
                                     : "expected the name of a signal%s",
                              scalar ? v->text : "");
    if (number == SIGSTOP)
        return decode_problem(d, v, "use TERM, or KILL",
                              "STOP pauses a process and never ends it%s", "");
    *(int64_t *)ret = number;
    return 0;
}

static void encode_signal(const void *member, JsonWriter *out) {
    char text[16];
    json_string(out, signal_name((int)*(const int64_t *)member, text));
}

const Type t_signal = {
    .kind = TYPE_CUSTOM,
    .name = "signal",
    .size = sizeof(int64_t),
    .align = _Alignof(int64_t),
    .expected = "the name of a signal",
    .decode = decode_signal,
    .encode = encode_signal,
    .json_schema = "[{\"type\":\"string\"},{\"type\":\"integer\",\"minimum\":1,\"maximum\":64}]",
};
