#!/bin/sh
# tests/run.sh BUILD TEST...: runs test programs and scripts; the last line is "N passed, N failed".
build=$1
shift
passed=0 failed=0
export HEIST="$PWD/$build/heist" BUILD="$build"

add() { # NAME LOG STATUS: counts the closing line of a log; a program that died counts as one failure
    counts=$(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$2" | tail -n 1)
    p=${counts% *} f=${counts#* }
    [ -n "$counts" ] || { p=0 f=0; }
    [ "$3" = 0 ] || [ "${f:-0}" != 0 ] || f=1
    passed=$((passed + p)) failed=$((failed + f))
    [ "$f" != 0 ] || { echo "ok   $1 ($p)"; return; }
    echo "FAIL $1"
    grep -v '^ok ' "$2" | tail -n 40
    grep '^FAIL: ' "$2" # once more, where it is easy to find: the end
}

mkdir -p "$build/logs"
for t in "$@"; do
    [ -e "$t" ] || continue
    name=$(basename "$t" .sh)
    log="$build/logs/$name.log"
    case $t in
    *.sh) sh "$t" >"$log" 2>&1 ;;
    *) "$t" >"$log" 2>&1 ;;
    esac
    add "$name" "$log" $?
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
