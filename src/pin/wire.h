/* SPDX-License-Identifier: Apache-2.0 */
/* What server, rail and pin say to each other, and the files a pin leaves behind: protocol 1.
 *
 * The server never owns a process. It writes a run directory, then asks the rail (a warm, tiny
 * process) to fork a pin for it; the pin claims the run, spawns one process, keeps its log and
 * records how it ended. Server and rail may be killed at any moment: pins live on, and the next
 * server finds them by the files here and their sockets.
 *
 * Transport: AF_UNIX SOCK_SEQPACKET, one message per packet, at most WIRE_MAX bytes. Both ends
 * check SO_PEERCRED uid. Every message is a C struct behind a WireHead, native byte order (both
 * ends are one machine). Protocol 1 is spoken for ever: fields are only added at the end of a
 * struct, a receiver zero-fills what is missing and ignores what is beyond, and an unknown type is
 * ignored. */
#pragma once

#include <stdint.h>

enum {
    WIRE_PROTOCOL = 1,
    WIRE_MAX = 16 * 1024,    /* bytes in one packet */
    WIRE_ID_MAX = 40,        /* run id incl. NUL: [0-9a-f]+, drawn by the server, unique for ever */
    WIRE_NAME_MAX = 16,      /* process name (comm) incl. NUL */
    WIRE_SURVIVORS_MAX = 32, /* survivors named in one message */
    WIRE_SOCKETS_MAX = 16,   /* sockets that are passed to one process */
    WIRE_KEPT_MAX = 64,      /* descriptors that a rail keeps */
    WIRE_KEPT_NAME_MAX = 128, /* incl. NUL */
    WIRE_INPUT_MAX = 4096,    /* bytes of input in one message */
};

/* Abstract socket names (a NUL byte in front): the rail of one state directory, and a pin. */
#define WIRE_RAIL_NAME \
    "thole/%u/rail-%s" /* uid, first 16 hex digits of SHA-256(realpath of the state directory) */
#define WIRE_PIN_NAME "thole/%u/%s" /* uid, run id */

/* In the environment of every process of a run: its id. How what has lost its pin is found. */
#define RUN_STAMP "THOLE_RUN_ID"
enum { WIRE_PIN_DIR = 5 }; /* the descriptor by which a pin holds its run directory */

typedef enum WireType {
    /* server → rail */
    /* WireHello + NUL-terminated strings: argv of the server; first message of a connection */
    WIRE_HELLO = 1,
    /* WireSpawn, with fds: [0] the pin's end of a socketpair, [1] the run directory, [2] cgroup
     * directory (optional); then as many sockets as it says: the process's 3, 4, ... */
    WIRE_SPAWN = 2,
    /* WireHead: the server leaves on purpose, do not start another; the rail ends once it has no
     * pin */
    WIRE_BYE = 3,
    WIRE_SWEEP = 4, /* WireSweep: answer when no orphan of a dead pin is left */
    /* WireKeep, with one fd: keep it for the servers to come, in place of what is kept there;
     * without: keep nothing there */
    WIRE_KEEP = 5,
    /* rail → server */
    WIRE_WELCOME = 32, /* WireWelcome */
    /* WireSpawnFailed: no pin came to be; the run was never claimed by one */
    WIRE_SPAWN_FAILED = 33,
    /* WirePinDied: a pin ended without its exit record; sent once what it left behind is ended */
    WIRE_PIN_DIED = 34,
    WIRE_SWEPT = 35, /* WireSwept */
    WIRE_KEPT = 36,  /* WireKeep, with one fd: each that is kept, before WIRE_WELCOME */
    /* server → pin */
    /* WireHead: "who are you?"; answered by WIRE_STATE. First message of a connection made by
     * adoption */
    WIRE_ATTACH = 64,
    /* WireStop: end the run: signal, grace, kill, to a fixed point. Again: may only hasten it */
    WIRE_STOP = 65,
    WIRE_SIGNAL = 66, /* WireSignal */
    /* WireWatchLog: level-triggered news about the log's size on this connection */
    WIRE_WATCH_LOG = 67,
    /* WireInput: for the process to read. Answered by WIRE_TAKEN when it has taken all of it;
     * before that no other may be sent. One that comes nevertheless, or from a newer server, takes
     * the place of what was not taken yet */
    WIRE_INPUT = 68,
    WIRE_RESIZE = 69, /* WireResize */
    /* pin → server */
    WIRE_STATE = 96,   /* WireState */
    WIRE_STARTED = 97, /* WireStarted: the exec has happened, RUN_RECORD is on disk */
    /* WireEnded: EXIT_RECORD is on disk; last message unless it lingers. Also sent when the
     * start failed */
    WIRE_ENDED = 98,
    WIRE_LOG = 99, /* WireLog */
    /* WireSurvivors: a stop that could not end these; the pin stays their parent and tries again
     * on WIRE_STOP */
    WIRE_SURVIVORS = 100,
    WIRE_TAKEN = 101, /* WireTaken */
} WireType;

