#!/bin/sh
# heist run --jobs: the same tables as one cell after the other, whatever is killed at whatever moment. HEIST is the binary;
# KILLS (20) runners are killed.
. tests/check.sh

small_sweep 2 <<'INI'
[defense mad (argmax kept)]
oracle = argmax
[defense am]
ood    = noise:n=300
INI
run() { # OUT ARG...
    out=$1
    shift
    OMP_NUM_THREADS=2 "$HEIST" run "$dir/s.ini" --out "$dir/$out" --cache "$dir/$out.cache" "$@" >"$dir/$out.log" 2>&1
}
now() { date +%s%N; }
pause() { sleep "$(od -An -N2 -tu2 /dev/urandom | awk -v most=$most '{ printf "%.3f", most * $1 / 65536 }')"; } # up to a third of an undisturbed run

start=$(now)
run one
most=$(awk -v ns=$(($(now) - start)) 'BEGIN { printf "%.3f", ns / 3e9 }')
check "one after the other" '[ "$(wc -l <"$dir/one/results.csv")" = 25 ]'
numbers "$dir/one/results.csv" >"$dir/a"
run two --jobs 2
check "--jobs 2: the same rows in the same order" 'numbers "$dir/two/results.csv" | cmp "$dir/a" -'
check "--jobs 2: the same curves" 'cmp "$dir/one/curve.csv" "$dir/two/curve.csv"'
data() { sed -n '/"data":/,/"audit":/p' "$dir/$1/manifest.json"; }
check "--jobs 2: the manifest names the same data" '[ "$(data one | grep -c sha256)" = 4 ] && [ "$(data one)" = "$(data two)" ]'
awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) if ($i ~ /^(train|test|ood|pool)_sha256$/) at[i] = 1; next } { for (i in at) if ($i != "") print $i }' "$dir/two/results.csv" | sort -u >"$dir/sums"
check "every checksum of the rows is in it" '[ "$(wc -l <"$dir/sums")" = 4 ] && [ "$(grep -oF -f "$dir/sums" "$dir/two/manifest.json" | sort -u | wc -l)" = 4 ]'
check "no cell's folder is left" '! [ -e "$dir/two/cells" ]'
check "a victim is trained once" '[ "$(grep -c "^victim: 1 epochs" "$dir/two/jobs.log")" = 2 ]'
run two --jobs 3
check "run again, nothing is computed" 'grep -q "24 cells, 0 computed" "$dir/two.log"'

# ---- runners, workers and collectors are killed, each at any moment of its work
i=0
collected=0
while [ $i -lt "${KILLS:-20}" ]; do
    if [ $((i % 3)) = 1 ]; then # what the runner before it left in cells/ is collected
        "$HEIST" collect "$dir/killed" >"$dir/killed.log" 2>&1 &
    else
        OMP_NUM_THREADS=2 "$HEIST" run "$dir/s.ini" --out "$dir/killed" --cache "$dir/killed.cache" --jobs 2 >"$dir/killed.log" 2>&1 &
    fi
    pid=$!
    pause
    if [ $((i % 3)) = 2 ]; then kill -9 $(children $pid | head -n 1) && pause; fi 2>/dev/null
    kill -9 $pid 2>/dev/null && [ $((i % 3)) = 1 ] && collected=$((collected + 1))
    wait $pid 2>/dev/null
    i=$((i + 1))
done
run killed --jobs 2 --retry
numbers "$dir/killed/results.csv" | grep -v ",crashed," | sort >"$dir/b"
[ -z "${KILLS-}" ] || echo "$i kills, $collected of them of heist collect"
check "$i kills: the same rows" 'sort "$dir/a" | cmp - "$dir/b"' # heist collect takes them in the order of their keys
sort "$dir/one/curve.csv" >"$dir/b"
check "$i kills: the same curves" 'sort "$dir/killed/curve.csv" | cmp - "$dir/b"'
check "$i kills: no cell's folder is left" '! [ -e "$dir/killed/cells" ]'

# ---- a cell whose process dies again and again has a row that says so, and the others go on
OMP_NUM_THREADS=2 "$HEIST" run "$dir/s.ini" --out "$dir/dying" --cache "$dir/dying.cache" --jobs 2 >"$dir/dying.log" 2>&1 &
pid=$!
shot=0
while [ $shot -lt 6 ] && kill -0 $pid 2>/dev/null; do
    sleep 0.1
    worker=$(children $pid | head -n 1)
    if [ -n "$worker" ] && kill -9 $worker 2>/dev/null; then shot=$((shot + 1)); fi
