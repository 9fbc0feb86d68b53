#!/bin/sh
# tests/fuzz.sh [TARGET...]: runs each fuzzer of tests/fuzz for FUZZ_SECONDS (600) under ASan and UBSan.
# What it has learnt stays in build/fuzz/corpus; an input that fails stays in build/fuzz/fault. Last line: N passed, N failed.
cd "$(dirname "$0")/.." || exit 1
seconds=${FUZZ_SECONDS:-600}
sh base/deps.sh install-fuzz || exit 1
CC=${FUZZ_CC:-clang}
out=build/fuzz
mkdir -p "$out/fault"
passed=0 failed=0

needs() { # TARGET: what it is linked with, beside base
    case $1 in
    idx | cifar | mat | npy | csv | picture | archive) echo "$(ls data/*.c | grep -v supervised) -larchive -lcsv -lmatio -lspng -lturbojpeg -lz -lm" ;;
    arch) # the layers once, under all the names that the registry has for them
        echo "nn/arch.c nn/blas.c nn/layers.c nn/loss.c nn/model.c nn/parse.c nn/tape.c nn/arch/*.c nn/layers/*.c -DMOST_PARAMS=65536ul -DLAYER_SIMD=base -DLAYER_SIMD_base"
        for layer in $(sed 's/X(\(.*\))/\1/' nn/layers/list.h); do
            for name in base_alone naive; do echo "-Wl,--defsym=layer_${layer}_$name=layer_${layer}_base"; done
        done
        echo "-I$(echo /usr/include/*/openblas-openmp) -lopenblas -l:libgomp.so.1 -lm" ;;
    safetensors) echo "nn/safetensors.c -lcjson -lm" ;;
    table) echo "experiments/table.c -lcsv -lm" ;;
    spec) echo "-lm" ;;
    esac
}

# The arrays of a .mat file: flags (class 9: bytes), dimensions, name, data.
mat_flags='\006\000\000\000\010\000\000\000\011\000\000\000\000\000\000\000\005\000\000\000'
mat_x="$mat_flags"'\020\000\000\000\001\000\000\000\001\000\000\000\003\000\000\000\001\000\000\000\001\000\001\000X\000\000\000\002\000\003\000abc\000'
mat_y="$mat_flags"'\010\000\000\000\001\000\000\000\001\000\000\000\001\000\001\000y\000\000\000\002\000\001\000\012\000\000\000'
mat_both='\016\000\000\000\070\000\000\000'"$mat_x"'\016\000\000\000\060\000\000\000'"$mat_y"

