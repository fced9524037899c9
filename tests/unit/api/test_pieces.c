/* SPDX-License-Identifier: Apache-2.0 */
/* The parts that need no server: URIs, selectors, peers. */
#include "api/http_uri.h"
#include "api/peer.h"
#include "api/selector.h"
#include "harness/test.h"

static Arena arena;

static int parse(const char *text, Uri *ret, Err *err) {
    arena_init(&arena);
    return uri_parse(text, &arena, ret, err);
}

TEST(uri_splits_before_it_decodes)
{
    Uri uri;
    ASSERT(parse("/a%2Fb/%28c%29/?x=1%262&flag&empty=&y=a+b%2B", &uri, NULL) == 0);
    CHECK_EQ(uri.path.n, 2);
    CHECK_STR(uri.path.at[0], "a/b");
    CHECK_STR(uri.path.at[1], "(c)");
    CHECK_STR(uri_param(&uri, "x"), "1&2");
    CHECK_STR(uri_param(&uri, "flag"), "");
    CHECK_STR(uri_param(&uri, "empty"), "");
    CHECK_STR(uri_param(&uri, "y"), "a b+");
    CHECK(!uri_param(&uri, "z"));
    arena_deinit(&arena);
}

TEST(uri_keeps_empty_segments_but_the_last)
{
    Uri uri;
    ASSERT(parse("//a/", &uri, NULL) == 0);
    CHECK_EQ(uri.path.n, 2);
    CHECK_STR(uri.path.at[0], "");
    CHECK_STR(uri.path.at[1], "a");
    arena_deinit(&arena);
    ASSERT(parse("/", &uri, NULL) == 0);
    CHECK_EQ(uri.path.n, 0);
    arena_deinit(&arena);
}

TEST(uri_refuses)
{
    static const char *const bad[] = {"",         "a",
                                      "*",        "http://x/",
                                      "/%",       "/%4",
                                      "/%4x",     "/%00",
                                      "/a?b=%00", "/a b",
                                      "/a\tb",    "/a#b",
                                      "/\x7f",    "/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        Uri uri;
        Err err = {.kind = ERR_NONE};
        if (parse(bad[i], &uri, &err) == 0)
            test_fail(__FILE__, __LINE__, "accepted: %s", bad[i]);
        CHECK(err.kind != ERR_NONE);
        arena_deinit(&arena);
    }
}

TEST(uri_has_a_limit_of_parameters)
{
    char text[1000] = "/?";
    Uri uri;
    Err err;
    for (size_t i = 0; i < 70; i++)
        snprintf(text + strlen(text), 10, "a=%zu&", i);
    CHECK(parse(text, &uri, &err) < 0);
    CHECK_HAS(err.msg, "64");
    arena_deinit(&arena);
}

/* ---- selectors ---- */

static bool labels_fit(const char *text, const StrMap *labels) {
    Selector selector;
    Err err;
    arena_init(&arena);
    if (selector_parse(&(SelectorTexts){text, NULL, OBJECT_TARGET}, &arena, &selector, &err) < 0) {
        test_fail(__FILE__, __LINE__, "%s: %s", text, err.msg);
        return false;
    }
    bool fits = selector_labels_match(&selector, labels);
    arena_deinit(&arena);
    return fits;
}

TEST(label_selectors)
{
    StrPair pairs[] = {{"app", "shop"}, {"tier", "front"}};
    StrMap labels = {pairs, 2};
    static const char *const fit[] = {"",
                                      "app=shop",
                                      "app==shop",
                                      "app = shop , tier!=back",
                                      "app",
                                      "!zone",
                                      "zone!=x",
                                      "tier in (back, front)",
                                      "tier notin (back)",
                                      "zone notin (a,b)",
                                      "in=x,app"};
    static const char *const unfit[] = {"app=x",
                                        "app!=shop",
                                        "!app",
                                        "zone",
                                        "tier in (back)",
                                        "tier notin (front)",
                                        "app=shop,tier=back",
                                        "zone in (a)"};
    for (size_t i = 0; i < COUNT(fit) - 1; i++)
        if (!labels_fit(fit[i], &labels))
            test_fail(__FILE__, __LINE__, "does not fit: %s", fit[i]);
    for (size_t i = 0; i < COUNT(unfit); i++)
        if (labels_fit(unfit[i], &labels))
            test_fail(__FILE__, __LINE__, "fits: %s", unfit[i]);
    CHECK(labels_fit("!app", NULL));
}

