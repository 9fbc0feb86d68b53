# attack_defense-2-fashion-mnist-lenet5: fashion-mnist / lenet5
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
set yrange [37.5:0.5]
unset grid
unset key
set cblabel 'clone accuracy, %'
set cbrange [0:100]
set palette defined (0 '#f7fbff', 50 '#6baed6', 100 '#08306b')
set tics scale 0
set ytics ("none" 1, "ini gamma=0.1" 2, "ini gamma=0.3" 3, "ini gamma=1" 4, "mad epsilon=0.2 oracle=extreme" 5, "mad epsilon=0.6 oracle=extreme" 6, "mad epsilon=1 oracle=extreme" 7, "mad epsilon=0.2 oracle=argmax" 8, "mad epsilon=0.6 oracle=argmax" 9, "mad epsilon=1 oracle=argmax" 10, "grad2 epsilon=0.2" 11, "grad2 epsilon=0.6" 12, "grad2 epsilon=1" 13, "am tau=0.5" 14, "am tau=0.9" 15, "am tau=0.99" 16, "edm lambda=0.3" 17, "edm lambda=1" 18, "edm lambda=3" 19, "modelguard-w epsilon=0.2" 20, "modelguard-w epsilon=0.6" 21, "modelguard-w epsilon=1" 22, "modelguard-s epsilon=0.2" 23, "modelguard-s epsilon=0.6" 24, "modelguard-s epsilon=1" 25, "reverse-sigmoid beta=0.05" 26, "reverse-sigmoid beta=0.2" 27, "reverse-sigmoid beta=0.8" 28, "noise epsilon=0.2" 29, "noise epsilon=0.6" 30, "noise epsilon=1" 31, "topk k=1" 32, "topk k=2" 33, "topk k=5" 34, "round digits=0" 35, "round digits=1" 36, "round digits=2" 37)
set xtics rotate by 35 right ("jbda" 1, "knockoff soft pool=mnist" 2, "knockoff hard pool=mnist" 3)
set lmargin at screen 0.3715
set rmargin at screen 0.7988
set bmargin at screen 0.0833
set colorbox user origin screen 0.8297, screen 0.0833 size screen 0.0341, screen 0.8884
width = 646; height = 1416 # pixels
scale = 2 # of the PNG
inch = width > 7*134 ? (width < 7*188 ? width/7. : 188.) : 134. # pixels: 7 inches, a page of two columns, at the most, and 7 to 5 points a letter
do for [format in 'svg png pdf'] {
if (format eq 'svg') { set terminal svg size width,height dynamic noenhanced background 'white' font 'Helvetica,13'; small = ',10' }
if (format eq 'png') { set terminal pngcairo size scale*width,scale*height noenhanced background 'white' font 'Sans,10' fontscale scale linewidth scale dashlength 0.7 pointscale 0.8*scale; small = ',8' }
if (format eq 'pdf') { set terminal pdfcairo size (width/inch)in,(height/inch)in noenhanced font sprintf('Helvetica,%.2f', 7*134/inch) fontscale 0.85 linewidth 0.8*134/inch pointscale 0.5*134/inch; small = sprintf(',%.2f', 5.6*134/inch) }
set output 'attack_defense-2-fashion-mnist-lenet5.'.format
data = 'attack_defense-2-fashion-mnist-lenet5.csv'
plot data using 1:2:(0.5):(0.5):(100*column('clone_acc_last')) with boxxyerror lc palette fs solid 1 noborder, \
  data using 1:2:(sprintf('%.1f%s', 100*column('clone_acc_last'), column('flagged') == 1 ? ' (*)' : '')):(column('clone_acc_last') > 0.6 ? 0xffffff : 0) with labels tc rgb variable
unset output
}
