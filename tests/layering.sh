#!/bin/sh
# Who may include whom (CONTRIBUTING.md, "The house"); and every header compiles alone.
cd "$(dirname "$0")/.." || exit 1
passed=0 failed=0
bad() { echo "$1"; failed=$((failed + 1)); }

allow() { # FOLDER PATTERN: the project's headers that files of the folder may include
    for f in $(find "$1" -name '*.[ch]'); do
        wrong=$(sed -n 's/^#include "\([^"]*\)".*/\1/p' "$f" | grep -Ev "^($2)" | tr '\n' ' ')
        if [ -n "$wrong" ]; then bad "$f: may not include $wrong"; else passed=$((passed + 1)); fi
    done
}
allow base 'base/'
allow nn 'base/|nn/'
allow data 'base/|nn/|data/'
allow defenses 'base/|nn/|data/|defenses/'
allow victim 'base/|nn/|data/|victim/|defenses/defense\.h'
allow attacker 'base/|nn/|data/|attacker/|victim/blackbox\.h|defenses/defense\.h'

for f in $(grep -rlE '\bcblas_[a-z]+\(|\bopenblas_[a-z_]+\(' --include='*.c' base nn data victim defenses attacker experiments | grep -v '^nn/blas.c$'); do
    bad "$f: only nn/blas.c calls OpenBLAS"
done
for h in base/*.h nn/*.h data/*.h victim/*.h defenses/*.h attacker/*.h experiments/*.h; do
    [ -e "$h" ] || continue
    case $h in */list.h) continue ;; esac # X-macro lists: no declarations of their own
    if echo "#include \"$h\"" | ${CC:-gcc} -std=c11 -D_GNU_SOURCE -I. -fsyntax-only -Wall -Wextra -x c - 2>"${TMPDIR:-/tmp}/layering.$$"; then
        passed=$((passed + 1))
    else
        bad "$h: does not compile alone: $(head -n 1 "${TMPDIR:-/tmp}/layering.$$")"
    fi
done
rm -f "${TMPDIR:-/tmp}/layering.$$"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
