# ood_distance-1-mnist-lenet5: mnist / lenet5
# `heist report` writes this file anew: change a copy, then run gnuplot on it in this folder.
set encoding utf8
set datafile separator comma
set datafile columnheaders
set border 3 lc rgb '#444444'
set tics nomirror
set grid ytics lt 1 lw 0.5 lc rgb '#dddddd'
set pointintervalbox 0
set bars 0.6
set xlabel 'how well a small network tells OOD set and pool apart (0.5: the same set)'
set ylabel 'clone test accuracy, %'
set xrange [0.47:1.02]
set yrange [-2:102]
set key outside right top vertical Left reverse
width = 760; height = 500 # pixels
scale = 2 # of the PNG
inch = width > 7*134 ? (width < 7*188 ? width/7. : 188.) : 134. # pixels: 7 inches, a page of two columns, at the most, and 7 to 5 points a letter
do for [format in 'svg png pdf'] {
if (format eq 'svg') { set terminal svg size width,height dynamic noenhanced background 'white' font 'Helvetica,13'; small = ',10' }
if (format eq 'png') { set terminal pngcairo size scale*width,scale*height noenhanced background 'white' font 'Sans,10' fontscale scale linewidth scale dashlength 0.7 pointscale 0.8*scale; small = ',8' }
if (format eq 'pdf') { set terminal pdfcairo size (width/inch)in,(height/inch)in noenhanced font sprintf('Helvetica,%.2f', 7*134/inch) fontscale 0.85 linewidth 0.8*134/inch pointscale 0.5*134/inch; small = sprintf(',%.2f', 5.6*134/inch) }
set output 'ood_distance-1-mnist-lenet5.'.format
data = 'ood_distance-1-mnist-lenet5.csv'
mark(d, a, flag) = column('family') == d && column('attack_number') == a && column('flagged') == flag ? column('distance') : NaN
plot \
  data using (mark(2, 1, 0)):(100*column('clone_acc_last')) with points pt 7 ps 1.2 lw 1.6 lc rgb '#0072B2' notitle, \
  data using (mark(2, 1, 1)):(100*column('clone_acc_last')) with points pt 6 ps 1.2 lw 1.6 lc rgb '#0072B2' notitle, \
  data using (mark(2, 2, 0)):(100*column('clone_acc_last')) with points pt 5 ps 1.2 lw 1.6 lc rgb '#0072B2' notitle, \
  data using (mark(2, 2, 1)):(100*column('clone_acc_last')) with points pt 4 ps 1.2 lw 1.6 lc rgb '#0072B2' notitle, \
  keyentry with boxes fs solid 1 noborder lc rgb '#0072B2' title 'ini', \
  data using (mark(8, 1, 0)):(100*column('clone_acc_last')) with points pt 7 ps 1.2 lw 1.6 lc rgb '#E69F00' notitle, \
  data using (mark(8, 1, 1)):(100*column('clone_acc_last')) with points pt 6 ps 1.2 lw 1.6 lc rgb '#E69F00' notitle, \
  data using (mark(8, 2, 0)):(100*column('clone_acc_last')) with points pt 5 ps 1.2 lw 1.6 lc rgb '#E69F00' notitle, \
  data using (mark(8, 2, 1)):(100*column('clone_acc_last')) with points pt 4 ps 1.2 lw 1.6 lc rgb '#E69F00' notitle, \
  keyentry with boxes fs solid 1 noborder lc rgb '#E69F00' title 'am', \
  data using (mark(15, 1, 0)):(100*column('clone_acc_last')) with points pt 7 ps 1.2 lw 1.6 lc rgb '#009E73' notitle, \
  data using (mark(15, 1, 1)):(100*column('clone_acc_last')) with points pt 6 ps 1.2 lw 1.6 lc rgb '#009E73' notitle, \
  data using (mark(15, 2, 0)):(100*column('clone_acc_last')) with points pt 5 ps 1.2 lw 1.6 lc rgb '#009E73' notitle, \
  data using (mark(15, 2, 1)):(100*column('clone_acc_last')) with points pt 4 ps 1.2 lw 1.6 lc rgb '#009E73' notitle, \
  keyentry with boxes fs solid 1 noborder lc rgb '#009E73' title 'edm', \
  keyentry with points pt 7 ps 1.2 lc rgb 'black' title 'knockoff pool=fashion-mnist', \
  keyentry with points pt 5 ps 1.2 lc rgb 'black' title 'knockoff pool=leaves', \
  keyentry with points pt 6 ps 1.2 lw 1.6 lc rgb 'black' title 'hollow: (*) upper bound'
unset output
}
