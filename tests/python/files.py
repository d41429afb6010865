#!/usr/bin/env python3
"""files.py COMMAND MODEL - files that `setun model convert` writes, read by the packages gguf and safetensors: names, types, shapes, values.

gguf has no reader for I2_S, a type of bitnet.cpp alone; tests/model/convert compares those bytes."""
import pathlib
import subprocess
import sys
import tempfile

import gguf
import numpy as np
from safetensors import safe_open

command, model = sys.argv[1:3]
here = {"attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
        "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj"}


def unpack(bits):
    """[n / 4, k] to codes [n, k]: the low bits are the first quarter of the rows."""
    return np.concatenate([(bits >> (2 * i)) & 3 for i in range(4)]).astype(np.float32) - 1


def bf16(words):
    return (words.astype(np.uint32) << 16).view(np.float32)


def raw(path):
    """Every tensor of a safetensors file as (dtype, array of bytes or words)."""
    import json
    import struct
    data = pathlib.Path(path).read_bytes()
    n = struct.unpack("<Q", data[:8])[0]
    kinds = {"BF16": np.uint16, "U8": np.uint8, "F32": np.float32}
    return {name: (info["dtype"], np.frombuffer(data, kinds[info["dtype"]], offset=8 + n + info["data_offsets"][0],
                                                count=int(np.prod(info["shape"]))).reshape(info["shape"]))
            for name, info in json.loads(data[8:8 + n]).items() if name != "__metadata__"}


with tempfile.TemporaryDirectory() as folder:
    subprocess.run([command, "model", "convert", model, f"{folder}/hf", "--to", "hf-packed"], check=True)
    source, written = raw(f"{model}/model.safetensors"), raw(f"{folder}/hf/model.safetensors")
    with safe_open(f"{folder}/hf/model.safetensors", "np") as opened:
        assert set(opened.keys()) == set(source), set(opened.keys()) ^ set(source)
    for name, (dtype, values) in source.items():
        assert written[name][0] == dtype and np.array_equal(written[name][1], values), name

    for kind, type_ in ("tq2_0", gguf.GGMLQuantizationType.TQ2_0), ("tq1_0", gguf.GGMLQuantizationType.TQ1_0):
        subprocess.run([command, "model", "convert", model, f"{folder}/{kind}.gguf", "--to", kind], check=True)
        reader = gguf.GGUFReader(f"{folder}/{kind}.gguf")
        tensors = {t.name: t for t in reader.tensors}
        n_ternary = 0
        for name, tensor in tensors.items():
            if not name.startswith("blk.") or name.split(".")[2] not in here:
                continue
            _, layer, entry, _ = name.split(".")
            stem = f"model.layers.{layer}.{here[entry]}.weight"
            expected = unpack(source[stem][1]) * bf16(source[stem + "_scale"][1].reshape(1))
            assert tensor.tensor_type == type_, name
            assert np.array_equal(gguf.dequantize(tensor.data, type_).reshape(expected.shape), expected), name
            n_ternary += 1
        assert n_ternary == 7 * int(reader.fields["bitnet-b1.58.block_count"].contents()), n_ternary
        norm = tensors["output_norm.weight"]
        assert norm.tensor_type == gguf.GGMLQuantizationType.F32 and np.array_equal(norm.data, bf16(source["model.norm.weight"][1]))
        assert reader.fields["tokenizer.ggml.pre"].contents() == "llama-bpe"
        assert len(reader.fields["tokenizer.ggml.tokens"].contents()) == int(reader.fields["bitnet-b1.58.vocab_size"].contents())
    # Heads that round: what gguf decodes is as near to the source as the type allows. Q8_0 has a scale for 32 values: half a step of amax / 127,
    # and half an ulp of a scale in f16. Q6_K has 31 steps to each side and a scale of 7 bits for 16: some more.
    embedding = bf16(source["model.embed_tokens.weight"][1])
    for head, n, most, type_ in (("q8_0", 32, 0.5 / 127 + 2 ** -11, gguf.GGMLQuantizationType.Q8_0),
                                 ("q6_k", 16, 0.05, gguf.GGMLQuantizationType.Q6_K)):
        subprocess.run([command, "model", "convert", model, f"{folder}/{head}.gguf", "--to", "tq2_0", "--head", head], check=True)
        reader = gguf.GGUFReader(f"{folder}/{head}.gguf")
        tensor = next(t for t in reader.tensors if t.name == "token_embd.weight")
        assert tensor.tensor_type == type_, head
        difference = np.abs(gguf.dequantize(tensor.data, type_).reshape(embedding.shape) - embedding).reshape(-1, n)
        share = (difference.max(axis=1) / np.abs(embedding.reshape(-1, n)).max(axis=1)).max()
        print(f"{head}: largest difference {share:.4f} of the largest value of its {n}")
        assert 0 < share <= most * 1.001, (head, share)
print("hf-packed, tq2_0, tq1_0, heads: as gguf and safetensors read them")
