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
set xrange [0.5:18.5]
set yrange [6.5:0.5]
unset grid
unset key
set cblabel 'clone accuracy, %'
set cbrange [0:100]
set palette defined (0 '#f7fbff', 50 '#6baed6', 100 '#08306b')
set tics scale 0
set ytics ("none" 1, "ini" 2, "mad" 3, "reverse-sigmoid" 4, "am" 5, "edm" 6)
set xtics rotate by 35 right ("knockoff soft 1k policy=random" 1, "knockoff hard 1k policy=random" 2, "knockoff soft 5k policy=random" 3, "knockoff hard 5k policy=random" 4, "knockoff soft 5k policy=adaptive" 5, "activethief" 6, "jbda soft" 7, "jbda hard" 8, "jbda-tr" 9, "top1" 10, "average" 11, "dedup-noise" 12, "pbayes knowledge=none" 13, "pbayes knowledge=parameters" 14, "dae" 15, "shadow" 16, "dfme" 17, "maze" 18)
set lmargin at screen 0.1346
set rmargin at screen 0.9011
set bmargin at screen 0.3807
set colorbox user origin screen 0.9163, screen 0.3807 size screen 0.0167, screen 0.5178
width = 1315; height = 394 # pixels
scale = 2 # of the PNG
do for [format in 'svg png pdf'] {
if (format eq 'svg') { set terminal svg size width,height dynamic noenhanced background 'white' font 'Helvetica,13' }
if (format eq 'png') { set terminal pngcairo size scale*width,scale*height noenhanced background 'white' font 'Sans,10' fontscale scale linewidth scale dashlength 0.7 pointscale 0.8*scale }
if (format eq 'pdf') { set terminal pdfcairo size (width/110.)in,(height/110.)in noenhanced font 'Helvetica,8.5' linewidth 0.9 pointscale 0.6 }
set output 'attack_defense.'.format
data = 'attack_defense.csv'
plot data using 1:2:(0.5):(0.5):(100*column('clone_acc_last')) with boxxyerror lc palette fs solid 1 noborder, \
  data using 1:2:(sprintf('%.1f%s', 100*column('clone_acc_last'), column('flagged') == 1 ? ' (*)' : '')):(column('clone_acc_last') > 0.6 ? 0xffffff : 0) with labels tc rgb variable
unset output
}
