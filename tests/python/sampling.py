#!/usr/bin/env python3
"""sampling.py COMMAND - the ids of `setun run` drawn again: numerics.md's sampling in Python from the logits that `setun score` gives.

The logits of a position are the same bits in both commands, so every id must be the same. The noise and f64 functions are checked first,
against values from outside: Random123's vectors and mpmath."""
import random
import sys
from fractions import Fraction

import mpmath
import numpy as np

import command as c
import numerics as m

f32, f64 = np.float32, np.float64


def check_philox():
    ones = 0xFFFFFFFF
    rows = [  # counter, key, result: Random123's kat_vectors, philox4x32 with 10 rounds
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((ones,) * 4, (ones,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        ((0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344), (0xA4093822, 0x299F31D0), (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1))]
    c.check(all(m.philox(counter, key) == result for counter, key, result in rows), "philox: Random123's three vectors")


def largest_ulps(got, exact, kind=f64):
    """The largest error of `got`, in units of the last place of the exact values (mpmath)."""
    return max(abs(float((mpmath.mpf(float(g)) - e) / float(np.spacing(abs(kind(e)))))) for g, e in zip(got, exact))


def check_functions():
    mpmath.mp.prec = 200
    r = random.Random(1)
    x = np.array([r.uniform(0.5, 2) * 2.0 ** r.randrange(-1000, 1000) for _ in range(2000)] + [r.uniform(0.9, 1.1) for _ in range(2000)])
    ulps = largest_ulps(m.log64(x), [mpmath.log(mpmath.mpf(v)) for v in x.tolist()])
    c.check(ulps < 1, f"log64: {ulps:.3f} ulp at most, under 1")
    x = np.array([r.uniform(-700, 700) for _ in range(2000)] + [r.uniform(-1, 1) for _ in range(2000)])
    ulps = largest_ulps(m.exp64(x), [mpmath.exp(mpmath.mpf(v)) for v in x.tolist()])
    c.check(ulps < 1, f"exp64: {ulps:.3f} ulp at most, under 1")
    x = np.array([r.uniform(0, 2.0 ** r.randrange(-8, 21)) for _ in range(4000)])
    for name, got, exact in zip(("sin64", "cos64"), m.sin_cos64(x), (mpmath.sin, mpmath.cos)):
        ulps = largest_ulps(got, [exact(mpmath.mpf(v)) for v in x.tolist()])
        c.check(ulps < 2.4, f"{name}: {ulps:.3f} ulp at most, under 2.4")
    x = np.array([r.uniform(-87.3, 88.7) for _ in range(4000)], f32)
    exact = [mpmath.exp(mpmath.mpf(float(v))) for v in x]
    ulps = largest_ulps(m.exp32(x), exact, f32)
    c.check(ulps < 0.9, f"exp32: {ulps:.3f} ulp at most, under 0.9")


def check_fma():
    """fma against exact fractions, with sums that lie on and beside ties of f32."""
    r, n_bad = random.Random(2), 0
    for _ in range(4000):
        a, b = f32(r.uniform(-2, 2) * 2.0 ** r.randrange(-30, 30)), f32(r.uniform(-2, 2))
        if r.random() < 0.5:      # an addend that makes a tie, or almost
            a, b = f32(r.randrange(1 << 23, 1 << 24)), f32(r.choice([0.5, 2.0 ** -24, 1 + 2.0 ** -23]))
        addend = f32(r.choice([0, 2.0 ** -40, -2.0 ** -40, r.uniform(-1, 1) * 2.0 ** r.randrange(-60, 40)]))
        exact = Fraction(float(a)) * Fraction(float(b)) + Fraction(float(addend))
        got = m.fma(np.array([a]), np.array([b]), np.array([addend]))[0]
        near = sorted((abs(Fraction(float(v)) - exact), int(v.view(np.uint32)) & 1, v)
                      for v in (got, np.nextafter(got, f32(np.inf)), np.nextafter(got, f32(-np.inf))))
        n_bad += near[0][2] != got
    c.check(n_bad == 0, f"fma: {n_bad} of 4000 results are not the nearest f32")


def draw(logits, history, position, temp, top_k, top_p, min_p, penalty, seed):
    """numerics.md: sampling. logits f32[vocabulary]; returns an id."""
    z = logits.copy()
    if penalty not in (0, 1):
        used = np.unique(history)
        z[used] = np.where(z[used] > 0, z[used] / f32(penalty), z[used] * f32(penalty))
    order = np.lexsort((np.arange(len(z)), -z))
    if temp == 0:
        return int(order[0])
    z = z / f32(temp)
    order = np.lexsort((np.arange(len(z)), -z))
    if top_k > 0:
        order = order[:top_k]
    z_max = z[order[0]]
    if top_p not in (0, 1):
        p = m.exp32(z[order] - z_max).astype(f64)
        sums = np.cumsum(p)       # one after the other, in order
        order = order[:int(np.argmax(sums >= f64(f32(top_p)) * sums[-1])) + 1]
    if min_p > 0:
        order = order[m.exp32(z[order] - z_max) >= f32(min_p)]
    noisy = z[order].astype(f64) + m.gumbel(seed, position, order)
    return int(np.min(order[noisy == np.max(noisy)]))


def main(command):
    check_philox()
    check_fma()
    check_functions()
    rows = [  # prompt, temperature, top-k, top-p, min-p, penalty, seed
        ("Once upon a time", 0.8, 0, 1, 0, 1, 7), ("Once upon a time", 0.8, 40, 0.95, 0, 1, 0), ("The king", 1.7, 0, 1, 0, 1, (1 << 63) - 1),
        ("A", 0.3, 0, 0.5, 0, 1, 1 << 32), ("The princess", 1, 3, 1, 0, 1, 12345), ("The princess", 1, 0, 1, 0.05, 1, 99),
        ("One day", 0.8, 50, 0.9, 0.02, 1.3, 2026), ("One day", 0, 0, 1, 0, 1.2, 1), ("Long ago", 100, 1000, 0.7, 0.9, 0.7, 5)]
    n_all = 0
    for prompt, temp, top_k, top_p, min_p, penalty, seed in rows:
        settings = ["--temp", str(temp), "--top-k", str(top_k), "--top-p", str(top_p), "--min-p", str(min_p), "--repeat-penalty", str(penalty),
                    "--seed", str(seed)]
        result = c.run(command, "-p", prompt, "-n", "60", *settings)
        sequence, n_prompt = result["prompt_ids"] + result["ids"], len(result["prompt_ids"])
        logits = c.score(command, sequence)
        drawn = [draw(logits[i - 1], sequence[:i], i, temp, top_k, top_p, min_p, penalty, seed) for i in range(n_prompt, len(sequence))]
        n_all += len(drawn)
        c.check(drawn == result["ids"], f"{prompt!r} {' '.join(settings)}: {len(drawn)} ids")
    c.check(n_all >= 300, f"{n_all} ids in all, at least 300")    # stories that end early must not leave the test empty
    c.finish()


main(sys.argv[1])
