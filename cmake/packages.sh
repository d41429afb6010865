#!/bin/sh
# packages.sh [tests|ci|long] - installs the Debian 12 packages that Setun needs and that are missing; as root, or through sudo.
# Without an argument: what the program needs. tests: what the tests need too. ci: what .ci/run needs too, for the second compiler, the
# sanitizers, Doxygen, pictures, the manual, completion and the Debian package. long: what `.ci/run long` needs too.
set -eu

packages="gcc libc6-dev cmake ninja-build pkg-config libyaml-dev libhwloc-dev libjansson-dev libpcre2-dev libxxhash-dev libedit-dev libcurl4-openssl-dev libmd-dev"
case "${1:-}" in
"") ;;
tests|ci|long) packages="$packages g++ libcriterion-dev" ;;
*) echo "usage: packages.sh [tests|ci|long]" >&2; exit 2 ;;
esac
case "${1:-}" in
ci|long) packages="$packages clang libomp-dev llvm doxygen dpkg-dev file graphviz man-db mandoc zsh git shellcheck" ;;
esac
case "${1:-}" in
long) packages="$packages clang-tidy clang-tools valgrind debootstrap python3-venv" ;;
esac

missing=""
for package in $packages; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

as_root=""
[ "$(id -u)" -eq 0 ] || as_root="sudo"
$as_root apt-get update -q
# shellcheck disable=SC2086  # a list of words
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing
