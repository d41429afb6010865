#!/bin/sh
# check.sh BACKEND [OPTION...] - `setun kernels check` of a backend: no kernel fails, and those are skipped whose names say that they need what
# the CPU lacks, and no others. $LACKED: such words, "neondot neoni8mm". Without OPTIONs the kernels are those that have a file in
# $BACKENDS, the folder of the backends' sources; $KERNELS matches the names of this architecture's.
# shellcheck disable=SC2154  # work is defined there
. "$(dirname "$0")/emulated.sh"
backend=$1
shift

# Kernels (a name a line) whose instruction set, which follows "__", is one of the lacked.
need_lacked() {
    for word in $LACKED; do
        grep -E "__$word(_|\$)" "$1"
    done | sort
}

emulated_setun kernels check --seed 1958 --backend "$backend" "$@" > "$work/out" 2> "$work/err"
code=$?
cat "$work/out"
[ $code -eq 0 ] || { cat "$work/err"; fail "exit status $code"; }
sed -n 's/^\(pass\|fail\|skip\)  \([^ ]*\).*/\2/p' "$work/out" | sort > "$work/walked"
sed -n 's/^skip  \([^ ]*\).*/\1/p' "$work/out" | sort > "$work/skipped"
[ -s "$work/walked" ] || fail "no kernel was checked"
need_lacked "$work/walked" > "$work/expected"
diff "$work/expected" "$work/skipped" || fail "skipped (>), expected (<)"
if [ $# -eq 0 ]; then
    for file in "$BACKENDS/$backend"/*__*.c; do
        basename "$file" .c
    done | grep -E "$KERNELS" | sort > "$work/files"
    diff "$work/files" "$work/walked" || fail "kernels (>), files (<)"
fi
