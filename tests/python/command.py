"""command.py - what the tests of this folder share: the setun command, golden files, safetensors, and a way to report."""
import json
import os
import subprocess
import sys
import tempfile

import numpy as np

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
FABLE = os.path.join(ROOT, "models/fable")
GOLDEN = os.path.join(ROOT, "tests/golden/fable")
SHORT = [f"short-{i}" for i in range(8)]

failures = 0


def check(good, text):
    """One line for what was checked; finish() fails if one was not good."""
    global failures
    print(("ok      " if good else "WRONG   ") + text, flush=True)
    failures += not good


def finish():
    sys.exit(f"{failures} wrong" if failures else 0)


def setun(command, *arguments, text=None):
    """Runs `command` (path of the setun command) and returns its standard output; a failure ends the test."""
    done = subprocess.run([command, *arguments], input=text, capture_output=True, encoding="utf-8", check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join([command, *arguments])}: exit {done.returncode}: {done.stderr}")
    return done.stdout


def score(command, ids, *options, model=FABLE):
    """Logits of every position of the sequence `ids`, f32[n, vocabulary], from `setun score --ids --logits`."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "logits.npy")
        setun(command, "score", "-m", model, "--ids", "-f", "-", "--logits", path, *options, text=" ".join(map(str, ids)))
        return np.load(path)


def run(command, *options):
    """The result of `setun run -o json`."""
    return json.loads(setun(command, "run", "-m", FABLE, "-o", "json", *options))


def golden(name):
    """Ids and logits of a golden sequence."""
    path = os.path.join(GOLDEN, "logits", name)
    with open(path + ".ids", encoding="ascii") as file:
        ids = [int(word) for word in file.read().split()]
    return ids, np.load(path + ".npy")


def golden_lines(name):
    with open(os.path.join(GOLDEN, name), encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def random_ids(seed, n):
    """BOS and n - 1 ids of the ordinary vocabulary."""
    r = np.random.default_rng(seed)
    return [4093] + r.integers(0, 4093, n - 1).tolist()


def compare_short(what, got, expected):
    """short-*: chosen so that no activation lies next to a rounding boundary; anything above 1e-3 is a bug."""
    largest = float(np.max(np.abs(got.astype(np.float64) - expected))) if got.shape == expected.shape else np.inf
    check(largest <= 1e-3, f"{what}: largest difference {largest:.2e}, at most 1e-3")


def compare_long(what, got, expected):
    """Boundaries included: two right implementations may round an int8 activation differently, and the difference then grows."""
    if got.shape != expected.shape:
        check(False, f"{what}: shape {got.shape}, not {expected.shape}")
        return
    rms = float(np.sqrt(np.mean((got.astype(np.float64) - expected) ** 2)) / np.std(expected))
    check(rms <= 0.015, f"{what}: rms difference {100 * rms:.3f} % of the standard deviation, at most 1.5 %")
    best = np.sort(expected, axis=1)
    clear = best[:, -1] - best[:, -2] > 0.5
    same = np.argmax(got, axis=1) == np.argmax(expected, axis=1)
    check(bool(np.all(same[clear])), f"{what}: same first choice at {int(np.sum(same & clear))} of {int(np.sum(clear))} clear positions")


class Weights:
    """A safetensors file: ternary weights as int8, the rest as f32. The file is trusted here."""

    def __init__(self, folder):
        with open(os.path.join(folder, "model.safetensors"), "rb") as file:
            data = file.read()
        n = int.from_bytes(data[:8], "little")
        self.header, self.data = json.loads(data[8:8 + n]), data[8 + n:]
        with open(os.path.join(folder, "config.json"), encoding="utf-8") as file:
            self.config = json.load(file)

    def raw(self, name, dtype):
        entry = self.header[name]
        begin, end = entry["data_offsets"]
        return np.frombuffer(self.data[begin:end], dtype).reshape(entry["shape"])

    def __getitem__(self, name):
        """A bf16 tensor as f32: its bits are the upper half."""
        assert self.header[name]["dtype"] == "BF16"
        return (self.raw(name, np.uint16).astype(np.uint32) << 16).view(np.float32)

    def ternary(self, name):
        """w int8[n, k] of -1, 0, +1 and its scale. Row i of the packed bytes holds rows i, i + n/4, i + n/2, i + 3n/4 in its bit pairs."""
        packed = self.raw(name + ".weight", np.uint8)
        rows = [((packed >> (2 * i)) & 3).astype(np.int8) - 1 for i in range(4)]
        return np.concatenate(rows), self[name + ".weight_scale"].reshape(-1)[0]
