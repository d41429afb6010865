#!/bin/sh
# check_layering.sh ROOT - says which #include lines break the layering of the tree at ROOT; exit 1 if any does.
#
#   plugins/abi        itself
#   plugins/template   plugins/abi, its own folder
#   backends/NAME      plugins/abi, its own folder, headers of the C language and of the instruction set
#   framework          plugins/abi, framework
#   graph              plugins/abi, framework, graph
#   tools              plugins/abi, the public headers framework/include and graph/include, its own folder
set -eu
root=${1:?usage: check_layering.sh ROOT}
cd "$root"

# found: where `#include "NAME"` in a file of folder DIR finds it: beside the file, else in the folders that some target searches.
# (Functions set a variable: thousands of processes, one for each answer, took a quarter of a minute.)
find_header() { # DIR NAME
    for folder in "$1" framework/include graph/include plugins/abi framework graph tools tests/support tests .; do
        if [ -f "$folder/$2" ]; then
            found=$folder/$2
            return
        fi
    done
    found=
}

# What may be included with <>: by backends and plugins the headers that need no library; by the host anything but our own.
system_allowed() { # LAYER NAME
    case $2 in
    setun/*|setun_*|*../*) return 1 ;;
    esac
    case $1 in
    backends/*|plugins/*)
        case $2 in
        assert.h|complex.h|ctype.h|errno.h|fenv.h|float.h|inttypes.h|iso646.h|limits.h|math.h|stdalign.h|stdarg.h|stdbool.h|\
        stddef.h|stdint.h|stdlib.h|stdnoreturn.h|string.h|tgmath.h|\
        immintrin.h|x86intrin.h|cpuid.h|arm_neon.h|arm_sve.h|arm_acle.h) return 0 ;;
        *) return 1 ;;
        esac ;;
    esac
}

# layer: plugins/abi from "plugins/abi/x/y.h"; backends and template plugins by name, the others by their top folder.
find_layer() { # PATH
    layer=${1%%/*}
    case $1 in
    backends/*/*|plugins/*/*)
        name=${1#*/}
        layer=$layer/${name%%/*} ;;
    esac
}

# included: "<name" or "\"name" of an #include line; empty if it has another form.
find_included() { # LINE
    included=${1#*include}
    while case $included in ' '*|"$tab"*) true ;; *) false ;; esac; do
        included=${included#?}
    done
    case $included in
    '<'*'>'*) included=${included%%>*} ;;
    '"'*'"'*)
        included=${included#?}
        included='"'${included%%\"*} ;;
    *) included= ;;
    esac
}

# Whether a file of LAYER may include the header at PATH.
header_allowed() { # LAYER PATH
    case $1 in
    plugins/abi) case $2 in plugins/abi/*) return 0 ;; esac ;;
    backends/*|plugins/*) case $2 in plugins/abi/*|"$1"/*) return 0 ;; esac ;;
    framework) case $2 in plugins/abi/*|framework/*) return 0 ;; esac ;;
    graph) case $2 in plugins/abi/*|framework/*|graph/*) return 0 ;; esac ;;
    tools) case $2 in plugins/abi/*|framework/include/*|graph/include/*|tools/*) return 0 ;; esac ;;
    esac
    return 1
}

tab=$(printf '\t')
failures=$(
    for top in plugins backends framework graph tools; do
        [ ! -d "$top" ] || find "$top" -type f \( -name '*.c' -o -name '*.h' -o -name '*.inc' \)
    done | sort | xargs grep -nE "^[ $tab]*#[ $tab]*include([^_]|\$)" /dev/null | while IFS= read -r line; do
        file=${line%%:*}
        find_layer "$file"
        find_included "${line#*:*:}"
        name=${included#?}
        case $included in
        '') # it could hide anything
            echo "$line" ;;
        '<'*)
            system_allowed "$layer" "$name" || echo "$file: <$name> is not allowed in $layer" ;;
        *)
            find_header "${file%/*}" "$name"
            if [ -z "$found" ]; then
                echo "$file: \"$name\" is no header of this tree"
            elif case $name in ../*|*/../*) true ;; *) false ;; esac; then
                echo "$file: \"$name\" climbs out of its folder"
            elif ! header_allowed "$layer" "$found"; then
                echo "$file: \"$name\" is $found, which is not allowed in $layer"
            fi ;;
        esac
    done
)
if [ -n "$failures" ]; then
    printf '%s\n' "$failures"
    exit 1
fi
