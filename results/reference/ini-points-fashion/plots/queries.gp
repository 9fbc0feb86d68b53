# queries: fashion-mnist / lenet5
# `heist report` writes this file anew: change a copy, then run gnuplot on it in this folder.
set encoding utf8
set datafile separator comma
set datafile columnheaders
set border 3 lc rgb '#444444'
set tics nomirror
set grid ytics lt 1 lw 0.5 lc rgb '#dddddd'
set pointintervalbox 0
set bars 0.6
data = 'queries.csv'
set style line 1 lc rgb '#0072B2' dt 1 lw 1.8 pt 7 ps 0.6
set style line 2 lc rgb '#E69F00' dt 2 lw 1.8 pt 5 ps 0.6
width = 608; height = 458 # pixels
scale = 2 # of the PNG
inch = width > 7*134 ? (width < 7*188 ? width/7. : 188.) : 134. # pixels: 7 inches, a page of two columns, at the most, and 7 to 5 points a letter
do for [format in 'svg png pdf'] {
if (format eq 'svg') { set terminal svg size width,height dynamic noenhanced background 'white' font 'Helvetica,13'; small = ',10' }
if (format eq 'png') { set terminal pngcairo size scale*width,scale*height noenhanced background 'white' font 'Sans,10' fontscale scale linewidth scale dashlength 0.7 pointscale 0.8*scale; small = ',8' }
if (format eq 'pdf') { set terminal pdfcairo size (width/inch)in,(height/inch)in noenhanced font sprintf('Helvetica,%.2f', 7*134/inch) fontscale 0.85 linewidth 0.8*134/inch pointscale 0.5*134/inch; small = sprintf(',%.2f', 5.6*134/inch) }
set output 'queries.'.format
set multiplot
unset key
set border 3 lc rgb '#444444'
set yrange [0:100]
set ytics 20 nomirror
set grid ytics lt 1 lw 0.5 lc rgb '#dddddd'
set ylabel 'clone test accuracy, %'
set lmargin at screen 0.1184; set rmargin at screen 0.9737; set tmargin at screen 0.9127; set bmargin at screen 0.2140
set title 'jbda'
set xlabel 'queries'
set xrange [0:9639]
set xtics nomirror ('0' 0, '2k' 2000, '4k' 4000, '6k' 6000, '8k' 8000)
plot \
  data every ::0::5 using 3:(100*(column('clone_acc')-column('ci95'))):(100*(column('clone_acc')+column('ci95'))) with filledcurves fs transparent solid 0.15 noborder lc rgb '#0072B2' notitle, \
  '' every ::0::5 using 3:(100*column('clone_acc')) with linespoints ls 1 pi 1 notitle, \
  data every ::6::11 using 3:(100*(column('clone_acc')-column('ci95'))):(100*(column('clone_acc')+column('ci95'))) with filledcurves fs transparent solid 0.15 noborder lc rgb '#E69F00' notitle, \
  '' every ::6::11 using 3:(100*column('clone_acc')) with linespoints ls 2 pi 1 notitle, \
  NaN notitle
set lmargin at screen 0.01; set rmargin at screen 0.99; set bmargin at screen 0.005; set tmargin at screen 0.0699
unset title; unset xlabel; unset ylabel; unset tics; unset border; unset grid; unset arrow
set key center center horizontal Left reverse samplen 4 maxcols 6
plot [0:1][0:1] \
  NaN with linespoints ls 1 title 'none', \
  NaN with linespoints ls 2 title 'ini'
unset multiplot
unset output
}
