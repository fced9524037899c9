/* SPDX-License-Identifier: Apache-2.0 */
/* libcurl says which sockets and which instant it waits for; the loop's polls and one timer tell it
 * what came. Requests are added and removed only outside libcurl's callbacks, and answers are
 * delivered by deferred calls, so that whoever is answered may do anything, also free the
 * client. */
#include "loop/http_client.h"

#include <assert.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/xalloc.h"

enum { REDIRECTS_MAX = 10, MAX_BODY_DEFAULT = 64 * 1024, STREAM_MAX = 64 * 1024 };

#define KEEP_ALIVE_S 30L

typedef struct Socket {
    HttpClient *client;
    curl_socket_t fd;
    Poll *poll;
} Socket;

struct HttpClient {
    Loop *loop;
    CURLM *multi; /* made by the first request: TLS libraries are not free */
    Timer *timer;
    HttpRequest *first; /* all that were not answered */
};

struct HttpRequest {
    HttpClient *client;
    HttpRequest *prev_one, *next_one;
    CURL *easy;
    bool running; /* libcurl has it */
    bool over;    /* fn is being called */
    bool follow;
    bool cut; /* the body was longer than what is kept */
    int redirects;
    struct curl_slist *headers;
    char *what; /* "GET http://…", for messages */
    Buf body;
    Timer *timeout;
    int64_t timeout_ms;
    bool idle; /* ... is of silence, not of the whole */
    HttpDataFn on_data;
    Buf pieces;        /* of a stream: what came and was not taken */
    bool held;         /* on_data said: not now */
    bool paused;       /* libcurl holds back what does not fit into `pieces` */
    bool handing_over; /* on_data is being called */
    bool freed;        /* meanwhile */
    bool ended;        /* the transfer is over */
    Deferred *next;    /* pieces, then the answer */
    long status;
    Err err;
    char error[CURL_ERROR_SIZE];
    HttpFn fn;
    void *arg;
};

/* ---- The answer ---- */

static void stop_running(HttpRequest *request) {
    if (request->running)
        curl_multi_remove_handle(request->client->multi, request->easy);
    request->running = false;
}

static void leave_client(HttpRequest *request) {
    if (request->prev_one)
        request->prev_one->next_one = request->next_one;
    else
        request->client->first = request->next_one;
    if (request->next_one)
        request->next_one->prev_one = request->prev_one;
}

static void release(HttpRequest *request) {
    timer_free(request->timeout);
    deferred_free(request->next);
    if (request->easy)
        curl_easy_cleanup(request->easy);
    curl_slist_free_all(request->headers);
    buf_deinit(&request->body);
    buf_deinit(&request->pieces);
    free(request->what);
    free(request);
}

static void answer(HttpRequest *request) {
    bool failed = request->err.kind != ERR_NONE;
    HttpReply reply = {.status = request->status};
    request->over = true;
    leave_client(request);
    if (!failed) {
        reply.body = buf_cstr(&request->body);
        reply.body_size = request->body.n;
        reply.cut = request->cut;
    }
    request->fn(request->arg, failed ? &(HttpReply){0} : &reply, failed ? &request->err : NULL);
    release(request);
}

/* False: it is held back, or the request is gone. */
static bool hand_over(HttpRequest *request) {
    Buf *pieces = &request->pieces;
    request->held = true; /* unless http_request_resume says otherwise meanwhile */
    request->handing_over = true;
    bool taken = request->on_data(request->arg, pieces->p, pieces->n);
    request->handing_over = false;
    if (request->freed) {
        release(request);
        return false;
    }
    if (taken) {
        request->held = false;
        buf_reset(pieces);
    }
    return taken;
}

static void on_next(void *arg);

static void go_on(HttpRequest *request) {
    if (!request->next)
        request->next = loop_defer(request->client->loop, on_next, request);
}

static void on_next(void *arg) {
    HttpRequest *request = arg;
    request->next = NULL;
    if (request->pieces.n && !hand_over(request))
        return;
    if (request->ended) {
        answer(request);
    } else if (request->paused) {
        request->paused = false;
        curl_easy_pause(request->easy, CURLPAUSE_CONT);
    }
}

