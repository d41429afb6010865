#!/usr/bin/env python3
"""transformers_goldens.py COMMAND - the golden files are what they say: Hugging Face's own code, run here, gives them again; and setun agrees with it.

Covers logits/ (but short-bf16-0, whose master weights are not in this repository), greedy.jsonl, heldout.json and tokenizer.jsonl."""
import json
import math
import os
import sys
import warnings

os.environ.update(HF_HUB_OFFLINE="1", TORCHDYNAMO_DISABLE="1", TRANSFORMERS_VERBOSITY="error")   # nothing is fetched or compiled
warnings.filterwarnings("ignore")

import numpy as np  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402
from tokenizers import Tokenizer  # noqa: E402

import command as c  # noqa: E402


def logits(model, ids):
    with torch.inference_mode():
        return model(torch.tensor([ids])).logits[0].float().numpy()


def check_logits(model, command):
    for name in c.SHORT + ["long"]:
        ids, expected = c.golden(name)
        compare = c.compare_long if name == "long" else c.compare_short
        own = logits(model, ids)
        compare(f"{name}: transformers and the golden", own, expected)
        compare(f"{name}: setun and transformers", c.score(command, ids, "--kv", "f32"), own)


def check_greedy(model):
    """The golden ids are transformers' first choice at each position, given those before them."""
    for i, line in enumerate(c.golden_lines("greedy.jsonl")):
        prompt, ids = line["prompt_ids"], line["ids"]
        best = np.argmax(logits(model, prompt + ids), axis=1)[len(prompt) - 1:-1].tolist()
        c.check(best == ids, f"greedy line {i}: {len(ids)} ids")


def check_perplexity(model, tokenizer, command):
    path = os.path.join(c.GOLDEN, "heldout.txt")
    with open(path, encoding="utf-8") as file:
        ids = tokenizer.encode(file.read(), add_special_tokens=False).ids
    with open(os.path.join(c.GOLDEN, "heldout.json"), encoding="utf-8") as file:
        expected = json.load(file)
    bos, n_window = model.config.bos_token_id, expected["context"] - 1
    total = 0.0
    for begin in range(0, len(ids), n_window):
        window = [bos] + ids[begin:begin + n_window]
        log_p = torch.log_softmax(torch.from_numpy(logits(model, window)).double(), dim=-1)
        total -= float(log_p[:-1].gather(1, torch.tensor(window[1:])[:, None]).sum())
    own, golden = math.exp(total / len(ids)), expected["perplexity_packed"]
    c.check(len(ids) == expected["scored_tokens"], f"heldout.txt: {len(ids)} tokens, {expected['scored_tokens']} expected")
    c.check(abs(own / golden - 1) <= 0.001, f"heldout.txt: perplexity {own:.4f} by transformers, {golden:.4f} golden, within 0.1 %")
    theirs = json.loads(c.setun(command, "score", "-m", c.FABLE, "-f", path, "--kv", "f32", "-o", "json"))["perplexity"]
    c.check(abs(theirs / own - 1) <= 0.001, f"heldout.txt: perplexity {theirs:.4f} by setun, {own:.4f} by transformers, within 0.1 %")


def check_tokenizer(tokenizer):
    n_bad = 0
    lines = c.golden_lines("tokenizer.jsonl")
    for line in lines:
        for key, untrusted in (("ids_plain", False), ("ids_user", True)):
            tokenizer.encode_special_tokens = untrusted
            n_bad += tokenizer.encode(line["text"], add_special_tokens=False).ids != line[key]
    c.check(n_bad == 0, f"tokenizer.jsonl: {n_bad} differences in {len(lines)} lines, trusted and untrusted")


def main(command):
    print(f"transformers {transformers.__version__}, torch {torch.__version__}")
    torch.manual_seed(0)
    transformers.utils.logging.disable_progress_bar()
    model = transformers.AutoModelForCausalLM.from_pretrained(c.FABLE, dtype=torch.float32).eval()
    # Unpacking leaves ternary weights and their scales in bf16, whatever dtype is asked for; both are the same numbers in f32. The model's own
    # float() refuses quantised models, PyTorch's does not.
    torch.nn.Module.float(model)
    tokenizer = Tokenizer.from_file(os.path.join(c.FABLE, "tokenizer.json"))
    check_tokenizer(tokenizer)
    check_logits(model, command)
    check_greedy(model)
    check_perplexity(model, tokenizer, command)
    c.finish()


main(sys.argv[1])
