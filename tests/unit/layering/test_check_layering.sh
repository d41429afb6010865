#!/bin/sh
# test_check_layering.sh CHECKER - the layering check passes a clean tree and finds each of the violations seeded here.
set -eu
checker=${1:?usage: test_check_layering.sh CHECKER}
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT

write() { # PATH LINE
    mkdir -p "$tree/$(dirname "$1")"
    printf '%s\n' "$2" > "$tree/$1"
}

clean() {
    rm -rf "${tree:?}"/*
    write plugins/abi/setun_plugin.h '#include <stdint.h>'
    write plugins/abi/setun_ops.h '#include "setun_plugin.h"'
    write plugins/template/demo.c '#include "setun_plugin.h"'
    write framework/include/setun/plugins.h '#include "setun_plugin.h"'
    write framework/base/base.h '#include "setun/plugins.h"'
    write framework/base/base.c '#include "base.h"'
    write graph/include/setun/model.h '#include "setun/plugins.h"'
    write graph/graph.h '#include "base/base.h"'
    write graph/ops/ops.c '  #  include "graph.h"'
    write backends/scalar/math.h '#include <math.h>'
    write backends/scalar/add.c '#include "math.h"'
    write backends/avx2/add.c '#include <immintrin.h>'
    write backends/avx2/lanes.h '#include "setun_plugin.h"'
    write tools/io.h '#include <jansson.h>'
    write tools/main.c '#include "setun/model.h"'
    write tests/support/fixture.h '#include <stdio.h>'
}

n_passed=0
n_failed=0
result() { # OK TEXT
    if [ "$1" = yes ]; then
        n_passed=$((n_passed + 1))
    else
        n_failed=$((n_failed + 1))
        echo "FAILED: $2"
    fi
}

clean
if sh "$checker" "$tree"; then result yes ''; else result no 'a clean tree is refused'; fi

seeded() { # PATH LINE
    clean
    write "$1" "$2"
    if output=$(sh "$checker" "$tree"); then
        result no "not found: $1: $2"
    else
        case $output in "$1":*) result yes '' ;; *) result no "$1: $2: the message is '$output'" ;; esac
    fi
}

seeded plugins/abi/bad.h '#include "base/base.h"'
seeded plugins/abi/bad.h '#include <hwloc.h>'
seeded plugins/template/bad.c '#include "setun/plugins.h"'
seeded backends/scalar/bad.c '#include "base/base.h"'
seeded backends/scalar/bad.c '#include "setun/plugins.h"'
seeded backends/scalar/bad.c '#include "graph.h"'
seeded backends/scalar/bad.c '#include <setun/plugins.h>'
seeded backends/scalar/bad.c '#include <omp.h>'
seeded backends/scalar/bad.c '#include <stdio.h>'
seeded backends/scalar/bad.c '#include "../avx2/lanes.h"'
seeded backends/scalar/bad.c '#include "lanes.h"'
seeded backends/scalar/bad.c '#include HEADER'
seeded framework/base/bad.c '#include "graph.h"'
seeded framework/base/bad.c '#include "setun/model.h"'
seeded framework/base/bad.c '#include "io.h"'
seeded graph/ops/bad.c '	#	include	"io.h"'
seeded graph/ops/bad.c '#include "fixture.h"'
seeded graph/ops/bad.c '#include "../../backends/scalar/math.h"'
seeded tools/bad.c '#include "base/base.h"'
seeded tools/bad.c '#include "graph.h"'
seeded tools/bad.c '#include "nowhere.h"'

echo "layering check: $n_passed passed, $n_failed failed"
[ "$n_failed" -eq 0 ]
