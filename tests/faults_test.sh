#!/bin/sh
# What goes wrong around a run: a disk that is full, a folder that is read-only, two processes on one folder, one cell started twice.
# HEIST is the binary. As root real file systems are mounted; otherwise limits and permissions stand for them.
. tests/check.sh
disk=$dir/disk
trap 'umount "$disk" 2>/dev/null; rm -rf "$dir"' EXIT
mkdir "$disk"

small_sweep 2 </dev/null
cells=8
export OMP_NUM_THREADS=2
heist_run() { # OUT ARG...
    out=$1
    shift
    "$HEIST" run "$dir/s.ini" --out "$out" --cache "$out.cache" "$@"
}
one_line() { [ "$(grep -c "^heist $1: " "$2")" = 1 ]; }

heist_run "$dir/one" >"$dir/one.log" 2>&1
numbers "$dir/one/results.csv" >"$dir/a"
check "an undisturbed run" '[ "$(wc -l <"$dir/a")" = $((cells + 1)) ]'

# ---- a disk that is full, at several moments, then has room again
full() { # NAME KILOBYTES ARG...
    name=$1 size=$2
    shift 2
    if mount -t tmpfs -o size="${size}k" heist-test "$disk" 2>/dev/null; then
        heist_run "$disk/out" "$@" >"$dir/full.log" 2>&1
        status=$?
        cp -r "$disk/out" "$dir/then" 2>/dev/null || mkdir -p "$dir/then"
        mount -o remount,size=64m "$disk"
        heist_run "$disk/out" --retry "$@" >"$dir/again.log" 2>&1
        cp "$disk/out/results.csv" "$disk/out/curve.csv" "$dir"
        umount "$disk"
    else
        (ulimit -f $((size / 8)) && heist_run "$disk/out" "$@") >"$dir/full.log" 2>&1
        status=$?
        cp -r "$disk/out" "$dir/then"
        heist_run "$disk/out" --retry "$@" >"$dir/again.log" 2>&1
        cp "$disk/out/results.csv" "$disk/out/curve.csv" "$dir"
        rm -rf "$disk/out" "$disk/out.cache"
    fi
    check "$name: an error, which says what could not be written" '[ $status = 1 ] && grep -Eq "cannot be (written|made)|No space left|File too large|ended with status" "$dir/full.log" "$dir/then/jobs.log"'
    [ ! -e "$dir/then/results.csv" ] || numbers "$dir/then/results.csv" >"$dir/b"
    check "$name: no half row, and a cell that could not write its victim says so" '[ ! -e "$dir/then/results.csv" ] || ! grep -v ",io," "$dir/b" | grep -vxF -f "$dir/a"'
    numbers "$dir/results.csv" | grep -v ",io," | sort >"$dir/b"
    check "$name: with room again, the same rows" 'sort "$dir/a" | cmp - "$dir/b"'
    sort "$dir/curve.csv" >"$dir/b"
    check "$name: and curves" 'sort "$dir/one/curve.csv" | cmp - "$dir/b"'
    rm -rf "$dir/then"
}
full "disk full at the first victim" 64
full "disk full at a later row" 560
full "disk full, --jobs 2" 64 --jobs 2
full "disk full at a later row, --jobs 2" 580 --jobs 2

# ---- a read-only folder
mkdir "$dir/kept" && cp -r "$dir/one" "$dir/kept"
if mount --bind "$dir/kept" "$disk" 2>/dev/null && mount -o remount,bind,ro "$disk"; then
    kept=$disk
else
    kept=$dir/kept
    chmod -R a-w "$kept"
fi
for how in "run $dir/s.ini --cache $dir/one.cache --out $kept/one" "run $dir/s.ini --cache $dir/one.cache --jobs 2 --out $kept/one" "run $dir/s.ini --cache $dir/one.cache --out $kept/new" \
    "run $dir/s.ini --cache $kept/cache --out $dir/fresh" "collect $kept/one"; do
    # shellcheck disable=SC2086 # words
    "$HEIST" $how >"$dir/ro.log" 2>&1
    status=$?
    case $how in
    *fresh) check "read-only cache: rows that say so" '[ $status = 1 ] && grep -Eq "Read-only file system|Permission denied" "$dir/fresh/results.csv"' ;;
    *) check "read-only: one clear line: $how" '[ $status = 1 ] && one_line "${how%% *}" "$dir/ro.log" && grep -Eq "Read-only file system|Permission denied" "$dir/ro.log"' ;;
    esac
done
"$HEIST" status "$kept/one" >"$dir/ro.log" 2>&1
check "read-only: status only reads" 'grep -q ": 8 cells: 8 done, 0 running" "$dir/ro.log"'
umount "$disk" 2>/dev/null
chmod -R u+w "$dir/kept"

# ---- two on one folder
"$HEIST" run "$dir/s.ini" --out "$dir/two" --cache "$dir/two.cache" --jobs 2 --set knockoff.epochs=60 >"$dir/first.log" 2>&1 &
pid=$!
i=0
until [ -s "$dir/two/jobs.log" ] || [ $i = 200 ]; do sleep 0.1 && i=$((i + 1)); done
for how in "run $dir/s.ini --cache $dir/one.cache --out $dir/two" "run $dir/s.ini --cache $dir/one.cache --out $dir/two --jobs 2" "collect $dir/two"; do
    # shellcheck disable=SC2086 # words
    "$HEIST" $how >"$dir/second.log" 2>&1
    status=$?
    check "who comes second is told: $how" '[ $status = 1 ] && one_line "${how%% *}" "$dir/second.log" && grep -q "in use by process $pid on" "$dir/second.log"'
done
"$HEIST" status "$dir/two" >"$dir/status.log" 2>&1
check "status sees the runner and its workers' cells" 'grep -q "in use by process $pid on" "$dir/status.log" && grep -Eq ": 8 cells: [0-9]+ done, [12] running, 0 failed" "$dir/status.log"'
wait $pid
check "the first is not disturbed" '[ "$(wc -l <"$dir/two/results.csv")" = $((cells + 1)) ]'

# ---- one cell, started twice at the same time, runs once
key=$("$HEIST" run "$dir/s.ini" --out "$dir/twice" --dry-run | awk 'NR == 1 { print $1 }')
for n in 1 2; do heist_run "$dir/twice" --cell "$key" >"$dir/twice.$n" 2>&1 & done
wait
check "a cell started twice runs once" '[ "$(cat "$dir"/twice.? | grep -c "^clone: ")" = 1 ]'
"$HEIST" collect "$dir/twice" >"$dir/collect.log" 2>&1
check "and has one row" '[ "$(wc -l <"$dir/twice/results.csv")" = 2 ] && numbers "$dir/twice/results.csv" | tail -n 1 | grep -qxF -f - "$dir/a"'
[ "$failed" = 0 ] || tail -n 5 "$dir"/*.log
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
