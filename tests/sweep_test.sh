#!/bin/sh
# The command line from end to end, on small subsets of real data: resume after kill -9, the same CSV at any thread count,
# and one clear line for each kind of bad input. HEIST is the binary.
. tests/check.sh

cat >"$dir/s.ini" <<'INI'
[sweep]
seeds = 1 2
pool  = fashion-mnist:n=800
[victim]
dataset = mnist:n=1500
epochs  = 2
[defense none]
[defense ini]
ood = strokes:n=600 pool
[defense mad (argmax kept)]
oracle = argmax
[attack knockoff]
budget = 500
epochs = 2
label  = soft hard topk:k=2
[attack jbda-tr]
seeds  = 40
rounds = 3
epochs = 1
INI
run() { # OUT ARG...: with a cache of its own
    out=$1
    shift
    "$HEIST" run "$dir/s.ini" --out "$dir/$out" --cache "$dir/$out.cache" "$@" >"$dir/$out.log" 2>&1
}

# ---- a sweep, whole, and once more
run whole; check "the sweep runs" "[ $? = 0 ]"
check "32 rows" '[ "$(wc -l <"$dir/whole/results.csv")" = 33 ]'
check "no row failed" '! grep -q ",numeric,\|,shape," "$dir/whole/results.csv"'
for f in results.csv curve.csv manifest.json report.md plots/clone_accuracy.svg plots/clone_accuracy.png plots/training_curves.svg plots/tradeoff.png; do
    check "$f is there" "[ -s $dir/whole/$f ]"
done
check "OOD = pool is flagged where the pool is asked" '[ "$(grep -c ",1,0,\(soft\|hard\|topk[^,]*\)," "$dir/whole/results.csv")" = 6 ]'
check "each row says what the audit found" 'awk -F, "NR == 1 { for (i = 1; i <= NF; i++) c[\$i] = i; next } { bad += !(\$c[\"audit\"] ~ /^(clean|test~train:[0-9]+)\$/) && !\$c[\"ood_is_pool\"]; bad += \$c[\"ood_is_pool\"] != (\$c[\"audit\"] ~ /pool=ood!/) } END { exit bad > 0 }" "$dir/whole/results.csv"'
check "manifest and report too" 'grep -q "\"verdict\":.*ood~pool:800! pool=ood!" "$dir/whole/manifest.json" && grep -q "^## The data" "$dir/whole/report.md" && grep -q "(§)" "$dir/whole/report.md"'
check "audit of the sweep says the same" '"$HEIST" audit "$dir/s.ini" | grep -q "pool=ood: fashion-mnist:.* are one set, or parts of one"'
cp "$dir/whole/results.csv" "$dir/before.csv"
run whole
check "run again, nothing is computed" 'grep -q "32 cells, 0 computed" "$dir/whole.log"'
check "and the CSV is the same file" 'cmp "$dir/whole/results.csv" "$dir/before.csv"'
run whole --dry-run
check "--dry-run lists cells and time" '[ "$(grep -c " done " "$dir/whole.log")" = 32 ] && grep -q "32 cells, 0 to compute, about" "$dir/whole.log"'
run fresh --dry-run --set sweep.seeds=1 --set victim.epochs=100000 --set ini.ood=strokes:n=600 # longer than any attack on it
check "--dry-run counts what InI's training does more (how much: test_defenses; here it is timed)" 'awk "{ n = split(\$2, t, \":\"); s = n == 3 ? t[1] * 3600 + t[2] * 60 + t[3] : t[1] * 60 + t[2] } / [|] none [|]/ && !none { none = s } / [|] ini/ && !ini { ini = s } END { exit !(none && ini > 2 * none) }" "$dir/fresh.log"'
rm -r "$dir/whole/plots" "$dir/whole/report.md"
"$HEIST" report "$dir/whole" >"$dir/report.txt"
check "report draws again" '[ -s "$dir/whole/report.md" ] && [ -s "$dir/whole/plots/tradeoff.svg" ] && grep -q "knockoff" "$dir/report.txt"'

