# knob-1-mnist-lenet5: mnist / lenet5
# `heist report` writes this file anew: change a copy, then run gnuplot on it in this folder.
set encoding utf8
set datafile separator comma
set datafile columnheaders
set border 3 lc rgb '#444444'
set tics nomirror
set grid ytics lt 1 lw 0.5 lc rgb '#dddddd'
set pointintervalbox 0
set bars 0.6
data = 'knob-1-mnist-lenet5.csv'
set style line 1 lc rgb '#0072B2' dt 1 lw 1.8 pt 7 ps 0.6
set style line 2 lc rgb '#E69F00' dt 2 lw 1.8 pt 5 ps 0.6
set style line 3 lc rgb '#009E73' dt 3 lw 1.8 pt 9 ps 0.6
set style line 4 lc rgb '#D55E00' dt 4 lw 1.8 pt 11 ps 0.6
set style line 5 lc rgb '#56B4E9' dt 5 lw 1.8 pt 13 ps 0.6
set style line 6 lc rgb '#CC79A7' dt 1 lw 1.8 pt 15 ps 0.6
set style line 7 lc rgb '#666666' dt 2 lw 1.8 pt 5 ps 0.6
set style line 8 lc rgb '#F0E442' dt 3 lw 1.8 pt 9 ps 0.6
set style line 9 lc rgb '#0072B2' dt 5 lw 1.8 pt 11 ps 0.6
set style line 10 lc rgb '#E69F00' dt 1 lw 1.8 pt 13 ps 0.6
set style line 11 lc rgb '#009E73' dt 2 lw 1.8 pt 15 ps 0.6
set style line 12 lc rgb '#D55E00' dt 3 lw 1.8 pt 7 ps 0.6
set style line 13 lc rgb '#56B4E9' dt 4 lw 1.8 pt 9 ps 0.6
width = 1164; height = 428 # pixels
scale = 2 # of the PNG
inch = width > 7*134 ? (width < 7*188 ? width/7. : 188.) : 134. # pixels: 7 inches, a page of two columns, at the most, and 7 to 5 points a letter
do for [format in 'svg png pdf'] {
if (format eq 'svg') { set terminal svg size width,height dynamic noenhanced background 'white' font 'Helvetica,13'; small = ',10' }
if (format eq 'png') { set terminal pngcairo size scale*width,scale*height noenhanced background 'white' font 'Sans,10' fontscale scale linewidth scale dashlength 0.7 pointscale 0.8*scale; small = ',8' }
if (format eq 'pdf') { set terminal pdfcairo size (width/inch)in,(height/inch)in noenhanced font sprintf('Helvetica,%.2f', 7*134/inch) fontscale 0.85 linewidth 0.8*134/inch pointscale 0.5*134/inch; small = sprintf(',%.2f', 5.6*134/inch) }
set output 'knob-1-mnist-lenet5.'.format
set multiplot
unset key
set border 3 lc rgb '#444444'
set yrange [0:100]
set ytics 20 nomirror
set grid ytics lt 1 lw 0.5 lc rgb '#dddddd'
set xrange [0:100.5]
set xtics autofreq nomirror
set ylabel 'clone test accuracy, %'
set lmargin at screen 0.0619; set rmargin at screen 0.3196; set tmargin at screen 0.9065; set bmargin at screen 0.3692
set title 'knockoff soft pool=fashion-mnist'
set xlabel 'defended accuracy, %'
plot \
  data every ::0::0 using (100*column('defended_acc')):(100*column('clone_acc')):(100*column('clone_ci95')) with yerrorbars ls 1 lw 0.6 pt 0 notitle, \
  '' every ::0::0 using (100*column('defended_acc')):(100*column('clone_acc')) with linespoints ls 1 notitle, \
  data every ::1::3 using (100*column('defended_acc')):(100*column('clone_acc')):(100*column('clone_ci95')) with yerrorbars ls 2 lw 0.6 pt 0 notitle, \
  '' every ::1::3 using (100*column('defended_acc')):(100*column('clone_acc')) with linespoints ls 2 notitle, \
  data every ::4::6 using (100*column('defended_acc')):(100*column('clone_acc')):(100*column('clone_ci95')) with yerrorbars ls 3 lw 0.6 pt 0 notitle, \
  '' every ::4::6 using (100*column('defended_acc')):(100*column('clone_acc')) with linespoints ls 3 notitle, \
  data every ::7::9 using (100*column('defended_acc')):(100*column('clone_acc')):(100*column('clone_ci95')) with yerrorbars ls 4 lw 0.6 pt 0 notitle, \
  '' every ::7::9 using (100*column('defended_acc')):(100*column('clone_acc')) with linespoints ls 4 notitle, \
  data every ::10::12 using (100*column('defended_acc')):(100*column('clone_acc')):(100*column('clone_ci95')) with yerrorbars ls 5 lw 0.6 pt 0 notitle, \
  '' every ::10::12 using (100*column('defended_acc')):(100*column('clone_acc')) with linespoints ls 5 notitle, \
  data every ::13::15 using (100*column('defended_acc')):(100*column('clone_acc')):(100*column('clone_ci95')) with yerrorbars ls 6 lw 0.6 pt 0 notitle, \
  '' every ::13::15 using (100*column('defended_acc')):(100*column('clone_acc')) with linespoints ls 6 notitle, \
  data every ::16::18 using (100*column('defended_acc')):(100*column('clone_acc')):(100*column('clone_ci95')) with yerrorbars ls 7 lw 0.6 pt 0 notitle, \
  '' every ::16::18 using (100*column('defended_acc')):(100*column('clone_acc')) with linespoints ls 7 notitle, \
  data every ::19::21 using (100*column('defended_acc')):(100*column('clone_acc')):(100*column('clone_ci95')) with yerrorbars ls 8 lw 0.6 pt 0 notitle, \
  '' every ::19::21 using (100*column('defended_acc')):(100*column('clone_acc')) with linespoints ls 8 notitle, \
  data every ::22::24 using (100*column('defended_acc')):(100*column('clone_acc')):(100*column('clone_ci95')) with yerrorbars ls 9 lw 0.6 pt 0 notitle, \
  '' every ::22::24 using (100*column('defended_acc')):(100*column('clone_acc')) with linespoints ls 9 notitle, \
  data every ::25::27 using (100*column('defended_acc')):(100*column('clone_acc')):(100*column('clone_ci95')) with yerrorbars ls 10 lw 0.6 pt 0 notitle, \
  '' every ::25::27 using (100*column('defended_acc')):(100*column('clone_acc')) with linespoints ls 10 notitle, \
  data every ::28::30 using (100*column('defended_acc')):(100*column('clone_acc')):(100*column('clone_ci95')) with yerrorbars ls 11 lw 0.6 pt 0 notitle, \
  '' every ::28::30 using (100*column('defended_acc')):(100*column('clone_acc')) with linespoints ls 11 notitle, \
  data every ::31::33 using (100*column('defended_acc')):(100*column('clone_acc')):(100*column('clone_ci95')) with yerrorbars ls 12 lw 0.6 pt 0 notitle, \
  '' every ::31::33 using (100*column('defended_acc')):(100*column('clone_acc')) with linespoints ls 12 notitle, \
  data every ::34::36 using (100*column('defended_acc')):(100*column('clone_acc')):(100*column('clone_ci95')) with yerrorbars ls 13 lw 0.6 pt 0 notitle, \
  '' every ::34::36 using (100*column('defended_acc')):(100*column('clone_acc')) with linespoints ls 13 notitle, \
  NaN notitle
set ylabel ''
set lmargin at screen 0.3952; set rmargin at screen 0.6529; set tmargin at screen 0.9065; set bmargin at screen 0.3692
set title 'knockoff hard pool=fashion-mnist'
set xlabel 'defended accuracy, %'
plot \
  data every ::37::37 using (100*column('defended_acc')):(100*column('clone_acc')):(100*column('clone_ci95')) with yerrorbars ls 1 lw 0.6 pt 0 notitle, \
  '' every ::37::37 using (100*column('defended_acc')):(100*column('clone_acc')) with linespoints ls 1 notitle, \
  data every ::38::40 using (100*column('defended_acc')):(100*column('clone_acc')):(100*column('clone_ci95')) with yerrorbars ls 2 lw 0.6 pt 0 notitle, \
  '' every ::38::40 using (100*column('defended_acc')):(100*column('clone_acc')) with linespoints ls 2 notitle, \
  data every ::41::43 using (100*column('defended_acc')):(100*column('clone_acc')):(100*column('clone_ci95')) with yerrorbars ls 3 lw 0.6 pt 0 notitle, \
  '' every ::41::43 using (100*column('defended_acc')):(100*column('clone_acc')) with linespoints ls 3 notitle, \
  data every ::44::46 using (100*column('defended_acc')):(100*column('clone_acc')):(100*column('clone_ci95')) with yerrorbars ls 4 lw 0.6 pt 0 notitle, \
  '' every ::44::46 using (100*column('defended_acc')):(100*column('clone_acc')) with linespoints ls 4 notitle, \
  data every ::47::49 using (100*column('defended_acc')):(100*column('clone_acc')):(100*column('clone_ci95')) with yerrorbars ls 5 lw 0.6 pt 0 notitle, \
  '' every ::47::49 using (100*column('defended_acc')):(100*column('clone_acc')) with linespoints ls 5 notitle, \
  data every ::50::52 using (100*column('defended_acc')):(100*column('clone_acc')):(100*column('clone_ci95')) with yerrorbars ls 6 lw 0.6 pt 0 notitle, \
  '' every ::50::52 using (100*column('defended_acc')):(100*column('clone_acc')) with linespoints ls 6 notitle, \
  data every ::53::55 using (100*column('defended_acc')):(100*column('clone_acc')):(100*column('clone_ci95')) with yerrorbars ls 7 lw 0.6 pt 0 notitle, \
  '' every ::53::55 using (100*column('defended_acc')):(100*column('clone_acc')) with linespoints ls 7 notitle, \
  data every ::56::58 using (100*column('defended_acc')):(100*column('clone_acc')):(100*column('clone_ci95')) with yerrorbars ls 8 lw 0.6 pt 0 notitle, \
  '' every ::56::58 using (100*column('defended_acc')):(100*column('clone_acc')) with linespoints ls 8 notitle, \
  data every ::59::61 using (100*column('defended_acc')):(100*column('clone_acc')):(100*column('clone_ci95')) with yerrorbars ls 9 lw 0.6 pt 0 notitle, \
  '' every ::59::61 using (100*column('defended_acc')):(100*column('clone_acc')) with linespoints ls 9 notitle, \
  data every ::62::64 using (100*column('defended_acc')):(100*column('clone_acc')):(100*column('clone_ci95')) with yerrorbars ls 10 lw 0.6 pt 0 notitle, \
  '' every ::62::64 using (100*column('defended_acc')):(100*column('clone_acc')) with linespoints ls 10 notitle, \
  data every ::65::67 using (100*column('defended_acc')):(100*column('clone_acc')):(100*column('clone_ci95')) with yerrorbars ls 11 lw 0.6 pt 0 notitle, \
  '' every ::65::67 using (100*column('defended_acc')):(100*column('clone_acc')) with linespoints ls 11 notitle, \
  data every ::68::70 using (100*column('defended_acc')):(100*column('clone_acc')):(100*column('clone_ci95')) with yerrorbars ls 12 lw 0.6 pt 0 notitle, \
  '' every ::68::70 using (100*column('defended_acc')):(100*column('clone_acc')) with linespoints ls 12 notitle, \
  data every ::71::73 using (100*column('defended_acc')):(100*column('clone_acc')):(100*column('clone_ci95')) with yerrorbars ls 13 lw 0.6 pt 0 notitle, \
  '' every ::71::73 using (100*column('defended_acc')):(100*column('clone_acc')) with linespoints ls 13 notitle, \
  NaN notitle
set ylabel ''
set lmargin at screen 0.7285; set rmargin at screen 0.9863; set tmargin at screen 0.9065; set bmargin at screen 0.3692
set title 'jbda'
set xlabel 'defended accuracy, %'
plot \
  data every ::74::74 using (100*column('defended_acc')):(100*column('clone_acc')):(100*column('clone_ci95')) with yerrorbars ls 1 lw 0.6 pt 0 notitle, \
  '' every ::74::74 using (100*column('defended_acc')):(100*column('clone_acc')) with linespoints ls 1 notitle, \
  data every ::75::77 using (100*column('defended_acc')):(100*column('clone_acc')):(100*column('clone_ci95')) with yerrorbars ls 2 lw 0.6 pt 0 notitle, \
  '' every ::75::77 using (100*column('defended_acc')):(100*column('clone_acc')) with linespoints ls 2 notitle, \
  data every ::78::80 using (100*column('defended_acc')):(100*column('clone_acc')):(100*column('clone_ci95')) with yerrorbars ls 3 lw 0.6 pt 0 notitle, \
  '' every ::78::80 using (100*column('defended_acc')):(100*column('clone_acc')) with linespoints ls 3 notitle, \
  data every ::81::83 using (100*column('defended_acc')):(100*column('clone_acc')):(100*column('clone_ci95')) with yerrorbars ls 4 lw 0.6 pt 0 notitle, \
  '' every ::81::83 using (100*column('defended_acc')):(100*column('clone_acc')) with linespoints ls 4 notitle, \
  data every ::84::86 using (100*column('defended_acc')):(100*column('clone_acc')):(100*column('clone_ci95')) with yerrorbars ls 5 lw 0.6 pt 0 notitle, \
  '' every ::84::86 using (100*column('defended_acc')):(100*column('clone_acc')) with linespoints ls 5 notitle, \
  data every ::87::89 using (100*column('defended_acc')):(100*column('clone_acc')):(100*column('clone_ci95')) with yerrorbars ls 6 lw 0.6 pt 0 notitle, \
  '' every ::87::89 using (100*column('defended_acc')):(100*column('clone_acc')) with linespoints ls 6 notitle, \
  data every ::90::92 using (100*column('defended_acc')):(100*column('clone_acc')):(100*column('clone_ci95')) with yerrorbars ls 7 lw 0.6 pt 0 notitle, \
  '' every ::90::92 using (100*column('defended_acc')):(100*column('clone_acc')) with linespoints ls 7 notitle, \
  data every ::93::95 using (100*column('defended_acc')):(100*column('clone_acc')):(100*column('clone_ci95')) with yerrorbars ls 8 lw 0.6 pt 0 notitle, \
  '' every ::93::95 using (100*column('defended_acc')):(100*column('clone_acc')) with linespoints ls 8 notitle, \
  data every ::96::98 using (100*column('defended_acc')):(100*column('clone_acc')):(100*column('clone_ci95')) with yerrorbars ls 9 lw 0.6 pt 0 notitle, \
  '' every ::96::98 using (100*column('defended_acc')):(100*column('clone_acc')) with linespoints ls 9 notitle, \
  data every ::99::101 using (100*column('defended_acc')):(100*column('clone_acc')):(100*column('clone_ci95')) with yerrorbars ls 10 lw 0.6 pt 0 notitle, \
  '' every ::99::101 using (100*column('defended_acc')):(100*column('clone_acc')) with linespoints ls 10 notitle, \
  data every ::102::104 using (100*column('defended_acc')):(100*column('clone_acc')):(100*column('clone_ci95')) with yerrorbars ls 11 lw 0.6 pt 0 notitle, \
  '' every ::102::104 using (100*column('defended_acc')):(100*column('clone_acc')) with linespoints ls 11 notitle, \
  data every ::105::107 using (100*column('defended_acc')):(100*column('clone_acc')):(100*column('clone_ci95')) with yerrorbars ls 12 lw 0.6 pt 0 notitle, \
  '' every ::105::107 using (100*column('defended_acc')):(100*column('clone_acc')) with linespoints ls 12 notitle, \
  data every ::108::110 using (100*column('defended_acc')):(100*column('clone_acc')):(100*column('clone_ci95')) with yerrorbars ls 13 lw 0.6 pt 0 notitle, \
  '' every ::108::110 using (100*column('defended_acc')):(100*column('clone_acc')) with linespoints ls 13 notitle, \
  NaN notitle
set lmargin at screen 0.01; set rmargin at screen 0.99; set bmargin at screen 0.005; set tmargin at screen 0.2150
unset title; unset xlabel; unset ylabel; unset tics; unset border; unset grid; unset arrow
set key center center horizontal Left reverse samplen 4 maxcols 4
plot [0:1][0:1] \
  NaN with linespoints ls 1 title 'none', \
  NaN with linespoints ls 2 title 'ini (gamma)', \
  NaN with linespoints ls 3 title 'mad oracle=extreme (epsilon)', \
  NaN with linespoints ls 4 title 'mad oracle=argmax (epsilon)', \
  NaN with linespoints ls 5 title 'grad2 (epsilon)', \
  NaN with linespoints ls 6 title 'am (tau)', \
  NaN with linespoints ls 7 title 'edm (lambda)', \
  NaN with linespoints ls 8 title 'modelguard-w (epsilon)', \
  NaN with linespoints ls 9 title 'modelguard-s (epsilon)', \
  NaN with linespoints ls 10 title 'reverse-sigmoid (beta)', \
  NaN with linespoints ls 11 title 'noise (epsilon)', \
  NaN with linespoints ls 12 title 'topk (k)', \
  NaN with linespoints ls 13 title 'round (digits)'
unset multiplot
unset output
}
