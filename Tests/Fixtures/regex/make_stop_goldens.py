#!/usr/bin/env python3
"""Writes stops.json: after which character of a text Python's re.search first finds a pattern in what there is of it.

    make_stop_goldens.py [PATTERNS SEED FILE]

Python 3.11. Rows are [pattern, answers], a character for each text in base 36, "0" for never; of a pattern that Python
refuses, the answers are "". Without arguments: what the test reads.
"""
import json, random, re, sys, warnings
from pathlib import Path

HERE = Path(__file__).parent
warnings.simplefilter("ignore")

TEXTS = [
    "ab", "ba\n", "aab", "a\nb", "abab", "aba ba", "bb.ab", "a.a\n", "\nab\nb", "abba", "aXbA", "é.É", "ab ab", "(a)", "<b>b</b>",
    "'a' \"b\"", "one one", "x=1;y=2", "10,20", "Aa bB\n\n", "a漢😀a", "cdcd", "abcabc", "aaaa",
]

PATTERNS = [
    # Look-around of several characters.
    r"a(?=bc)", r"a(?!ba)", r"(?<=ab)a", r"(?<!ab)a", r"(?<=a\n)b", r"(?<=^a)b", r"(?<=(?=ab)a)b", r"(?<!^)b", r"(?=.*b)a",
    r"(?!.*c)a$", r"a(?=\s*b)", r"(?<=[ab]{2})[ab]", r"(?<=ab|ba)b", r"(?<!ab|ba)b", r"(?=(a+))\1b", r"(?<=\bab) ",
    r"a(?=(?!aa)a)", r"(?:(?!ab).)+c", r"^(?!.*\n)", r"(?=a(?=b(?=a)))", r"(?<=a(?=b))b", r"(?<=\d)(?=(?:\d\d)+\b)", r"b(?=\Z)",
    r"(?<=é.)É", r"(?<=漢😀)a", r"(?<=.)(?<!a)$", r"a(?=|b)", r"(?<=)a", r"(?<!)a",
    r"a(?=b)", r"a(?!b)", r"(?<=a)b", r"(?<!a)b", r"(?<=[.!?])\s", r"\n(?!\n)", r"(?<=a|\n)b$", r"(?=a)a(?!a)$", r"(?<!b)$", r"^(?!a)",
    r"(?:a(?=b)|b(?=a))+b", r"(?<![ab])(?=[ab]).(?<=a)", r"(?!b)\b", r"(?=(?i:B)).a",
    # References.
    r"(a|b)\1", r"(.)\1", r"(\w+) \1", r"(ab?)+\1", r"(?P<q>['\"]).*?(?P=q)", r"<(\w)>.*?</\1>", r"(a)|b\1", r"(a*)b\1$",
    r"(?i)(a)x\1", r"(?i)(A)X\1?b", r"(a)(b)?\2", r"(?:(a)|b)*\1", r"((a)|(b))+\2", r"(.)(.)\2\1", r"(\d)=\1", r"(é)\.\1",
    r"(?i)(é)\.\1", r"(?ai)(é)\.\1", r"()\1a", r"(a)(?=.\1)", r"(?<=(a))b\1", r"(?=(a.))\1", r"(a)(?<=\1)b", r"(?P<é>b)(?P=é)",
    r"((((((((((a))))))))))\10", r"(c)(?:d|\1)+\1", r"(aa|a)\1", r"(a(?=(b)))b\2",
    # Conditions.
    r"(\()?a(?(1)\)|$)", r"(a)?(?(1)b|a)", r"(?P<x>a)?(?(x)b|\n)", r"(?(1)a|b)(c)", r"(a)?b(?(1)a)", r"(?:(a)|b)(?(1)b|b)",
    r"(\")?b(?(1)\"|>)", r"(a)?(?(01)b)",
    # Atomic groups and possessive repetitions.
    r"(?>a+)b", r"(?>a+)ab", r"(?>ab|a)c", r"a++b", r"a*+a", r"a?+b", r"(?:ab)++a", r"(?:a|ab){2}+", r"(?:ab|a)++b", r"(?:|a)++b",
    r"[ab]{1,2}+b", r"(?>(a)|b)\1", r"(?>)a", r"\w++ ", r"(?:b?)*+c", r"(?<=a{2}+)b",
    # Flags and verbose patterns.
    r"(?x) a  b # c", r"(?x)a\ b", r"(?x)[ ]a", r"(?x) (?i) A x", "(?x)a#b\n b", "(?x)a#b\\\n b", r"(?x: a b) ab", r"a(?x: b )a",
    r"(?x)a +", r"(?x)a (?#c) +b", r"(?x)a{1, 2}", r"(?-x:a b)", r"(?x)a(?-x: b)", r"(?i:a)x", r"(?s:.)b", r"(?m:^b)", r"(?m)a$",
    r"(?im)^B$", r"(?m)(?s)a.b", r"(?#c)(?i)aX", r"(?is-m:a.b)", r"(?ii)ax", r"(?a:\w)\W", r"(?a)\w\b", r"(?a)\b\w", r"\b.\b",
    r"(?a)é\B", r"(?i)É", r"(?i)[à-ü]", r"(?i)[^é]\.", r"(?ai)É", r"(?i)ſ|K", r"(?i)[a-z]X", r"(?i)\w", r"(?u)é", r"(?iu:É)",
    r"(?a)(?i:é)", r"(?i)Σ|ς", r"(?i)µ|a", "(?i)\u1e9e|ß", "(?i)\u0130", "(?i)[\u0130-\u0131]a",
    # Repetitions.
    r"a(?#c)*b", r"(?:^)*a", r"(?:\b)+a", r"()*a", r"(?:)*a", r"(?:a*)*b", r"(?:a?)*?b", r"(?:a|b?){2,3}c", r"(a?){3}b",
    r"(a{,2}){2,3}b", r"a{,}b", r"a{2", r"a{}", r"{", r"{a}", r"a{1}{", r"(?=a)*b", r"(?=a)+a", r"(?:(?=a)a)+b", r"(a|b)*?c",
    r".{3000}", r"a{1,5000}b", r"(?:ab){1,900}c",
    # Characters.
    r"\101", r"\0", r"[\101]", r"[\1]", r"\x41", r"\u00e9", r"\U0001F600", r"\ud800|a", r"[\ud800-\udfff]|b", r"\.", r"\<", r"\é",
    r"\a|\f|\v|\t|\r|\n", r"\141\142", r"[]]", r"[^]a]", r"[a-]", r"[-a]", r"[a\]b]", r"[\w-]", r"\w\W\w", r"\S\s\S", r"\d\D\d",
    r"\Aa", r"a\Z", r"\B", r"\b", r"^", r"$", r"\Z", r"a$\n", r"(?m)$\n^", r"$^", r"a\b.", r".\Bb", r"\n\Z", r"\n$",
    # What Python refuses.
    r"(", r")", r"a)", r"[", r"[a", r"[]", r"*a", r"a|*", r"(*a)", r"+", r"a**", r"a*+*", r"a??+", r"a{2}{3}", r"{2}", r"^*", r"\b+",
    r"$?", r"(?#x)*", r"(?#x", r"(?", r"(?i", r"(?i:", r"(?>a", r"(?P", r"(?Px)", r"(?P<", r"(?P<a", r"(?P<1>a)", r"(?P<>a)", r"(?<a>b)",
    r"(?P<a>x)(?P<a>y)", r"(?P=x)", r"(?P<a>b)(?P=b)", r"\1", r"(a)\2", r"(a\1)", r"(a)\10", r"\8", r"[\8]", r"[\400]", r"\400",
    r"(?(1)a|b)", r"(?(x)a)", r"(a)?(?(1)b|c|d)", r"(?(0)a)(b)", r"(?()a)(b)", r"(?(1", r"(?<=a*)b", r"(?<=a|bc)d", r"(?<=a{1,2})b",
    r"(?<=(a)\1)b", r"(?<=(a))b(?<=\2)", r"(?<!a+)b", r"(?<=a++)b", r"a(?i)b", r"a|(?i)b", r"(?i-i:a)", r"(?-:a)", r"(?-a:b)", r"(?L)a",
    r"(?au:a)", r"(?a)(?u)a", r"(?y)a", r"(?i-y:a)", r"\q", r"[\q]", r"[b-a]", r"[\w-a]", r"[a-\w]", r"\x4", r"\u00e", r"\U00110000",
    r"a{3,2}", r"a\\"[:-1], r"[\Z]", r"(?x)a + +", r"(?:a", r"(?=a", r"(?<a)b", r"(?<=(?P<n>a)(?P=n))b", r"(?x",
]


