"""The strings on which tokenizers are compared: scripts, emoji, marks, control bytes, runs, code, special tokens."""

import random

ALPHABETS = [
    (0x61, 0x7A), (0x41, 0x5A), (0xC0, 0x24F), (0x370, 0x3FF), (0x400, 0x4FF), (0x531, 0x587), (0x5D0, 0x5EA),
    (0x620, 0x64A), (0x904, 0x939), (0x980, 0x9FF), (0xB80, 0xBFF), (0xE01, 0xE3A), (0xF40, 0xFBC), (0x10A0, 0x10FF),
    (0x1100, 0x11FF), (0x1200, 0x137F), (0x13A0, 0x13FF), (0x1E00, 0x1EFF), (0x1F00, 0x1FFF), (0x3041, 0x3096),
    (0x30A1, 0x30FA), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0xA640, 0xA69F), (0x10400, 0x1044F), (0x1D400, 0x1D7FF),
    (0x20000, 0x2A6DF),
]
SPACES = [" ", "\t", "\n", "\r", "\r\n", "\u000b", "\u000c", "\u0085", "\u00a0", "\u1680", "\u2000", "\u2003",
          "\u2009", "\u200a", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000", "\u200b", "\ufeff", "\u2581"]
MARKS = [0x300, 0x301, 0x302, 0x308, 0x30A, 0x315, 0x316, 0x323, 0x327, 0x328, 0x334, 0x338, 0x345, 0x35C, 0x360,
         0x483, 0x591, 0x5AE, 0x5B0, 0x610, 0x64B, 0x670, 0x93C, 0x94D, 0x9BC, 0xE38, 0xF71, 0xF72, 0x302A, 0x3099,
         0x309A, 0x20D0, 0x20DD, 0x1D165, 0x1D16E, 0x1E8D0]
EMOJI = ["😀", "👍", "👍🏽", "👩‍🚀", "👨‍👩‍👧‍👦", "🏳️‍🌈", "🇫🇷", "🇯🇵🇩🇪", "1️⃣", "❤️", "☺", "🤷🏿‍♂️", "🫠", "🪿", "🐦‍🔥", "🏴󠁧󠁢󠁷󠁬󠁳󠁿", "©️", "♟️"]
SPECIALS = ["<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>", "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<s>",
            "</s>", "<unk>", "<pad>", "<mask>", "[CLS]", "[SEP]", "[MASK]", "[UNK]", "<think>", "</think>", "<bos>",
            "<start_of_turn>", "<0x0A>", "<|reserved", "<|start_header_id|>", "Ġ", "▁", "##ing", "<｜begin▁of▁sentence｜>",
            "@word", "#norm"]
CONTRACTIONS = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d", "'S", "'LL", "'Re", "'ſ", "’s", "''s", "'", "n't", "'K"]
CODE = ["def f(x):\n    return x + 1\n", "for (int i = 0; i < n; ++i) {\n\tsum += a[i];\n}\n", "let x: [Int32] = []",
        "SELECT * FROM t WHERE a >= 10;", "<div class=\"a\">&nbsp;</div>", "https://example.org/a?b=c&d=%20#e",
        "{\"key\": [1, 2.5e-3, null, true]}", "x = y->z::w<T>();  // note", "\\begin{align} a &= b \\\\ \\end{align}",
        "#!/bin/sh\nset -e\n", "0x1F 0b11 1_000_000 3.14159e+10", "a.b.c@d-e.f", "$$$ %%% ^^^ &&& *** ((( )))", "```py\n1\n```"]
WORDS = ("the of and to in is that for it was on are as with they be at one have this from or had by hot word but what "
         "some we can out other were all there when up use your how said an each she which do their time if will way "
         "about many then them write would like so these her long make thing see him two has look more day could go "
         "come did number sound no most people my over know water than call first who may down side been now find "
         "any new work part take get place made live where after back little only round man year came show every good "
         "capital France Paris tokenizer language model running quickly unhappiness internationalization naïve café "
         "Straße Ångström Zürich GitHub iPhone USA don't it's I'm we'll they've").split()


def build(count, seed):
    rng = random.Random(seed)
    pick = rng.choice

    def letters(low, high, length):
        return "".join(chr(rng.randint(low, high)) for _ in range(length))

    def word():
        return pick(WORDS) if rng.random() < 0.6 else letters(*pick(ALPHABETS), rng.randint(1, 8))

    def sentence():
        text = ""
        for _ in range(rng.randint(1, 8)):
            text += word() + pick([" ", " ", " ", ", ", ". ", "! ", "-", "_", "/", "  ", "\n", "…", "“", "。", "、"])
        return text

    def spaces():
        return "".join(pick(SPACES) * rng.choice([1, 1, 1, 2, 3, 7]) for _ in range(rng.randint(1, 6)))

    def digits():
        low = pick([0x30, 0x30, 0x30, 0x660, 0x6F0, 0x966, 0xE50, 0xFF10, 0x1D7CE, 0xB2, 0x2160, 0x2460, 0xBC])
        return letters(low, low + (9 if low != 0xBC else 2), rng.choice([1, 2, 3, 4, 5, 9, 40]))

    def marks():
        text = ""
        for _ in range(rng.randint(1, 4)):
            text += letters(*pick(ALPHABETS), 1) + "".join(chr(pick(MARKS)) for _ in range(rng.randint(1, 5)))
        return text

    def controls():
        return "".join(chr(pick([*range(0, 32), 0x7F, *range(0x80, 0xA0), 0xAD, 0x200D, 0x200E, 0x2060, 0xFFFD, 0xFFFE]))
                       for _ in range(rng.randint(1, 6)))

    def any_scalar():
        while True:
            code = pick([rng.randint(0, 0xFF), rng.randint(0, 0x2FFF), rng.randint(0, 0xFFFF), rng.randint(0, 0x1FFFF),
                         rng.randint(0, 0x10FFFF)])
            if not 0xD800 <= code < 0xE000:
                return chr(code)

    def scalars():
        return "".join(any_scalar() for _ in range(rng.randint(1, 8)))

    def assigned():
        low = pick([0x0, 0x100, 0x2000, 0x2100, 0x2200, 0x3000, 0x3200, 0xA000, 0xF900, 0xFB00, 0xFE00, 0xFF00, 0x1F100])
        return letters(low, low + 0xFF, rng.randint(1, 5))

    def special():
        return pick(["", " ", "  ", "\n", "a", "é"]) + pick(SPECIALS) + pick(["", " ", "\t ", "\n", "b", "中"])

    def contraction():
        return pick(WORDS) + pick(CONTRACTIONS) + pick(["", " ", "t", "re", "x", "S"])

    def code():
        text = pick(CODE)
        return text[rng.randint(0, len(text) // 2):]

    kinds = [sentence, sentence, spaces, digits, marks, controls, scalars, assigned, special, contraction, code,
             lambda: pick(EMOJI) * rng.choice([1, 1, 2]), lambda: pick(WORDS) * rng.choice([1, 2, 5])]
    fixed = ["", " ", "\n", "a", "\u0000", "é", "e\u0301", "中", "😀", "\ufeffx", "a" * 1500, " " * 700, "1" * 600,
             "😀" * 150, "ab" * 400, "\n" * 300, " \n" * 200, "'s" * 100, "e\u0301\u0316" * 100, "가각힣" * 50]
    strings = fixed + [pick(EMOJI) for _ in range(30)]
    while len(strings) < count:
        strings.append("".join(pick(kinds)() for _ in range(rng.choice([1, 1, 1, 2, 2, 3]))))
    return strings
