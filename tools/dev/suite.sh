# shellcheck shell=bash
# Runs the test suite: the unit programs of the build, then pytest. As root it runs twice, the second time as an ordinary
# user, in a copy which that user owns. Both have the Docker Engines of real.sh. Sourced by ./dev, which sets root and logs.
# shellcheck disable=SC2154

test_user=thole-test
left_behind_s=40 # a rail gives up on a server that never lasts in less
suite_failed=0
suite_passed=0

# Something in $log went wrong: the end of it, where the failures are named
show_failure() {
    say "--- the end of $1"
    grep -aE '(^|[^a-z])(FAIL|failed:|ERROR)' "$1" | head -n 20 >&2 || true
    tail -n 40 "$1" >&2
    say "---"
}

# run_units BUILD PATTERN [PREFIX...]
run_units() {
    local build=$1 pattern=$2 program log line
    shift 2
    while IFS= read -r program; do
        log=$logs/$who.$(basename "$program").log
        say "== $(basename "$program") ($who)"
        if ! (cd "$source" && "$@" timeout 900 "$program" ${pattern:+"$pattern"}) >"$log" 2>&1; then
            show_failure "$log"
            # shellcheck disable=SC2015
            [ -n "${CI:-}" ] && (cd "$source" && "$@" timeout 900 "$program" ${pattern:+"$pattern"}) >"$log" 2>&1 &&
                say "UNSTABLE $(basename "$program") ($who): passed when it ran again" || suite_failed=1
        fi
        line=$(grep -aE '^[0-9]+ passed, [0-9]+ failed' "$log" | tail -n 1) || true
        [ -n "$line" ] || { suite_failed=1 && line="$(basename "$program") printed no closing line"; }
        printf '%s\n' "$line"
        case $line in [0-9]*) suite_passed=$((suite_passed + ${line%% *})) ;; esac
    done < <(find "$build/tests" -type f -name 'unit-*' -perm -u+x 2>/dev/null | sort)
}

# Tests that meet what others leave on the machine: they look through a whole Docker Engine, or count on the ports that an
# environment of some name gets. Two of these are never run at once.
shared_tests() {
    { ls tests/e2e/test_env* tests/e2e/test_preview* && grep -lwE 'docker|compose' tests/e2e/test_*.py; } | sort -u
}

# pytest_lane FILE...: takes the place of its subshell; with the $source, $pattern and $prefix of run_pytest
pytest_lane() {
    cd "$source" || exit
    exec "${prefix[@]}" timeout 2400 /usr/bin/python3 -m pytest -q -p no:cacheprovider --tb=short "$@" \
        ${pattern:+-k "$pattern"} 2>&1
}

# run_pytest PATTERN [PREFIX...]: two lanes side by side
run_pytest() {
    local pattern=$1 log="$logs/$who.pytest.log" shared_log="$logs/$who.pytest-shared.log" code=0 shared_code=0 lane='' n
    shift
    local prefix=("$@") shared other
    mapfile -t shared < <(cd "$source" && shared_tests 2>/dev/null)
    mapfile -t other < <(cd "$source" && printf '%s\n' tests/tools tests/e2e/test_*.py | grep -vxF -f <(printf '%s\n' "${shared[@]}"))
    say "== pytest ($who)"
    : >"$shared_log"
    if [ "${#shared[@]}" -gt 0 ]; then
        (pytest_lane "${shared[@]}") >"$shared_log" &
        lane=$!
        trap 'kill "$lane" 2>/dev/null; exit 130' INT
    fi
    (pytest_lane "${other[@]}") | tee "$log" || code=${PIPESTATUS[0]}
    if [ -n "$lane" ]; then
        wait "$lane" || shared_code=$?
        trap - INT
        cat "$shared_log"
        lane_ended "$shared_code" "$shared_log" || suite_failed=1
    fi
    lane_ended "$code" "$log" || suite_failed=1
    while IFS= read -r n; do
        suite_passed=$((suite_passed + n))
    done < <(grep -ahoE '[0-9]+ passed' "$log" "$shared_log" | grep -oE '[0-9]+')
}

# lane_ended CODE LOG
lane_ended() {
    [ "$1" -eq 5 ] && [ -n "$pattern" ] && return 0 # nothing of this name here
    [ "$1" -eq 0 ] || second_chance "$1" "$2" "${prefix[@]}"
}

# On machines that others load too: what failed runs once more, alone. It is named, so that it can be mended; outside CI a
# failure is a failure.
second_chance() {
    local code=$1 log=$2 again
    shift 2
    [ -n "${CI:-}" ] && [ "$code" -eq 1 ] || return 1
    mapfile -t again < <(sed -nE 's/^(FAILED|ERROR) //p' "$log" | sed 's/ - .*//' | sort -u)
    [ "${#again[@]}" -gt 0 ] && [ "${#again[@]}" -le 5 ] || return 1
    say "== pytest ($who), once more: ${again[*]}"
    (cd "$source" && "$@" timeout 600 /usr/bin/python3 -m pytest -q -p no:cacheprovider --tb=short "${again[@]}") || return 1
    say "UNSTABLE ${again[*]} ($who): passed when run again"
}