# ---- other thread counts, and killed at any moment: the same numbers
OMP_NUM_THREADS=1 run one
numbers "$dir/whole/results.csv" | sort >"$dir/a"
numbers "$dir/one/results.csv" | sort >"$dir/b"
check "1 and 2 threads: the same CSV" 'cmp "$dir/a" "$dir/b" && [ -s "$dir/a" ]'
for pause in 0.2 0.9 1.7 0.4 2.3; do
    "$HEIST" run "$dir/s.ini" --out "$dir/killed" --cache "$dir/killed.cache" >"$dir/killed.log" 2>&1 &
    pid=$!
    sleep $pause
    kill -9 $pid 2>/dev/null
    wait $pid 2>/dev/null
done
run killed
numbers "$dir/killed/results.csv" | sort >"$dir/b"
check "killed and resumed: the same CSV" 'cmp "$dir/a" "$dir/b"'
sort "$dir/whole/curve.csv" >"$dir/c"
sort "$dir/killed/curve.csv" >"$dir/d"
check "killed and resumed: the same curve.csv" 'cmp "$dir/c" "$dir/d"'
head -c -20 "$dir/whole/results.csv" >"$dir/torn.csv" && cp "$dir/torn.csv" "$dir/whole/results.csv"
run whole
numbers "$dir/whole/results.csv" | sort >"$dir/b"
check "a torn last line: that cell runs again" 'grep -q "1 computed" "$dir/whole.log" && cmp "$dir/a" "$dir/b"'

