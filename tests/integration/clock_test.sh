#!/bin/sh
# The wall clock jumps back a year in the middle of a run, and starts in another century: rows, curves and what is done stay the same.
# libfaketime stands for the clock: base/deps.sh install-integration.
. tests/check.sh
lib=$(ls /usr/lib/*/faketime/libfaketime.so.1 2>/dev/null | head -n 1)
[ -n "$lib" ] || { echo "FAIL: libfaketime is missing: sh base/deps.sh install-integration"; echo "0 passed, 1 failed"; exit 1; }
small_sweep 6 </dev/null
run() { # OUT ARG...
    out=$1
    shift
    "$HEIST" run "$dir/s.ini" --out "$dir/$out" --cache "$dir/$out.cache" "$@" >"$dir/$out.log" 2>&1
}
faked() { # the time is in a file that is read again at each look; the steady clock is left alone or turned too (DONT_FAKE_MONOTONIC)
    echo "$1" >"$dir/now"
    shift
    LD_PRELOAD=$lib FAKETIME_TIMESTAMP_FILE="$dir/now" FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=$steady "$@"
}
run one
numbers "$dir/one/results.csv" >"$dir/a"
check "an undisturbed run" '[ "$(wc -l <"$dir/a")" = 9 ]'
for steady in 1 0; do
    for jobs in 1 2; do
        name=back$steady$jobs
        faked "+0 d" run $name --jobs $jobs &
        pid=$!
        i=0
        until [ -e "$dir/$name/plan.csv" ] || [ $i = 300 ]; do sleep 0.1 && i=$((i + 1)); done
        sleep 0.3
        echo "-365d" >"$dir/now"
        wait $pid
        status=$?
        check "a year back, --jobs $jobs, steady clock $steady: the run ends well" '[ $status = 0 ]'
        check "the same rows" 'numbers "$dir/$name/results.csv" | cmp "$dir/a" -'
        check "the same curves" 'cmp "$dir/one/curve.csv" "$dir/$name/curve.csv"'
        echo "-20000d" >"$dir/now"
        faked "-20000d" run $name --jobs $jobs
        check "before 1970, nothing is computed again" 'grep -q "8 cells, 0 computed" "$dir/$name.log"'
        faked "-20000d" "$HEIST" status "$dir/$name" >"$dir/status.log" 2>&1
        check "and status agrees" 'grep -q ": 8 cells: 8 done, 0 running" "$dir/status.log"'
    done
done
check "the clock was turned" 'faked "-365d" date +%Y | grep -qx "$(($(date +%Y) - 1))"'
[ "$failed" = 0 ] || tail -n 3 "$dir"/*.log
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
