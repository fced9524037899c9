# shellcheck shell=bash
# The demonstration: examples/shop from nothing to a page that answers. Sourced by ./dev.

demo_page=http://127.0.0.1:18080/

# demo BUILD [--check]
demo() {
    local thole=("$1/thole" -C "$root/examples/shop")
    case ${2:-} in
    '') demo_stay "${thole[@]}" ;;
    --check) demo_check "${thole[@]}" ;;
    *) die "demo knows --check, not '$2'" ;;
    esac
}

demo_stay() {
    trap : INT # ^C ends the logs; then the shop is stopped below
    if ! "$@" up -d --wait --timeout 60s; then
        "$@" logs -n 40 >&2 || true
        "$@" down || true
        die "the shop did not start"
    fi
    say ""
    say "  The shop is open:  $demo_page"
    say "  In another terminal:  $* ps"
    say "  ^C closes it."
    say ""
    "$@" logs -f || true
    trap - INT
    "$@" down
}

# In directories of its own, so that it neither meets nor leaves anything
demo_check() {
    demo_dir=$(mktemp -d /tmp/thole-demo.XXXXXX)
    export THOLE_STATE_DIR=$demo_dir/state THOLE_RUNTIME_DIR=$demo_dir/run
    mkdir -m 700 "$THOLE_STATE_DIR" "$THOLE_RUNTIME_DIR"
    demo_thole=("$@")
    trap demo_clean EXIT
    "$@" up -d --wait --timeout 60s
    local page
    page=$(curl -fsS --max-time 10 "$demo_page")
    case $page in *'The thole shop'*) ;; *) die "the page does not look like the shop's" ;; esac
    demo_order
    say "the shop answers at $demo_page and ships what is ordered"
}

# Orders something and waits until the worker has shipped it: page, API, database and worker all took part
demo_order() {
    local order shipped
    order=$(curl -fsS --max-time 10 -d '{"item": "oar", "quantity": 2}' -H 'Content-Type: application/json' "${demo_page}api/orders" |
        sed -nE 's/.*"id": ([0-9]+).*/\1/p')
    [ -n "$order" ] || die "the shop took no order"
    shipped=$(curl -fsS --max-time 20 "${demo_page}api/orders/$order?wait=shipped")
    case $shipped in *'"state": "shipped"'*) ;; *) die "order $order was not shipped: $shipped" ;; esac
}

demo_clean() {
    local code=$?
    trap - EXIT
    [ "$code" -eq 0 ] || "${demo_thole[@]}" logs -n 40 >&2 || true
    "${demo_thole[@]}" down || code=1
    "${demo_thole[@]}" server stop --all || code=1
    rm -rf "$demo_dir"
    exit "$code"
}
