#!/bin/sh
# The container's command, as the user who owns the results: `phase1 …` and all others of `truestrength`, `trainer …`,
# `database` (compose's server), or a program such as `python …`.
set -eu
outputs=/app/outputs4

# TRUESTRENGTH_ROOT=1: root on purpose, for a caller who is root.
if [ "$(id -u)" = 0 ] && [ -z "${TRUESTRENGTH_ROOT:-}" ] && [ "$(stat -c %u "$outputs")" != 0 ]; then
    uid=$(stat -c %u "$outputs") gid=$(stat -c %g "$outputs")
    [ "${1:-}" != database ] || chown "$uid:$gid" "$TRUESTRENGTH_POSTGRES" # a new volume is the image's user's
    exec setpriv --reuid "$uid" --regid "$gid" --clear-groups --inh-caps=-all --no-new-privs -- "$0" "$@"
fi
# Any uid will do. What asks for a name takes it from here; initdb, which asks the system, is given one by the launcher.
USER=$(id -un 2>/dev/null) || USER="uid$(id -u)"
export USER LOGNAME="$USER"

serve_database() {
    trap 'python -m truestrength db down; exit 0' INT TERM
    python -m truestrength db up --listen
    tail --pid="$(head -1 "$TRUESTRENGTH_POSTGRES/data/postmaster.pid")" --follow /dev/null &
    wait $!
    echo "error: PostgreSQL has ended by itself, see $TRUESTRENGTH_POSTGRES/data/server.log" >&2
    exit 1
}

case "${1:---help}" in
    python | python3 | sh | bash | */*) exec "$@" ;;
    database) serve_database ;;
    trainer) shift && exec python -m truestrength.trainer "$@" ;;
    launcher) shift ;;
esac

case "${1:---help}" in
    phase1 | run | sweep) ;;
    --help) exec python -m truestrength --help ;;
    *) exec python -m truestrength "$@" ;;
esac
# The only folder that has to be mounted holds everything: the database and the cache beside the results.
mkdir -p /tmp/truestrength-demo # the demo league: /app/data/demo is a link to it, for read-only roots
mkdir -p "$outputs/.cache" 2>/dev/null || {
    echo "error: uid $(id -u) cannot write to $outputs. Mount a folder of your own, and make it before docker makes it" \
        "as root's: mkdir -p outputs4; docker run -v \"\$PWD/outputs4:$outputs\" …" >&2
    exit 2
}
# tini -g sends a signal to the whole group; the shell only has to live until the server is stopped in good order.
trap : INT TERM
code=0
python -m truestrength "$@" || code=$?
[ -n "${DATABASE_URL:-}${DATABASE_URL_FILE:-}" ] || python -m truestrength db down >/dev/null || true
exit "$code"
