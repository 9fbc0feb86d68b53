#!/bin/sh
# heist reproduce: rows of a small sweep come out bit for bit from what they say; a number that was changed is found; tables of an
# older version, other data, and what cannot be. HEIST is the binary.
. tests/check.sh

cat >"$dir/s.ini" <<'INI'
[sweep]
seeds = 1 2
pool  = strokes:n=300
[victim]
dataset = mnist:n=600
epochs  = 1
[defense mad+round]
calibrate = epsilon
target    = l1@0.3
[defense am]
ood  = noise:n=200+leaves:n=200
seed = 7
[attack knockoff]
budget = 100
epochs = 2
label  = soft topk:k=2
INI
"$HEIST" run "$dir/s.ini" --out "$dir/r" --cache "$dir/cache" >"$dir/log" 2>&1
check "the sweep runs" '[ "$(wc -l <"$dir/r/results.csv")" = 9 ]'
table="$dir/r/results.csv"
key=$(sed -n 4p "$table" | cut -d, -f1)
again() { # ARG...: prints into $dir/out, one line of an error into $dir/err
    "$HEIST" reproduce "$@" >"$dir/out" 2>"$dir/log"
    status=$?
    grep "^heist reproduce" "$dir/log" >"$dir/err"
    [ $status = 0 ]
}
change() { # COLUMN VALUE: of the row of $key, in a copy with its curve
    mkdir -p "$dir/x" && cp "$dir/r/curve.csv" "$dir/x/"
    awk -F, -v OFS=, -v key="$key" -v col="$1" -v value="$2" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == col) c = i }
        $1 == key { $c = value } { print }' "$table" >"$dir/x/results.csv"
}

check "a row comes out" 'again "$table" --key $key'
check "bit for bit, with its epochs and weights" 'grep -q "reproduced bit for bit: 2[0-9] values, 2 epochs, the weights" "$dir/out"'
check "every row comes out" 'OMP_NUM_THREADS=1 again "$dir/r" --all && grep -q "^8 rows: 8 reproduced" "$dir/out"'

# ---- what was changed is found
for pair in clone_acc_last=0.5 fidelity=0.123 queries_total=99 victim_sha256=00 ood_is_pool=1 status=numeric; do
    change "${pair%=*}" "${pair#*=}"
    check "a changed ${pair%=*} is found" '! again "$dir/x" --key $key && grep -q "^  ${pair%=*} .* differs" "$dir/out" && grep -q "NOT REPRODUCED: 1 of" "$dir/out"'
done
change attack_seed 5
check "a changed seed gives another key" '! again "$dir/x" --key $key && grep -q "^  key .* differs" "$dir/out" && grep -q "the key is a hash" "$dir/out"'
change attack_s 999
check "seconds are not compared" 'again "$dir/x" --key $key'
sed -i "s/^\($key,[0-9]*,2,\).*/\10.987/" "$dir/x/curve.csv"
check "a changed epoch is found" '! again "$dir/x" --key $key && grep -q "^  curve.csv, 2 .*0.987 .* differs" "$dir/out"'
change pool_sha256 0123456789abcdef0123
check "other data are told before anything is computed" '! again "$dir/x" --key $key && grep -q "pool_sha256: strokes:.* 0123456789abcdef.*: other data" "$dir/err"'
change version older
again "$dir/x" --key "$key"
check "the version that wrote the row is named" '[ $status = 0 ] && grep -q "row: *heist older, .* threads, .*OpenBLAS" "$dir/out"'

# ---- a table of an older version: read, and gone on with
old=$(head -n 1 "$table" | tr , '\n' | grep -n '^version$' | cut -d: -f1) # columns that a table of before had
cut -d, -f1-"$old" "$table" >"$dir/x/results.csv"
sed -i '$d' "$dir/x/results.csv"
check "that is one" 'head -n 1 "$dir/x/results.csv" | grep -q ",version$"'
check "a row without provenance" 'again "$dir/x" --key $key && grep -q "in every digit of the row (which has no hash" "$dir/out"'
"$HEIST" run "$dir/s.ini" --out "$dir/x" --cache "$dir/cache" >"$dir/log" 2>&1
check "its missing row is computed" 'grep -q "8 cells, 1 computed" "$dir/log"'
check "and the table has today's columns" '[ "$(head -n 1 "$dir/x/results.csv")" = "$(head -n 1 "$table")" ] && [ "$(tail -n 1 "$dir/x/results.csv" | cut -d, -f1,$((old + 7))-)" = "$(tail -n 1 "$table" | cut -d, -f1,$((old + 7))-)" ]'
"$HEIST" report "$dir/x" >/dev/null 2>&1
check "old and new rows are reported together" '[ $? = 0 ]'
check "the manifest has an entry a run" '"$HEIST" run "$dir/s.ini" --out "$dir/r" --cache "$dir/cache" --set sweep.seeds=3 >/dev/null 2>&1; [ "$(grep -c "\"command\":" "$dir/r/manifest.json")" = 2 ]'

# ---- what cannot be
refused() { # WHAT PATTERN ARG...
    what=$1 pattern=$2
    shift 2
    if ! again "$@" && [ "$(wc -l <"$dir/err")" = 1 ] && grep -q -- "$pattern" "$dir/err" && [ ! -s "$dir/out" ]; then ok
    else bad "$what: status $status, wanted one line with '$pattern', got: $(cat "$dir/err" "$dir/out")"; fi
}
refused "a key with a slip" "no row has the key '0${key#?}'; did you mean '$key'" "$table" --key "0${key#?}"
refused "a key like none" "no row has the key 'xyz'; of 12 rows, found: .*$key" "$table" --key xyz
refused "no key" "found no key" "$table"
refused "a key, and all" "found both" "$table" --key "$key" --all
refused "no table" "none/results.csv" "$dir/none" --all
refused "another kind of table" "has no column 'dataset', expected a results.csv" "$dir/r/curve.csv" --key "$key"
change attack 'knockof:budget=100'
refused "an attack that is none" "did you mean 'knockoff'" "$dir/x" --key "$key"
change seed minus
refused "a seed that is none" "column 'seed': found 'minus'" "$dir/x" --key "$key"

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
