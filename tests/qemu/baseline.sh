#!/bin/sh
# baseline.sh OBJDUMP FILE... - what is not a backend for some CPU uses no vector instruction that not every x86-64 CPU has: none encoded as
# AVX (their names begin with v), no wider register, none of SSE3 to SSE4.2 and their companions.
objdump=$1
shift
command -v "$objdump" > /dev/null || { echo "SKIPPED: $objdump is not installed"; exit 77; }
for file in "$@"; do
    "$objdump" -d --no-show-raw-insn "$file" |
        grep -E "%[yz]mm|$(printf '\t')(v[a-z0-9]+ |pshufb|palignr|pabs[bwd]|phadd|pmaddubsw|pmulhrsw|psign[bwd]|ptest|pblend|pextr[bdq]|pinsr[bdq]|pmin(sb|sd|ud|uw)|pmax(sb|sd|ud|uw)|pmul(ld|dq)|pmov[sz]x|round[ps][sd]|dpp[sd]|insertps|extractps|pcmpgtq|pcmpestr|pcmpistr|crc32|popcnt|lzcnt|tzcnt|andn |bextr|bls[ir]|mulx|pdep|pext |rorx|sarx|shlx|shrx|addsubp|haddp|hsubp|lddqu|movddup|movs[hl]dup|movbe)" |
        grep -vE "$(printf '\t')verr?w? " | head -n 5 > "${TMPDIR:-/tmp}/baseline.$$"
    if [ -s "${TMPDIR:-/tmp}/baseline.$$" ]; then
        echo "FAILED: $file"
        cat "${TMPDIR:-/tmp}/baseline.$$"
        rm -f "${TMPDIR:-/tmp}/baseline.$$"
        exit 1
    fi
    rm -f "${TMPDIR:-/tmp}/baseline.$$"
done
