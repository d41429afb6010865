# shellcheck shell=sh
# emulated.sh - sourced by the scripts of this folder. $EMULATOR, such as "qemu-aarch64 -cpu max", runs $SETUN; empty: this machine does.
# A test whose emulator is not installed, or does not know the CPU, is skipped (77).
set -u

fail() {
    printf 'FAILED: %s\n' "$1"
    exit 1
}

# Runs a program of the target. qemu says on stderr which features of a CPU it lacks; the program's own words come after.
emulated() { # PROGRAM ARGUMENT...
    # shellcheck disable=SC2086  # a command with its options
    $EMULATOR "$@"
}

emulated_setun() {
    emulated "$SETUN" "$@"
}

if [ -n "$EMULATOR" ]; then
    command -v "${EMULATOR%% *}" > /dev/null || { echo "SKIPPED: ${EMULATOR%% *} is not installed (Debian: qemu-user)"; exit 77; }
    if emulated_setun --version 2>&1 | grep -q 'unable to find CPU model'; then
        echo "SKIPPED: $(${EMULATOR%% *} --version | head -n 1) has no CPU ${EMULATOR##* }"
        exit 77
    fi
fi
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
