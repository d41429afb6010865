#!/usr/bin/env python3
"""compare.py - Setun's tokenizer against Hugging Face's on many tokenizers and texts. Run by hand; ctest does not need it.

    pip install tokenizers==0.23.*
    compare.py BUILD/lib/libsetun.so [--seed S] [--texts N]     random texts, prints disagreements, exit 1 if there are any
    compare.py BUILD/lib/libsetun.so --golden OUT.json          writes tests/golden/tokenizer/variants.json from the library's answers

Each variant is fable's tokenizer.json with a few fields changed."""
import argparse, copy, ctypes, json, os, random, sys, tempfile
from tokenizers import Tokenizer, __version__ as VERSION

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..")
FABLE = json.load(open(os.path.join(ROOT, "models/fable/tokenizer.json"), encoding="utf-8"))
HELDOUT = open(os.path.join(ROOT, "tests/golden/fable/heldout.txt"), encoding="utf-8").read()
LLAMA3 = FABLE["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"]
MIXED_CASE = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
              r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
              r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")


def byte_level(prefix=False, regex=False):
    return {"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": True, "use_regex": regex}


def split(regex=None, behavior="Isolated", invert=False, string=None):
    pattern = {"String": string} if regex is None else {"Regex": regex}
    return {"type": "Split", "pattern": pattern, "behavior": behavior, "invert": invert}


def sequence(*steps):
    return {"type": "Sequence", "pretokenizers": list(steps)}


def token(id, content, **flags):
    return {"id": id, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False, **flags}


ADDED = FABLE["added_tokens"] + [
    token(4096, "<|x|>", normalized=True), token(4097, "<|x|>y", special=True, lstrip=True), token(4098, " zz", rstrip=True),
    token(FABLE["model"]["vocab"]["zz"], "zz", single_word=True),
    token(4099, "two words", normalized=True, single_word=True, lstrip=True, rstrip=True),
    token(4100, "日本", lstrip=True, rstrip=True), token(4101, "  ", rstrip=True),
    token(4102, "<s>", special=True, normalized=True, single_word=True)]