class Patterns:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def pick(self, *options):
        return self.random.choice(options)

    def alternatives(self, depth):
        return "|".join(self.sequence(depth) for _ in range(self.pick(1, 1, 1, 2, 3)))

    def sequence(self, depth):
        return "".join(self.item(depth) for _ in range(self.pick(0, 1, 1, 2, 2, 3, 4)))

    def item(self, depth):
        atom = self.atom(depth)
        if self.random.random() < 0.35:
            atom += self.pick("*", "+", "?", "{2}", "{1,2}", "{,2}", "{2,}", "{0}") + self.pick("", "", "?", "+")
        return atom

    def atom(self, depth):
        if depth == 0 or self.random.random() < 0.5:
            return self.pick("a", "a", "b", "b", ".", "[ab]", "[^a]", r"\w", r"\s", r"\b", r"\B", "^", "$", r"\A", r"\Z", r"\n", "A",
                             " ", "é", "c", r"\d", r"\1", r"\2", "(?P=n)", "(?#c)")
        inside = self.alternatives(depth - 1)
        start = self.pick("(", "(", "(", "(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>", "(?i:", "(?s:", "(?m:", "(?a:", "(?x:", "(?-i:", "(?P<n>",
                          "(?(1)", "(?(2)", "(?(n)")
        return start + inside + ")"

    def damaged(self):
        pattern = list(self.pick("", "", "(?i)", "(?m)", "(?s)") + self.alternatives(3))
        if pattern and self.random.random() < 0.15:
            place = self.random.randrange(len(pattern))
            pattern[place] = self.pick("", "(", ")", "?", "*", "\\", "[", "]", "|", "{", "}", "1", ",", "-", "<", "=", "!", "P", "#", "x")
        return "".join(pattern)

    def few(self, count):
        """Half of them at most are such as Python refuses."""
        found, refused = {}, 0
        while len(found) < count:
            pattern = self.damaged()
            if len(pattern.encode()) > 60 or pattern in found:
                continue
            answers = row(pattern)[1]
            if not answers:
                refused += 1
                if refused > count // 4:
                    continue
            found[pattern] = answers
        return [list(item) for item in found.items()]


def row(pattern):
    try:
        compiled = re.compile(pattern)
    except (re.error, OverflowError, ValueError):
        return [pattern, ""]
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"
    answers = ""
    for text in TEXTS:
        ends = [end for end in range(1, len(text) + 1) if compiled.search(text[:end])]
        answers += digits[ends[0] if ends else 0]
    return [pattern, answers]


def main():
    count, seed, file = (int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]) if sys.argv[1:] else (1500, 1, HERE / "stops.json")
    rows = [row(pattern) for pattern in PATTERNS] + Patterns(seed).few(count)
    lines = ",\n".join(json.dumps(r, separators=(",", ":")) for r in rows)
    texts = json.dumps(TEXTS, separators=(",", ":"))
    Path(file).write_text(f'{{"texts":{texts},"patterns":[\n{lines}\n]}}\n')
    valid = [r for r in rows if r[1]]
    print(len(rows), "patterns,", len(rows) - len(valid), "refused,", sum("1" <= c for r in valid for c in r[1]), "answers other than 0")


main()