done
wait $pid
check "crashed cells have rows, or were tried again" 'grep -q "killed by signal 9" "$dir/dying.log" && [ "$(wc -l <"$dir/dying/results.csv")" = 25 ]'
run dying --jobs 2 --retry
numbers "$dir/dying/results.csv" | grep -v ",crashed," | sort >"$dir/c"
check "--retry makes up for them" 'sort "$dir/a" | cmp - "$dir/c"'

# ---- cells by another launcher
run alone --print-commands
check "--print-commands: a line a cell" '[ "$(grep -c -- "--cell " "$dir/alone.log")" = 24 ]'
cp "$dir/alone.log" "$dir/commands"
head -n 9 "$dir/commands" | OMP_NUM_THREADS=1 xargs -P 2 -d '\n' -n 1 sh -c 'eval "$1"' sh >"$dir/alone.out" 2>&1
"$HEIST" collect "$dir/alone" >"$dir/collect.log" 2>&1
check "collect takes what is there" 'grep -q ": 9 cells taken" "$dir/collect.log" && [ "$(wc -l <"$dir/alone/results.csv")" = 10 ]'
run alone --print-commands
check "and what is left is listed" '[ "$(grep -c -- "--cell " "$dir/alone.log")" = 15 ]'
OMP_NUM_THREADS=1 xargs -P 2 -d '\n' -n 1 sh -c 'eval "$1"' sh <"$dir/commands" >"$dir/alone.out" 2>&1
"$HEIST" collect "$dir/alone" >/dev/null 2>&1 && cp "$dir/alone/results.csv" "$dir/once.csv" && "$HEIST" collect "$dir/alone" >"$dir/collect.log" 2>&1
check "collect again changes nothing" 'grep -q ": 0 cells taken" "$dir/collect.log" && cmp "$dir/once.csv" "$dir/alone/results.csv"'
numbers "$dir/alone/results.csv" | sort >"$dir/c"
check "the same rows" 'sort "$dir/a" | cmp - "$dir/c"'
"$HEIST" run "$dir/s.ini" --out "$dir/alone" --cell nothing >"$dir/nothing.log" 2>&1
check "an unknown key is refused" 'grep -q "no cell of the sweep has the key .nothing." "$dir/nothing.log"'

# ---- status
"$HEIST" status "$dir/one" >"$dir/status.log" 2>&1
check "status: all is done" 'grep -q ": 24 cells: 24 done, 0 running, 0 failed, 0 to go" "$dir/status.log" && [ "$(wc -l <"$dir/status.log")" = 1 ]'
(head -n 5 "$dir/one/results.csv"; sed -n '6s/,ok,/,numeric,a NaN/p' "$dir/one/results.csv") >"$dir/part.csv"
mkdir "$dir/part" && cp "$dir/one/plan.csv" "$dir/part" && cp "$dir/part.csv" "$dir/part/results.csv"
"$HEIST" status "$dir/part" >"$dir/status.log" 2>&1
check "status: a part is done, and how long the rest takes" 'grep -q ": 24 cells: 4 done, 0 running, 1 failed, 19 to go" "$dir/status.log" && grep -q "  failed  .*: a NaN" "$dir/status.log" && grep -q "^time to go: about " "$dir/status.log"'
"$HEIST" status "$dir/none" >"$dir/status.log" 2>&1
check "status: of no run" '[ $? = 1 ] && grep -q "^heist status: .*none: no plan.csv" "$dir/status.log"'
PATH=/nowhere "$HEIST" run "$dir/s.ini" --out "$dir/slurm" --slurm >"$dir/slurm.log" 2>&1
check "without sbatch --slurm is one clear line" '[ $? = 1 ] && grep -q "^heist run: --slurm: sbatch is not on this machine" "$dir/slurm.log" && [ "$(wc -l <"$dir/slurm.log")" = 1 ]'

# ---- what is no number of jobs
run bad --jobs 0
check "--jobs 0 is refused" 'grep -q "found .0., expected a number of processes, 1 to 1024" "$dir/bad.log"'
OMP_NUM_THREADS=2 "$HEIST" run "$dir/s.ini" --out "$dir/lock" --cache "$dir/one.cache" --jobs 2 >"$dir/first.log" 2>&1 &
pid=$!
i=0
until grep -qs "process $pid" "$dir/lock/.lock" || [ $i = 600 ]; do sleep 0.05 && i=$((i + 1)); done
kill -STOP $pid # it stays, however slow the second one is
run lock --jobs 2
kill -CONT $pid
check "a second runner is told who has the folder" 'grep -q "in use by process $pid" "$dir/lock.log"'
wait $pid
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
