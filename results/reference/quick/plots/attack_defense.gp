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
set xrange [0.5:3.5]
set yrange [5.5:0.5]
unset grid
unset key
set cblabel 'clone accuracy, %'
set cbrange [0:100]
set palette defined (0 '#f7fbff', 50 '#6baed6', 100 '#08306b')
set tics scale 0
set ytics ("none" 1, "ini ood=strokes" 2, "ini ood=fashion-mnist (*)" 3, "mad oracle=extreme" 4, "mad oracle=argmax" 5)
set xtics rotate by 35 right ("knockoff soft" 1, "knockoff hard" 2, "jbda" 3)
set lmargin at screen 0.3355
set rmargin at screen 0.7872
set bmargin at screen 0.2632
set colorbox user origin screen 0.8200, screen 0.2632 size screen 0.0360, screen 0.5965
width = 611; height = 285 # pixels
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
