/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/port.h"

#include <string.h>

enum { PORT_MAX = 65535 };

bool port_given(const Port *port) {
    return port->number || port->text;
}

bool port_is_auto(const Port *port) {
    return port->text && strcmp(port->text, "auto") == 0;
}

static int decode_number(Decoder *d, const Value *v, Port *ret) {
    if (v->integer < 1 || v->integer > PORT_MAX)
        return decode_problem(d, v, NULL, "%s is outside 1..%d", v->text, PORT_MAX);
    *ret = (Port){.number = v->integer};
    return 0;
}

static int decode_port(Decoder *d, const Value *v, void *ret) {
    const char *text = value_str(v);
    if (value_is(v, VALUE_INT))
        return decode_number(d, v, ret);
    if (!text || strcmp(text, "auto") != 0)
        return decode_problem(d, v, "write a number from 1 to 65535, or auto",
                              text ? "\"%.40s\" is no port" : "expected a port%s",
                              text ? text : "");
    *(Port *)ret = (Port){.text = text};
    return 0;
}

static int decode_probe_port(Decoder *d, const Value *v, void *ret) {
    const char *text = value_str(v);
    if (value_is(v, VALUE_INT))
        return decode_number(d, v, ret);
    if (!text || !strstr(text, "{{"))
        return decode_problem(d, v, "write a number from 1 to 65535, or a template",
                              text ? "\"%.40s\" is no port" : "expected a port%s",
                              text ? text : "");
    *(Port *)ret = (Port){.text = text};
    return 0;
}

static void encode_port(const void *member, JsonWriter *out) {
    const Port *port = member;
    if (port->number)
        json_int(out, port->number);
    else
        json_string(out, port->text);
}

#define PORT_SCHEMA(word) \
    "[{\"type\":\"integer\",\"minimum\":1,\"maximum\":65535},{\"type\":\"string\"," word "}]"

const Type t_port = {
    .kind = TYPE_CUSTOM,
    .name = "port or `auto`",
    .size = sizeof(Port),
    .align = _Alignof(Port),
    .expected = "a port: a number or auto",
    .decode = decode_port,
    .encode = encode_port,
    .json_schema = PORT_SCHEMA("\"const\":\"auto\""),
};

const Type t_probe_port = {
    .kind = TYPE_CUSTOM,
    .name = "port",
    .size = sizeof(Port),
    .align = _Alignof(Port),
    .expected = "a port",
    .decode = decode_probe_port,
    .encode = encode_port,
    .json_schema = PORT_SCHEMA("\"pattern\":\"[{][{]\""),
};
