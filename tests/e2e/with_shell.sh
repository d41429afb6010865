#!/bin/sh
# with_shell.sh SHELL ARGUMENT... - runs SHELL with the arguments; skipped where there is none.
command -v "$1" > /dev/null || { echo "SKIPPED: $1 is not installed"; exit 77; }
exec "$@"
