"""numerics.py - plugins/abi/numerics.md a second time, in NumPy and Python's integers: fma, dot, exp32, the f64 functions, rope tables, Philox.

Written from the page alone. Only constants without a formula are read from setun_numerics.h, which is part of the page."""
import math
import os
import re

import numpy as np

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
LANES, CHUNK = 16, 256
f32, f64 = np.float32, np.float64


def header_constants():
    """Names and values of the single numbers in setun_numerics.h, as Python floats or ints."""
    with open(os.path.join(ROOT, "plugins/abi/setun_numerics.h"), encoding="utf-8") as file:
        pairs = re.findall(r"#define SETUN_(\w+)\s+\(?(-?0x[0-9a-f.]+p[+-]\d+|0x[0-9A-F]+u|-?[0-9.]+(?:e-?\d+)?)f?\b", file.read())
    return {name: float.fromhex(text) if "p" in text else int(text.rstrip("u"), 16) if text.startswith("0x") else float(text)
            for name, text in pairs}


C = header_constants()
QUANT_FLOOR = f32(1e-5)
LOG = [2 / (2 * k + 1) for k in range(12)]          # dividing integers, Python rounds once, to the nearest f64
INV = [1 / math.factorial(k) for k in range(18)]


def fma(a, b, c):
    """f32 a * b + c with one rounding. The product is exact in f64; the sum is rounded to odd there (to the neighbour with an odd last bit,
    if it is not exact), after which rounding to f32 gives what one rounding would have given."""
    p = a.astype(f64) * b
    c = np.asarray(c, f64)
    s = p + c
    t = s - p
    error = (p - (s - t)) + (c - t)                 # s + error is the exact sum (Knuth)
    bits = s.view(np.int64)
    away = (error > 0) == (s > 0)                   # the exact sum lies further from zero
    even = (error != 0) & (bits & 1 == 0)
    return np.where(even, bits + np.where(away, 1, -1), bits).view(f64).astype(f32)


def total(lane):
    """lane[..., 16] to the sum of the lanes, in the page's order."""
    for h in (8, 4, 2, 1):
        lane = lane[..., :h] + lane[..., h:2 * h]
    return lane[..., 0]


def dot(x, w):
    """x and w f32[..., n], n a multiple of 16, with shapes that broadcast."""
    n = x.shape[-1]
    assert n % LANES == 0, "lanes without an element take no step: not needed here"
    lane = np.zeros(np.broadcast_shapes(x.shape[:-1], w.shape[:-1]) + (LANES,), f32)
    for i in range(0, n, LANES):
        lane = fma(x[..., i:i + LANES], w[..., i:i + LANES], lane)
    return total(lane)


def exp32(x):
    """f32 array to f32 array."""
    x = np.asarray(x, f32)
    inside = np.clip(x, f32(C["EXP_ZERO_BELOW"]), f32(C["EXP_INF_ABOVE"]))
    n = np.rint(inside * f32(C["EXP_LOG2E"]))
    r = fma(n, f32(-C["EXP_LN2_HI"]), inside)
    r = fma(n, f32(-C["EXP_LN2_LO"]), r)
    p = np.full_like(r, f32(C["EXP_C6"]))
    for k in (5, 4, 3, 2):
        p = fma(p, r, f32(C[f"EXP_C{k}"]))
    p = fma(fma(p, r, f32(1)), r, f32(1))
    y = (p.view(np.int32) + (n.astype(np.int32) << 23)).view(f32)
    return np.where(x < f32(C["EXP_ZERO_BELOW"]), f32(0), np.where(x > f32(C["EXP_INF_ABOVE"]), f32(np.inf), y))


def nearest(x):
    return (x + C["F64_ROUND"]) - C["F64_ROUND"]


def log64(x):
    """x f64, positive and normal."""
    m, e = np.frexp(np.asarray(x, f64))
    low = m < C["F64_SQRT_HALF"]
    m, e = np.where(low, m * 2, m), (e - low).astype(f64)
    f = m - 1
    s = f / (2 + f)
    z = s * s
    w = np.full_like(s, LOG[11])
    for k in range(10, 0, -1):
        w = LOG[k] + z * w
    w = z * w
    t = s * (f - w) - e * C["F64_LN2_LO"]
    return e * C["F64_LN2_HI"] - (t - f)


def exp64(x):
    x = np.asarray(x, f64)
    n = nearest(x * C["F64_LOG2E"])
    r = (x - n * C["F64_LN2_HI"]) - n * C["F64_LN2_LO"]
    p = np.full_like(r, INV[13])
    for k in range(12, 1, -1):
        p = INV[k] + r * p
    return np.ldexp(1 + (r + (r * r) * p), n.astype(np.int64))


def sin_cos64(x):
    """sin64 and cos64 of f64 x, 0 <= x <= 2^20."""
    x = np.asarray(x, f64)
    k = nearest(x * C["F64_TWO_OVER_PI"])
    r = ((x - k * C["F64_PIO2_1"]) - k * C["F64_PIO2_2"]) - k * C["F64_PIO2_3"]
    z = r * r
    p, q = np.full_like(r, INV[17]), np.full_like(r, INV[16])
    for i in range(15, 2, -2):
        p = INV[i] - z * p
    for i in range(14, 1, -2):
        q = INV[i] - z * q
    s, c = r - (r * z) * p, 1 - z * q
    turn = k.astype(np.int64) & 3
    return np.choose(turn, [s, c, -s, -c]), np.choose(turn, [c, -s, -c, s])


def rope_tables(n_positions, n_dims, theta):
    """cos and sin, f32[n_positions, n_dims / 2]."""
    j = np.arange(n_dims // 2, dtype=f64)
    frequency = exp64(-(((2 * j) / f64(n_dims)) * log64(f64(theta)))).astype(f32)
    angle = np.arange(n_positions, dtype=f32)[:, None] * frequency
    sin, cos = sin_cos64(angle.astype(f64))
    return cos.astype(f32), sin.astype(f32)


def philox(counter, key):
    """Four and two lists of 32-bit words (ints, or one of the words a uint64 array) to four words."""
    mask = 0xFFFFFFFF
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        a, b = C["PHILOX_M0"] * c0, C["PHILOX_M1"] * c2
        c0, c1, c2, c3 = (b >> 32) ^ c1 ^ k0, b & mask, (a >> 32) ^ c3 ^ k1, a & mask
        k0, k1 = (k0 + C["PHILOX_W0"]) & mask, (k1 + C["PHILOX_W1"]) & mask
    return c0, c1, c2, c3


def gumbel(seed, position, ids):
    """Noise of the candidates ids (int array) at a position, f64."""
    mask = 0xFFFFFFFF
    # Python's integers: NumPy's would hide an overflow of the products.
    word = [philox((int(i), position & mask, position >> 32, 0), (seed & mask, seed >> 32))[0] for i in ids]
    return -log64(-log64((np.array(word, f64) + 0.5) * 2.0 ** -32))
