#!/usr/bin/env bash
# Requests, bytes and time of sharing a history over S3, beside restic and rclone on the same server: the last COUNT commits of a git
# repository's main line, each a version and a snapshot. rclone knows no history: it carries the newest files, without links.
#
# usage: eval "$(.ci/servers start DIR)"; benches/remotes.sh REPOSITORY COUNT EMPTY_FOLDER [LUA]
# Requests and bytes are counted by a relay in front of the server, the same for all. The server has one thread, ends each connection
# with its answer, and takes about 5 ms for a request, on which times depend.
set -euo pipefail
repository=$(realpath "$1") count=$2 folder=$3 lua=$(command -v "$(realpath "${4:-target/release/lua}" 2>/dev/null || echo lua)")
server=${LUA_TEST_S3:?.ci/servers start names one}
mkdir -p "$folder" && cd "$folder"
port=${LUA_RELAY_PORT:-18032} run=bench-$(date +%s) here=$PWD
export AWS_ACCESS_KEY_ID=key AWS_SECRET_ACCESS_KEY=secret AWS_REGION=us-east-1 AWS_ENDPOINT=http://127.0.0.1:$port AWS_ALLOW_HTTP=true
export RESTIC_PASSWORD=secret RESTIC_FROM_PASSWORD=secret RESTIC_CACHE_DIR=$PWD/cache HOME=$PWD/home LUA_AUTO_GC=0
unset AWS_CA_BUNDLE # rclone cannot use it
mkdir home files

# Passes connections on once something was sent on them; keeps the number of those, and of bytes sent and received, in the file `counts`.
python3 - "$port" "${server##*:}" counts <<'PY' &
import socket, sys, threading
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=256)
counts, lock = [0, 0, 0], threading.Lock()
def note(*more):
    with lock:
        for place, number in enumerate(more):
            counts[place] += number
        with open(sys.argv[3], "w") as file:
            print(*counts, file=file)
def pump(source, target, place):
    try:
        while data := source.recv(1 << 16):
            note(*(len(data) if place == other else 0 for other in range(3)))
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass
def serve(client):
    if not client.recv(1, socket.MSG_PEEK):
        return
    note(1, 0, 0)
    server = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
    threading.Thread(target=pump, args=(client, server, 1), daemon=True).start()
    pump(server, client, 2)
    client.close(), server.close()
note(0, 0, 0)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
PY
relay=$!
trap 'kill $relay' EXIT
until [ -s "$here/counts" ]; do sleep 0.1; done

# Runs a command; prints its name, requests, bytes both ways and wall time.
figure() {
    local name=$1 before begin end after; shift
    read -r -a before <"$here/counts"; begin=$(date +%s%N)
    "$@" >"$here/last.log" 2>&1 || { cat "$here/last.log" >&2; return 1; }
    end=$(date +%s%N); sleep 0.5; read -r -a after <"$here/counts"
    printf '%-44s %6d requests %11d B sent %11d B received %9d ms\n' "$name" $((after[0] - before[0])) $((after[1] - before[1])) \
        $((after[2] - before[2])) $(((end - begin) / 1000000))
}
rclone() { command rclone --config /dev/null --s3-provider Other --s3-env-auth --s3-endpoint "$AWS_ENDPOINT" --s3-no-check-bucket "$@"; }
restic() { command restic -q "$@"; }

restic -r "$here/local" init >/dev/null
cd files
for commit in $(git -C "$repository" rev-list --first-parent -n "$count" --reverse HEAD); do
    find . -mindepth 1 -maxdepth 1 ! -name .lua -exec rm -rf {} +
    git -C "$repository" archive "$commit" | tar xf -
    "$lua" push --force >/dev/null 2>&1
    restic -r "$here/local" backup . --exclude .lua
done
echo "$count versions; the newest: $(find . -name .lua -prune -o -type f -printf '%s\n' | awk '{ sum += $1 } END { print NR " files, " sum " B" }')"
edited=$(find . -name .lua -prune -o -type f -name '*.rs' -size +8k -print | sort | head -1)

sealed() { LUA_REMOTE_PASSPHRASE=secret "$lua" "$@"; }
"$lua" remote add plain "s3://lua/$run-lua" --no-encrypt >/dev/null
sealed remote add sealed "s3://lua/$run-sealed" --encrypt >/dev/null
restic -r "s3:$AWS_ENDPOINT/lua/$run-restic" init --copy-chunker-params --from-repo "$here/local" >/dev/null
figure "lua: first sync" "$lua" sync --remote plain
figure "lua, encrypted: first sync" "$lua" sync --remote sealed
figure "restic: copy of all snapshots" restic -r "s3:$AWS_ENDPOINT/lua/$run-restic" copy --from-repo "$here/local"
figure "rclone: sync of the newest files" rclone sync . ":s3:lua/$run-rclone" --exclude '.lua/**'

echo "// edited" >>"$edited" && "$lua" push >/dev/null
figure "lua: sync of one edit" "$lua" sync --remote plain
figure "lua, encrypted: sync of one edit" "$lua" sync --remote sealed
figure "restic: backup of one edit" restic -r "s3:$AWS_ENDPOINT/lua/$run-restic" backup . --exclude .lua
figure "rclone: sync of one edit" rclone sync . ":s3:lua/$run-rclone" --exclude '.lua/**'

export RESTIC_CACHE_DIR=$here/another-cache
mkdir "$here/lua" "$here/sealed"
figure "lua: clone" "$lua" -C "$here/lua" init --restore-sources --remote "s3://lua/$run-lua"
figure "lua: and all former contents" "$lua" -C "$here/lua" fetch --all
figure "lua, encrypted: clone" sealed -C "$here/sealed" init --restore-sources --remote "s3://lua/$run-sealed"
figure "restic: restore of the newest, no cache" restic -r "s3:$AWS_ENDPOINT/lua/$run-restic" restore latest --target "$here/restic"
figure "rclone: copy of the newest files" rclone copy ":s3:lua/$run-rclone" "$here/rclone"
# rclone leaves out links and permission bits.
for clone in lua sealed restic; do diff -r --no-dereference -x .lua . "$here/$clone"; done
