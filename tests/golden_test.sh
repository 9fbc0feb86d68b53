#!/bin/sh
# Every golden case of tests/golden (and of HEIST_GOLDEN, where it names a folder) within its tolerance: one test a file.
passed=0 failed=0
for dir in tests/golden $HEIST_GOLDEN; do
    "$BUILD/tests/golden_check" "$dir" >"$BUILD/logs/golden.log" 2>&1
    status=$?
    counts=$(sed -n 's/^\([0-9]*\) files passed, \([0-9]*\) failed.*/\1 \2/p' "$BUILD/logs/golden.log")
    [ -n "$counts" ] || { cat "$BUILD/logs/golden.log"; counts="0 1"; }
    [ $status = 0 ] || grep FAIL "$BUILD/logs/golden.log"
    passed=$((passed + ${counts% *})) failed=$((failed + ${counts#* }))
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
