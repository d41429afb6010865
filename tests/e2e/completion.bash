#!/usr/bin/env bash
# completion.bash SETUN COMPLETION MODELS - what bash offers for lines of setun: the completion is loaded and COMPREPLY compared.
set -u
setun=$1
# shellcheck source=/dev/null
source "$2"
export SETUN_MODEL_PATH=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
mkdir stories
touch prompt.txt "two words.txt"
bad=0

# offers WORDS... : EXPECTED...: the last of WORDS is being typed. EXPECTED is the whole offer; with a trailing + it is a part of it.
offers() {
    local words=() expected=() given wanted word part=

    while [[ $1 != : ]]; do words+=("$1"); shift; done
    shift
    [[ ${*: -1} == + ]] && { part=1; set -- "${@:1:$#-1}"; }
    expected=("$@")
    COMP_WORDS=("$setun" "${words[@]}")
    COMP_CWORD=${#words[@]}
    COMPREPLY=()
    _setun "$setun" "${words[-1]}" "${COMP_WORDS[COMP_CWORD - 1]}"
    given=$(printf '%s\n' ${COMPREPLY[@]+"${COMPREPLY[@]}"} | sort -u)
    if [[ $part ]]; then
        for word in "${expected[@]}"; do
            grep -qxF -e "$word" <<< "$given" || { printf 'setun %s: no %s in: %s\n' "${words[*]}" "$word" "${given//$'\n'/ }"; bad=1; }
        done
    else
        wanted=$(printf '%s\n' ${expected[@]+"${expected[@]}"} | sort -u)
        [[ $given == "$wanted" ]] || { printf 'setun %s: expected: %s; found: %s\n' "${words[*]}" "${wanted//$'\n'/ }" "${given//$'\n'/ }"; bad=1; }
    fi
}

offers "" : run score tokenize plugins kernels model topo help --help --version +
offers r : run
offers -- : --help --version
offers --v : --version
offers xyz :
offers help t : topo tokenize
offers help plugins "" : list check --help
offers plugins "" : list check --help
offers plugins l : list
offers model s : show synth
offers model pull bitnet-b1.58-2b-4t- : bitnet-b1.58-2b-4t-gguf bitnet-b1.58-2b-4t-bf16
offers model pull --re : --retries
offers model pull x pro : prompt.txt
offers run --te : --temp
offers run --no : --no-bos --no-echo --no-fuse
offers run - : --prompt --file --tokens --temp --top-k --seed --model --threads --backend --kv --output --verbose --help +
offers plugins list --k :
offers kernels check --r : --rounds
offers run -p x --kv "" : f16 f32
offers run --kv f1 : f16
offers run --kv = : f16 f32
offers run --kv = f3 : f32
offers run -o "" : text json
offers run --output j : json
offers run -f "" : prompt.txt "two words.txt" stories
offers run --file pro : prompt.txt
offers run -m fa : fable
offers run -m "" : fable stories +
offers run --backend sca : scalar
offers run --backend lut,sca : lut,scalar
offers run --backend scalar,sca :
offers kernels check --op ad : add
offers kernels list --op lin : linear
offers kernels check --kernel add_f32_f32_f32__sca : add_f32_f32_f32__scalar
offers model synth bitnet : bitnet-b1.58-2b-4t bitnet-large
offers model synth bitnet-large pro : prompt.txt
offers kernels list --backend sca : scalar
offers run -n "" :
offers run -p "" :
offers run "" :
offers score --logits "" : prompt.txt +
offers plugins check "" : prompt.txt stories "two words.txt"
offers model show fa : fable
offers model plot pro : prompt.txt
offers model show pro :
offers frobnicate "" :

# bash itself knows the completion.
[[ $(complete -p setun) == 'complete -F _setun setun' ]] || { echo "setun has no completion"; bad=1; }
COMP_WORDS=(./no-such-program "") COMP_CWORD=1 COMPREPLY=()
_setun ./no-such-program "" ./no-such-program
[[ ${#COMPREPLY[@]} == 0 ]] || { echo "a program that is not there completes"; bad=1; }
exit $bad
