# For test scripts (. tests/check.sh): a folder of their own, $dir, counted checks, and comparing result tables.
passed=0 failed=0
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
ok() { passed=$((passed + 1)); }
bad() { echo "FAIL: $1"; failed=$((failed + 1)); }
check() { if eval "$2" >/dev/null 2>&1; then ok; else bad "$1"; fi; }

# A results.csv without what is measured in seconds or megabytes, and where; the rows stay where they are.
numbers() {
    awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) if ($i ~ /^(victim_train_s|fit_s|query_us|attack_s|peak_mb|version|machine|threads|kernels|openblas)$/) drop[i] = 1 }
        { line = ""; for (i = 1; i <= NF; i++) if (!(i in drop)) line = line "," $i; print line }' "$1"
}

# A small sweep, $dir/s.ini: eight cells in a few seconds, with the clone's EPOCHS; what else stands before its attack comes on stdin.
small_sweep() { # EPOCHS
    {
        printf '%s\n' '[sweep]' 'seeds = 1 2' 'pool  = strokes:n=600' '[victim]' 'dataset = mnist:n=1000' 'epochs  = 1' '[defense none]'
        cat
        printf '%s\n' '[attack knockoff]' 'budget = 100 400' "epochs = $1" 'label  = soft hard'
    } >"$dir/s.ini"
}

# The processes that PID began, one a line; a bare system has no ps.
children() { # PID
    grep -ls "^PPid:[[:space:]]*$1\$" /proc/[0-9]*/status 2>/dev/null | cut -d / -f 3
}
