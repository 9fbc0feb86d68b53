# clone_accuracy: fashion-mnist / lenet5
# `heist report` writes this file anew: change a copy, then run gnuplot on it in this folder.
set encoding utf8
set datafile separator comma
set datafile columnheaders
set border 3 lc rgb '#444444'
set tics nomirror
set grid ytics lt 1 lw 0.5 lc rgb '#dddddd'
set pointintervalbox 0
set bars 0.6
set style fill solid
set ylabel 'clone test accuracy, %'
set yrange [0:100]
set ytics 20
set mytics 2
set xrange [0.45:2.55]
set key tmargin center horizontal Left reverse samplen 1.6 width 1
set bmargin at screen 0.0842
set xtics scale 0 norotate ("none" 1, "ini" 2)
width = 560; height = 404 # pixels
scale = 2 # of the PNG
inch = width > 7*134 ? (width < 7*188 ? width/7. : 188.) : 134. # pixels: 7 inches, a page of two columns, at the most, and 7 to 5 points a letter
do for [format in 'svg png pdf'] {
if (format eq 'svg') { set terminal svg size width,height dynamic noenhanced background 'white' font 'Helvetica,13'; small = ',10' }
if (format eq 'png') { set terminal pngcairo size scale*width,scale*height noenhanced background 'white' font 'Sans,10' fontscale scale linewidth scale dashlength 0.7 pointscale 0.8*scale; small = ',8' }
if (format eq 'pdf') { set terminal pdfcairo size (width/inch)in,(height/inch)in noenhanced font sprintf('Helvetica,%.2f', 7*134/inch) fontscale 0.85 linewidth 0.8*134/inch pointscale 0.5*134/inch; small = sprintf(',%.2f', 5.6*134/inch) }
set output 'clone_accuracy.'.format
data = 'clone_accuracy.csv'
wide = 0.368 # of a bar
bar(a, flag) = column('attack_number') == a && column('flagged') == flag ? column('x') : NaN
any(name) = column(name) > 0 ? column('x') : NaN
acc(name) = 100*column(name)
plot \
  data using (bar(1, 0)):(acc('clone_acc_last')):(wide) with boxes lc rgb '#0072B2' lw 0.7 fs solid 1 border lc rgb 'black' notitle, \
  data using (bar(2, 0)):(acc('clone_acc_last')):(wide) with boxes lc rgb '#E69F00' lw 0.7 fs solid 1 border lc rgb 'black' notitle, \
  data using (any('attack_number')):(acc('clone_acc_last')-acc('ci95')):(0):(2*acc('ci95')) with vectors heads size graph 0.005,90 lc rgb 'black' lw 1.2 notitle, \
  data using (column('attack_number') == 0 ? column('x')-0.44 : NaN):(acc('victim_acc')):(0.88):(0) with vectors nohead lc rgb 'black' lw 2.5 notitle, \
  keyentry with boxes lc rgb '#0072B2' lw 0.7 fs solid 1 border lc rgb 'black' title 'knockoff', \
  keyentry with boxes lc rgb '#E69F00' lw 0.7 fs solid 1 border lc rgb 'black' title 'jbda', \
  keyentry with lines lc rgb 'black' lw 2.5 title 'victim'
unset output
}
