#!/usr/bin/env python3
"""logits.py COMMAND - a forward pass of BitNet b1.58 in NumPy against `setun score --ids --logits`.

Independent of numerics.md: plain formulas in f64 around the int8 activations, so that it shows what the model means, not how Setun rounds."""
import sys

import numpy as np

import command as c

f64 = np.float64


class Bitnet:
    def __init__(self, weights):
        self.w, config = weights, weights.config
        self.n_layers, self.n_heads, self.n_kv = config["num_hidden_layers"], config["num_attention_heads"], config["num_key_value_heads"]
        self.n_dims = config["hidden_size"] // self.n_heads
        self.eps, self.theta = config["rms_norm_eps"], config["rope_theta"]

    def norm(self, x, name):
        return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + self.eps) * self.w[name].astype(f64)

    def linear(self, x, name):
        """int8 activations with one scale a row (absmax), ternary weights with one scale."""
        w, scale = self.w.ternary(name)
        s = 127 / np.maximum(np.max(np.abs(x), axis=-1, keepdims=True), 1e-5)
        q = np.clip(np.rint(x * s), -128, 127)
        return q @ w.T.astype(f64) * (float(scale) / s)

    def rope(self, x):
        """x[row, head, dim], rotated by halves; row = position."""
        half = self.n_dims // 2
        angle = np.arange(len(x))[:, None, None] * self.theta ** (-np.arange(half) / half)
        a, b = x[..., :half], x[..., half:]
        return np.concatenate([a * np.cos(angle) - b * np.sin(angle), b * np.cos(angle) + a * np.sin(angle)], axis=-1)

    def attention(self, x, layer):
        n = len(x)
        q, k, v = (self.linear(x, f"{layer}.self_attn.{name}_proj").reshape(n, -1, self.n_dims) for name in "qkv")
        q, k = self.rope(q), self.rope(k)
        k, v = (np.repeat(t, self.n_heads // self.n_kv, axis=1) for t in (k, v))
        scores = np.einsum("ihd,jhd->hij", q, k) / np.sqrt(self.n_dims)
        scores = np.where(np.tri(n, dtype=bool), scores, -np.inf)
        p = np.exp(scores - np.max(scores, axis=-1, keepdims=True))
        out = np.einsum("hij,jhd->ihd", p / np.sum(p, axis=-1, keepdims=True), v).reshape(n, -1)
        return self.linear(self.norm(out, f"{layer}.self_attn.attn_sub_norm.weight"), f"{layer}.self_attn.o_proj")

    def ffn(self, x, layer):
        h = np.maximum(self.linear(x, f"{layer}.mlp.gate_proj"), 0) ** 2 * self.linear(x, f"{layer}.mlp.up_proj")
        return self.linear(self.norm(h, f"{layer}.mlp.ffn_sub_norm.weight"), f"{layer}.mlp.down_proj")

    def logits(self, ids):
        table = self.w["model.embed_tokens.weight"].astype(f64)
        x = table[ids]
        for i in range(self.n_layers):
            layer = f"model.layers.{i}"
            x = x + self.attention(self.norm(x, f"{layer}.input_layernorm.weight"), layer)
            x = x + self.ffn(self.norm(x, f"{layer}.post_attention_layernorm.weight"), layer)
        return self.norm(x, "model.norm.weight") @ table.T


def main(command):
    model = Bitnet(c.Weights(c.FABLE))
    for name in c.SHORT:
        ids, expected = c.golden(name)
        own = model.logits(ids)
        c.compare_short(f"{name}: NumPy and the golden", own, expected)
        c.compare_short(f"{name}: setun and NumPy", c.score(command, ids, "--kv", "f32"), own)
    ids, expected = c.golden("long")
    own = model.logits(ids)
    c.compare_long("long: NumPy and the golden", own, expected)
    c.compare_long("long: setun and NumPy", c.score(command, ids, "--kv", "f32"), own)
    for seed, n in ((1, 1), (2, 2), (3, 17), (4, 100), (5, 255), (6, 257), (7, 512)):
        ids = c.random_ids(seed, n)
        own = model.logits(ids)
        c.compare_long(f"{n} random ids: setun and NumPy", c.score(command, ids, "--kv", "f32"), own)
    c.finish()


main(sys.argv[1])
