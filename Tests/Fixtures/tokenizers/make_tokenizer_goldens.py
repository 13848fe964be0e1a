#!/usr/bin/env python3
"""Trains small tokenizers with the pipelines of well-known models and records what Hugging Face says about them.

Tokenizers that lie here are kept and only asked again, since training breaks ties at random; delete one to train it
anew. Writes, beside itself: corpus.bin (each string: byte count as 32 bits little endian, UTF-8), <name>.json (the
tokenizer), spm.model (SentencePiece) and <name>.crc, 32 bits for each string i of the corpus, then for each of 500
random id sequences. A string's number is the CRC-32 of
    ids without special tokens, ids with them, ids and segments of the pair (string i, string i + 1),
    the text of the ids with special tokens, and the same with special tokens skipped,
a sequence's that of its text with and without special tokens; ids and texts are preceded by their count, all numbers
are 32 bits little endian. Needs tokenizers==0.23.3 and sentencepiece==0.2.3. Run: make_tokenizer_goldens.py [name...]
"""

import json
import struct
import sys
import zlib
from collections import Counter
from pathlib import Path

import sentencepiece
import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

import corpus

assert tokenizers.__version__ == "0.23.3" and sentencepiece.__version__ == "0.2.3"
HERE = Path(__file__).resolve().parent
STRINGS = corpus.build(10240, 1)
TRAINING = [text for text in corpus.build(6000, 2) if len(text) < 300]
SEQUENCES = 500

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
          r"|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
CASED = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
O200K = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+" + CASED
         + r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*" + CASED
         + r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
DEEPSEEK = (r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
            r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")


def special(*contents):
    return [AddedToken(content, special=True, normalized=False) for content in contents]


def split(pattern):
    return pre_tokenizers.Split(Regex(pattern), "isolated")


def byte_level(pre_tokenizer, vocabulary, specials, normalizer=None, plain=(), **options):
    tokenizer = Tokenizer(models.BPE(**options))
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, special_tokens=[], show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()))
    tokenizer.train_from_iterator(TRAINING, trainer)
    tokenizer.add_special_tokens(special(*specials))
    tokenizer.add_tokens([AddedToken(content, normalized=False) for content in plain])
    return tokenizer


def plain_bytes():
    return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)


def ids_of(tokenizer, *contents):
    return [(content, tokenizer.token_to_id(content)) for content in contents]


def llama3():
    tokenizer = byte_level(
        pre_tokenizers.Sequence([split(LLAMA3), plain_bytes()]), 1100,
        ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|eot_id|>", "<|eom_id|>"], ignore_merges=True)
    begin = "<|begin_of_text|>"
    tokenizer.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(single=f"{begin} $A", pair=f"{begin} $A {begin}:1 $B:1",
                                      special_tokens=ids_of(tokenizer, begin))])
    return tokenizer


def qwen2():
    return byte_level(
        pre_tokenizers.Sequence([split(QWEN2), plain_bytes()]), 1100, ["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        normalizer=normalizers.NFC(), plain=["<think>", "</think>"])


def roberta():
    tokenizer = byte_level(pre_tokenizers.ByteLevel(add_prefix_space=True), 900, ["<s>", "</s>", "<pad>"])
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, rstrip=True, special=True)])
    tokenizer.add_tokens([AddedToken("@word", single_word=True), AddedToken("#norm", normalized=True)])
    (_, sep), (_, cls) = ids_of(tokenizer, "</s>", "<s>")
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", sep), ("<s>", cls))
    return tokenizer


def o200k():
    return byte_level(pre_tokenizers.Sequence([split(O200K), plain_bytes()]), 700, ["<|endoftext|>"])


def deepseek():
    begin = "<｜begin▁of▁sentence｜>"
    stages = [split(r"\p{N}{1,3}"), split("[一-龥\u3040-ゟ゠-ヿ]+"), split(DEEPSEEK), plain_bytes()]
    tokenizer = byte_level(pre_tokenizers.Sequence(stages), 700, [begin])
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{begin} $A", pair=f"{begin} $A $B", special_tokens=ids_of(tokenizer, begin))
    return tokenizer


def bert():
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(TRAINING, trainers.WordPieceTrainer(
        vocab_size=2200, limit_alphabet=1200, special_tokens=names, show_progress=False))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=ids_of(tokenizer, "[CLS]", "[SEP]"))
    return tokenizer


