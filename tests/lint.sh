#!/bin/sh
# cppcheck and clang-tidy over all sources; warnings are failures.
sh base/deps.sh install-lint || exit 1
[ -e build/release/version.h ] || make -s all || exit 1
passed=0 failed=0
flags="-I. -Ibuild/release -D_GNU_SOURCE -DLAYER_SIMD=base -DHEIST_CC=\"\" -DHEIST_FLAGS=\"\""
blas=$(echo /usr/include/*/openblas-openmp)
sources=$(ls base/*.c nn/*.c nn/layers/*.c nn/arch/*.c data/*.c defenses/*.c victim/*.c attacker/*.c experiments/*.c)

if cppcheck -q --std=c11 --enable=warning,performance,portability --inline-suppr --error-exitcode=1 --suppressions-list=tests/cppcheck.txt \
    -I. -Ibuild/release -D_GNU_SOURCE -DLAYER_SIMD=base '-DHEIST_CC=""' '-DHEIST_FLAGS=""' $sources; then passed=1
else failed=1; fi
for f in $sources; do
    # shellcheck disable=SC2086 # words
    if clang-tidy -quiet "$f" -- -std=c11 $flags -I"$blas" -fopenmp >build/tidy.log 2>/dev/null && ! grep -q 'warning:\|error:' build/tidy.log; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        grep 'warning:\|error:' build/tidy.log | head -n 5
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
