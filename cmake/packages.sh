#!/bin/sh
# packages.sh [tests|ci|long|cross] - installs the Debian 12 packages that Setun needs and that are missing; as root, or through sudo.
# Without an argument: what the program needs. tests: what the tests need too. ci: what .ci/run needs too, for the second compiler, the
# sanitizers, Doxygen, pictures, the manual, completion and the Debian package. long: what `.ci/run long` needs too. cross: what the preset
# aarch64 needs, that is a compiler and libraries for AArch64 beside those of this machine, and an emulator; long has it, too.
set -eu

native=$(dpkg --print-architecture)
libraries="libyaml-dev libhwloc-dev libjansson-dev libpcre2-dev libxxhash-dev libedit-dev libcurl4-openssl-dev libmd-dev"
packages="gcc libc6-dev cmake ninja-build pkg-config $libraries"
foreign=""
case "${1:-}" in
""|cross) ;;
tests|ci|long) packages="$packages g++ libcriterion-dev" ;;
*) echo "usage: packages.sh [tests|ci|long|cross]" >&2; exit 2 ;;
esac
case "${1:-}" in
ci|long) packages="$packages clang libclang-rt-dev libomp-dev llvm doxygen dpkg-dev file graphviz man-db mandoc zsh git shellcheck qemu-user" ;;
esac
case "${1:-}" in
long) packages="$packages clang-tidy clang-tools valgrind debootstrap python3-venv" ;;
esac
case "${1:-}" in
cross|long)
    # The libraries of two architectures lie beside each other. Criterion's cannot, so nothing that is cross-built may need it.
    packages="$packages gcc-aarch64-linux-gnu qemu-user"
    if [ "$native" != arm64 ]; then
        foreign=arm64
        for library in libc6-dev libgomp1 $libraries; do
            packages="$packages $library:arm64"
        done
    fi
    ;;
esac

missing=""
for package in $packages; do
    case $package in
    *:*) architecture=${package#*:} ;;
    *) architecture=$native ;;
    esac
    # A package's name alone asks for all its architectures.
    dpkg-query -W -f '${Architecture} ${db:Status-Status}\n' "${package%:*}" 2>/dev/null | grep -qE "^($architecture|all) installed\$" ||
        missing="$missing $package"
done
[ -n "$missing" ] || exit 0

as_root=""
[ "$(id -u)" -eq 0 ] || as_root="sudo"
[ -z "$foreign" ] || $as_root dpkg --add-architecture "$foreign"
$as_root apt-get update -q
# shellcheck disable=SC2086  # a list of words
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-remove --no-install-recommends $missing