def train_sentencepiece(kind, vocabulary, **options):
    lines = HERE / "lines.tmp"
    frequent = {character for character, _ in Counter("".join(TRAINING)).most_common(500)} - set("\n\0")
    lines.write_text("".join("".join(c for c in text if c in frequent) + "\n" for text in TRAINING))
    sentencepiece.SentencePieceTrainer.train(
        input=str(lines), model_prefix=str(HERE / "spm"), vocab_size=vocabulary, model_type=kind, num_threads=1,
        minloglevel=2, max_sentence_length=100000, **options)
    lines.unlink()
    (HERE / "spm.vocab").unlink()
    return (HERE / "spm.model").read_bytes()


def charsmap(model):
    """precompiled_charsmap (field 2) of normalizer_spec (field 3) in the model's protocol buffer."""
    def fields(data):
        position = 0
        def varint():
            nonlocal position
            value = shift = 0
            while True:
                byte = data[position]
                position += 1
                value |= (byte & 127) << shift
                shift += 7
                if byte < 128:
                    return value
        while position < len(data):
            tag = varint()
            if tag & 7 == 2:
                length = varint()
                yield tag >> 3, data[position:position + length]
                position += length
            elif tag & 7 == 0:
                varint()
            else:
                position += {5: 4, 1: 8}[tag & 7]
    specification = [value for number, value in fields(model) if number == 3][0]
    return [value for number, value in fields(specification) if number == 2][0]


def rules():
    """A normalisation table: NFKC of some blocks, spaces, removals; small, where nmt_nfkc has 240 KB."""
    import unicodedata
    path = HERE / "rules.tmp"
    codes = [*range(0xA0, 0x180), *range(0x1E00, 0x1E40), *range(0x2000, 0x2100), *range(0x2150, 0x2190),
             *range(0x3000, 0x3040), *range(0x3300, 0x3320), *range(0xFB00, 0xFB10), *range(0xFF00, 0xFF70)]
    lines = []
    for code in codes:
        image = unicodedata.normalize("NFKC", chr(code))
        if image != chr(code):
            lines.append((f"{code:X}", " ".join(f"{ord(c):X}" for c in image)))
        parts = unicodedata.normalize("NFD", chr(code))
        if len(parts) > 1:
            lines.append((" ".join(f"{ord(c):X}" for c in parts), f"{code:X}"))
    lines += [(f"{code:X}", "20") for code in (9, 10, 13)] + [(f"{code:X}", "") for code in (1, 2, 0x7F, 0x200D)]
    path.write_text("".join(f"{source}\t{target}\n" for source, target in sorted(dict(lines).items())))
    return path


def xlmr():
    path, spm = rules(), HERE / "spm.model"
    kept = spm.read_bytes() if spm.exists() else None
    model = train_sentencepiece("unigram", 1200, normalization_rule_tsv=str(path), hard_vocab_limit=False,
                                character_coverage=1.0)
    path.unlink()
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    spm.unlink()
    if kept:
        spm.write_bytes(kept)
    pieces = [(processor.id_to_piece(i), processor.get_score(i)) for i in range(processor.get_piece_size())]
    vocabulary = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)] + pieces[3:] + [("<mask>", 0.0)]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=3))
    tokenizer.normalizer = normalizers.Sequence([
        normalizers.Precompiled(charsmap(model)), normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(prepend_scheme="always")])
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.add_special_tokens(special("<s>", "<pad>", "</s>", "<unk>"))
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True)])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=ids_of(tokenizer, "<s>", "</s>"))
    return tokenizer


def unigram_bytes():
    """Unigram with byte fallback and plain Metaspace, as T5-like and Gemma-like conversions have it."""
    xlmr_json = json.loads((HERE / "xlmr.json").read_text())
    bytes_ = [(f"<0x{byte:02X}>", -30.0) for byte in range(256)]
    vocabulary = [tuple(entry) for entry in xlmr_json["model"]["vocab"]][:500] + bytes_
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=3, byte_fallback=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(prepend_scheme="first")])
    tokenizer.add_special_tokens(special("<s>", "</s>"))
    return tokenizer


