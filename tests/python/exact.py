#!/usr/bin/env python3
"""exact.py COMMAND - a forward pass by plugins/abi/numerics.md in NumPy: the same bits as `setun score --ids --logits`, whatever the backend.

The page promises that two people who read it write the same bits. This is the second person."""
import math
import sys

import numpy as np

import command as c
import numerics as m

f32 = np.float32


class Bitnet:
    def __init__(self, weights, cache):
        self.w, self.cache, config = weights, cache, weights.config
        self.n_layers, self.n_heads, self.n_kv = config["num_hidden_layers"], config["num_attention_heads"], config["num_key_value_heads"]
        self.n_dims, self.eps = config["hidden_size"] // self.n_heads, f32(config["rms_norm_eps"])
        self.scale = f32(1 / math.sqrt(self.n_dims))
        self.cos, self.sin = m.rope_tables(config["max_position_embeddings"], self.n_dims, config["rope_theta"])

    def norm(self, x, name):
        r = f32(1) / np.sqrt(m.dot(x, x) / f32(x.shape[-1]) + self.eps)
        return (x * r[:, None]) * self.w[name]

    def linear(self, x, name):
        w, scale = self.w.ternary(name)
        s = f32(127) / np.maximum(np.max(np.abs(x), axis=-1, keepdims=True), m.QUANT_FLOOR)
        q = np.clip(np.rint(x * s), -128, 127)
        d = (q.astype(np.float64) @ w.T.astype(np.float64)).astype(f32)    # whole numbers below 2^24: exact in any order
        return d * (scale / s)

    def rope(self, x):
        """x f32[row, head, dim], row = position, pairs (j, j + half)."""
        half = self.n_dims // 2
        cos, sin = self.cos[:len(x), None], self.sin[:len(x), None]
        a, b = x[..., :half], x[..., half:]
        return np.concatenate([m.fma(a, cos, -(b * sin)), m.fma(b, cos, a * sin)], axis=-1)

    def chunk(self, q, k, v, first):
        """m_c[row, head], l_c[row, head] and o_c[row, head, dim] of the positions of one chunk, the first of them `first`."""
        n, n_positions = len(q), len(k)
        a = np.zeros((n, self.n_heads, n_positions), f32)
        for d in range(self.n_dims):
            a = m.fma(q[:, :, None, d], k[None, :, :, d].transpose(0, 2, 1), a)
        seen = (first + np.arange(n_positions) <= np.arange(n)[:, None])[:, None, :]
        s = np.where(seen, self.scale * a, f32(-np.inf))
        largest = np.max(s, axis=-1)
        p = m.exp32(s - np.where(np.isfinite(largest), largest, f32(0))[..., None])
        lanes, o = np.zeros((n, self.n_heads, m.LANES), f32), np.zeros((n, self.n_heads, self.n_dims), f32)
        for j in range(n_positions):
            take = seen[:, :, j]
            lanes[..., j % m.LANES] = np.where(take, lanes[..., j % m.LANES] + p[..., j], lanes[..., j % m.LANES])
            o = np.where(take[..., None], m.fma(p[..., j, None], v[None, j], o), o)
        return largest, m.total(lanes), o

    def attention(self, x, layer):
        n, group = len(x), self.n_heads // self.n_kv
        q, k, v = (self.linear(x, f"{layer}.self_attn.{name}_proj").reshape(n, -1, self.n_dims) for name in "qkv")
        q, k = self.rope(q), self.rope(k)
        k, v = (np.repeat(t.astype(self.cache).astype(f32), group, axis=1) for t in (k, v))
        parts = [self.chunk(q, k[i:i + m.CHUNK], v[i:i + m.CHUNK], i) for i in range(0, n, m.CHUNK)]
        largest = np.max([part[0] for part in parts], axis=0)
        length, out = np.zeros((n, self.n_heads), f32), np.zeros((n, self.n_heads, self.n_dims), f32)
        for largest_c, length_c, out_c in parts:
            present = np.isfinite(largest_c)                              # a chunk without a seen position takes no part
            w = m.exp32(np.where(present, largest_c, largest) - largest)
            length = np.where(present, m.fma(w, length_c, length), length)
            out = np.where(present[..., None], m.fma(w[..., None], out_c, out), out)
        out = (out * (f32(1) / length)[..., None]).reshape(n, -1)
        return self.linear(self.norm(out, f"{layer}.self_attn.attn_sub_norm.weight"), f"{layer}.self_attn.o_proj")

    def ffn(self, x, layer):
        gate = np.maximum(self.linear(x, f"{layer}.mlp.gate_proj"), f32(0))
        h = (gate * gate) * self.linear(x, f"{layer}.mlp.up_proj")
        return self.linear(self.norm(h, f"{layer}.mlp.ffn_sub_norm.weight"), f"{layer}.mlp.down_proj")

    def logits(self, ids, rows):
        """Logits of the positions `rows`, f32[len(rows), vocabulary]."""
        table = self.w["model.embed_tokens.weight"]
        x = table[ids]
        for i in range(self.n_layers):
            layer = f"model.layers.{i}"
            x = x + self.attention(self.norm(x, f"{layer}.input_layernorm.weight"), layer)
            x = x + self.ffn(self.norm(x, f"{layer}.post_attention_layernorm.weight"), layer)
        y = self.norm(x, "model.norm.weight")
        return np.stack([m.dot(y[row], table) for row in rows])


def main(command):
    weights = c.Weights(c.FABLE)
    cases = [("short-0", c.golden("short-0")[0]), ("short-3", c.golden("short-3")[0]), ("one id", c.random_ids(1, 1)),
             ("100 random ids", c.random_ids(8, 100)), ("512 random ids, two chunks", c.random_ids(9, 512))]
    for cache, name in ((np.float32, "f32"), (np.float16, "f16")):
        model = Bitnet(weights, cache)
        for what, ids in cases:
            rows = sorted({0, len(ids) // 2, len(ids) - 1} | ({255, 256, 257} if len(ids) > 257 else set()))
            own, theirs = model.logits(ids, rows), c.score(command, ids, "--kv", name)[rows]
            n_bad = int(np.sum(own.view(np.uint32) != theirs.view(np.uint32)))
            c.check(n_bad == 0, f"{what}, {name} cache: {n_bad} of {own.size} logits have other bits")
    c.finish()


main(sys.argv[1])
