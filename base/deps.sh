#!/bin/sh
# What heist needs beyond gcc and make, as Debian packages.
#   deps.sh check          one line and exit 1 where something is missing to build
#   deps.sh install        installs what is missing (by sudo where not root)
#   deps.sh install-torch  PyTorch, for `make bench` alone
#   deps.sh install-integration  Slurm, LaTeX and Chromium, for `make test-integration` alone
#   deps.sh install-fuzz   clang with libFuzzer, for `make fuzz` alone
set -eu

build="libopenblas-openmp-dev libcsv-dev libinih-dev libcjson-dev libmd-dev zlib1g-dev libarchive-dev libmatio-dev libturbojpeg0-dev libspng-dev"
run="gnuplot-nox curl ca-certificates dataset-fashion-mnist"

# a cluster, a clock that can be set, a typesetter and what reads its pages, a browser and what drives it
integration="slurm-wlm munge faketime texlive-latex-base texlive-latex-recommended texlive-fonts-recommended lmodern poppler-utils chromium chromium-driver nodejs"

installed() {
    dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q 'ok installed'
}

missing() {
    for p in "$@"; do
        case $p in
        gnuplot-nox) installed gnuplot-nox || installed gnuplot-qt || installed gnuplot-x11 || echo "$p" ;;
        nodejs) command -v node >/dev/null 2>&1 || echo "$p" ;;
        *) installed "$p" || echo "$p" ;;
        esac
    done
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif command -v sudo >/dev/null 2>&1; then sudo "$@"
    else
        echo "make deps: not root and no sudo here; as root: apt-get install $*" >&2
        return 1
    fi
}

install() {
    want=$(missing "$@")
    [ -n "$want" ] || return 0
    echo "installing" $want
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086 # one word a package
    as_root apt-get install -y -q --no-install-recommends $want ||
        { as_root apt-get update -q && as_root apt-get install -y -q --no-install-recommends $want; }
}

if ! command -v dpkg-query >/dev/null 2>&1; then
    [ "$1" = check ] || echo "not a Debian system: install by hand what these packages hold: $build $run" >&2
    exit 0
fi
case $1 in
check)
    want=$(missing $build)
    [ -z "$want" ] || { echo "missing Debian packages:" $want "(make deps installs them)" >&2; exit 1; } ;;
install) install $build $run ;;
install-torch) install python3-torch python3-numpy ;;
install-integration) install $integration ;;
install-lint) install cppcheck clang-tidy ;;
install-fuzz) install clang libclang-rt-dev ;;
*) echo "deps.sh: found '$1', expected check, install, install-torch, install-integration, install-lint or install-fuzz" >&2; exit 2 ;;
esac