def byte_fallback_bpe():
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    names = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)]
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")  # for training only: words, not lines
    tokenizer.train_from_iterator(TRAINING, trainers.BpeTrainer(
        vocab_size=1500, limit_alphabet=300, special_tokens=names, show_progress=False))
    data = json.loads(tokenizer.to_str())
    data["added_tokens"], data["pre_tokenizer"] = [], None
    return Tokenizer.from_str(json.dumps(data))


def llama2():
    tokenizer = byte_fallback_bpe()
    tokenizer.decoder = decoders.Sequence([
        decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    tokenizer.add_special_tokens(special("<unk>", "<s>", "</s>"))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=ids_of(tokenizer, "<s>"))
    return tokenizer


def gemma():
    data = json.loads(byte_fallback_bpe().to_str())
    data["model"]["merges"] = [list(merge) if isinstance(merge, list) else merge.split(" ") for merge in
                               data["model"]["merges"]][:600]
    tokenizer = Tokenizer.from_str(json.dumps(data))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.add_special_tokens(special("<bos>", "<start_of_turn>"))
    return tokenizer


def mixed():
    """The stages that the others leave out."""
    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]", continuing_subword_prefix="##", end_of_word_suffix="</w>"))
    tokenizer.normalizer = normalizers.Sequence([
        normalizers.Strip(), normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase(),
        normalizers.Replace(Regex(r"[\p{Sk}~]+"), "~")])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Whitespace(), pre_tokenizers.Digits(individual_digits=False),
        pre_tokenizers.Punctuation("merged_with_next"), pre_tokenizers.CharDelimiterSplit("x"),
        pre_tokenizers.Split(Regex(r"(?<![a-m])(?:ab|c)+?|q++$|[a-f&&[^e]]{2}(?=\w)"), "contiguous", invert=True)])
    tokenizer.decoder = decoders.BPEDecoder()
    tokenizer.train_from_iterator(TRAINING, trainers.BpeTrainer(
        vocab_size=1200, limit_alphabet=300, special_tokens=["[UNK]", "[CLS]", "[SEP]"], show_progress=False,
        continuing_subword_prefix="##", end_of_word_suffix="</w>"))
    (_, sep), (_, cls) = ids_of(tokenizer, "[SEP]", "[CLS]")
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", sep), ("[CLS]", cls))
    return tokenizer


def digest(*parts):
    value = 0
    for part in parts:
        if isinstance(part, str):
            data = part.encode()
            value = zlib.crc32(struct.pack("<I", len(data)) + data, value)
        else:
            value = zlib.crc32(struct.pack(f"<{len(part) + 1}I", len(part), *part), value)
    return value


class SplitMix64:
    """As in ApusCore."""

    def __init__(self, seed):
        self.state = seed

    def next(self):
        mask = (1 << 64) - 1
        self.state = (self.state + 0x9E3779B97F4A7C15) & mask
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        return z ^ (z >> 31)


def record(name, tokenizer):
    size = 1 + max(tokenizer.get_vocab().values())
    numbers = []
    for index, text in enumerate(STRINGS):
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        pair = tokenizer.encode(text, STRINGS[(index + 1) % len(STRINGS)])
        whole = tokenizer.encode(text).ids
        numbers.append(digest(ids, whole, pair.ids, pair.type_ids, tokenizer.decode(whole, skip_special_tokens=False),
                              tokenizer.decode(whole, skip_special_tokens=True)))
    generator = SplitMix64(7)
    for _ in range(SEQUENCES):
        ids = [generator.next() % size for _ in range(generator.next() % 24)]
        numbers.append(digest(tokenizer.decode(ids, skip_special_tokens=False),
                              tokenizer.decode(ids, skip_special_tokens=True)))
    (HERE / f"{name}.crc").write_bytes(struct.pack(f"<{len(numbers)}I", *numbers))


def record_sentencepiece():
    """spm.model: ids by libsentencepiece for the strings that contain no control token, and its text of them."""
    if not (HERE / "spm.model").exists():
        train_sentencepiece("bpe", 900, byte_fallback=True, normalization_rule_name="identity",
                            remove_extra_whitespaces=False, hard_vocab_limit=False, character_coverage=1.0)
    processor = sentencepiece.SentencePieceProcessor(model_file=str(HERE / "spm.model"))
    numbers = []
    for text in STRINGS:
        ids = processor.encode(text)
        skipped = any(token in text for token in ("<s>", "</s>", "<unk>")) or "\0" in text
        numbers.append(0 if skipped else digest(ids, processor.decode(ids)))
    (HERE / "spm.crc").write_bytes(struct.pack(f"<{len(numbers)}I", *numbers))


