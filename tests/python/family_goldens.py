#!/usr/bin/env python3
"""family_goldens.py FOLDER [NAME...] - small random models of every family with awkward shapes, and their logits by Hugging Face transformers in f32.

Writes FOLDER/NAME/{config.json, model.safetensors, ids, logits.npy}, of every NAME; tests/golden/families was made with it. Where activations are quantised,
the ids are chosen so that none of them comes near a rounding boundary: two right implementations then agree to the last few bits. With --check it
writes nothing, and compares what FOLDER has with what transformers says of it here."""
import json
import os
import sys
import warnings

os.environ.update(HF_HUB_OFFLINE="1", TORCHDYNAMO_DISABLE="1", TRANSFORMERS_VERBOSITY="error")   # nothing is fetched or compiled
warnings.filterwarnings("ignore")

import numpy as np  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402
from safetensors.torch import save_file  # noqa: E402
from transformers.integrations.bitnet import AutoBitLinear, BitLinear, pack_weights  # noqa: E402

N_IDS = 6           # positions of a golden sequence
N_CANDIDATES = 4096  # sequences of which the one farthest from all boundaries is taken

LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 16}

# form: packed = ternary codes with a scale that multiplies (autobitlinear), divides = bitlinear's inverse scale, masters = ternarised when
# they are loaded, dense = no quantisation at all.
# Vocabularies are no smaller than the tokenizer that the tests give the models: 260 ids.
MODELS = {
    "bitnet-packed": dict(family="bitnet", form="packed", hidden=640, ffn=132, layers=1, heads=5, kv_heads=1, head_dim=None, vocab=263, act="relu2",
                          tied=True, eps=1e-6, theta=10000.0, scale=torch.bfloat16),
    "bitnet-grouped": dict(family="bitnet", form="packed", hidden=144, ffn=340, layers=2, heads=12, kv_heads=4, head_dim=None, vocab=261, act="relu2",
                           tied=False, eps=1e-5, theta=500000.0, scale=torch.float32),
    "bitnet-silu": dict(family="bitnet", form="masters", hidden=136, ffn=142, layers=1, heads=4, kv_heads=1, head_dim=None, vocab=277, act="silu",
                        tied=True, eps=1e-6, theta=10000.0, dtype=torch.bfloat16),
    "llama-packed": dict(family="llama", form="divides", hidden=640, ffn=132, layers=1, heads=5, kv_heads=1, head_dim=32, vocab=261, act="silu",
                         tied=True, eps=1e-6, theta=1000042.0, scale=torch.bfloat16),
    "llama-scaled": dict(family="llama", form="divides", hidden=136, ffn=1152, layers=1, heads=12, kv_heads=4, head_dim=22, vocab=269, act="relu2",
                         tied=False, eps=1e-5, theta=10000.0, scale=torch.float32, rope=LLAMA3),
    "llama-masters": dict(family="llama", form="masters", hidden=34, ffn=53, layers=2, heads=12, kv_heads=4, head_dim=6, vocab=265, act="silu",
                          tied=True, eps=1e-6, theta=10000.0, dtype=torch.float16),
    "llama-dense": dict(family="llama", form="dense", hidden=60, ffn=91, layers=1, heads=5, kv_heads=1, head_dim=None, vocab=263, act="silu",
                        tied=False, eps=1e-6, theta=10000.0, dtype=torch.bfloat16),
    # columns of whole blocks of every GGUF type
    "llama-blocks": dict(family="llama", form="divides", hidden=256, ffn=512, layers=1, heads=12, kv_heads=4, head_dim=64, vocab=267, act="silu",
                         tied=False, eps=1e-6, theta=1000042.0, scale=torch.bfloat16),
}
ARCHITECTURE = {"bitnet": "BitNetForCausalLM", "llama": "LlamaForCausalLM"}
LINEAR_CLASS = {"packed": ("autobitlinear", "offline"), "divides": ("bitlinear", "offline"), "masters": ("autobitlinear", "online")}


def config_of(m):
    config = {"architectures": [ARCHITECTURE[m["family"]]], "model_type": m["family"], "hidden_act": m["act"], "rms_norm_eps": m["eps"],
              "rope_theta": m["theta"], "vocab_size": m["vocab"], "hidden_size": m["hidden"], "intermediate_size": m["ffn"],
              "num_hidden_layers": m["layers"], "num_attention_heads": m["heads"], "num_key_value_heads": m["kv_heads"],
              "max_position_embeddings": 64, "bos_token_id": 0, "eos_token_id": 1, "tie_word_embeddings": m["tied"], "attention_bias": False}
    if m["head_dim"] is not None:
        config["head_dim"] = m["head_dim"]
    if "rope" in m:
        config["rope_scaling"] = m["rope"]
    if m["form"] != "dense":
        linear_class, mode = LINEAR_CLASS[m["form"]]
        config["quantization_config"] = {"quant_method": "bitnet", "linear_class": linear_class, "quantization_mode": mode}
    return config