typedef struct WireHead {
    uint32_t type; /* WireType */
    uint32_t size; /* bytes of the struct that begins with this head, without trailing strings */
} WireHead;

typedef struct WireHello {
    WireHead head;
    uint32_t protocol;
    /* strings that follow: how the rail starts a server again (argv[0] is the absolute path) */
    uint32_t argc;
    int32_t pid;
} WireHello;

typedef struct WireWelcome {
    WireHead head;
    uint32_t protocol;
    int32_t pid;
    uint32_t pins;    /* pins that are its children now */
    uint32_t keeps;   /* the most descriptors that it keeps, 0: an older rail, which keeps none */
    uint32_t sockets; /* the most of a WireSpawn; likewise */
} WireWelcome;

typedef struct WireSpawn {
    WireHead head;
    uint64_t tag; /* echoed in WIRE_SPAWN_FAILED; the server's own */
    /* fds that are passed to the process. LISTEN_FDS and the like are in its environment, and
     * LISTEN_PID with any value: it becomes the process's own */
    uint32_t sockets;
    uint32_t reserved;
} WireSpawn;

typedef struct WireKeep {
    WireHead head;
    uint32_t place; /* below WireWelcome.keeps, chosen by the server */
    uint32_t reserved;
    char name[WIRE_KEPT_NAME_MAX];
} WireKeep;

typedef struct WireSpawnFailed {
    WireHead head;
    uint64_t tag;
    int32_t error; /* errno */
    uint32_t reserved;
} WireSpawnFailed;

typedef struct WirePinDied {
    WireHead head;
    int32_t pid;        /* of the pin */
    int32_t status;     /* as of waitpid */
    uint32_t survivors; /* orphans that could not be ended */
    char id[WIRE_ID_MAX];
} WirePinDied;

typedef struct WireSweep {
    WireHead head;
    uint64_t tag;
} WireSweep;

typedef struct WireSwept {
    WireHead head;
    uint64_t tag;
    uint32_t survivors;
    uint32_t reserved;
} WireSwept;

typedef struct WireStop {
    WireHead head;
    /* first signal to the process group of the leader, then to the rest of the tree */
    int32_t signal;
    uint32_t grace_ms; /* before SIGKILL; 0: kill at once */
    uint32_t linger;   /* 1: leave helpers alone, if the launch says so; 0: end them too */
    uint32_t reserved;
} WireStop;

typedef struct WireSignal {
    WireHead head;
    int32_t signal;
    uint32_t group; /* 0: the leader alone; 1: its process group */
} WireSignal;

typedef struct WireWatchLog {
    WireHead head;
    uint32_t on; /* 0: no more WIRE_LOG here */
    uint32_t reserved;
    /* WIRE_LOG is sent once when the log is longer than this, then not before the next
     * WIRE_WATCH_LOG */
    uint64_t seen;
} WireWatchLog;

typedef struct WireLog {
    WireHead head;
    uint64_t size; /* logical end of the log, bytes */
} WireLog;

/* Who repeats a message, because nobody told him that it was taken, repeats `writer` and `at`: no
 * byte is given to the process twice. */
typedef struct WireInput {
    WireHead head;
    uint64_t writer; /* drawn by who writes */
    uint64_t at;     /* bytes that the same writer has sent before */
    uint32_t size;   /* of `bytes` */
    uint32_t end;    /* 1: then the end of the input */
    char bytes[WIRE_INPUT_MAX];
} WireInput;

typedef struct WireTaken {
    WireHead head;
    int32_t error; /* errno; EBADF: it has no input, or that is closed; EPIPE: it has closed it */
    uint32_t reserved;
    uint64_t writer;
    uint64_t at; /* bytes of this writer that were taken in all */
} WireTaken;

