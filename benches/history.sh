#!/usr/bin/env bash
# Sizes of a real history: pushes each of the last COUNT commits of a git repository's main line, commits the same files with git beside
# it, and prints the bytes of both, git's after `gc` and after `gc --aggressive`.
#
# usage: benches/history.sh REPOSITORY COUNT EMPTY_FOLDER [LUA]
set -euo pipefail
repository=$(realpath "$1") count=$2 folder=$3 lua=${4:-lua}
mkdir -p "$folder" && cd "$folder"
git init -q . && git config user.name bench && git config user.email bench@localhost && git config gc.auto 0

bytes_of() { find "$@" -type f -printf '%s\n' | awk '{ sum += $1 } END { print sum }'; }

for commit in $(git -C "$repository" rev-list --first-parent -n "$count" --reverse HEAD); do
    find . -mindepth 1 -maxdepth 1 ! -name .git ! -name .lua -exec rm -rf {} +
    git -C "$repository" archive "$commit" | tar xf -
    "$lua" push --force >/dev/null 2>&1
    git add -A -f -- . ':!.lua' && git commit -q --allow-empty -m "$commit"
done
echo "lua objects and index: $(bytes_of .lua/objects .lua/index)   all of .lua: $(bytes_of .lua)"
git gc -q --prune=now
echo "git gc:              $(bytes_of .git/objects)   all of .git: $(bytes_of .git)"
git gc -q --aggressive --prune=now
echo "git gc --aggressive: $(bytes_of .git/objects)   all of .git: $(bytes_of .git)"
