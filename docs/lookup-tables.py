#!/usr/bin/env python3
"""Draws lookup-tables.svg: weights a nanosecond of linear kernels, from the caches and from memory.

Reads the CSV of `setun kernels bench --op linear --fmts tern --rows 1 -t 1 --shape NxK -o csv` on standard input, writes SVG to standard output.
Further bars, such as another program's, are arguments: NAME,BITS,NS_FROM_CACHE,NS_FROM_MEMORY.
"""
import csv
import sys

WIDTH, LEFT, RIGHT, BAR, GAP, TOP = 900, 330, 60, 13, 12, 64


def bars(rows, others):
    """[(name, bits, whether a lookup table, {from: weights/ns})], the fastest from the caches first."""
    found = {}
    for row in rows:
        if row["rows"] != "1" or row["backend"] == "scalar" or "panel" in row["kernel"] or "4x16" in row["kernel"] or "6x64" in row["kernel"]:
            continue
        name = row["kernel"].replace("linear_", "").replace("_f32__", "  ")
        entry = found.setdefault(row["kernel"], (name, float(row["weight_bits"]), row["backend"] == "lut", {}))
        entry[3][row["from"]] = int(row["n"]) * int(row["k"]) / (float(row["median_s"]) * 1e9)
    n_weights = int(row["n"]) * int(row["k"])
    for other in others:
        name, bits, cache, memory = other.split(",")
        found[name] = (name, float(bits), None, {"cache": n_weights / float(cache), "memory": n_weights / float(memory)})
    return sorted(found.values(), key=lambda bar: -bar[3].get("cache", 0)), f"{row['n']} x {row['k']}"


def main():
    entries, shape = bars(list(csv.DictReader(sys.stdin)), sys.argv[1:])
    most = max(max(entry[3].values()) for entry in entries)
    step = 2 * BAR + GAP
    height = TOP + step * len(entries) + 44
    scale = (WIDTH - LEFT - RIGHT) / most
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">',
           f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
           f'<text x="16" y="24" font-size="16">Weights a nanosecond, {shape}, one row, one thread</text>',
           '<text x="16" y="44" fill="#555">upper bar: from the caches; lower bar: from memory. Orange: lookup tables, blue: other kernels, grey: another program.</text>']
    for i, (name, bits, is_table, speed) in enumerate(entries):
        y = TOP + i * step
        colours = ("#999", "#ccc") if is_table is None else ("#d9772b", "#f0bd93") if is_table else ("#3b6fb0", "#a3bfe0")
        out.append(f'<text x="{LEFT - 10}" y="{y + 17}" text-anchor="end">{name} <tspan fill="#777">{bits:.2f} bits</tspan></text>')
        for j, where in enumerate(("cache", "memory")):
            if where not in speed:
                continue
            length = speed[where] * scale
            out.append(f'<rect x="{LEFT}" y="{y + j * BAR}" width="{length:.1f}" height="{BAR - 1}" fill="{colours[j]}"/>')
            out.append(f'<text x="{LEFT + length + 5:.1f}" y="{y + j * BAR + 10}" font-size="11">{speed[where]:.0f}</text>')
    out.append("</svg>")
    print("\n".join(out))


if __name__ == "__main__":
    main()