seeds() { # TARGET FOLDER: small valid inputs to begin with
    case $1 in
    idx)
        printf '\000\000\000\010\003\000\000\000\001\000\000\000\002\000\000\000\002abcd' >"$2/images"
        printf '\001\000\000\010\004\000\000\000\001\000\000\000\001\000\000\000\002\000\000\000\002abcd' >"$2/channels"
        printf '\002\000\000\010\001\000\000\000\003\001\002\003' >"$2/labels"
        { printf '\000'; printf '\000\000\010\003\000\000\000\001\000\000\000\002\000\000\000\002abcd' | gzip -n; } >"$2/gzip" ;;
    cifar) head -c 3073 /dev/zero >"$2/ten" && { printf '\001'; head -c 3073 /dev/zero; } >"$2/hundred" ;;
    mat) # 1x1x3x1 bytes and a label, as they are; the same to be compressed by the fuzzer
        { printf '\000'; head -c 124 /dev/zero; printf '\000\001IM%b' "$mat_both"; } >"$2/plain"
        printf '\001\100%b' "$mat_both" >"$2/packed" ;;
    npy)
        printf "\\223NUMPY\\001\\000\\111\\000{'descr': '|u1', 'fortran_order': False, 'shape': (2, 1, 3), }          \\nabcdef" >"$2/one"
        printf "\\223NUMPY\\002\\000\\077\\000\\000\\000{'descr': '<i2', 'fortran_order': False, 'shape': (3,), }     \\nabcdef" >"$2/two" ;;
    csv)
        printf '\000label,a,b,c,d\n3,0,1,2,255\n"4",5,6,7,8\n' >"$2/header"
        printf '\0015,0,1,2,3,4,5,6,7,8,9,10,11\r\n1,1,1,1,1,1,1,1,1,1,1,1,1' >"$2/colour" ;;
    picture) # 1x1: a grey PNG, and the beginning of a JPEG
        printf '\211PNG\r\n\032\n\000\000\000\rIHDR\000\000\000\001\000\000\000\001\010\000\000\000\000:~\233U\000\000\000\nIDATx\234cH\000\000\000c\000b\2174\311\300\000\000\000\000IEND\256B`\202' >"$2/png"
        printf '\377\330\377\340\000\020JFIF\000\001\001\000\000\001\000\001\000\000' >"$2/jpeg" ;;
    archive)
        mkdir -p "$2.in/train/a" && echo 1 >"$2.in/train/a/1.png" && echo 2 >"$2.in/train/a/2.png"
        tar cf "$2/tar" -C "$2.in" train && tar czf "$2/tgz" -C "$2.in" train
        rm -r "$2.in" ;;
    arch)
        printf 'conv c1 out=2 k=3 pad=1\nbatchnorm b1\nrelu r\nmaxpool k=2\nflatten\nlinear fc out=K\n' >"$2/plain"
        printf 'block b\nconv c out=$w k=3 pad=1 < in\nbatchnorm n\nrelu r\nadd s < r n\nend\nb l1.0-2 w=2\nflatten\nlinear fc out=K\n' >"$2/block"
        printf 'flatten\nlinear a out=16\nunflatten c=1 h=4 w=4\nupsample k=2\nleakyrelu\ntanh\ndropout p=0.5\npad to=8\navgpool\nflatten\nlinear b out=K\n' >"$2/others" ;;
    safetensors)
        printf 'Z\000\000\000\000\000\000\000{"__metadata__":{"arch":"mlp"},"w":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}}    12345678' >"$2/one"
        printf 'B\000\000\000\000\000\000\000{"n":{"dtype":"I64","shape":[],"data_offsets":[0,8]}}             12345678' >"$2/scalar"
        for f in tests/golden/*.safetensors; do
            [ ! -e "$f" ] || [ "$(wc -c <"$f")" -gt 60000 ] || cp "$f" "$2"
        done ;;
    table)
        printf 'key,acc,text\na,0.5,"x, y"\nb,,"two\nlines"\n' >"$2/rows"
        printf 'key,acc\r\na,1e-3\r\nb,0.' >"$2/torn" ;;
    spec)
        printf 'mad:n=3:eps=0.50:kind=hard:text=a b+two:preset=paper' >"$2/chain"
        { printf 'mad:preset=paper'; seq 47 | sed 's/.*/:k&=1/' | tr -d '\n'; } >"$2/full"
        printf 'mnist:eps=5e-1' >"$2/number" ;;
    esac
}

fuzz() { # TARGET
    corpus=$out/corpus/$1
    mkdir -p "$corpus"
    seeds "$1" "$corpus"
    # shellcheck disable=SC2046 # a list of files and libraries
    $CC -std=c11 -D_GNU_SOURCE -I. -g -O1 -Wno-source-uses-openmp -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
        "tests/fuzz/$1.c" base/*.c $(needs "$1") -lmd -o "$out/$1" || return 1
    echo "fuzzing $1 for $seconds s"
    "$out/$1" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -max_len=4096 -print_final_stats=1 \
        -artifact_prefix="$out/fault/$1-" "$corpus" >"$out/$1.log" 2>&1
}

for target in ${*:-idx cifar mat npy csv picture archive safetensors spec table}; do
    if fuzz "$target"; then
        passed=$((passed + 1))
        echo "ok   $target: $(sed -n 's/^stat::number_of_executed_units: *//p' "$out/$target.log") inputs, no fault"
    else
        failed=$((failed + 1))
        echo "FAIL $target: see $out/$target.log and $out/fault"
        grep -E 'ERROR|SUMMARY|not true|runtime error|Test unit written' "$out/$target.log"
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
