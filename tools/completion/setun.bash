# setun.bash - completion of setun for bash. Commands, options and what they take are read from the program's own --help, so this file
# knows none of them: "commands:" lists commands, "  -x, --name ARGUMENT" is an option, and ARGUMENT says what completes it.

# Commands of the help text $1: "  run        continue a prompt" under "commands:".
_setun_commands() {
    local line on=
    while IFS= read -r line; do
        if [[ $line == commands: ]]; then
            on=1
        elif [[ $on && $line == '  '[a-z]* ]]; then
            line=${line#  }
            printf '%s\n' "${line%% *}"
        elif [[ $on ]]; then
            return
        fi
    done <<< "$1"
}

# Options of the help text $1: "--prompt -p TEXT", with "-" for a letter or an argument that there is not.
_setun_options() {
    local line option='^  (-([A-Za-z0-9]), |    )(--[a-z][a-z0-9-]*)( ([^ ]+))?'
    while IFS= read -r line; do
        [[ $line == examples: ]] && return
        [[ $line =~ $option ]] && printf '%s -%s %s\n' "${BASH_REMATCH[3]}" "${BASH_REMATCH[2]}" "${BASH_REMATCH[5]:--}"
    done <<< "$1"
}

# What the operands of the help text $1 are, e.g. "MODEL": its usage without options and what belongs to them.
_setun_operands() {
    sed -n -E '/^$/q; s/\[-[^]]*\]//g; s/--?[A-Za-z-]+ [A-Z][^ ]*//g; p' <<< "$1"
}

# Names of models: folders and files in SETUN_MODEL_PATH, where downloads go, and beside the program $1.
_setun_models() {
    local folder model folders program
    program=$(type -P -- "$1") || return
    IFS=: read -r -a folders <<< "${SETUN_MODEL_PATH-}"
    for folder in "${folders[@]}" "${XDG_DATA_HOME:-${HOME-}/.local/share}/setun/models" "${program%/*}/../share/setun/models"; do
        for model in "$folder"/*/ "$folder"/*.gguf "$folder"/*.setun; do
            [[ -e $model ]] || continue
            model=${model%/}
            printf '%s\n' "${model##*/}"
        done
    done | sort -u
}

# Names of sizes that `setun model synth` knows, in the same folders: files of sizes, not the graphs of families.
_setun_sizes() {
    local folder file folders program
    program=$(type -P -- "$1") || return
    IFS=: read -r -a folders <<< "${SETUN_MODEL_PATH-}"
    for folder in "${folders[@]}" "${XDG_DATA_HOME:-${HOME-}/.local/share}/setun/models" "${program%/*}/../share/setun/models"; do
        for file in "$folder"/*.yaml; do
            [[ -e $file ]] && grep -q '^sizes:' "$file" || continue
            file=${file##*/}
            printf '%s\n' "${file%.yaml}"
        done
    done | sort -u
}

# Completes $cur with the lines of $1 behind $2, which is there already.
_setun_words() {
    local word
    while IFS= read -r word; do
        [[ -n $word && $2$word == "$cur"* ]] && COMPREPLY+=("$2$word")
    done <<< "$1"
}

_setun_files() { # compgen's action: file or directory
    local name
    compopt -o filenames 2> /dev/null
    while IFS= read -r name; do
        COMPREPLY+=("$name")
    done < <(compgen -A "$1" -- "$cur")
}

# Column $1 of the list of kernels; chains of ops, which have spaces, are left out.
_setun_kernels() {
    "$setun" kernels list 2> /dev/null | awk -v column="$1" 'NR > 1 && $column !~ /=/ { print $column }' | sort -u
}

# Completes what option $1 takes, ARGUMENT $2 of its help.
_setun_argument() {
    local given=
    case $1 in
    --backend) # each once
        [[ $2 == NAMES && $cur == *,* ]] && given=${cur%,*},
        _setun_words "$("$setun" plugins list 2> /dev/null |
            awk -v given=",$given" 'NR > 1 && $NF == "loaded" && index(given, "," $1 ",") == 0 { print $1 }')" "$given"
        return
        ;;
    --op)
        _setun_words "$(_setun_kernels 3)" ""
        return
        ;;
    --kernel)
        _setun_words "$(_setun_kernels 1)" ""
        return
        ;;
    esac
    case $2 in
    *'|'*) _setun_words "${2//|/$'\n'}" "" ;;
    MODEL*)
        _setun_words "$(_setun_models "$setun")" ""
        _setun_files directory
        ;;
    FILE* | OUT*) _setun_files file ;;
    esac
}

_setun() {
    local setun=${COMP_WORDS[0]/#\~\//$HOME/} cur=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    local help members name letter argument i path=()

    COMPREPLY=()
    type -P -- "$setun" > /dev/null || return
    # bash takes "--kv=f16" for three words.
    if [[ $cur == = ]]; then
        cur=
    elif [[ $previous == = ]]; then
        previous=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    for ((i = 1; i < COMP_CWORD && ${#path[@]} < 2; i++)); do
        [[ ${COMP_WORDS[i]} == -* ]] && break
        [[ ${COMP_WORDS[i]} == help && $i == 1 ]] || path+=("${COMP_WORDS[i]}")
    done
    if [[ ${#path[@]} == 0 ]]; then
        _setun_words "$(_setun_commands "$("$setun" --help 2> /dev/null)")" ""
        [[ ${COMP_WORDS[1]} != help || COMP_CWORD -eq 1 ]] && _setun_words $'help\n--help\n--version' ""
        return
    fi
    help=$("$setun" "${path[0]}" --help 2> /dev/null) || return
    members=$(_setun_commands "$help")
    if [[ -n $members && ${#path[@]} == 1 ]]; then
        _setun_words "$members"$'\n--help' ""
        return
    fi
    [[ ${COMP_WORDS[1]} == help ]] && return
    if [[ -n $members ]]; then
        help=$("$setun" "${path[@]}" --help 2> /dev/null) || return
    fi
    while read -r name letter argument; do
        if [[ $argument != - && ($previous == "$name" || $previous == "$letter") ]]; then
            _setun_argument "$name" "$argument"
            return
        fi
    done < <(_setun_options "$help")
    if [[ $cur == -* ]]; then
        _setun_words "$(_setun_options "$help" | sed 's/ .*//')" ""
        return
    fi
    argument=$(_setun_operands "$help")
    if [[ $argument == *MODEL* ]]; then
        _setun_argument "" MODEL
        [[ $argument == *MODEL.yaml* ]] && _setun_files file
    elif [[ $argument == *NAME* && $help == *" --list "* ]]; then
        _setun_words "$("$setun" "${path[@]}" --list 2> /dev/null | awk 'NR > 1 { print $1 }')" ""
        [[ ${COMP_WORDS[COMP_CWORD - 1]} == "${path[1]}" ]] || _setun_files file
    elif [[ $argument == *'NAME OUT'* ]]; then
        [[ ${COMP_WORDS[COMP_CWORD - 1]} == "${path[1]}" ]] && _setun_words "$(_setun_sizes "$setun")" ""
        _setun_files file
    elif [[ $argument == *FILE* ]]; then
        _setun_files file
    fi
}

complete -F _setun setun
