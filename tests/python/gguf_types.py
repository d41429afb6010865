#!/usr/bin/env python3
"""gguf_types.py COMMAND - GGUF files that the package gguf writes, with its own quantisers, against what it reads of them.

Ternary types and dense ones: the logits must be those of the same values in another type, bit for bit. Block types: range and root mean
square of the values that the package decodes must be those that `setun model show` prints."""
import json
import os
import sys
import tempfile

import gguf
import numpy as np

import command as c

TYPE = gguf.GGMLQuantizationType
NAMES = {"input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
         "self_attn.attn_sub_norm": "attn_sub_norm", "self_attn.o_proj": "attn_output", "post_attention_layernorm": "ffn_norm",
         "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.ffn_sub_norm": "ffn_sub_norm", "mlp.down_proj": "ffn_down"}
IDS = c.random_ids(36, 40)


def vocabulary(writer):
    with open(os.path.join(c.FABLE, "tokenizer.json"), encoding="utf-8") as file:
        tokenizer = json.load(file)
    tokens = {i: text for text, i in tokenizer["model"]["vocab"].items()}
    special = {token["id"]: token["content"] for token in tokenizer["added_tokens"]}
    n = len(tokens) + len(special)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("llama-bpe")
    writer.add_token_list([(tokens | special)[i] for i in range(n)])
    writer.add_token_types([3 if i in special else 1 for i in range(n)])
    writer.add_token_merges([" ".join(pair) for pair in tokenizer["model"]["merges"]])
    writer.add_bos_token_id(4093)
    writer.add_eos_token_id(4094)


def write(path, ternary_type, embedding):
    """fable with its ternary tensors of that type, quantised by the package, and `embedding`: a pair of data and type."""
    weights = c.Weights(c.FABLE)
    config = weights.config
    writer = gguf.GGUFWriter(path, "bitnet-b1.58")
    writer.add_vocab_size(config["vocab_size"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(config["rope_theta"])
    vocabulary(writer)
    writer.add_tensor("token_embd.weight", embedding[0], raw_dtype=embedding[1])
    writer.add_tensor("output_norm.weight", weights["model.norm.weight"])
    for layer in range(config["num_hidden_layers"]):
        for name, to in NAMES.items():
            source, target = f"model.layers.{layer}.{name}", f"blk.{layer}.{to}.weight"
            if source + ".weight_scale" not in weights.header:
                writer.add_tensor(target, weights[source + ".weight"])
                continue
            codes, scale = weights.ternary(source)
            data = gguf.quants.quantize(codes.astype(np.float32) * scale, ternary_type)
            again = gguf.quants.dequantize(data, ternary_type)
            if not np.array_equal(again, codes.astype(np.float32) * scale):
                sys.exit(f"{target}: the package does not give back what it was given")
            writer.add_tensor(target, data, raw_dtype=ternary_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def bf16_bytes(values):
    return gguf.quants.quantize(values, TYPE.BF16)


def check_logits(command, folder):
    embedding = c.Weights(c.FABLE)["model.embed_tokens.weight"]
    expected = c.score(command, IDS)
    for ternary_type in TYPE.TQ1_0, TYPE.TQ2_0:
        for dense in TYPE.BF16, TYPE.F32:
            path = os.path.join(folder, f"{ternary_type.name}-{dense.name}.gguf")
            write(path, ternary_type, (bf16_bytes(embedding) if dense == TYPE.BF16 else embedding, dense))
            got = c.score(command, IDS, model=path)
            c.check(np.array_equal(got, expected), f"{ternary_type.name} weights, {dense.name} embedding: the folder's logits")
    # Embeddings in a type of which every block has a scale of its own: as the same values in f16.
    for embedding_type in TYPE.TQ1_0, TYPE.TQ2_0:
        data = gguf.quants.quantize(embedding, embedding_type)
        values = gguf.quants.dequantize(data, embedding_type)
        if not np.array_equal(values.astype(np.float16).astype(np.float32), values):
            sys.exit(f"{embedding_type.name}: values that are no f16")
        paths = [os.path.join(folder, f"embedding-{i}.gguf") for i in range(2)]
        write(paths[0], TYPE.TQ2_0, (data, embedding_type))
        write(paths[1], TYPE.TQ2_0, (values.astype(np.float16), TYPE.F16))
        a, b = (c.score(command, IDS, model=path) for path in paths)
        c.check(np.array_equal(a, b) and not np.array_equal(a, expected), f"{embedding_type.name} embedding: the logits of its values in F16")


def q6_k_blocks(n):
    """Any bytes are good but for the f16 at the end of each block, which is made finite and small."""
    blocks = np.random.default_rng(6).integers(0, 256, (n, 210), dtype=np.uint8)
    blocks[:, 208:] = np.random.default_rng(7).uniform(-0.01, 0.01, n).astype(np.float16)[:, None].view(np.uint8)
    return blocks


def check_statistics(command, folder):
    embedding = c.Weights(c.FABLE)["model.embed_tokens.weight"]
    for dense, data in ((TYPE.Q8_0, gguf.quants.quantize(embedding, TYPE.Q8_0)), (TYPE.Q6_K, q6_k_blocks(4096)), (TYPE.F16, embedding.astype(np.float16))):
        path = os.path.join(folder, f"{dense.name}.gguf")
        write(path, TYPE.TQ2_0, (data, dense))
        values = gguf.quants.dequantize(data, dense).astype(np.float64)
        shown = json.loads(c.setun(command, "model", "show", path, "-o", "json"))
        found = next(tensor for tensor in shown["tensors"] if tensor["name"] == "token_embd")["dense"]
        expected = {"min": values.min(), "max": values.max(), "rms": np.sqrt(np.mean(values ** 2))}
        good = all(abs(found[key] - expected[key]) <= 1e-5 * abs(expected[key]) for key in expected)
        c.check(good, f"{dense.name}: range and root mean square of what the package decodes")
        c.setun(command, "model", "check", path)


def main():
    command = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        check_logits(command, folder)
        check_statistics(command, folder)
    c.finish()


main()
