#!/bin/sh
# man_render.sh MAN_FOLDER - every formatter that is here takes the pages without a warning and leaves no line too long.
set -eu
folder=$1 bad=0 tried=""
output=$(mktemp)
trap 'rm -f "$output"' EXIT

check() { # NAME COMMAND... - prints nothing but the page
    name=$1
    shift
    if ! "$@" > "$output" 2>&1 || [ -s "$output" ]; then
        printf '%s:\n' "$name" >&2
        cat "$output" >&2
        bad=1
    fi
}

if command -v mandoc > /dev/null; then
    tried="$tried mandoc"
    for page in "$folder"/*.1; do check "mandoc $page" mandoc -Tlint -Wwarning "$page"; done
fi
if command -v groff > /dev/null; then
    tried="$tried groff"
    for page in "$folder"/*.1; do check "groff $page" groff -ww -mdoc -Tutf8 -z "$page"; done
fi
if command -v man > /dev/null && man --warnings -l "$folder/setun.1" > /dev/null 2>&1; then
    tried="$tried man"
    for page in "$folder"/*.1; do
        check "man $page" sh -c 'LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings -l "$1" 2>&1 > "$2.text"' sh "$page" "$output"
        grep -q EXAMPLES "$output.text" || { echo "$page: man shows no examples" >&2; bad=1; }
        rm -f "$output.text"
    done
fi
[ -n "$tried" ] || { echo "SKIPPED: neither mandoc nor groff nor man is installed"; exit 77; }
echo "rendered by$tried"
exit $bad
