#!/usr/bin/env python3
"""Writes UnicodeData.swift in Sources/ApusRegex and UnicodeData+Normalization.swift in Sources/ApusText: the character tables of Hugging Face `tokenizers` itself.

The library mixes several Unicode versions (Oniguruma for patterns, crates of other years for normalisation and
punctuation), so the tables are found by asking it about every code point. Needs tokenizers==0.23.3; run it from here.
"""

import unicodedata
from pathlib import Path

import tokenizers
from tokenizers import Regex, normalizers, pre_tokenizers

assert tokenizers.__version__ == "0.23.3", tokenizers.__version__

CATEGORIES = (
    "Cn Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Co Cs".split()
)
CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]


def varint(number, out):
    """Groups of five bits, lowest first, a sixth bit set on all but the last; a printable character each."""
    while True:
        group, number = number & 31, number >> 5
        code = 35 + (group | (32 if number else 0))
        out.append(chr(code + (code >= 92)))  # no backslash
        if not number:
            return


def encode(numbers):
    out = []
    for number in numbers:
        varint(number, out)
    return "".join(out)


def matching(pattern):
    """Code points that Oniguruma lets `pattern` match, as runs inside one long text."""
    text = "".join(map(chr, CODE_POINTS))
    split = pre_tokenizers.Split(Regex(pattern), "removed", invert=True)
    return {ord(character) for piece, _ in split.pre_tokenize_str(text) for character in piece}


def encode_set(members):
    """Alternating lengths of runs outside and inside."""
    lengths, inside, start = [], False, 0
    for code in range(0x110001):
        if (code in members) != inside:
            lengths.append(code - start)
            inside, start = not inside, code
    return encode(lengths)


def encode_categories():
    category = {c: "Cs" for c in range(0xD800, 0xE000)}
    for name in CATEGORIES[:-1]:
        for code in matching(r"\p{%s}" % name):
            category[code] = name
    numbers, start = [], 0
    for code in range(1, 0x110001):
        if code == 0x110000 or category[code] != category[start]:
            numbers += [CATEGORIES.index(category[start]), code - start]
            start = code
    return encode(numbers)


def encode_mappings(function, skip=lambda code: False):
    """(distance from the previous code point, length of its image, image...)"""
    numbers, previous = [], 0
    for code in CODE_POINTS:
        image = function(chr(code))
        if image == chr(code) or skip(code):
            continue
        numbers += [code - previous, len(image), *map(ord, image)]
        previous = code
    return encode(numbers)


def is_hangul(code):
    return 0xAC00 <= code <= 0xD7A3


def combining_classes():
    """(distance, class) of each code point that canonical ordering moves before U+0345 (class 240), and of U+0345."""
    nfd, numbers, previous = normalizers.NFD(), [], 0
    for code in CODE_POINTS:
        moved = nfd.normalize_str("a\u0345" + chr(code)).endswith("\u0345") and len(nfd.normalize_str(chr(code))) == 1
        if not moved or nfd.normalize_str(chr(code)) != chr(code):
            continue
        value = unicodedata.combining(chr(code))
        assert value, hex(code)
        numbers += [code - previous, value]
        previous = code
    return encode(numbers)


def compositions():
    """Distances of the code points that NFC restores from their canonical decompositions."""
    nfd, nfc, numbers, previous = normalizers.NFD(), normalizers.NFC(), [], 0
    for code in CODE_POINTS:
        parts = nfd.normalize_str(chr(code))
        if is_hangul(code) or len(parts) < 2 or nfc.normalize_str(parts) != chr(code):
            continue
        numbers.append(code - previous)
        previous = code
    return encode(numbers)


