#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The database of an environment: a copy of a template that schema.sql has filled.
#
#   db.sh init       makes the template, unless there is one of this schema.sql
#   db.sh seed       copies it for the environment, unless that has its database
#   db.sh reset      copies it anew: what was written is gone
#   db.sh destroy    drops the copy, where there is one
#
# thole runs it in the root of the project and says which environment is meant; what it prints on stdout are the outputs of
# `db`, all talk goes to stderr. PGHOST, PGPORT, PGUSER and PGPASSWORD say which PostgreSQL, as they do for psql.
set -eu

schema=$(dirname "$0")/schema.sql
hash=$(sha256sum <"$schema" | cut -c 1-8)
template=preview_template_$hash # a changed schema.sql is another template
export PGCONNECT_TIMEOUT=10 PGOPTIONS='-c client_min_messages=warning'

sql() {
    psql -X -q -w -A -t -v ON_ERROR_STOP=1 "$@"
}

exists() {
    found=$(echo "SELECT 1 FROM pg_database WHERE datname = :'name'" | sql -d postgres -v name="$1") || exit
    [ -n "$found" ]
}

# As its name appears when it is whole, it can be interrupted anywhere and run twice at once.
make_template() {
    exists "$template" && return
    making=${template}_$$
    dropdb -w --if-exists "$making"
    createdb -w "$making"
    sql -d "$making" -1 -f "$schema" >&2 || {
        dropdb -w "$making"
        return 1
    }
    echo 'ALTER DATABASE :"making" ALLOW_CONNECTIONS false' | sql -d postgres -v making="$making"
    echo 'ALTER DATABASE :"making" RENAME TO :"name"' | sql -d postgres -v making="$making" -v name="$template" || {
        dropdb -w "$making"
        exists "$template" # somebody was faster
    }
    echo "db.sh: the template is $template" >&2
}

# No two environments share one: names that differ in what a database cannot be called, in what is cut off here, or in
# where their project is.
database_name() {
    : "${THOLE_ENV_NAME:?says which environment; use: thole env hook db seed NAME}"
    mark=$(printf '%s\n%s' "$THOLE_PROJECT_ROOT" "$THOLE_ENV_NAME" | sha256sum | cut -c 1-8)
    printf 'preview_%.40s_%s\n' "$THOLE_ENVIRONMENT_NAME" "$mark"
}

make() {
    make_template
    if exists "$1"; then
        echo "db.sh: $1 is there already" >&2
    else
        createdb -w -T "$template" "$1"
    fi
}

drop() {
    dropdb -w --if-exists --force "$1"
}

outputs() {
    echo "DATABASE_NAME=$1"
    echo "DATABASE_URL=$(database_url "$1")"
}

# With all that is needed to get in, for programs that know nothing of PGHOST and the like.
database_url() {
    python3 - "$1" <<'PYTHON'
import os
import sys
from urllib.parse import quote, urlencode

host, port, user, password = (os.environ.get(name, "") for name in ("PGHOST", "PGPORT", "PGUSER", "PGPASSWORD"))
socket = host.startswith("/")  # a directory cannot stand where hosts do
who = quote(user, safe="") + (":" + quote(password, safe="") if password else "") + "@" if user else ""
where = "" if socket else host + (":" + port if port else "")
more = {"host": host, "port": port or "5432"} if socket else {}
print(f"postgresql://{who}{where}/{sys.argv[1]}" + ("?" + urlencode(more) if more else ""))
PYTHON
}

case ${1-} in
init)
    make_template
    ;;
seed)
    name=$(database_name)
    make "$name"
    outputs "$name"
    ;;
reset)
    name=$(database_name)
    drop "$name"
    make "$name"
    outputs "$name"
    ;;
destroy)
    name=$(database_name)
    drop "$name"
    ;;
*)
    echo "usage: db.sh init|seed|reset|destroy" >&2
    exit 2
    ;;
esac
