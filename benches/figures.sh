#!/usr/bin/env bash
# Whole-process figures for README, in milliseconds and kilobytes, each measured beside a peer or a floor where there is one.
#
# usage: LUA=target/release/lua benches/figures.sh WHAT FOLDER [TREE]
#   many FOLDER        10,000 pushes in a row of an agent's workspace of 500 files, one file edited before each
#   million FOLDER     1,000,000 files: first push, nothing changed, rollback of 1 %, with peak memory
#   large FOLDER       one file of 10 GB: push, edit in the middle, rollback, with peak memory
#   gc FOLDER          8 versions of 500 random files, 1 GB; four deleted; gc beside a copy of what lives
#   past FOLDER REPO   a git history: import, log of a path and a search through all versions beside git, sizes beside gc --aggressive
#   tree FOLDER TREE   a copy of TREE: first push, nothing changed, edits of 1 %, rollback of them, each beside git; materialize beside `cp -a`
# FOLDER is made and must not exist. Files younger than a minute are read again by a push, so `million` and `tree` wait now and then.
set -euo pipefail
lua=$(command -v "$(realpath "${LUA:-lua}" 2>/dev/null || echo "${LUA:-lua}")")
what=$1 folder=$2
mkdir "$folder" && cd "$folder"

# Runs a command; prints its name, wall time and peak memory.
figure() {
    local name=$1; shift
    local out; out=$( { /usr/bin/time -f '%e s %M kB' "$@" >/dev/null; } 2>&1 | tail -1)
    printf '%-34s %s\n' "$name" "$out"
}
# The median wall time of the lines of milliseconds on standard input.
median() { sort -n | awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)] " ms" }'; }
# Milliseconds, with two digits, that a command takes.
ms() { local begin end; begin=$(date +%s%N); "$@" >/dev/null; end=$(date +%s%N); echo "$(( (end - begin) / 10000 ))" | sed 's/..$/.&/'; }
settle() { "$lua" push >/dev/null; sleep 62; "$lua" push >/dev/null; }

many() {
    mkdir -p src/{a,b,c,d,e}
    for n in $(seq 500); do seq "$n" $((n + 200)) >"src/$(echo a b c d e | cut -d' ' -f$((n % 5 + 1)))/file$n.txt"; done
    "$lua" push >/dev/null
    for n in $(seq 10000); do
        echo "step $n" >>src/a/file$((n % 40 * 5 + 5)).txt
        case $n in
            9[0-9] | 10[0-9]) ms "$lua" push >>../first.$$ ;;
            998[0-9] | 999[0-9]) ms "$lua" push >>../last.$$ ;;
            *) "$lua" push >/dev/null ;;
        esac
    done
    echo "push 90..109, median:     $(median <../first.$$)"
    echo "push 9980..9999, median:  $(median <../last.$$)"
    echo "files in objects/ index/: $(ls .lua/objects | wc -l) $(ls .lua/index | wc -l)"
    echo "bytes of .lua:            $(du -sb .lua | cut -f1)"
    for n in $(seq 20); do ms "$lua" list --all; done >../list.$$
    echo "list --all, median:       $(median <../list.$$)"
    for n in $(seq 20); do ms "$lua" promote $((n * 400)); done >../promote.$$
    echo "promote, median:          $(median <../promote.$$)"
    rm -f ../first.$$ ../last.$$ ../list.$$ ../promote.$$
}

million() {
    python3 - <<'PYTHON'
import os
for folder in range(1000):
    path = f"d{folder % 40}/e{folder}"
    os.makedirs(path)
    for name in range(1000):
        with open(f"{path}/f{name}.txt", "w") as file:
            file.write(f"file {name} of folder {folder}\n" * (1 + (folder * name) % 7))
PYTHON
    figure "first push" "$lua" push
    sleep 62
    figure "push, all read again" "$lua" push
    figure "push, nothing changed" "$lua" push
    for n in $(seq 0 99); do for folder in $(seq 0 99); do echo edited >>"d$((folder % 40))/e$folder/f$n.txt"; done; done
    figure "push, 10,000 edits" "$lua" push
    settle
    figure "rollback over 10,000 files" "$lua" rollback 1 --force
    du -sb .lua
}

large() {
    head -c 10G /dev/zero | openssl enc -aes-128-ctr -K 00112233445566778899aabbccddeeff -iv 0 >large.bin
    figure "push of 10 GB" "$lua" push
    printf 'edited in the middle' | dd of=large.bin bs=1 seek=5000000000 conv=notrunc status=none
    figure "push after an edit in it" "$lua" push
    figure "rollback" "$lua" rollback 1 --force
    du -sb .lua
}

tree() {
    cp -a "$1" tree && cd tree && rm -rf .lua .git && sync -f .
    figure "first push" "$lua" push
    settle
    for n in 1 2 3 4 5; do figure "push, nothing changed" "$lua" push; done
    find . -type f -not -path './.lua/*' | sort | awk 'NR % 100 == 0' >../edited
    sync -f .
    figure "materialize, durable" "$lua" source restore --version 1 --to ../restored
    figure "cp -a, then sync" sh -c 'cp -a ../restored ../copied && sync -f .'
    while read -r file; do echo edited >>"$file"; done <../edited
    figure "push after edits of 1 %" "$lua" push
    (cd ../copied && beside_git ../edited)
    settle
    figure "push, nothing changed" "$lua" push
    figure "git status" git -C ../copied status
    figure "rollback over 1 %" "$lua" rollback 1 --force
    figure "git checkout over 1 %" git -C ../copied checkout -q HEAD~1
    figure "and the sync of that" sync -f .
    figure "verify" "$lua" verify
}
# The same history in git, with all that makes it quick.
beside_git() {
    git init -q && git config core.untrackedCache true && git config core.preloadIndex true && git config gc.auto 0
    local commit=(git -c user.name=lua -c user.email=lua@localhost commit -q)
    figure "git add, git commit" sh -c 'git add -A -f . && "$@" -m before' sh "${commit[@]}"
    while read -r file; do echo edited >>"$file"; done <"$1"
    figure "git commit of edits of 1 %" "${commit[@]}" -am after
}

gc() {
    mkdir data
    for version in 1 2 3 4 5 6 7 8; do
        for n in $(seq 500); do head -c 262144 /dev/urandom >data/$n; done
        "$lua" push >/dev/null
    done
    for version in 1 3 5 7; do "$lua" version delete $version --force --no-gc >/dev/null; done
    sync -f .
    figure "gc of $(du -sm .lua | cut -f1) MB" "$lua" gc
    figure "cp -a of what lives, then sync" sh -c 'cp -a .lua ../lua-copied && sync -f .'
    figure "verify" "$lua" verify
}

past() {
    git clone -q --bare --single-branch --no-tags "file://$(realpath "$1")" repository.git && git -C repository.git gc -q --aggressive --prune=now
    local git=(git -C repository.git) commits; commits=$("${git[@]}" rev-list --first-parent HEAD)
    figure "import of $(wc -l <<<"$commits") commits" "$lua" import git repository.git --to imported
    figure "grep in all versions" "$lua" -C imported grep --all-versions return
    figure "git grep in all commits" "${git[@]}" grep -I return $commits
    figure "log of README.md" "$lua" -C imported log README.md
    figure "git log of README.md" "${git[@]}" log --first-parent --format=%h --name-status -- README.md
    figure "git log, renames followed" "${git[@]}" log --first-parent --follow --format=%h --name-status -- README.md
    du -cb imported/.lua/objects imported/.lua/index repository.git/objects
}

"$what" "${3:-}"