/* The size of its terminal. The kernel tells the foreground group of a change alone: who wants it
 * to be told in any case changes the pixels and changes them back. */
typedef struct WireResize {
    WireHead head;
    uint16_t rows, columns, x_pixels, y_pixels; /* a struct winsize */
} WireResize;

typedef enum RunPhase {
    RUN_PHASE_STARTING = 1, /* claimed, exec not yet seen */
    RUN_PHASE_RUNNING = 2,
    /* a stop was asked for, or the leader is gone and the rest is being ended */
    RUN_PHASE_STOPPING = 3,
    RUN_PHASE_ENDED = 4, /* the exit record is on disk; only lingering helpers are left */
} RunPhase;

typedef struct WireStarted {
    WireHead head;
    int32_t pid;
    uint32_t reserved;
    uint64_t start_ticks;
    int64_t started_us; /* wall clock */
} WireStarted;

typedef enum RunEnd {
    RUN_END_EXITED = 1,   /* code */
    RUN_END_SIGNALED = 2, /* code is the signal */
    RUN_END_FAILED = 3,   /* never executed: code is errno, `stage` the step that failed */
    RUN_END_LOST = 4,     /* the pin died: nobody knows (written by the server, never by a pin) */
} RunEnd;

/* Where a start failed. */
typedef enum RunStage {
    RUN_STAGE_NONE = 0,
    /* EEXIST: somebody else owns the run; the pin leaves without a trace */
    RUN_STAGE_CLAIM = 1,
    RUN_STAGE_LAUNCH = 2, /* the launch file is missing or not one */
    RUN_STAGE_PIPE = 3,
    RUN_STAGE_FORK = 4,
    RUN_STAGE_SETUP = 5, /* session, descriptors, limits, niceness */
    RUN_STAGE_CHDIR = 6,
    RUN_STAGE_EXEC = 7,
    /* RUN_RECORD could not be written: the process was ended again */
    RUN_STAGE_RECORD = 8,
} RunStage;

typedef enum RunOom { RUN_OOM_UNKNOWN = 0, RUN_OOM_NO = 1, RUN_OOM_YES = 2 } RunOom;

typedef struct WireEnded {
    WireHead head;
    uint32_t end; /* RunEnd */
    int32_t code;
    uint32_t stage;     /* RunStage, of RUN_END_FAILED */
    uint32_t oom;       /* RunOom */
    int64_t started_us; /* wall clock; 0 if it never started */
    int64_t ended_us;
    uint64_t user_us; /* rusage of the leader */
    uint64_t system_us;
    uint64_t max_rss_kib;
    uint64_t log_size;  /* logical end of the log, bytes */
    uint32_t lingering; /* helpers left alone (linger) */
    uint32_t killed;    /* processes of its tree that had to be ended after it */
} WireEnded;

typedef struct WireState {
    WireHead head;
    uint32_t protocol;
    uint32_t phase; /* RunPhase */
    int32_t pid;    /* of the process; 0 before it is forked */
    int32_t pin;    /* pid of the pin */
    uint64_t start_ticks;
    int64_t started_us;
    uint64_t log_size;
} WireState;

typedef struct WireSurvivor {
    int32_t pid;
    uint32_t uid;
    char name[WIRE_NAME_MAX];
} WireSurvivor;

typedef struct WireSurvivors {
    WireHead head;
    uint32_t count; /* all of them */
    uint32_t named; /* entries of `who` in use */
    WireSurvivor who[WIRE_SURVIVORS_MAX];
} WireSurvivors;

/* ---- The run directory ----
 * RUN_LAUNCH  written by the server before it asks, 0600; removed by the pin when the run has ended
 *             (it holds the environment)
 * RUN_CLAIM   O_EXCL: whoever creates it decides whether the run ever starts. Text: "pin <pid>\n"
 *             or "void\n" (a server that adopts and finds a launch nobody has claimed). Exactly one
 *             wins, so nothing runs twice
 * RUN_RECORD  who it is: one JSON object, {"format":1, "id", "run", "boot_id", "pidns", "pin",
 *             "pin_start_ticks", "pid", "start_ticks", "restarts", "started_us", "attempt",
 *             "cause"}; written to a temporary name, renamed, then told
 * EXIT_RECORD how it ended: {"format":1, "end":"exited|signaled|failed|lost", "code", "stage",
 *             "oom":true|false|null, "started_us", "ended_us", "user_us", "system_us",
 *             "max_rss_kib", "log_size", "lingering", "killed"}; likewise
 * RUN_WHY     why it could not be started, one sentence for people, by the server that asked for
 *             it; may be missing
 * log.<at>    the log's bytes from logical offset <at> (16 hex digits) on; made at the first byte;
 *             the next segment begins where this one is LOG_SEGMENT bytes or larger
 * index.<at>  its LogChunks, in order of offset; same <at> */