TEST(bad_selectors_are_named)
{
    static const char *const bad[] = {"a b",   "=x", "a in b", "a in (b",
                                      "a=b c", "(",  "a,,b",   "a=b=c"};
    static const char *const bad_fields[] = {"status.done=true", "metadata.name", "metadata.name>x",
                                             "spec.tiltfilePath=/x"};
    Selector selector;
    for (size_t i = 0; i < COUNT(bad); i++) {
        Err err = {.kind = ERR_NONE};
        arena_init(&arena);
        if (selector_parse(&(SelectorTexts){bad[i], NULL, OBJECT_TARGET}, &arena, &selector,
                           &err) == 0)
            test_fail(__FILE__, __LINE__, "accepted: %s", bad[i]);
        arena_deinit(&arena);
    }
    for (size_t i = 0; i < COUNT(bad_fields); i++) {
        Err err = {.kind = ERR_NONE};
        arena_init(&arena);
        if (selector_parse(&(SelectorTexts){NULL, bad_fields[i], OBJECT_TARGET}, &arena, &selector,
                           &err) == 0)
            test_fail(__FILE__, __LINE__, "accepted: %s", bad_fields[i]);
        arena_deinit(&arena);
    }
}

TEST(field_selectors)
{
    static const char json[] = "{\"spec\":{\"tiltfilePath\":\"/a, b/\\\"c\\\"/thole.yaml\"}}";
    SelectorFacts facts = {"space", "name", json, sizeof(json) - 1};
    Selector selector;
    arena_init(&arena);
    ASSERT(selector_parse(
               &(SelectorTexts){NULL, "metadata.name=name,metadata.namespace!=x", OBJECT_SESSION},
               &arena, &selector, NULL) == 0);
    CHECK(selector_fields_match(&selector, &facts));
    CHECK(!selector_needs_json(&selector));
    ASSERT(selector_parse(
               &(SelectorTexts){NULL, "spec.tiltfilePath=/a\\, b/\"c\"/thole.yaml", OBJECT_SESSION},
               &arena, &selector, NULL) == 0);
    CHECK(selector_needs_json(&selector));
    CHECK(selector_fields_match(&selector, &facts));
    ASSERT(selector_parse(&(SelectorTexts){NULL, "spec.tiltfilePath=/a", OBJECT_SESSION}, &arena,
                          &selector, NULL) == 0);
    CHECK(!selector_fields_match(&selector, &facts));
    arena_deinit(&arena);
}

/* ---- peers ---- */

static const char *judge(PeerFacts facts) {
    static Err err;
    err.msg[0] = '\0';
    return peer_judge(&facts, &err) == 0 ? "fine" : err.msg;
}

#define OURS .our_uid = 1000, .our_pidns = 7, .our_mntns = 8

TEST(peers_are_judged)
{
    CHECK_STR(judge((PeerFacts){.uid = 1000, .pid = 9, .pidns = 7, .mntns = 8, OURS}), "fine");
    CHECK_STR(judge((PeerFacts){.uid = 0, .pid = 9, .pidns = 7, .mntns = 8, OURS}), "fine");
    /* root's cannot be read by us */
    CHECK_STR(judge((PeerFacts){.uid = 0, .pid = 9, OURS}), "fine");
    CHECK_HAS(judge((PeerFacts){.uid = 1001, .pid = 9, .pidns = 7, .mntns = 8, OURS}),
              "the client is user 1001");
    CHECK_HAS(judge((PeerFacts){.uid = 1000, .pid = 0, OURS}), "another pid namespace");
    CHECK_HAS(judge((PeerFacts){.uid = 1000, .pid = 9, .pidns = 6, .mntns = 8, OURS}),
              "another pid namespace");
    CHECK_HAS(judge((PeerFacts){.uid = 1000, .pid = 9, .pidns = 7, .mntns = 6, OURS}),
              "another mount namespace");
    CHECK_HAS(judge((PeerFacts){.uid = 1000, .pid = 9, OURS}), "cannot be read");
    CHECK_HAS(judge((PeerFacts){.uid = 0, .pid = 9, .pidns = 7, .mntns = 6, OURS}),
              "THOLE_RUNTIME_DIR");
}

TEST(we_are_our_own_peer)
{
    Err err;
    CHECK(peer_check(&(Peer){.uid = geteuid(), .pid = getpid()}, &err) == 0);
}