# ---- an option that is calibrated to what it costs
for target in l1@0.3 drop@0.1; do
    "$HEIST" run "$dir/s.ini" --out "$dir/$target" --cache "$dir/whole.cache" --set sweep.seeds=1 --set victim.epochs=12 --set mad.oracle=random --set mad.calibrate=epsilon --set mad.target=$target >"$dir/log" 2>&1
    check "calibrated to $target" "[ $? = 0 ]"
    check "and what it reached is near, on other images" 'awk -F, -v t=${target#*@} -v OFS= "NR == 1 { for (i = 1; i <= NF; i++) c[\$i] = i; next }
        \$c[\"target\"] != \"\" { n++; r = \$c[\"target_reached\"]; if (r < 0.85 * t || r > 1.15 * t || \$c[\"knob_value\"] <= 0) bad = 1 } END { exit bad || !n }" "$dir/$target/results.csv"'
done

# ---- OOD sets crossed with pools
"$HEIST" run "$dir/s.ini" --out "$dir/ood" --cache "$dir/whole.cache" --set sweep.seeds=1 --set knockoff.pool="fashion-mnist:n=800 strokes:n=600:seed=2" --set ini.ood="strokes:n=600 strokes:n=600+noise:n=600" >"$dir/log" 2>&1
check "OOD sets crossed with pools" "[ $? = 0 ]"
check "give a heat map, and a figure over their distance" '[ -s "$dir/ood/plots/ood_pool.svg" ] && [ -s "$dir/ood/plots/ood_distance.png" ]'
check "an OOD mixture that holds the pool is flagged" 'awk -F, "NR == 1 { for (i = 1; i <= NF; i++) c[\$i] = i; next } \$c[\"ood\"] ~ /strokes.*noise/ && \$c[\"pool\"] ~ /strokes/ { n++; bad += \$c[\"ood_is_pool\"] != 1 } END { exit bad || !n }" "$dir/ood/results.csv"'

# ---- what the defenses cost
"$HEIST" cost "$dir/s.ini" --out "$dir/cost" --cache "$dir/whole.cache" --set mad.jacobian="0 1" >"$dir/cost.txt" 2>/dev/null
check "cost measures" "[ $? = 0 ]"
passes() { awk -F, -v want="$1" '$3 ~ want { print $5, $6, $7 }' "$dir/cost/cost.csv" | sort -u | tr '\n' ' '; }
check "a row a defense" '[ "$(wc -l <"$dir/cost/cost.csv")" = 6 ]'
check "ini asks nothing more" '[ "$(passes "^ini")" = "0 0 0 " ]'
check "mad asks its surrogate once" '[ "$(passes "^mad.*jacobian=0")" = "1 0 0 " ]'
check "and as published once a class more" '[ "$(passes "^mad.*jacobian=1")" = "1 10 0 " ]'
check "cost draws its figure" '[ -s "$dir/cost/plots/cost.svg" ] && grep -q "^mad jacobian=1" "$dir/cost.txt"'

# ---- bad input: one line, non-zero, nothing lost
refused() { # WHAT PATTERN COMMAND...
    what=$1 pattern=$2
    shift 2
    "$@" >"$dir/out" 2>"$dir/err"
    status=$?
    if [ $status != 0 ] && [ $status -lt 126 ] && [ "$(wc -l <"$dir/err")" = 1 ] && grep -q -- "$pattern" "$dir/err"; then ok
    else bad "$what: status $status, wanted one line with '$pattern', got: $(cat "$dir/err")"; fi
}
s="$HEIST run $dir/s.ini --out $dir/x --cache $dir/x.cache --set"
refused "misspelt option" "did you mean 'epochs'" $s victim.epoch=3
refused "misspelt attack option" "did you mean 'budget'" $s knockoff.buget=3
refused "misspelt section of --set" "did you mean 'knockoff'" $s knockof.budget=3
refused "a target that is none" "found 'l2@1', expected as l1@0.2" $s mad.calibrate=epsilon --set mad.target=l2@1
refused "a knob that is none" "did you mean 'epsilon'" $s mad.calibrate=epsilom --set mad.target=l1@0.2
refused "a target without a knob" "'target' is given alone" $s mad.target=l1@0.2
refused "not a number" "found 'many', expected a number" $s victim.epochs=many
refused "out of range" "expected 0 to 2" $s mad.epsilon=7
refused "unknown data set" "did you mean 'mnist'" $s victim.dataset=mnst
refused "unknown model" "did you mean 'lenet5'" $s victim.model=lenet6
refused "unknown OOD set" "did you mean 'strokes'" $s ini.ood=stroke
refused "pool smaller than the budget" "holds 800 images, expected at least 900" $s knockoff.budget=900
refused "another shape" "images of 3x32x32, the victim" $s knockoff.pool=noise:shape=3x32x32
refused "subset larger than the set" "60000" $s victim.dataset=mnist:n=70000
refused "unknown label" "did you mean 'hard'" $s knockoff.label=hrd
refused "no OOD set" "no OOD set is given\|found no value" $s ini.ood=
refused "unknown flag" "did you mean '--dry-run'" "$HEIST" run "$dir/s.ini" --dryrun
refused "unknown verb" "did you mean 'report'" "$HEIST" raport
refused "no such file" "No such file" "$HEIST" run "$dir/none.ini"
refused "unknown name in show" "did you mean 'knockoff'" "$HEIST" show attack knockof
refused "no checkpoint" "header" "$HEIST" eval "$dir/s.ini" --dataset mnist
refused "no results" "results.csv" "$HEIST" report "$dir"
refused "unknown instruction set" "HEIST_SIMD: found 'sse'" env HEIST_SIMD=sse "$HEIST" list layers
printf '[sweep]\n[victim]\ndataset = mnist\n[defence none]\n' >"$dir/bad.ini"
refused "misspelt section" "did you mean 'defense'" "$HEIST" run "$dir/bad.ini"
printf '[sweep]\n[victim]\ndataset = mnist\n[defense nome]\n[attack jbda]\n' >"$dir/bad.ini"
refused "misspelt defense" "did you mean 'none'" "$HEIST" run "$dir/bad.ini"
printf '[victim]\ndataset = mnist\nnonsense\n' >"$dir/bad.ini"
refused "a line that is none" "line 3" "$HEIST" run "$dir/bad.ini"
check "nothing was made on the way" '[ ! -e "$dir/x" ]'

# ---- two runs on one folder
mkdir "$dir/held"
(exec 9>"$dir/held/.lock"; flock 9; echo "process 123 on elsewhere" >&9; sleep 4) &
sleep 0.5
refused "two runs on one folder" "in use by process 123 on elsewhere" "$HEIST" run "$dir/s.ini" --out "$dir/held" --cache "$dir/whole.cache"
wait

# ---- what cannot be written: what is recorded stays
check "a disk that is full is an error" '! (ulimit -f 1; "$HEIST" run "$dir/s.ini" --out "$dir/full" --cache "$dir/whole.cache" --set sweep.seeds="1 2 3 4 5" 2>"$dir/err")'
check "and says so in a line" 'tail -n 1 "$dir/err" | grep -q "^heist run: .*\(cannot\|File too large\)"'
refused "a folder that is a file" "heist run" "$HEIST" run "$dir/s.ini" --out "$dir/s.ini" --cache "$dir/whole.cache"

# ---- a NaN loss fails the cell, and the sweep goes on
"$HEIST" run "$dir/s.ini" --out "$dir/nan" --cache "$dir/nan.cache" --set sweep.seeds=1 --set knockoff.lr="1e3 0.01" --set knockoff.momentum=0.99 --set knockoff.epochs=20 --set "defense ini.ood=strokes:n=600" >"$dir/nan.log" 2>&1
check "a failed cell is a non-zero status" "[ $? = 1 ]"
check "with its row" 'grep -q ",numeric,.*the loss is" "$dir/nan/results.csv"'
check "and the others are there" '[ "$(wc -l <"$dir/nan/results.csv")" = 22 ] && grep -q ",ok,," "$dir/nan/results.csv"'

# ---- one victim, one attack, one accuracy
"$HEIST" train --dataset mnist:n=2000 --epochs 3 --out "$dir/v.safetensors" --curve "$dir/v.csv" >"$dir/train.txt" 2>/dev/null
check "train says its accuracy" 'grep -q "test accuracy 0\.[5-9]" "$dir/train.txt"'
check "its curve has a row an epoch and ends there" '[ "$(wc -l <"$dir/v.csv")" = 4 ] && grep -q "accuracy $(tail -n 1 "$dir/v.csv" | cut -d , -f 3)" "$dir/train.txt"'
check "a curve that is there is not written over" '! "$HEIST" train --dataset mnist:n=2000 --epochs 3 --out "$dir/w.safetensors" --curve "$dir/v.csv" 2>/dev/null && [ ! -e "$dir/w.safetensors" ]'
"$HEIST" eval "$dir/v.safetensors" --logits "$dir/l.safetensors" >"$dir/eval.txt"
check "eval finds the same" '[ "$(sed "s/.*test accuracy \([0-9.]*\),.*/\1/" "$dir/train.txt")" = "$(sed "s/.*accuracy \([0-9.]*\) on.*/\1/" "$dir/eval.txt")" ]'
check "and writes logits" '[ -s "$dir/l.safetensors" ]'
"$HEIST" steal "$dir/v.safetensors" --attack knockoff:budget=300:epochs=2 --pool fashion-mnist --defense mad --label hard --out "$dir/c.safetensors" >"$dir/steal.txt" 2>/dev/null
check "steal counts its queries" 'grep -q "queries 300 (300 distinct)" "$dir/steal.txt"'
check "and writes the clone" '"$HEIST" eval "$dir/c.safetensors" --dataset mnist'
"$HEIST" show model resnet8 >"$dir/graph" 2>&1 # a connection leaves layer 3, passes the block by and ends in the sum
check "show model draws connections" '[ "$(sed -n 8,14p "$dir/graph" | cut -c 7 | tr -d "\n")" = "$(printf ".+||||\047")" ] && grep -q "add .*  < 3$" "$dir/graph"'
check "list models counts" '"$HEIST" list models | grep -q "resnet18 *11.17M *455.80M *11.17M *555.42M"'
for verb in run report cost train steal eval list show data peek audit doctor bench; do check "$verb --help" "'$HEIST' $verb --help | grep -q '^usage: heist $verb'"; done
check "doctor finds nothing wrong" '"$HEIST" doctor'
check "bench prints JSON" '"$HEIST" bench --task infer --runs 3 --json | grep -q "\"ms\":"'

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