VARIANTS = {  # name: (changed fields, every byte of a text survives)
    "llama3": ({}, True),
    "llama3 with merges only": ({"model": {"ignore_merges": False}}, True),
    "gpt2": ({"pre_tokenizer": byte_level(regex=True)}, True),
    "gpt2 with prefix space": ({"pre_tokenizer": byte_level(True, True)}, False),
    "prefix space only": ({"pre_tokenizer": byte_level(True)}, False),
    "no cuts": ({"pre_tokenizer": byte_level()}, True),
    "falcon": ({"pre_tokenizer": sequence({"type": "Punctuation", "behavior": "Contiguous"}, byte_level(regex=True),
                                          {"type": "Digits", "individual_digits": False}, split("[0-9][0-9][0-9]"))}, True),
    "steps behind a prefix space": ({"pre_tokenizer": sequence({"type": "Punctuation"}, byte_level(True, True),
                                                               {"type": "Digits", "individual_digits": True})}, False),
    "single digits": ({"pre_tokenizer": sequence({"type": "Digits", "individual_digits": True}, split(LLAMA3), byte_level())}, True),
    "mixed case": ({"pre_tokenizer": sequence(split(MIXED_CASE), byte_level())}, True),
    "three splits": ({"pre_tokenizer": sequence(split(r"\p{N}{1,3}"), split("[一-龥぀-ゟ゠-ヿ]+"), split(
        r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"""),
        byte_level())}, True),
    "scripts": ({"pre_tokenizer": sequence(split(r"\p{Han}+|\p{Hiragana}|\P{L}+"), byte_level())}, True),
    "words": ({"pre_tokenizer": sequence(split(r"\w+|\W"), byte_level())}, True),
    "odd escapes": ({"pre_tokenizer": sequence(split(r"\h{,2}|\H|\v"), byte_level())}, True),
    "lines": ({"pre_tokenizer": sequence(split(r"(?<=a)b|^.|.$|\S\z|(a|e)+?|[\S]{3}", "Removed"), byte_level())}, False),
    "empty matches": ({"pre_tokenizer": sequence(split("(?=a)|x*"), byte_level())}, True),
    "empty matches, contiguous": ({"pre_tokenizer": sequence(split(r"(?=[ae])|\d*", "Contiguous"), byte_level())}, True),
    "empty string": ({"pre_tokenizer": sequence(split(string=""), byte_level())}, True),
    "added tokens": ({"added_tokens": ADDED}, False),
    "added tokens, prefix space": ({"added_tokens": ADDED, "pre_tokenizer": byte_level(True, True)}, False),
}
for behavior in ("Isolated", "Removed", "Contiguous", "MergedWithPrevious", "MergedWithNext"):
    for invert in (False, True):
        VARIANTS[behavior + (" inverted" if invert else "")] = ({"pre_tokenizer": sequence(
            split(r"[\s,.e]", behavior, invert), split(None, behavior, invert, "a "), byte_level())}, behavior != "Removed")

GOLDEN_TEXTS = ["a  b\n\n c\r\n \t d   ", "Don't DON'T 'ſ it's 12345 3.14", "naïve 日本語、中文 Ж1２", "the a ape, ate. a  bee!? ...",
                "nbsp\u00a0em\u2003mvs\u180ezwsp\u200bls\u2028nel\u0085", "x²½Ⅷ①\u0301e\u0301 Ⓐ_‿", "\u1c89\U000323af \U00010d40\U00010d41 \U00011de0",
                "<|x|>y <|x|> zz  zz puzz <|eot_id|>  two words  twowords 日本   <s>.<s>a", "🙂👩‍👧 🇩🇪 €£«»—'\"`#@\\/", "\x00\x01\x0b\x1b"]


def changed(changes):
    root = copy.deepcopy(FABLE)
    for key, value in changes.items():
        root[key] = {**root[key], **value} if key == "model" else value
    return root


class Setun:
    class Error(ctypes.Structure):
        _fields_ = [("text", ctypes.c_char * 1024)]

    def __init__(self, library, path):
        self.lib, self.error, self.handle = library, Setun.Error(), ctypes.c_void_p()
        if library.setun_tokenizer_open(path.encode(), None, ctypes.byref(self.handle), ctypes.byref(self.error)) != 0:
            sys.exit(self.error.text.decode("utf-8", "replace"))

    def encode(self, text, flags):
        data, ids, n = text.encode(), ctypes.POINTER(ctypes.c_int32)(), ctypes.c_size_t()
        if self.lib.setun_tokenizer_encode(self.handle, data, ctypes.c_size_t(len(data)), flags, ctypes.byref(ids), ctypes.byref(n), ctypes.byref(self.error)) != 0:
            return self.error.text.decode("utf-8", "replace")
        result = ids[:n.value] if n.value else []
        self.lib.setun_free(ids)
        return result

    def decode(self, ids):
        decoder, text, n, out = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_size_t(), b""
        self.lib.setun_text_decoder_create(self.handle, True, ctypes.byref(decoder), ctypes.byref(self.error))
        for i in ids:
            self.lib.setun_text_decoder_push(decoder, i, ctypes.byref(text), ctypes.byref(n), ctypes.byref(self.error))
            out += ctypes.string_at(text, n.value)
        self.lib.setun_text_decoder_finish(decoder, ctypes.byref(text), ctypes.byref(n))
        out += ctypes.string_at(text, n.value)
        self.lib.setun_text_decoder_destroy(decoder)
        return out.decode()


def random_text(r):
    spaces = "\t\n\v\f\r      \x1c\x1f\x85\xa0\u1680\u180e\u2000\u2009\u200a\u200b\u200c\u200d\u2028\u2029\u202f\u205f\u2060\u3000\ufeff"
    blocks = [(0x20, 0x7e), (0xa0, 0x24f), (0x250, 0x36f), (0x370, 0x52f), (0x530, 0x9ff), (0xa00, 0x11ff), (0x1e00, 0x2bff), (0x3000, 0x30ff),
              (0x3400, 0x9fff), (0xac00, 0xd7ff), (0xf900, 0xffff), (0x10000, 0x1ffff), (0x1d400, 0x1d7ff), (0x1f300, 0x1faff), (0, 0xd7ff), (0x20000, 0x33fff),
              (0xe000, 0x10ffff)]

    def piece():
        kind = r.randrange(14)
        if kind < 3:
            at = r.randrange(len(HELDOUT) - 40)
            return HELDOUT[at:at + r.randrange(1, 40)]
        if kind < 5:
            return "".join(r.choice(spaces) for _ in range(r.randrange(1, 6)))
        if kind == 5:
            return r.choice(["'s", "'S", "'ſ", "'LL", "'ll", "'Re", "'vE", "'M", "’s", "'t", "'d", "can't", "I'M", "''s"])
        if kind == 6:
            return "".join(r.choice("0123456789٣٤½²①Ⅷ\U00010d40\U00011de0") for _ in range(r.randrange(1, 8)))
        if kind == 7:
            return r.choice([t["content"] for t in ADDED] + ["é", "ing"]) + r.choice(["", "", " ", "\n", "a"])
        if kind == 8:
            return r.choice(["\r\n", "\n", "\n\n", "\r", " \n"]) * r.randrange(1, 4)
        if kind == 9:
            return r.choice("abc!😀 é中") * r.randrange(1, 200)
        if kind == 10:
            return "".join(r.choice("!\"#$%&'()*+,-./:;<=>?@[]^_`{|}~¡«»“”…、。\u166d") for _ in range(r.randrange(1, 4)))
        low, high = r.choice(blocks)
        return "".join(chr(r.randrange(low, high + 1)) for _ in range(r.randrange(1, 12)))

    return "".join(piece() for _ in range(r.randrange(1, 12)))


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("library")
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--texts", type=int, default=1000)
    arguments.add_argument("--golden")
    options = arguments.parse_args()
    library, r = ctypes.CDLL(options.library), random.Random(options.seed)
    texts = GOLDEN_TEXTS if options.golden else GOLDEN_TEXTS + [random_text(r) for _ in range(options.texts)]
    golden, n_bad = [], 0
    for name, (changes, lossless) in VARIANTS.items():
        with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
            json.dump(changed(changes), file, ensure_ascii=False)
            file.flush()
            theirs, ours, lines = Tokenizer.from_file(file.name), Setun(library, file.name), []
        for text in texts:
            line = {"text": text}
            for key, flags in (("ids_plain", 1), ("ids_user", 0)):
                theirs.encode_special_tokens = flags == 0
                line[key] = theirs.encode(text, add_special_tokens=False).ids
                got = ours.encode(text, flags)
                if got != line[key] or ours.decode(got) != theirs.decode(got, skip_special_tokens=False):
                    n_bad += 1
                    if n_bad <= 20:
                        print(f"{name}, {key}: {text!r}\n  expected {line[key]}\n  found    {got}")
            lines.append(line)
        golden.append({"name": name, "changes": changes, "lossless": lossless, "lines": lines})
    print(f"{len(VARIANTS)} tokenizers, {len(texts)} texts each, trusted and untrusted: {n_bad} disagreements")
    if options.golden:
        with open(options.golden, "w", encoding="ascii") as out:
            out.write('{"made_by": "tests/model/tokenizer/compare.py --golden, with Hugging Face tokenizers %s; changes apply to models/fable/tokenizer.json",\n"variants": [\n' % VERSION)
            out.write(",\n".join(json.dumps(v) for v in golden) + "\n]}\n")
    sys.exit(n_bad > 0)


main()