static void finish(HttpRequest *request) {
    stop_running(request);
    request->timeout = timer_free(request->timeout);
    request->ended = true;
    if (!request->held)
        go_on(request);
}

static void on_timeout(void *arg) {
    HttpRequest *request = arg;
    long status = 0;
    curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &status);
    if (request->cut && status >= 200) /* an endless body: what counts is here */
        request->status = status;
    else
        err_set(&request->err, ERR_TIMEOUT, "%s: no answer within %lld ms", request->what,
                (long long)request->timeout_ms);
    finish(request);
}

/* ---- The end of a transfer ---- */

static char *host_of(const char *url) {
    char *host = NULL, *own = NULL;
    CURLU *parts = curl_url();
    if (parts && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK)
        own = xstrdup(host);
    curl_free(host);
    curl_url_cleanup(parts);
    return own;
}

static bool same_host(const char *a, const char *b) {
    char *host_a = host_of(a), *host_b = host_of(b);
    bool same = host_a && host_b && strcmp(host_a, host_b) == 0;
    free(host_a);
    free(host_b);
    return same;
}

/* Goes on to where the reply points, if that is the same host. */
static bool follow(HttpRequest *request) {
    char *from = NULL, *to = NULL;
    if (!request->follow || request->redirects == REDIRECTS_MAX)
        return false;
    curl_easy_getinfo(request->easy, CURLINFO_EFFECTIVE_URL, &from);
    curl_easy_getinfo(request->easy, CURLINFO_REDIRECT_URL, &to);
    if (!from || !to || !same_host(from, to))
        return false;
    stop_running(request);
    request->redirects++;
    buf_reset(&request->body);
    request->cut = false;
    char *url = xstrdup(to);
    curl_easy_setopt(request->easy, CURLOPT_URL, url);
    free(url);
    curl_multi_add_handle(request->client->multi, request->easy);
    request->running = true;
    return true;
}

/* The URL is wrong, rather than what is behind it. */
static bool is_bad_url(HttpRequest *request, CURLcode code) {
    char *peer = NULL;
    curl_easy_getinfo(request->easy, CURLINFO_PRIMARY_IP, &peer);
    return code == CURLE_URL_MALFORMAT ||
           (code == CURLE_UNSUPPORTED_PROTOCOL && (!peer || !peer[0]));
}

static ErrKind kind_of(HttpRequest *request, CURLcode code) {
    switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION: /* which no time mends */
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE: return ERR_INVALID;
    default: return is_bad_url(request, code) ? ERR_INVALID : ERR_UNAVAILABLE;
    }
}

static void set_failure(HttpRequest *request, CURLcode code) {
    long error = 0;
    const char *why = request->error[0] ? request->error : curl_easy_strerror(code);
    if (code == CURLE_COULDNT_CONNECT)
        curl_easy_getinfo(request->easy, CURLINFO_OS_ERRNO, &error);
    if (error)
        err_sys(&request->err, (int)error, "%s", request->what);
    else
        err_set(&request->err, kind_of(request, code), "%s: %s", request->what, why);
}

static void transfer_ended(CURL *easy, CURLcode code) {
    HttpRequest *request = NULL;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&request);
    if (code != CURLE_OK) {
        set_failure(request, code);
    } else {
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &request->status);
        if (follow(request))
            return;
    }
    finish(request);
}

/* Messages point into libcurl's memory, which a removal frees: what is needed of one is copied
 * first. */
static void collect(HttpClient *client) {
    int left;
    for (CURLMsg *msg; (msg = curl_multi_info_read(client->multi, &left));) {
        CURL *easy = msg->easy_handle;
        CURLcode code = msg->data.result;
        if (msg->msg == CURLMSG_DONE)
            transfer_ended(easy, code);
    }
}

/* ---- libcurl on the loop ---- */

