# tradeoff: fashion-mnist / lenet5
# `heist report` writes this file anew: change a copy, then run gnuplot on it in this folder.
set encoding utf8
set datafile separator comma
set datafile columnheaders
set border 3 lc rgb '#444444'
set tics nomirror
set grid ytics lt 1 lw 0.5 lc rgb '#dddddd'
set pointintervalbox 0
set bars 0.6
data = 'tradeoff.csv'
array COLOUR[8] = [0x0072B2, 0xE69F00, 0x009E73, 0xD55E00, 0x56B4E9, 0xCC79A7, 0x666666, 0xF0E442]
array FULL[6] = [7, 5, 9, 11, 13, 15]
array HOLLOW[6] = [6, 4, 8, 10, 12, 14]
acc(name) = 100*column(name)
hue(name) = COLOUR[int(column(name)-1)%|COLOUR|+1]
turn(name) = int(column(name)-1)%|FULL|+1
mark(name) = column('flagged') == 1 ? HOLLOW[turn(name)] : FULL[turn(name)]
number(name) = sprintf('%d', int(column(name)))
# numbers stand right of odd marks, left of even ones; others are out of sight (5.4 dies of labels all NaN)
odd(name) = int(column(name))%2
side(which) = column('numbered') == 1 && odd('defense_number') == which ? acc('defended_acc') : -1e3
array SIZE[3] = [1.4, 0.9, 2.0]
size(name) = unit*SIZE[int((column(name)-1)/|FULL|)%3+1]
set xlabel 'defended accuracy, % (what users get)'
set ylabel 'clone test accuracy, %'
set xrange [85:89]
set yrange [0:100]
set ytics 20
set grid xtics ytics lt 1 lw 0.5 lc rgb '#dddddd'
set rmargin at screen 0.6750
set key at screen 0.7000, 0.95 left top horizontal Left reverse samplen 1.2 maxcols 1
width = 720; height = 430 # pixels
scale = 2 # of the PNG
inch = width > 7*134 ? (width < 7*188 ? width/7. : 188.) : 134. # pixels: 7 inches, a page of two columns, at the most, and 7 to 5 points a letter
do for [format in 'svg png pdf'] {
if (format eq 'svg') { set terminal svg size width,height dynamic noenhanced background 'white' font 'Helvetica,13'; small = ',10' }
if (format eq 'png') { set terminal pngcairo size scale*width,scale*height noenhanced background 'white' font 'Sans,10' fontscale scale linewidth scale dashlength 0.7 pointscale 0.8*scale; small = ',8' }
if (format eq 'pdf') { set terminal pdfcairo size (width/inch)in,(height/inch)in noenhanced font sprintf('Helvetica,%.2f', 7*134/inch) fontscale 0.85 linewidth 0.8*134/inch pointscale 0.5*134/inch; small = sprintf(',%.2f', 5.6*134/inch) }
set output 'tradeoff.'.format
unit = format eq 'svg' ? 0.7 : 1 # marks of one size in both
set title 'right and down is better for the defender' font small textcolor rgb '#666666'
plot \
  x with lines lc rgb '#999999' dt 2 lw 1 title 'clone as good as the victim', \
  data using (acc('defended_acc')):(acc('clone_acc_last')):(acc('defended_ci95')):(acc('clone_ci95')) with xyerrorbars lc rgb '#999999' lw 0.8 pt 0 notitle, \
  data using (acc('defended_acc')):(acc('clone_acc_last')):(size('attack_number')):(mark('attack_number')):(hue('defense_number')) with points ps variable pt variable lc rgb variable lw 1.6 notitle, \
  data using (side(1)):(acc('clone_acc_last')):(number('defense_number')) with labels font small left offset 0.6,0.35 notitle, \
  data using (side(0)):(acc('clone_acc_last')):(number('defense_number')) with labels font small right offset -0.6,0.35 notitle, \
  keyentry with points pt 7 ps 1.4*unit lc rgb 'black' title 'knockoff', \
  keyentry with points pt 5 ps 1.4*unit lc rgb 'black' title 'jbda', \
  keyentry with lines lc rgb 'white' lw 0.1 title ' ', \
  keyentry with boxes fs solid 1 noborder lc rgb '#0072B2' title '1  none', \
  keyentry with boxes fs solid 1 noborder lc rgb '#E69F00' title '2  ini'
unset output
}