# Pids of the build's programs
left_behind() {
    find /proc/[0-9]*/exe -maxdepth 0 -lname "$1/*" 2>/dev/null | cut -d/ -f3
}

# check_left BUILD WHAT: nothing that the tests started may outlive them; what does is named and ended
check_left() {
    local left deadline=$((SECONDS + left_behind_s)) pid
    while left=$(left_behind "$1" || true) && [ -n "$left" ] && [ "$SECONDS" -lt "$deadline" ]; do
        sleep 0.2
    done
    [ -n "$left" ] || return 0
    suite_failed=1
    say "FAIL $2 left behind:"
    for pid in $left; do
        say "  $pid $(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null)"
        kill -9 "$pid" 2>/dev/null || true
    done
}

# run_suite SOURCE BUILD PATTERN: one pass, with an environment that holds nothing by chance
run_suite() {
    who=$(id -un) source=$1
    local build=$2 pattern=$3
    local clean=(env -i "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" "HOME=$HOME" LANG=C.UTF-8
        PYTHONDONTWRITEBYTECODE=1 "THOLE_SOURCE=$source" "THOLE_BUILD=$build" ${CI:+"CI=$CI"}
        ${ASAN_OPTIONS:+"ASAN_OPTIONS=$ASAN_OPTIONS"} ${UBSAN_OPTIONS:+"UBSAN_OPTIONS=$UBSAN_OPTIONS"}
        ${THOLE_CRASH_ROUNDS:+"THOLE_CRASH_ROUNDS=$THOLE_CRASH_ROUNDS"} "${real_given[@]}")
    run_units "$build" "$pattern" "${clean[@]}"
    check_left "$build" "the unit tests"
    run_pytest "$pattern" "${clean[@]}"
    check_left "$build" "pytest"
}

ensure_user() {
    id -u "$test_user" >/dev/null 2>&1 && return 0
    useradd --system --create-home --shell /bin/sh "$test_user"
}

files_of_tree() {
    if git -C "$root" -c safe.directory='*' rev-parse --git-dir >/dev/null 2>&1; then
        git -C "$root" -c safe.directory='*' ls-files -z --cached --others --exclude-standard
    else
        (cd "$root" && find . -name 'build*' -prune -o -name .git -prune -o -type f -print0)
    fi
}

# as_user COMMAND…: ./dev COMMAND… once more, as the ordinary user, in a copy of the sources which that user owns and builds
as_user() {
    local copy code=0
    ensure_user
    copy=$(mktemp -d /tmp/thole-user.XXXXXX)
    mkdir "$copy/thole" "$copy/logs"
    files_of_tree | tar -C "$root" --null -T - --ignore-failed-read -cf - 2>/dev/null | tar -C "$copy/thole" -xf -
    chown -R "$test_user:" "$copy"
    setpriv "--reuid=$test_user" "--regid=$(id -g "$test_user")" --init-groups --inh-caps=-all \
        env -i "PATH=$PATH" "HOME=$(getent passwd "$test_user" | cut -d: -f6)" LANG=C.UTF-8 "THOLE_DEV_LOGS=$copy/logs" \
        ${CI:+"CI=$CI"} ${THOLE_CRASH_ROUNDS:+"THOLE_CRASH_ROUNDS=$THOLE_CRASH_ROUNDS"} "${real_given[@]}" "$copy/thole/dev" "$@" || code=$?
    mkdir -p "$logs/$test_user"
    cp "$copy/logs/"* "$logs/$test_user/" 2>/dev/null || true
    rm -rf "$copy"
    return "$code"
}

# suite BUILD PATTERN PASSES: the whole of it; PASSES is both or one
suite() {
    local began=$SECONDS group
    group=$(id -gn)
    if [ "$(id -u)" -eq 0 ]; then
        ensure_user
        group=$(id -gn "$test_user")
    fi
    if real_wanted "$1" "$2"; then
        real_start "$group"
    fi
    run_suite "$root" "$1" "$2"
    if [ "$3" = both ] && [ "$(id -u)" -eq 0 ]; then
        as_user test ${2:+"$2"} || suite_failed=1
    fi
    say "== $((SECONDS - began)) s; logs: $logs"
    [ "$suite_failed" -eq 0 ] || die "the suite failed"
    [ "$suite_passed" -gt 0 ] || die "no test ran${2:+, nothing matches: $2}"
}
