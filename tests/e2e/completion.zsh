#!/usr/bin/env zsh
# completion.zsh SETUN FOLDER MODELS - what zsh offers for lines of setun. FOLDER holds _setun. The completion system's own functions are
# replaced by ones that write down what they are given; that it finds _setun by itself is looked at last.
emulate -R zsh
setun=$1 folder=$2
export SETUN_MODEL_PATH=$3
# zsh continues a part of a pipeline that stops, and the leak checker stops its process to look at it: the two wait for each other for ever.
# Other tests look for leaks in the same commands.
export ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0
integer bad=0
typeset -a given

compdef() { : }
compadd() { # only as _setun uses it: ... -a ARRAY
    given+=("${(@P)@[-1]}")
}
compset() { # -P PATTERN
    PREFIX=${PREFIX##${~2}}
}
_describe() {
    given+=("${(@)${(@P)@[-1]}%%:*}")
}
_files() {
    given+=(files$1)
}
_message() { : }
source $folder/_setun

# offers WORDS... : EXPECTED...: the last of WORDS is being typed. EXPECTED is the whole offer; with a trailing + it is a part of it.
offers() {
    integer at=$argv[(i):]
    local PREFIX part word
    local -a words expected fitting
    words=($setun "${(@)argv[1,at-1]}")
    expected=("${(@)argv[at+1,-1]}")
    integer CURRENT=$#words
    PREFIX=$words[-1]
    given=()
    [[ $expected[-1] == + ]] && { part=1; expected[-1]=() }
    _setun
    for word in $given; do
        [[ $word == $PREFIX* || $word == files* ]] && fitting+=($word)
    done
    if [[ -n $part ]]; then
        for word in $expected; do
            (( $fitting[(Ie)$word] )) || { print -r "setun ${(j: :)argv[1,at-1]}: no $word in: $fitting"; bad=1 }
        done
    elif [[ ${(j: :)${(o)fitting}} != ${(j: :)${(o)expected}} ]]; then
        print -r "setun ${(j: :)argv[1,at-1]}: expected: ${(o)expected}; found: ${(o)fitting}"
        bad=1
    fi
}

offers "" : run score tokenize plugins kernels model topo help --help --version +
offers r : run
offers --v : --version
offers xyz :
offers help t : topo tokenize
offers help plugins "" : list check --help
offers plugins l : list
offers model s : show synth
offers run --te : --temp
offers run --no : --no-bos --no-echo --no-fuse
offers run - : --prompt --file --tokens --temp --top-k --seed --model --threads --backend --kv --output --verbose --help +
offers kernels check --r : --rounds
offers run -p x --kv "" : f16 f32
offers run --kv=f3 : f32
offers run -o "" : text json
offers run -f "" : files
offers run -m "" : fable files-/ +
offers run --backend sca : scalar
offers run --backend lut,sca : scalar
offers run --backend scalar,sca :
offers kernels check --op ad : add
offers kernels check --kernel add_f32_f32_f32__sca : add_f32_f32_f32__scalar
offers model synth bitnet : bitnet-b1.58-2b-4t bitnet-large files
offers model synth bitnet-large pro : files
offers run -n "" :
offers run "" :
offers score --logits "" : files
offers plugins check "" : files
offers model show fa : fable files-/
offers model plot "" : fable files-/ files +
offers frobnicate "" :

dump=$(mktemp)
found=$(zsh -fc 'fpath=($1 $fpath); autoload -Uz compinit; compinit -u -D -d $2; print -r -- $_comps[setun]' zsh $folder $dump)
rm -f $dump
[[ $found == _setun ]] || { print -r "compinit finds no _setun: '$found'"; bad=1 }
exit $bad
