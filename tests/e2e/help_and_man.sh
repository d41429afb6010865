#!/bin/sh
# help_and_man.sh SETUN MAN_FOLDER - the manual against the program: every command has its page and stands in setun.1, every option of a
# command's --help stands in its page with the same letter and argument, and no page names an option that there is not. Every --help has
# examples of the command and fits a terminal, and `setun help COMMAND` gives the same.
set -eu
export LC_ALL=C
setun=$1 folder=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0 n_options=0

complain() {
    printf '%s\n' "$*" >&2
    bad=1
}

# Commands that a help text lists: "  run        continue a prompt" under "commands:".
commands() {
    awk '/^commands:$/ { on = 1; next } on && /^  [a-z]/ { print $1; next } on { exit }'
}

# Options of a help text, one a line: "-p --prompt TEXT", "--special".
options() {
    sed -n '/^options:$/,/^examples:$/s/^  \(-[A-Za-z0-9], \|    \)\(--[a-z][a-z0-9-]*\)\( [^ ]\{1,\}\)\{0,1\}.*/\1\2\3/p' | tr -d , | sed 's/^ *//'
}

# Lines of a page from ".Ss NAME" to the next section; the whole page if NAME is empty.
part() { # PAGE NAME
    if [ -z "$2" ]; then cat "$1"; else awk -v name=".Ss $2" '/^\.S[hs] / { on = $0 == name } on' "$1"; fi
}

# What a page describes in ".It Fl p , Fl Fl prompt Ar TEXT" lines, in the form of options().
described() {
    sed -n 's/\\-/-/g; s/^\.It Fl \(Fl [a-z]\)/.It \1/; t long
        s/^\.It Fl \([A-Za-z0-9]\) , Fl Fl /-\1 --/p; b
        :long
        s/^\.It Fl /--/p' | sed 's/ Ar / /'
}

# Long options that a page mentions anywhere.
mentioned() {
    sed 's/\\-/-/g' | grep -o 'Fl Fl [a-z][a-z0-9-]*' | sed 's/Fl Fl /--/' | sort -u
}

check() { # PAGE PART WORD...
    page=$1 section=$2
    shift 2
    "$setun" "$@" --help > "$work/help" || complain "setun $*: --help failed"
    "$setun" help "$@" | cmp -s - "$work/help" || complain "setun help $* is not setun $* --help"
    sed '1,/^examples:$/d' "$work/help" | grep -q "setun $*" || complain "setun $*: no example in its help"
    awk -v what="setun $*" 'length > 130 { print what ": a line of its help is too long: " $0; bad = 1 } END { exit bad }' "$work/help" >&2 || bad=1
    options < "$work/help" | sort > "$work/options"
    part "$page" "$section" > "$work/part"
    [ -s "$work/part" ] || { complain "$page: no section '$section'"; return; }
    described < "$work/part" | sort > "$work/described"
    mentioned < "$work/part" > "$work/mentioned"
    sed 's/^-[A-Za-z0-9] //; s/ .*//' "$work/options" | sort > "$work/names"
    n_options=$((n_options + $(wc -l < "$work/options")))
    while read -r option; do
        name=$(printf '%s\n' "$option" | sed 's/^-[A-Za-z0-9] //; s/ .*//')
        grep -qxF -e "$option" "$work/described" && continue
        if grep -qxF -e "$name" "$work/mentioned" && grep -qxF -e "$option" "$work/common"; then continue; fi
        complain "$page: setun $*: '$option' is not described"
    done < "$work/options"
    comm -13 "$work/options" "$work/described" | while read -r option; do complain "$page: setun $* has no '$option'"; done
    comm -13 "$work/names" "$work/mentioned" | grep -vxF -e --version | while read -r name; do complain "$page: setun $* has no '$name'"; done
    [ -z "$(comm -13 "$work/options" "$work/described")" ] || bad=1
    [ -z "$(comm -13 "$work/names" "$work/mentioned" | grep -vxF -e --version)" ] || bad=1
}

part "$folder/setun.1" "" | described | sort > "$work/common"
[ "$(wc -l < "$work/common")" -ge 8 ] || complain "setun.1 describes too few common options"
: > "$work/pages"
for command in $("$setun" --help | commands); do
    page=$folder/setun-$command.1
    printf '%s\n' "$page" >> "$work/pages"
    [ -f "$page" ] || { complain "setun $command has no page $page"; continue; }
    grep -qxF ".It Xr setun-$command 1" "$folder/setun.1" || complain "setun.1 does not list setun-$command"
    members=$("$setun" "$command" --help | commands)
    if [ -z "$members" ]; then
        check "$page" "" "$command"
    else
        for member in $members; do check "$page" "setun $command $member" "$command" "$member"; done
        part "$page" "" | grep '^\.Ss setun ' | sed 's/.* //' | while read -r member; do
            printf '%s\n' "$members" | grep -qxF "$member" || complain "$page: no command '$command $member'"
        done
        [ "$(grep -c '^\.Ss setun ' "$page")" -eq "$(printf '%s\n' "$members" | wc -l)" ] || bad=1
    fi
done
for page in "$folder"/setun-*.1; do
    grep -qxF "$page" "$work/pages" || complain "$page describes no command"
done
[ "$n_options" -ge 40 ] || complain "only $n_options options were found in the help texts"
exit $bad