static void act(HttpClient *client, curl_socket_t fd, int events) {
    int running;
    curl_multi_socket_action(client->multi, fd, events, &running);
    collect(client);
}

static void on_ready(void *arg, int events) {
    Socket *s = arg;
    act(s->client, s->fd,
        (events & (POLL_READ | POLL_HANGUP) ? CURL_CSELECT_IN : 0) |
            (events & POLL_WRITE ? CURL_CSELECT_OUT : 0));
}

static void on_due(void *arg) {
    act(arg, CURL_SOCKET_TIMEOUT, 0);
}

static int on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *known) {
    HttpClient *client = arg;
    Socket *s = known;
    if (what == CURL_POLL_REMOVE) {
        if (s) {
            poll_free(s->poll);
            curl_multi_assign(client->multi, fd, NULL);
            free(s);
        }
        return 0;
    }
    int events = (what & CURL_POLL_IN ? POLL_READ : 0) | (what & CURL_POLL_OUT ? POLL_WRITE : 0);
    if (s) {
        poll_set(s->poll, events);
        return 0;
    }
    s = xcalloc(1, sizeof *s);
    *s = (Socket){.client = client, .fd = fd};
    s->poll = poll_new(client->loop, fd, events, on_ready, s);
    curl_multi_assign(client->multi, fd, s);
    return 0;
}

static int on_curl_timer(CURLM *multi, long timeout_ms, void *arg) {
    HttpClient *client = arg;
    if (timeout_ms < 0)
        timer_clear(client->timer);
    else
        timer_set(client->timer, timeout_ms);
    return 0;
}

static void keep_body(HttpRequest *request, const char *data, size_t size) {
    size_t room = request->body.max - request->body.n;
    size_t kept = size < room ? size : room;
    request->cut |= kept < size;
    buf_put(&request->body, data, kept);
}

static bool is_streamed(HttpRequest *request) {
    long status = 0;
    curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &status);
    return request->on_data && (status == 101 || (status >= 200 && status < 300));
}

/* Pieces are handed over from the loop, outside libcurl, whose callbacks may not call it back. */
static size_t on_body(char *data, size_t size, size_t n, void *arg) {
    HttpRequest *request = arg;
    size_t got = size * n;
    if (request->idle && request->timeout)
        timer_set(request->timeout, request->timeout_ms);
    if (!is_streamed(request)) {
        keep_body(request, data, got);
        return got;
    }
    if (!buf_put(&request->pieces, data, got)) {
        request->pieces.failed = false;
        request->paused = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    if (!request->held && got > 0)
        go_on(request);
    return got;
}

/* ---- Life ---- */

static void start_curl(HttpClient *client) {
    if (client->multi)
        return;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || !(client->multi = curl_multi_init())) {
        log_error("cannot start the HTTP client");
        abort();
    }
    client->timer = timer_idle(client->loop, on_due, client);
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket);
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
}

HttpClient *http_client_new(Loop *loop) {
    HttpClient *client = xcalloc(1, sizeof *client);
    client->loop = loop;
    return client;
}

HttpClient *http_client_free(HttpClient *client) {
    if (!client)
        return NULL;
    while (client->first)
        http_request_free(client->first);
    if (client->multi) {
        curl_multi_cleanup(client->multi); /* closes kept connections, through on_curl_socket */
        timer_free(client->timer);
        curl_global_cleanup();
    }
    free(client);
    return NULL;
}

/* ---- Asking ---- */

static void add_headers(HttpRequest *request, const StrMap *headers) {
    request->headers = curl_slist_append(NULL, "Expect:");
    for (size_t i = 0; headers && i < headers->n; i++) {
        const char *value = headers->at[i].value;
        /* libcurl's way to send a header without a value ends in ';' */
        char *line = xasprintf(value[0] ? "%s: %s" : "%s;%s", headers->at[i].name, value);
        struct curl_slist *longer = curl_slist_append(request->headers, line);
        if (longer)
            request->headers = longer;
        free(line);
    }
}

