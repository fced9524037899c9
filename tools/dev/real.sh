# shellcheck shell=bash
# The real parts that tests use: Docker Engines and a registry of their own, apart from everything else on the machine. What
# they are is in tests/real/engines.py; here is when they are started and how they end. Sourced by ./dev.
# shellcheck disable=SC2034,SC2154

real_given=()  # THOLE_TEST_…=… for the tests
real_keeper='' # the pid of engines.py
real_start_s=90

# real_wanted BUILD PATTERN: is there a test of this name that might want an engine? Unit programs that can reach one know their tests
# themselves; of pytest's it is rather one start too many (1 s) than one missing.
real_wanted() {
    local files word program
    while IFS= read -r program; do
        [ -z "$("$program" --list "$2")" ] || return 0
    done < <(find "$1/tests" -type f -name 'unit-*' -perm -u+x -exec grep -la THOLE_TEST_DOCKER {} +)
    mapfile -t files < <(grep -rlwE 'THOLE_TEST_DOCKER|docker|own_docker|compose' "$root/tests/e2e" --include='test_*.py')
    for word in ${2:-.}; do
        if printf '%s\n' "${files[@]}" | grep -qi -- "$word" || grep -qi -- "$word" "${files[@]}"; then
            return 0
        fi
    done
    return 1
}

# real_start GROUP: whoever is in GROUP may use the engines. Who is not root and has no sudo names an engine, or has none: then the
# tests that want one fail and say so.
real_start() {
    local dir as=() deadline=$((SECONDS + real_start_s))
    if [ -n "${THOLE_TEST_DOCKER:-}" ]; then
        mapfile -t real_given < <(env | grep '^THOLE_TEST_')
        return 0
    fi
    if [ "$(id -u)" -ne 0 ]; then
        { has sudo && sudo -v; } || return 0
        as=(sudo)
    fi
    need "${needs_real[@]}"
    dir=$(mktemp -u /tmp/thole-real.XXXXXX)
    exec {real_stdin}> >(exec setsid -w "${as[@]}" /usr/bin/python3 "$root/tests/real/engines.py" "$dir" "$1" >"$logs/engines.log" 2>&1)
    real_keeper=$!
    trap real_stop EXIT
    until "${as[@]}" test -e "$dir/ready"; do
        if [ ! -e "/proc/$real_keeper" ] || [ "$SECONDS" -gt "$deadline" ]; then
            tail -n 20 "$logs/engines.log" >&2
            die "the Docker Engine for the tests did not start"
        fi
        sleep 0.05
    done
    mapfile -t real_given < <("${as[@]}" cat "$dir/ready")
}

# Ends what real_start began, and waits until nothing is left of it. Whatever becomes of us: when we are gone, so is its stdin.
real_stop() {
    [ -n "$real_keeper" ] || return 0
    echo end >&"$real_stdin" || true
    exec {real_stdin}>&-
    wait "$real_keeper" || true
    real_keeper=''
}
