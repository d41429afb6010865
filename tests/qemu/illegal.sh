#!/bin/sh
# illegal.sh PROGRAM - the emulated CPU refuses instructions of the features $ILLEGAL (by SIGILL, which a shell calls 132) and executes those
# of $LEGAL: the other tests rely on it.
. "$(dirname "$0")/emulated.sh"

for feature in $ILLEGAL; do
    # shellcheck disable=SC3045  # every sh that we know has it
    (ulimit -c 0; emulated "$1" "$feature") > /dev/null 2>&1
    code=$?
    [ $code -eq 132 ] || fail "$feature: exit status $code, expected 132"
done
for feature in $LEGAL; do
    emulated "$1" "$feature" || fail "$feature: exit status $?, expected 0"
done
