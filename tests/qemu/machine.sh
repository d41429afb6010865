#!/bin/sh
# machine.sh [REFUSED...] - what setun finds on a CPU: $FEATURES by name; features under caps, $MASKS, words such as CAP=feature+feature; the
# backends that load, $LOADED; those that do not, REFUSED, each as "NAME: feature feature" with the features that are lacking.
# Backends that the planner does not choose by itself, as nobody has timed them on such CPUs: $UNTIMED.
# $HWCAP, unless empty, is a program that prints the features by the words of the system's own headers.
# shellcheck disable=SC2154  # work is defined there
. "$(dirname "$0")/emulated.sh"

# The line "features ..." of `setun topo`; "none" stands for an empty one.
found_features() {
    emulated_setun topo 2> /dev/null | sed -n 's/^features  *//p'
}

# The status of backend NAME in `setun plugins list`.
status_of() {
    emulated_setun plugins list 2> /dev/null | sed -n "s:^.*/$1\\.so  *::p"
}

found=$(found_features)
[ "$found" = "$FEATURES" ] || fail "topo: features '$found', expected '$FEATURES'"
if [ -n "$HWCAP" ]; then
    found=$(emulated "$HWCAP")
    [ "$found" = "$FEATURES" ] || fail "the system's headers: features '$found', expected '$FEATURES'"
fi
for mask in $MASKS; do
    expected=$(echo "${mask#*=}" | tr + ' ')
    found=$(SETUN_CPU=${mask%%=*} found_features)
    [ "$found" = "$expected" ] || fail "topo: features '$found' under SETUN_CPU=${mask%%=*}, expected '$expected'"
done
for name in $LOADED; do
    found=$(status_of "$name")
    [ "$found" = loaded ] || fail "plugins list: $name: '$found', expected 'loaded'"
done
for refusal in "$@"; do
    name=${refusal%%:*} expected="refused: needs CPU features that this machine lacks:${refusal#*:}"
    found=$(status_of "$name")
    [ "$found" = "$expected" ] || fail "plugins list: $name: '$found', expected '$expected'"
done
emulated_setun kernels list > "$work/kernels" 2> /dev/null || fail "kernels list: exit status $?"
for name in $LOADED; do
    grep -q "  $name  " "$work/kernels" || fail "kernels list: none of the backend $name"
done
for name in $UNTIMED; do
    emulated_setun plan --tuning none -o json > "$work/plan" 2> /dev/null || fail "plan: exit status $?"
    if grep -q "\"backend\": \"$name\"" "$work/plan"; then
        fail "plan: steps of the backend $name, which was never timed here"
    fi
done