static void set_tls(CURL *easy, const HttpAsk *ask) {
    const HttpTls *tls = ask->tls;
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, ask->verify_tls ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, ask->verify_tls ? 2L : 0L);
    if (tls && tls->ca)
        curl_easy_setopt(easy, CURLOPT_CAINFO, tls->ca);
    if (tls && tls->cert)
        curl_easy_setopt(easy, CURLOPT_SSLCERT, tls->cert);
    if (tls && tls->key)
        curl_easy_setopt(easy, CURLOPT_SSLKEY, tls->key);
}

static void set_what_to_ask(HttpRequest *request, const HttpAsk *ask) {
    CURL *easy = request->easy;
    const char *method = ask->method ? ask->method : "GET";
    curl_easy_setopt(easy, CURLOPT_URL, ask->url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    if (strcmp(method, "HEAD") == 0)
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    else if (strcmp(method, "GET") != 0)
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
    if (ask->body) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)ask->body_size);
        curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, ask->body);
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
    }
    if (ask->unix_socket)
        curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, ask->unix_socket);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, request->headers);
    /* an idle connection of ours must not hold up anybody's graceful stop, unless it may */
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, ask->keep_alive ? 0L : 1L);
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, ask->fresh ? 1L : 0L);
    set_tls(easy, ask);
}

static void set_how(HttpRequest *request) {
    CURL *easy = request->easy;
    curl_easy_setopt(easy, CURLOPT_PRIVATE, request);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, request->error);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, request);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "thole");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L); /* a peer may vanish without a word */
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, KEEP_ALIVE_S);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, KEEP_ALIVE_S / 2);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* cancelling never waits for a name server */
    /* what we ask is near; proxies of the environment are for far */
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
}

static HttpRequest *request_new(HttpClient *client, const HttpAsk *ask) {
    HttpRequest *request = xcalloc(1, sizeof *request);
    request->client = client;
    request->follow = ask->follow;
    request->timeout_ms = ask->timeout_ms ? ask->timeout_ms : ask->idle_ms;
    request->idle = !ask->timeout_ms && ask->idle_ms;
    request->on_data = ask->on_data;
    request->what = xasprintf("%s %.150s", ask->method ? ask->method : "GET", ask->url);
    buf_init(&request->body, ask->max_body ? ask->max_body : MAX_BODY_DEFAULT);
    buf_init(&request->pieces, STREAM_MAX);
    request->easy = curl_easy_init();
    add_headers(request, ask->headers);
    set_what_to_ask(request, ask);
    set_how(request);
    request->next_one = client->first;
    if (client->first)
        client->first->prev_one = request;
    client->first = request;
    return request;
}

HttpRequest *http_ask(HttpClient *client, const HttpAsk *ask, HttpFn fn, void *arg) {
    assert(fn && ask->url);
    start_curl(client);
    HttpRequest *request = request_new(client, ask);
    request->fn = fn;
    request->arg = arg;
    if (request->timeout_ms > 0)
        request->timeout = timer_new(client->loop, request->timeout_ms, on_timeout, request);
    CURLMcode code = curl_multi_add_handle(client->multi, request->easy);
    request->running = code == CURLM_OK;
    if (code != CURLM_OK) {
        err_set(&request->err, ERR_INTERNAL, "%s: %s", request->what, curl_multi_strerror(code));
        finish(request);
    }
    return request;
}

void http_request_resume(HttpRequest *request) {
    if (!request->held)
        return;
    request->held = false;
    go_on(request);
}

const char *http_request_header(HttpRequest *request, const char *name) {
    struct curl_header *header = NULL;
    CURLHcode code = curl_easy_header(request->easy, name, 0, CURLH_HEADER, -1, &header);
    return code == CURLHE_OK ? header->value : NULL;
}

HttpRequest *http_request_free(HttpRequest *request) {
    if (!request || request->over || request->freed)
        return NULL;
    stop_running(request);
    leave_client(request);
    request->freed = true;
    if (!request->handing_over)
        release(request);
    return NULL;
}