PATTERNS = [
    r"a*b", r"(?:ab)+", r"(?:ab|a)(?:c|bcd)", r"a+?b?", r"(?:a|ab)*?c", r"a{2,3}", r"a{2}", r"a{2,}?", r"a{,2}b", r"(?:ab){2}",
    r"a?+ab", r"a++b", r"(?>a+|ab)b", r"a{1,2}+b", r"\d+(?=b)", r"\d+(?!b)", r"(?<=a)\d", r"(?<!a)\d", r"(?<=\s)\S+",
    r"^a", r"b$", r"\Aa", r"b\z", r"\bab\b", r"\Ba", r"[^\s\p{L}]+", r"[a-c&&[^b]]+", r"[\p{Lu}\p{Nd}_-]+", r"[]a]+",
    r"[a\]\-z]+", r"\p{^L}+", r"\P{L}+", r"[^\P{L}a]+", r"(?i:ab)c", r"(?i)AB|C", r"(?i:s)", r"(?i:K)+", r".+", r"(?:a*)*b",
    r"(?:a|b?)+c", r"(?:(?:ab?)+c?)+", r"\x61|\u00e9|\x{1F600}", r"\t|\n|\r|\f|\v", r"\w+", r"\W+", r"\D+", r"\.|\(|\)|\\",
    r"a|", r"b*", r"(?=a)", r"(a)(b)|c", r"\p{M}+|\p{So}", r"[0-9a-fA-F]{4}", r"(?:\s|\p{P})+?x",
]
TEXTS = [
    "aab", "abababc", "abcd abc", "a1b a2 3a\n4b b", "aaaa aaab b", "Ab aBC ſK\u212as", "x_Y-Z9 ]a[ z-", "\n a\tb\r\n\fc\vd",
    "é e\u0301 😀😀", "a.b(c)\\", "", "12ab 0xBEEF ١٢", "ab\nab", "a" * 12 + "c", ", x;!x  x",
]


def record_patterns():
    """patterns.json: what Split makes of each text, by Oniguruma: [[pattern, [[piece...] of each text]]...]."""
    rows = [[pattern, [[piece for piece, _ in split(pattern).pre_tokenize_str(text)] for text in TEXTS]]
            for pattern in PATTERNS]
    (HERE / "patterns.json").write_text(json.dumps({"texts": TEXTS, "patterns": rows}, ensure_ascii=False))


def record_truncation():
    """truncation.json: tokens of segments 0 and 1 that bert keeps: [[first, second, maximum, kept, kept]...]."""
    tokenizer = Tokenizer.from_file(str(HERE / "bert.json"))
    rows = []
    for maximum in (3, 4, 5, 6, 9, 10, 12):
        tokenizer.enable_truncation(maximum)
        for first in (0, 1, 2, 3, 5, 8, 13):
            for second in (0, 1, 2, 3, 5, 8, 13):
                types = tokenizer.encode("s " * first, "s " * second).type_ids
                rows.append([first, second, maximum, types.count(0), types.count(1)])
    (HERE / "truncation.json").write_text(json.dumps(rows, separators=(",", ":")))


def main():
    encoded = [text.encode() for text in STRINGS]
    (HERE / "corpus.bin").write_bytes(b"".join(struct.pack("<I", len(text)) + text for text in encoded))
    makers = [llama3, qwen2, roberta, o200k, deepseek, bert, xlmr, unigram_bytes, llama2, gemma, mixed]
    for maker in makers:
        if sys.argv[1:] and maker.__name__ not in sys.argv[1:]:
            continue
        if not (HERE / f"{maker.__name__}.json").exists():
            (HERE / f"{maker.__name__}.json").write_text(maker().to_str())
        record(maker.__name__, Tokenizer.from_file(str(HERE / f"{maker.__name__}.json")))
        print(maker.__name__)
    if not sys.argv[1:] or "patterns" in sys.argv[1:]:
        record_patterns()
    if not sys.argv[1:] or "truncation" in sys.argv[1:]:
        record_truncation()
    if not sys.argv[1:] or "spm" in sys.argv[1:]:
        record_sentencepiece()


if __name__ == "__main__":
    main()
