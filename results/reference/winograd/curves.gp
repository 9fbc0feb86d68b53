# ResNet-8 on the lossy copy of CIFAR-10, with Winograd's convolutions (on.csv) and without (off.csv): gnuplot curves.gp
set datafile separator comma
set datafile columnheaders
set terminal svg size 775,340 dynamic noenhanced background 'white' font 'Helvetica,13'
set output 'curves.svg'
do for [format in 'svg png'] {
if (format eq 'png') { set terminal pngcairo size 1550,680 noenhanced background 'white' font 'Sans,10' fontscale 2 linewidth 2 pointscale 1.6; set output 'curves.png' }
set border 3 lc rgb '#444444'
set tics nomirror
set grid ytics lt 1 lw 0.5 lc rgb '#dddddd'
set xlabel 'epoch'
set xrange [0.5:20.5]
set key bottom right Left reverse
set multiplot layout 1,2
set ylabel 'training loss'
set yrange [0:*]
plot 'on.csv' using 1:2 with linespoints pt 7 lc rgb '#0072b2' title 'Winograd', 'off.csv' using 1:2 with linespoints pt 4 lc rgb '#d55e00' title 'direct'
set ylabel 'test accuracy, %'
set yrange [0:100]
plot 'on.csv' using 1:(100*$3) with linespoints pt 7 lc rgb '#0072b2' title 'Winograd', 'off.csv' using 1:(100*$3) with linespoints pt 4 lc rgb '#d55e00' title 'direct'
unset multiplot
}
