# training_curves-1-mnist-lenet5: mnist / lenet5
# `heist report` writes this file anew: change a copy, then run gnuplot on it in this folder.
set encoding utf8
set datafile separator comma
set datafile columnheaders
set border 3 lc rgb '#444444'
set tics nomirror
set grid ytics lt 1 lw 0.5 lc rgb '#dddddd'
set pointintervalbox 0
set bars 0.6
data = 'training_curves-1-mnist-lenet5.csv'
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
set style line 14 lc rgb '#CC79A7' dt 5 lw 1.8 pt 11 ps 0.6
set style line 15 lc rgb '#666666' dt 1 lw 1.8 pt 13 ps 0.6
set style line 16 lc rgb '#F0E442' dt 2 lw 1.8 pt 15 ps 0.6
set style line 17 lc rgb '#0072B2' dt 4 lw 1.8 pt 7 ps 0.6
set style line 18 lc rgb '#E69F00' dt 5 lw 1.8 pt 5 ps 0.6
set style line 19 lc rgb '#009E73' dt 1 lw 1.8 pt 11 ps 0.6
set style line 20 lc rgb '#D55E00' dt 2 lw 1.8 pt 13 ps 0.6
set style line 21 lc rgb '#56B4E9' dt 3 lw 1.8 pt 15 ps 0.6
set style line 22 lc rgb '#CC79A7' dt 4 lw 1.8 pt 7 ps 0.6
width = 776; height = 568 # pixels
scale = 2 # of the PNG
inch = width > 7*134 ? (width < 7*188 ? width/7. : 188.) : 134. # pixels: 7 inches, a page of two columns, at the most, and 7 to 5 points a letter
do for [format in 'svg png pdf'] {
if (format eq 'svg') { set terminal svg size width,height dynamic noenhanced background 'white' font 'Helvetica,13'; small = ',10' }
if (format eq 'png') { set terminal pngcairo size scale*width,scale*height noenhanced background 'white' font 'Sans,10' fontscale scale linewidth scale dashlength 0.7 pointscale 0.8*scale; small = ',8' }
if (format eq 'pdf') { set terminal pdfcairo size (width/inch)in,(height/inch)in noenhanced font sprintf('Helvetica,%.2f', 7*134/inch) fontscale 0.85 linewidth 0.8*134/inch pointscale 0.5*134/inch; small = sprintf(',%.2f', 5.6*134/inch) }
set output 'training_curves-1-mnist-lenet5.'.format
set multiplot
unset key
set border 3 lc rgb '#444444'
set yrange [0:100]
set ytics 20 nomirror
set grid ytics lt 1 lw 0.5 lc rgb '#dddddd'
set ylabel 'clone test accuracy, %'
set lmargin at screen 0.0928; set rmargin at screen 0.4794; set tmargin at screen 0.9296; set bmargin at screen 0.5246
set title 'knockoff pool=fashion-mnist'
set xrange [0:10.2]
set xlabel 'epoch'
unset arrow
set xtics autofreq nomirror
plot \
  data every ::0::9 using (column('epoch')):(100*column('clone_acc')) with linespoints ls 1 pi 1 notitle, \
  data every ::10::19 using (column('epoch')):(100*column('clone_acc')) with linespoints ls 2 pi 1 notitle, \
  data every ::20::29 using (column('epoch')):(100*column('clone_acc')) with linespoints ls 3 pi 1 notitle, \
  data every ::30::39 using (column('epoch')):(100*column('clone_acc')) with linespoints ls 4 pi 1 notitle, \
  data every ::40::49 using (column('epoch')):(100*column('clone_acc')) with linespoints ls 5 pi 1 notitle, \
  data every ::50::59 using (column('epoch')):(100*column('clone_acc')) with linespoints ls 6 pi 1 notitle, \
  data every ::60::69 using (column('epoch')):(100*column('clone_acc')) with linespoints ls 7 pi 1 notitle, \
  data every ::70::79 using (column('epoch')):(100*column('clone_acc')) with linespoints ls 8 pi 1 notitle, \
  data every ::80::89 using (column('epoch')):(100*column('clone_acc')) with linespoints ls 9 pi 1 notitle, \
  data every ::90::99 using (column('epoch')):(100*column('clone_acc')) with linespoints ls 10 pi 1 notitle, \
  data every ::100::109 using (column('epoch')):(100*column('clone_acc')) with linespoints ls 11 pi 1 notitle, \
  data every ::110::119 using (column('epoch')):(100*column('clone_acc')) with linespoints ls 12 pi 1 notitle, \
  data every ::120::129 using (column('epoch')):(100*column('clone_acc')) with linespoints ls 13 pi 1 notitle, \
  data every ::130::139 using (column('epoch')):(100*column('clone_acc')) with linespoints ls 15 pi 1 notitle, \
  data every ::140::149 using (column('epoch')):(100*column('clone_acc')) with linespoints ls 16 pi 1 notitle, \
  data every ::150::159 using (column('epoch')):(100*column('clone_acc')) with linespoints ls 17 pi 1 notitle, \
  data every ::160::169 using (column('epoch')):(100*column('clone_acc')) with linespoints ls 18 pi 1 notitle, \
  data every ::170::179 using (column('epoch')):(100*column('clone_acc')) with linespoints ls 19 pi 1 notitle, \
  data every ::180::189 using (column('epoch')):(100*column('clone_acc')) with linespoints ls 20 pi 1 notitle
set ylabel ''
set lmargin at screen 0.5928; set rmargin at screen 0.9794; set tmargin at screen 0.9296; set bmargin at screen 0.5246
set title 'knockoff pool=leaves'
set xrange [0:10.2]
set xlabel 'epoch'
unset arrow
set xtics autofreq nomirror
plot \
  data every ::190::199 using (column('epoch')):(100*column('clone_acc')) with linespoints ls 1 pi 1 notitle, \
  data every ::200::209 using (column('epoch')):(100*column('clone_acc')) with linespoints ls 2 pi 1 notitle, \
  data every ::210::219 using (column('epoch')):(100*column('clone_acc')) with linespoints ls 3 pi 1 notitle, \
  data every ::220::229 using (column('epoch')):(100*column('clone_acc')) with linespoints ls 4 pi 1 notitle, \
  data every ::230::239 using (column('epoch')):(100*column('clone_acc')) with linespoints ls 5 pi 1 notitle, \
  data every ::240::249 using (column('epoch')):(100*column('clone_acc')) with linespoints ls 6 pi 1 notitle, \
  data every ::250::259 using (column('epoch')):(100*column('clone_acc')) with linespoints ls 8 pi 1 notitle, \
  data every ::260::269 using (column('epoch')):(100*column('clone_acc')) with linespoints ls 9 pi 1 notitle, \
  data every ::270::279 using (column('epoch')):(100*column('clone_acc')) with linespoints ls 10 pi 1 notitle, \
  data every ::280::289 using (column('epoch')):(100*column('clone_acc')) with linespoints ls 11 pi 1 notitle, \
  data every ::290::299 using (column('epoch')):(100*column('clone_acc')) with linespoints ls 12 pi 1 notitle, \
  data every ::300::309 using (column('epoch')):(100*column('clone_acc')) with linespoints ls 14 pi 1 notitle, \
  data every ::310::319 using (column('epoch')):(100*column('clone_acc')) with linespoints ls 15 pi 1 notitle, \
  data every ::320::329 using (column('epoch')):(100*column('clone_acc')) with linespoints ls 16 pi 1 notitle, \
  data every ::330::339 using (column('epoch')):(100*column('clone_acc')) with linespoints ls 17 pi 1 notitle, \
  data every ::340::349 using (column('epoch')):(100*column('clone_acc')) with linespoints ls 18 pi 1 notitle, \
  data every ::350::359 using (column('epoch')):(100*column('clone_acc')) with linespoints ls 19 pi 1 notitle, \
  data every ::360::369 using (column('epoch')):(100*column('clone_acc')) with linespoints ls 21 pi 1 notitle, \
  data every ::370::379 using (column('epoch')):(100*column('clone_acc')) with linespoints ls 22 pi 1 notitle
set lmargin at screen 0.01; set rmargin at screen 0.99; set bmargin at screen 0.005; set tmargin at screen 0.4085
unset title; unset xlabel; unset ylabel; unset tics; unset border; unset grid; unset arrow
set key center center horizontal Left reverse samplen 4 maxcols 2
plot [0:1][0:1] \
  NaN with linespoints ls 1 title 'none', \
  NaN with linespoints ls 2 title 'ini ood=noise', \
  NaN with linespoints ls 3 title 'ini ood=strokes', \
  NaN with linespoints ls 4 title 'ini ood=leaves seed=0 (*)', \
  NaN with linespoints ls 5 title 'ini ood=strokes+leaves+noise (*)', \
  NaN with linespoints ls 6 title 'ini ood=omniglot', \
  NaN with linespoints ls 7 title 'ini ood=fashion-mnist (*)', \
  NaN with linespoints ls 8 title 'am ood=noise', \
  NaN with linespoints ls 9 title 'am ood=strokes', \
  NaN with linespoints ls 10 title 'am ood=leaves seed=0 (*)', \
  NaN with linespoints ls 11 title 'am ood=strokes+leaves+noise (*)', \
  NaN with linespoints ls 12 title 'am ood=omniglot', \
  NaN with linespoints ls 13 title 'am ood=fashion-mnist (*)', \
  NaN with linespoints ls 14 title 'ini ood=leaves seed=7 (*)', \
  NaN with linespoints ls 15 title 'edm ood=noise', \
  NaN with linespoints ls 16 title 'edm ood=strokes', \
  NaN with linespoints ls 17 title 'edm ood=leaves seed=0 (*)', \
  NaN with linespoints ls 18 title 'edm ood=strokes+leaves+noise (*)', \
  NaN with linespoints ls 19 title 'edm ood=omniglot', \
  NaN with linespoints ls 20 title 'edm ood=fashion-mnist (*)', \
  NaN with linespoints ls 21 title 'am ood=leaves seed=7 (*)', \
  NaN with linespoints ls 22 title 'edm ood=leaves seed=7 (*)'
unset multiplot
unset output
}
