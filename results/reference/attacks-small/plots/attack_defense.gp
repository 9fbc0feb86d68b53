# attack_defense: mnist / lenet5
# `heist report` writes this file anew: change a copy, then run gnuplot on it in this folder.
set encoding utf8
set datafile separator comma
set datafile columnheaders
set border 3 lc rgb '#444444'
set tics nomirror
set grid ytics lt 1 lw 0.5 lc rgb '#dddddd'
set pointintervalbox 0
set bars 0.6
set xrange [0.5:23.5]
set yrange [6.5:0.5]
unset grid
unset key
set cblabel 'clone accuracy, %'
set cbrange [0:100]
set palette defined (0 '#f7fbff', 50 '#6baed6', 100 '#08306b')
set tics scale 0
set ytics ("none" 1, "ini" 2, "mad" 3, "reverse-sigmoid" 4, "am" 5, "edm" 6)
set xtics rotate by 35 right ("knockoff soft 1k policy=random" 1, "knockoff hard 1k policy=random" 2, "knockoff soft 5k policy=random" 3, "knockoff hard 5k policy=random" 4, "knockoff soft 5k policy=adaptive" 5, "knockoff topk 5k policy=random" 6, "knockoff round 5k policy=random" 7, "activethief" 8, "jbda soft direction=label" 9, "jbda hard direction=label" 10, "jbda soft direction=self" 11, "jbda soft direction=top" 12, "jbda-tr" 13, "semi" 14, "top1" 15, "average" 16, "dedup-noise" 17, "pbayes knowledge=none" 18, "pbayes knowledge=parameters" 19, "dae" 20, "shadow" 21, "dfme" 22, "maze" 23)
set lmargin at screen 0.1110
set rmargin at screen 0.9185
set bmargin at screen 0.3807
set colorbox user origin screen 0.9310, screen 0.3807 size screen 0.0138, screen 0.5178
width = 1595; height = 394 # pixels
scale = 2 # of the PNG
inch = width > 7*134 ? (width < 7*188 ? width/7. : 188.) : 134. # pixels: 7 inches, a page of two columns, at the most, and 7 to 5 points a letter
do for [format in 'svg png pdf'] {
if (format eq 'svg') { set terminal svg size width,height dynamic noenhanced background 'white' font 'Helvetica,13'; small = ',10' }
if (format eq 'png') { set terminal pngcairo size scale*width,scale*height noenhanced background 'white' font 'Sans,10' fontscale scale linewidth scale dashlength 0.7 pointscale 0.8*scale; small = ',8' }
if (format eq 'pdf') { set terminal pdfcairo size (width/inch)in,(height/inch)in noenhanced font sprintf('Helvetica,%.2f', 7*134/inch) fontscale 0.85 linewidth 0.8*134/inch pointscale 0.5*134/inch; small = sprintf(',%.2f', 5.6*134/inch) }
set output 'attack_defense.'.format
data = 'attack_defense.csv'
plot data using 1:2:(0.5):(0.5):(100*column('clone_acc_last')) with boxxyerror lc palette fs solid 1 noborder, \
  data using 1:2:(sprintf('%.1f%s', 100*column('clone_acc_last'), column('flagged') == 1 ? ' (*)' : '')):(column('clone_acc_last') > 0.6 ? 0xffffff : 0) with labels tc rgb variable
unset output
}
