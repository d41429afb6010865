#!/bin/sh
# fable.sh THREADS - the model fable from end to end: text, tokens, logits, files. The output is the same on every CPU, with every
# number of threads: fable.expected. $CACHE: folder for what `setun bench` measures of the machine once; empty: no bench.
# shellcheck disable=SC2154  # work is defined there
. "$(dirname "$0")/emulated.sh"
here=$(dirname "$0") threads=$1
models=$here/../../models golden=$here/../golden/fable

# A command whose output is wanted; its stderr is shown if it fails.
get() {
    emulated_setun "$@" 2> "$work/err" || { cat "$work/err"; fail "setun $*: exit status $?"; }
}

hash_of() { # FILE
    sha256sum "$1" | cut -d ' ' -f 1
}

# The logits of one golden text: every byte of them counts.
logits() { # OPTION...
    get score -t "$threads" --ids -f "$golden/logits/short-3.ids" --logits "$work/logits.npy" "$@" | tr -s ' ' | tr '\n' ' '
    hash_of "$work/logits.npy"
}

results() {
    echo "greedy: $(get run -t "$threads" --temp 0 -n 24 -p 'A long time ago')"
    echo "drawn: $(get run -t "$threads" --temp 0.8 --top-k 40 --seed 7 -n 24 -p 'The king had three sons')"
    echo "logits: $(logits)"
    echo "logits, cache of f32, chunks of 5, nothing fused: $(logits --kv f32 --chunk 5 --no-fuse)"
    # Other formats of weights: rows of Q8_0 and Q6_K, and what becomes of TQ1_0.
    for form in i2_s:q6_k tq1_0:q8_0; do
        get model convert "$models/fable" "$work/fable.gguf" --to "${form%:*}" --head "${form#*:}" -t "$threads" > /dev/null
        echo "file, $form: $(hash_of "$work/fable.gguf")"
        echo "logits, $form: $(logits -m "$work/fable.gguf")"
        rm -f "$work/fable.gguf"
    done
}

results > "$work/results"
if [ -n "$CACHE" ]; then
    # What the machine can do means nothing in an emulator; more than that is exit status 1 behind the result.
    XDG_CACHE_HOME=$CACHE emulated_setun bench -p 12 -n 4 -b 1,2 -r 1 -t "$threads" > "$work/bench" 2> "$work/err" ||
        grep -q 'more than the machine was measured to do' "$work/err" || { cat "$work/err"; fail "setun bench"; }
    sed -n 's/^\([pt][pg][0-9]*\( x2\)*\)  .*  \([0-9a-f]\{16\}\)$/bench, \1: \3/p' "$work/bench" >> "$work/results"
else
    grep '^bench, ' "$here/fable.expected" >> "$work/results"
fi
diff "$here/fable.expected" "$work/results" || fail "fable: expected (<), found (>)"