#define RUN_LAUNCH  "launch"
#define RUN_CLAIM   "claim"
#define RUN_RECORD  "run.json"
#define EXIT_RECORD "exit.json"
#define RUN_WHY     "why"
#define LOG_DATA    "log."
#define LOG_INDEX   "index."

enum {
    LAUNCH_FORMAT = 1,
    LAUNCH_LIMITS_MAX = 16,
    LOG_SEGMENTS = 8,
    LOG_SEGMENT_MIN = 64 * 1024,
    LOG_SEGMENT_MAX = 64 * 1024 * 1024
};

#define LAUNCH_MAGIC 0x31484c54u /* "TLH1" */

typedef enum LaunchFlags {
    /* Leave helpers alone: all that is left when the leader ends by itself; what has left its
     * group, at a stop. */
    LAUNCH_LINGER = 1,
    LAUNCH_NO_LOG = 2,  /* output goes to /dev/null */
    LAUNCH_CAPTURE = 4, /* stdout also, unmasked and unbounded, to RUN_CAPTURE (0600) */
    LAUNCH_TTY =
        8, /* 0, 1 and 2 are a terminal, which the process controls; its output is stream 1 */
    LAUNCH_STDIN = 16, /* 0 is a pipe: WIRE_INPUT. Without either it is /dev/null */
} LaunchFlags;

#define RUN_CAPTURE "stdout"

typedef struct LaunchLimit { /* setrlimit */
    int32_t resource;
    uint32_t reserved;
    uint64_t soft, hard;
} LaunchLimit;

/* The file RUN_LAUNCH: this head, then the blob its offsets point into (from the file's start).
 * Lists are consecutive NUL-terminated strings; secrets may hold any byte but NUL. The pin maps it;
 * only the child ever builds argv and envp. */
typedef struct Launch {
    uint32_t magic;  /* LAUNCH_MAGIC */
    uint32_t format; /* LAUNCH_FORMAT */
    uint32_t size;   /* sizeof(Launch) of the writer */
    uint32_t flags;  /* LaunchFlags */
    uint32_t run;
    uint32_t restarts;
    uint32_t argc, argv_at;
    uint32_t envc, env_at;
    /* what to mask in the log, each 4 bytes or longer; "********" stands for it */
    uint32_t secretc, secrets_at;
    uint32_t id_at;    /* run id */
    uint32_t cwd_at;   /* absolute */
    uint32_t title_at; /* shown by ps for the pin: "shop api:serve 3" */
    /* what is to be known of how it came to be, one sentence or ""; kept in RUN_RECORD */
    uint32_t cause_at;
    int32_t end_signal; /* to what is left of the tree when the leader has ended */
    uint32_t end_grace_ms;
    uint64_t log_max; /* bytes of log kept, 0: all. Oldest segments go first */
    uint32_t umask;
    int32_t nice;
    uint32_t limitc;
    uint32_t attempt; /* restarts in a row, for the back-off of the next; kept in RUN_RECORD */
    LaunchLimit limits[LAUNCH_LIMITS_MAX];
} Launch;

typedef enum LogKind {
    LOG_BYTES = 0,
    /* `size` bytes were lost here and take no room in the data: see `stream` for why (LogGap) */
    LOG_GAP = 1,
} LogKind;

/* Why bytes are missing. (What the cap has dropped is seen by the first segment's offset.) */
typedef enum LogGap { LOG_GAP_DISK = 1, LOG_GAP_PIN = 2 } LogGap;

typedef struct LogChunk {
    uint64_t at;     /* logical offset of its first byte */
    int64_t time_us; /* wall clock when it was read */
    uint32_t size;   /* bytes */
    uint16_t kind;   /* LogKind */
    uint16_t stream; /* 1 stdout, 2 stderr; of a gap: LogGap */
} LogChunk;

_Static_assert(sizeof(LogChunk) == 24, "the index is a file format");
_Static_assert(sizeof(LaunchLimit) == 24, "the launch file is a file format");
