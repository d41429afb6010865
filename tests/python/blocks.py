#!/usr/bin/env python3
"""blocks.py FOLDER - blocks of GGUF's Q8_0 and Q6_K, and what the package gguf reads from them.

Writes FOLDER/NAME.blocks and FOLDER/NAME.f32, the values; tests/golden/blocks was made with it, and tests/kernels/test_blocks.c compares Setun's
kernels with it. With --check it writes nothing, and compares what FOLDER has with what gguf says of it here."""
import os
import sys

import numpy as np
from gguf import GGMLQuantizationType, quants

TYPES = {"q8_0": (GGMLQuantizationType.Q8_0, 32, 34, 0), "q6_k": (GGMLQuantizationType.Q6_K, 256, 210, 208)}
N_ROWS, N_COLUMNS = 8, 512
# d of the first blocks: zeros, the least and the largest subnormal, the least normal number, 1, the largest; the other blocks' is random.
EDGES = np.array([0x0000, 0x8000, 0x0001, 0x83FF, 0x0400, 0x3C00, 0x7BFF, 0xFBFF], dtype="<u2")


def make(name):
    """Any codes and parts; d finite. The last two rows of q8_0 are gguf's own, from normal numbers."""
    kind, columns, n_bytes, d_at = TYPES[name]
    r = np.random.default_rng(1958)
    blocks = r.integers(0, 256, (N_ROWS * N_COLUMNS // columns, n_bytes), dtype=np.uint8)
    d = r.integers(0, 0x7C00, len(blocks)).astype("<u2") | (r.integers(0, 2, len(blocks)) << 15).astype("<u2")
    d[:len(EDGES)] = EDGES
    blocks[:, d_at:d_at + 2] = d.view(np.uint8).reshape(-1, 2)
    if name == "q8_0":
        own = quants.quantize((r.standard_normal((2, N_COLUMNS)) * 0.03).astype(np.float32), kind).reshape(-1, n_bytes)
        blocks[-len(own):] = own
    return blocks.reshape(N_ROWS, -1)


def main():
    checks, folder = sys.argv[1] == "--check", sys.argv[-1]
    wrong = 0
    for name, (kind, *_) in TYPES.items():
        paths = [os.path.join(folder, f"{name}.{end}") for end in ("blocks", "f32")]
        if not checks:
            os.makedirs(folder, exist_ok=True)
            blocks = make(name)
            blocks.tofile(paths[0])
            quants.dequantize(blocks, kind).astype("<f4").tofile(paths[1])
            continue
        blocks, values = np.fromfile(paths[0], dtype=np.uint8).reshape(N_ROWS, -1), np.fromfile(paths[1], dtype="<f4")
        good = np.array_equal(quants.dequantize(blocks, kind).astype("<f4").reshape(-1).view("<u4"), values.view("<u4"))
        print(f"{'ok      ' if good else 'WRONG   '}{name}: {values.size} values, {len(np.unique(values))} of them different")
        wrong += not good
    sys.exit(f"{wrong} wrong" if wrong else 0)


main()
