# shellcheck shell=bash
# What each command of ./dev needs, and how it gets it. Names are Debian's; whether a thing is there is asked of the thing
# itself, so that other distributions work too. Sourced by ./dev.
# shellcheck disable=SC2034

needs_build=(gcc libc6-dev meson ninja-build pkg-config libuv1-dev libcurl4-openssl-dev libmicrohttpd-dev
    libyaml-dev libjansson-dev nettle-dev libsqlite3-dev)
needs_demo=(python3 curl)
needs_test=(python3 python3-pytest python3-yaml curl openssl procps git tmux strace util-linux tzdata zsh fish groff man-db
    postgresql postgresql-client git-lfs shellcheck docker-compose python3-dotenv ruby-dotenv)
needs_real=(python3 docker.io docker-compose iptables docker-registry busybox-static util-linux)
needs_fuzz=(clang libclang-rt-14-dev)
needs_lint=(python3 git)
needs_fmt=(clang-format git)

say() { printf '%s\n' "$*" >&2; }
die() {
    say "dev: $*"
    exit 1
}
has() { command -v "$1" >/dev/null 2>&1; }

# Is the thing of this package here, however it came?
has_package() {
    case $1 in
    gcc) has cc || has gcc || has clang ;;
    libc6-dev) [ -e /usr/include/stdio.h ] ;;
    ninja-build) has ninja ;;
    libuv1-dev) pkg-config --exists libuv 2>/dev/null ;;
    libcurl4-openssl-dev) pkg-config --exists libcurl 2>/dev/null ;;
    libmicrohttpd-dev) pkg-config --exists libmicrohttpd 2>/dev/null ;;
    libyaml-dev) pkg-config --exists yaml-0.1 2>/dev/null ;;
    libjansson-dev) pkg-config --exists jansson 2>/dev/null ;;
    nettle-dev) pkg-config --exists nettle 2>/dev/null ;;
    libsqlite3-dev) pkg-config --exists sqlite3 2>/dev/null ;;
    libclang-rt-14-dev) [ -n "$(find /usr/lib -name 'libclang_rt.fuzzer-*.a' -print -quit 2>/dev/null)" ] ;;
    python3) [ -x /usr/bin/python3 ] ;;
    python3-pytest) /usr/bin/python3 -c 'import pytest' 2>/dev/null ;;
    python3-yaml) /usr/bin/python3 -c 'import yaml' 2>/dev/null ;;
    python3-dotenv) /usr/bin/python3 -c 'import dotenv' 2>/dev/null ;;
    ruby-dotenv) ruby -e 'require "dotenv"' 2>/dev/null ;;
    procps) has ps && has pgrep ;;
    tzdata) [ -e /usr/share/zoneinfo/Europe/Berlin ] ;;
    man-db) has man ;;
    postgresql) has postgres || [ -n "$(find /usr/lib/postgresql -path '*/bin/postgres' -print -quit 2>/dev/null)" ] ;;
    postgresql-client) has psql && has createdb ;;
    docker.io) has dockerd && has containerd ;;
    docker-compose) has docker-compose || docker compose version >/dev/null 2>&1 ;;
    busybox-static) [ -x /bin/busybox ] && ! ldd /bin/busybox >/dev/null 2>&1 ;;
    util-linux) has setpriv && has flock ;;
    *) has "$1" ;;
    esac
}

missing_of() {
    local package
    for package in "$@"; do
        has_package "$package" || printf '%s\n' "$package"
    done
}

ask() {
    local answer
    [ -t 0 ] || return 1
    read -r -p "$1 [Y/n] " answer
    case $answer in '' | [yY]*) return 0 ;; *) return 1 ;; esac
}

# apt_install SUDO... -- PACKAGE...: quietly; what it said is shown if it fails
apt_install() {
    local as=() log
    while [ "$1" != -- ]; do
        as+=("$1")
        shift
    done
    shift
    log=$(mktemp)
    local apt=("${as[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3)
    if ! "${apt[@]}" update >"$log" 2>&1; then
        say "dev: apt-get update failed, trying with the lists there are: $(tail -n 1 "$log")"
    fi
    if ! "${apt[@]}" install -y --no-install-recommends "$@" >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        rm -f "$log"
        die "could not install $*"
    fi
    rm -f "$log"
}

# Makes sure that the packages are here: installs as root, asks before it uses sudo, names them where there is no apt.
need() {
    local missing as=()
    mapfile -t missing < <(missing_of "$@")
    [ ${#missing[@]} -gt 0 ] || return 0
    has apt-get || die "needs what Debian calls ${missing[*]}; there is no apt-get here, so please install them yourself"
    if [ "$(id -u)" -ne 0 ]; then
        has sudo || die "needs these packages: ${missing[*]} (there is no sudo; as root: apt-get install ${missing[*]})"
        ask "dev: install ${missing[*]} with sudo apt-get?" ||
            die "needs these packages: sudo apt-get install ${missing[*]}"
        as=(sudo)
    fi
    say "dev: installing ${missing[*]}"
    apt_install "${as[@]}" -- "${missing[@]}"
    mapfile -t missing < <(missing_of "$@")
    [ ${#missing[@]} -eq 0 ] || die "still missing after the installation: ${missing[*]}"
}
