#!/bin/sh
# fault.sh PLUGIN KERNEL [KIND TEXT] - `setun kernels check` of a plugin of one kernel: it fails with a mismatch of this kind, whose line says
# TEXT; or, without these two, it passes.
# shellcheck disable=SC2154  # work is defined there
. "$(dirname "$0")/../emulated.sh"
plugin=$1
kernel=$2

emulated_setun kernels check --seed 1958 --plugin "$plugin" > "$work/out" 2> "$work/err"
code=$?
cat "$work/out"
if grep -q "^skip  $kernel" "$work/out"; then
    echo "SKIPPED: this CPU lacks what $kernel needs"
    exit 77
fi
if [ $# -eq 2 ]; then
    if [ $code -ne 0 ] || ! grep -qx "pass  $kernel" "$work/out"; then
        cat "$work/err"
        fail "exit status $code, expected 0 and 'pass  $kernel'"
    fi
elif [ $code -ne 1 ] || ! grep -qx "fail  $kernel" "$work/out" || ! grep -q "^ *$3: .*$4" "$work/out"; then
    cat "$work/err"
    fail "exit status $code, expected 1, 'fail  $kernel' and '$3: ... $4'"
fi