def main():
    nfd, nfkd = normalizers.NFD(), normalizers.NFKD()
    clean = normalizers.BertNormalizer(True, False, False, False)
    accents = normalizers.BertNormalizer(False, False, True, False)
    punctuation, digits = pre_tokenizers.Punctuation(), pre_tokenizers.Digits(True)
    words, bert = pre_tokenizers.Whitespace(), pre_tokenizers.BertPreTokenizer()

    def chosen(test):
        return encode_set({code for code in CODE_POINTS if test(chr(code))})

    def pieces(tokenizer, character):
        return len(tokenizer.pre_tokenize_str("a" + character + "a"))

    spaces = {0x20, 0x85, 0xA0, 0x1680, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000, *range(9, 14), *range(0x2000, 0x200B)}
    assert matching(r"\s") == spaces
    assert matching(r"\d") == matching(r"\p{Nd}")
    for code in CODE_POINTS:
        assert (pieces(punctuation, chr(code)) == 3) == (pieces(bert, chr(code)) == 3), hex(code)
        assert (len(bert.pre_tokenize_str(f"a{chr(code)}a")) == 2) == (code in spaces), hex(code)

    tables = [
        ("categories", "(index into `GeneralCategories.names`, length of the run) of Oniguruma's `\\p{..}`.", encode_categories()),
        ("patternWords", "Set: Oniguruma's `\\w`.", encode_set(matching(r"\w"))),
        ("words", "Set: `\\w` of the regex crate, as `Whitespace` and single words use it.",
         chosen(lambda c: pieces(words, c) == 1)),
        ("numbers", "Set: what `Digits` isolates.", chosen(lambda c: pieces(digits, c) == 3)),
        ("punctuation", "Set: what `Punctuation` and `BertPreTokenizer` isolate.",
         chosen(lambda c: pieces(punctuation, c) == 3)),
        ("controls", "Set: what `BertNormalizer` removes when it cleans text.",
         chosen(lambda c: clean.normalize_str(c) == "")),
        ("nonspacingMarks", "Set: what `BertNormalizer` removes when it strips accents.",
         chosen(lambda c: accents.normalize_str(c) == "")),
        ("combiningMarks", "Set: what `StripAccents` removes.",
         chosen(lambda c: normalizers.StripAccents().normalize_str(c) == "")),
        ("lowercase", "Mappings of `Lowercase`.", encode_mappings(normalizers.Lowercase().normalize_str)),
        ("canonicalDecompositions", "Mappings of `NFD`, full, without Hangul.",
         encode_mappings(nfd.normalize_str, is_hangul)),
        ("compatibilityDecompositions", "Mappings of `NFKD`, full, where they differ from `NFD`.",
         encode_mappings(nfkd.normalize_str,
                         lambda code: nfkd.normalize_str(chr(code)) == nfd.normalize_str(chr(code)))),
        ("combiningClasses", "(distance, canonical combining class) of the code points of which it is not 0.",
         combining_classes()),
        ("compositions", "Distances of the code points that NFC composes.", compositions()),
    ]
    characters = [name for name, _, _ in tables].index("canonicalDecompositions")
    write("ApusRegex/UnicodeData", ["package enum UnicodeData {"], tables[:characters])
    write("ApusText/Unicode/UnicodeData+Normalization", ["extension UnicodeData {"], tables[characters:], ["import ApusRegex", ""])


def write(file, declaration, tables, imports=()):
    lines = [
        "// Written by Tests/Fixtures/tokenizers/make_unicode_tables.py with tokenizers " + tokenizers.__version__ + ".",
        "",
        *imports,
        "/// The character tables of Hugging Face `tokenizers`, found by asking it about every code point.",
        "/// `UnicodeTables` says how they are encoded and reads them.",
        *declaration,
    ]
    access = "package " if declaration[0].startswith("package") else ""
    for name, text, data in tables:
        rows = [data[start:start + 110] for start in range(0, len(data), 110)]
        lines += [f"    /// {text}", f"    {access}static let {name}: StaticString = \"\"\""]
        lines += ["        " + row for row in rows] + ['        """', ""]
    lines[-1] = "}"
    target = Path(__file__).resolve().parents[3] / f"Sources/{file}.swift"
    target.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