def tensors_of(m, random):
    hidden, ffn = m["hidden"], m["ffn"]
    head_dim = m["head_dim"] or hidden // m["heads"]
    q, kv = m["heads"] * head_dim, m["kv_heads"] * head_dim
    tensors = {}

    def dense(name, *shape, mean=0.0, spread=1.0, dtype=torch.bfloat16):
        tensors[name + ".weight"] = (mean + spread * torch.randn(shape, generator=random)).to(dtype)

    def norm(name, n):
        dense(name, n, mean=1.0, spread=0.25)

    def projection(name, n, k):
        spread = k ** -0.5
        if m["form"] in ("masters", "dense"):
            dense(name, n, k, spread=spread, dtype=m["dtype"])
            return
        codes = torch.randint(0, 100, (n, k), generator=random)   # 42 % zeros
        tensors[name + ".weight"] = pack_weights((codes < 29).int() - (codes >= 71).int())
        scale = torch.tensor([spread * (1 + torch.rand(1, generator=random).item())])
        tensors[name + ".weight_scale"] = (1 / scale if m["form"] == "divides" else scale).to(m["scale"])

    # Small embeddings: what the layers add then counts for more than the token itself.
    dense("model.embed_tokens", m["vocab"], hidden, spread=0.1, dtype=m.get("dtype", torch.bfloat16))
    for layer in range(m["layers"]):
        at = f"model.layers.{layer}."
        norm(at + "input_layernorm", hidden)
        norm(at + "post_attention_layernorm", hidden)
        projection(at + "self_attn.q_proj", q, hidden)
        projection(at + "self_attn.k_proj", kv, hidden)
        projection(at + "self_attn.v_proj", kv, hidden)
        projection(at + "self_attn.o_proj", hidden, q)
        projection(at + "mlp.gate_proj", ffn, hidden)
        projection(at + "mlp.up_proj", ffn, hidden)
        projection(at + "mlp.down_proj", hidden, ffn)
        if m["family"] == "bitnet":
            norm(at + "self_attn.attn_sub_norm", q)
            norm(at + "mlp.ffn_sub_norm", ffn)
    norm("model.norm", hidden)
    if not m["tied"]:
        dense("lm_head", m["vocab"], hidden, spread=0.1, dtype=m.get("dtype", torch.bfloat16))
    return tensors


def load(folder):
    # Heads of a size of their own need not divide the hidden size (Falcon3-3B's do not have to), but LlamaConfig insists.
    transformers.LlamaConfig.__class_validators__ = [v for v in transformers.LlamaConfig.__class_validators__ if v.__name__ != "validate_architecture"]
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    torch.nn.Module.float(model)
    return model


def logits_of(model, ids):
    """Logits [sequences, positions, vocab], and how near each sequence's activations come to a rounding boundary, in steps of the int8 grid."""
    margin = torch.full((ids.shape[0],), 0.5)
    hooks = []

    def watch(_module, inputs):
        x = inputs[0].detach().float()
        t = x * (127 / x.abs().max(dim=-1, keepdim=True).values.clamp(min=1e-5))
        distance = (t - torch.floor(t) - 0.5).abs().flatten(1).min(dim=1).values
        torch.minimum(margin, distance, out=margin)

    for module in model.modules():
        if isinstance(module, (AutoBitLinear, BitLinear)):
            hooks.append(module.register_forward_pre_hook(watch))
    with torch.inference_mode():
        logits = model(ids).logits.float()
    for hook in hooks:
        hook.remove()
    return logits, margin


def choose(model, m, random):
    best, best_margin = None, -1.0
    n_batch = 256 if m["form"] != "dense" else 1
    for _ in range(0, N_CANDIDATES if m["form"] != "dense" else 1, n_batch):
        ids = torch.randint(0, m["vocab"], (n_batch, N_IDS), generator=random)
        _, margin = logits_of(model, ids)
        if margin.max() > best_margin:
            best, best_margin = ids[margin.argmax()], margin.max().item()
    return best, best_margin


def make(folder, names):
    for number, (name, m) in enumerate(MODELS.items()):
        if names and name not in names:
            continue
        random = torch.Generator().manual_seed(1000 + number)
        path = os.path.join(folder, name)
        os.makedirs(path, exist_ok=True)
        with open(os.path.join(path, "config.json"), "w", encoding="utf-8") as file:
            json.dump(config_of(m), file, indent=1)
            file.write("\n")
        save_file(tensors_of(m, random), os.path.join(path, "model.safetensors"), metadata={"format": "pt"})
        model = load(path)
        ids, margin = choose(model, m, random)
        logits, _ = logits_of(model, ids[None])
        with open(os.path.join(path, "ids"), "w", encoding="utf-8") as file:
            file.write(" ".join(map(str, ids.tolist())) + "\n")
        np.save(os.path.join(path, "logits.npy"), logits[0].numpy())
        top = logits[0].sort(dim=-1, descending=True).values
        print(f"{name}: nearest boundary {margin:.2g} steps away; logits {logits.std():.3g} rms, {logits.abs().max():.3g} largest, "
              f"first before second by {(top[:, 0] - top[:, 1]).min():.2g}")


def check(folder):
    bad = 0
    for name in MODELS:
        path = os.path.join(folder, name)
        with open(os.path.join(path, "ids"), encoding="utf-8") as file:
            ids = torch.tensor([[int(word) for word in file.read().split()]])
        difference = np.abs(logits_of(load(path), ids)[0][0].numpy() - np.load(os.path.join(path, "logits.npy"))).max()
        print(f"{'ok ' if difference <= 1e-3 else 'BAD'} {name}: transformers and the golden differ by {difference:.2g}")
        bad += not difference <= 1e-3
    sys.exit(bad != 0)


print(f"transformers {transformers.__version__}, torch {torch.__version__}")
transformers.utils.logging.disable_progress_bar()
if sys.argv[1] == "--check":
    check(sys.argv[2])
else:
    make(sys.argv[1], sys.argv[2:])
