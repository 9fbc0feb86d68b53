#!/bin/sh
# The worked examples of CONTRIBUTING.md compile, are known by name, and pass the conformance tests.
# In a copy of the sources, with the objects that are built.
passed=0 failed=0
ok() { passed=$((passed + 1)); }
bad() { echo "$1"; failed=$((failed + 1)); }

copy=$(mktemp -d) || exit 1
trap 'rm -rf "$copy"' EXIT
variant=$(basename "${BUILD:-build/release}")
tar cf - --exclude=./results --exclude=./.git --exclude=./build . | (cd "$copy" && tar xf -)
mkdir -p "$copy/build" && cp -a "build/$variant" "$copy/build/"

awk -v root="$copy/" '
    /^<!-- example: / { file = root $3; next }
    /^<!-- line: / { print $4 >> (root $3); next }
    file && /^```c/ { on = 1; next }
    on && /^```/ { on = 0; close(file); file = ""; next }
    on { print > file }' CONTRIBUTING.md

cd "$copy" || exit 1
unset MAKEFLAGS MFLAGS MAKELEVEL # the outer make's job server is not ours
if make V="$variant" "build/$variant/heist" "build/$variant/tests/test_defenses" "build/$variant/tests/test_attacker" >log 2>&1 && ! grep -q 'warning:' log; then ok
else bad "the examples do not build without warnings: $(grep -m1 -E 'warning|error' log)"; fi
if "build/$variant/heist" list defenses | grep -q '^ *temperature'; then ok; else bad "heist list does not know the example"; fi
if "build/$variant/heist" show defense temperature | grep -q 'q = p^(1/t) / sum'; then ok; else bad "heist show does not know the example"; fi
if "build/$variant/tests/test_defenses" >log 2>&1; then ok; else bad "the example does not conform: $(grep -m1 FAIL log)"; fi
if "build/$variant/heist" show attack mixup | grep -q 'of the first image'; then ok; else bad "heist show does not know the attack"; fi
if "build/$variant/tests/test_attacker" >log 2>&1; then ok; else bad "the attack does not conform: $(grep -m1 FAIL log)"; fi
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
