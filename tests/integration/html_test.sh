#!/bin/sh
# report.html in headless Chromium: opened, sorted, filtered, a row's details, two rows compared, hostile names, 10,000 rows, paper, dark.
# Needs chromium, chromium-driver and node (18 or newer). HEIST is the binary; SHOTS (optional) a folder for screenshots.
. tests/check.sh

for p in chromium chromedriver node; do
    command -v $p >/dev/null 2>&1 && continue
    echo "FAIL: no program '$p' here: sh base/deps.sh install-integration"
    echo "0 passed, 1 failed"
    exit 1
done

# results.csv of DEFENSES x ATTACKS x SEEDS; clone_acc_last of defense d, attack a, seed s is 0.9 - 0.6 d/DEFENSES - 0.1 a/ATTACKS + 0.001 s
table() { # FOLDER DEFENSES ATTACKS SEEDS
    mkdir -p "$1"
    awk -v D="$2" -v A="$3" -v S="$4" 'BEGIN { OFS = ","
        print "key,sweep,dataset,model,training,defense,attack,clone_model,pool,ood,ood_is_pool,pool_is_train,label,budget,seed,status,error,victim_acc,defended_acc,mean_l1,clone_acc_last," \
            "clone_ratio,fidelity,queries_total,attack_s,version,victim_seed,defense_seed,attack_seed,train_sha256,test_sha256,pool_sha256,clone_sha256,machine,threads,kernels,openblas"
        for (d = 0; d < D; d++) for (a = 0; a < A; a++) for (s = 1; s <= S; s++) { n++
            key = sprintf("%08x%08x", n * 7919, n); acc = 0.9 - 0.6 * d / D - 0.1 * a / A + 0.001 * s
            print key, "big", "mnist", "lenet5", "lenet5:epochs=10:lr=0.1", d ? "mad:epsilon=" d / D ":oracle=argmax" : "none",
                "knockoff:budget=" (a + 1) * 1000 ":epochs=10", "lenet5", "fashion-mnist:split=train:n=all:seed=0", "", 0, 0, a % 2 ? "soft" : "hard", (a + 1) * 1000, s, "ok", "",
                0.99, 0.98, 0.3, acc, acc / 0.99, acc, (a + 1) * 1000, 1.5, "v1", s, s, s, "d649", "fd1a", "756d", key, "CPU (2 cores)", 2, "avx2", "0.3 Haswell" } }' >"$1/results.csv"
    awk -F, 'BEGIN { OFS = ","; print "key,queries,epoch,clone_acc" } NR > 1 { for (e = 1; e <= 5; e++) print $1, $14, e, $21 * e / 5 }' "$1/results.csv" >"$1/curve.csv"
}

evil='</script><script>window.hacked=1</script><img src=x onerror=window.hacked=1><!-- " '"'"' & '
table "$dir/small" 3 2 3
quoted=$(printf '%s' "$evil" | sed 's/"/""/g')
sed -n 2p "$dir/small/results.csv" | awk -F, -v OFS=, -v evil="\"$quoted\"" '{ $1 = "evil" ; $6 = evil; $5 = evil; $10 = evil; $15 = 9; $16 = "numeric"; $17 = evil; $21 = ""; $34 = evil; print }' >>"$dir/small/results.csv"
check "the small report is written" '"$HEIST" report "$dir/small"'
table "$dir/big" 100 20 5
check "10,000 rows are reported, without figures, which take gnuplot long" 'PATH=/nonexistent "$HEIST" report "$dir/big" && [ "$(wc -l <"$dir/big/results.csv")" = 10001 ]'
check "the page holds one script more than its data" '[ "$(grep -c "</script" "$dir/small/report.html")" = 2 ]'
check "and nothing from elsewhere" '! grep -oE "(src|href)=.?(https?:|//|\.)" "$dir/small/report.html"'

node tests/integration/html_test.js "$dir" "${SHOTS:-$dir}" >"$dir/log" 2>&1 || tail -n 3 "$dir/log" >&2
cat "$dir/log"
counts=$(sed -n 's/^\([0-9]*\) checks passed, \([0-9]*\) failed$/\1 \2/p' "$dir/log")
if [ -n "$counts" ]; then
    passed=$((passed + ${counts% *})) failed=$((failed + ${counts#* }))
else bad "the browser did not come to the end"; fi
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
