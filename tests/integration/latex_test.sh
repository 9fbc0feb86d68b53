#!/bin/sh
# report.tex compiles as it is written, and its tables in a paper of two columns; the figures' letters can be read there. HEIST is the binary.
. tests/check.sh
compile() { (cd "$1" && pdflatex -interaction=nonstopmode -halt-on-error "$2" >"$2.out" 2>&1); }

for reference in results/reference/*/results.csv; do
    reference=$(dirname "$reference")
    name=$(basename "$reference")
    cp -r "$reference" "$dir/$name"
    "$HEIST" report "$dir/$name" >"$dir/log" 2>&1
    check "$name: report.tex compiles" 'compile "$dir/$name" report.tex'
    check "$name: nothing is undefined, nothing is wider than the page" '! grep -q -e "undefined" -e "^Overfull .hbox" "$dir/$name/report.log"'
done

# ---- names that are LaTeX, in every place that a table shows
mkdir "$dir/hostile"
cat >"$dir/hostile/results.csv" <<'CSV'
key,dataset,model,defense,attack,pool,ood,ood_is_pool,label,budget,seed,status,error,victim_acc,defended_acc,mean_l1,clone_acc_last
k1,m_{n}\end{document},l%5,\input{x}&_^,a$b#c~d,p|<>,,1,soft,100,1,ok,,0.9,0.9,0.1,0.5
k2,m_{n}\end{document},l%5,none,a$b#c~d,p|<>,,0,soft,100,1,failed,"é ☃ \undefined",,,,
CSV
"$HEIST" report "$dir/hostile" >"$dir/log" 2>&1
check "names that are LaTeX compile" 'compile "$dir/hostile" report.tex'
check "and are set as they are" 'pdftotext "$dir/hostile/report.pdf" - | grep -q "input{x}&_"'

# ---- a paper's own document
cat >"$dir/quick/paper.tex" <<'TEX'
\documentclass[10pt,twocolumn]{article}
\usepackage{booktabs,graphicx}
\begin{document}
\begin{table*}\centering\small\input{tables/clone_accuracy}\end{table*}
\begin{figure*}\centering\includegraphics{plots/tradeoff.pdf}\end{figure*}
Text.
\end{document}
TEX
check "a table and a figure in a paper of two columns" 'compile "$dir/quick" paper.tex'
widest=0
for f in "$dir"/quick/plots/*.pdf; do
    w=$(pdfinfo "$f" | sed -n 's/^Page size: *\([0-9]*\).*/\1/p')
    [ "$w" -le "$widest" ] || widest=$w
done
check "figures of few defenses are at most 7 inches wide ($widest points)" '[ "$widest" -le 505 ]'
small=$(for f in "$dir"/quick/plots/*.pdf; do pdftotext -bbox "$f" - | sed -n 's/.*yMin="\([0-9.]*\)".*yMax="\([0-9.]*\)".*/\2 \1/p'; done | awk '{ h = $1 - $2 } NR == 1 || h < least { least = h } END { print least }')
check "lines of letters are at least 5 points high ($small)" 'awk "BEGIN { exit !($small >= 5) }"'

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
