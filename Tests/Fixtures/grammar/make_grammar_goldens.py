#!/usr/bin/env python3
"""Writes regexes.json and schemas.json: what Python's re and the package jsonschema say of patterns, schemas and texts.

Needs: pip install 'jsonschema[format]'
"""
import json, random, re
from pathlib import Path

import jsonschema

HERE = Path(__file__).parent

PATTERNS = [
    r"", r"abc", r"a|b|c", r"(yes|no)", r"[a-c]+", r"[^a-c]+", r"[]a]+", r"[^]a]+", r"[a\-z]", r"[a-]", r"\d+", r"\D+",
    r"\w+", r"\W+", r"\s*", r"\S+", r"[\d\s]+", r"[^\d\s]+", r"[\w.-]+@[\w-]+\.\w{2,4}", r"a{2}", r"a{2,}", r"a{,2}",
    r"a{2,3}", r"a{,}", r"a{", r"a{x}", r"{", r"a{1,2}?", r"a*?b", r"a+?", r"a??b", r"(?:ab)*", r"(ab){1,2}c",
    r"(?P<year>\d{4})-(?P<month>\d\d)", r"^abc$", r"^a", r"c$", r"(^a|b)c", r"a(b|c$)", r"^(a|b)$", r"^^a$$",
    r"\Aabc\Z", r"a.c", r"(?s)a.c", r"(?i)abc", r"(?i)[a-c]+", r"(?i:a)b", r"(?a)\w+", r"(?a:\d)\d", r"(?i)[^a]",
    r"(?i)(?-i:a)b", r"\n|\t|\r|\f|\v|\a", r"[\b]", r"\x41\u00e9\U0001F600", r"\0|\012|\101", r"\.\*\+\?\(\)\[\]\{\}\|\\\/",
    r"é+", r"[à-ü]+", r"[\u4e00-\u9fff]+", r"😀{1,2}", r"(?#comment)a", r"((a|b)*c){0,2}", r"(a*)*", r"(a|)(b|)",
    r"\d{3}-\d{4}", r"[A-Z][a-z]+( [A-Z][a-z]+)*", r"-?(0|[1-9]\d*)(\.\d+)?", r"#[0-9a-fA-F]{6}", r"(?i)i", r"(?i)K|S",
    r"a|ab|abc", r"x*y*z*", r"[ -~]*", r"[^\n]*", r"\{\"a\": \d\}", r"(?m)^a$",
]
TEXTS = [
    "", "a", "b", "c", "ab", "abc", "abcabc", "aa", "aaa", "aaaa", "ac", "bc", "abcc", "ababc", "yes", "no", "yesno", "]",
    "]a", "-", "z", "a-z", "1", "12", "1234", "2024-05", "555-1234", "x y", " ", "\t", "\n", "a\n", "a\nc", "a\tc", "_", "é",
    "éé", "àü", "漢字", "٣", "٣4", "½", "Aé😀", "😀", "😀😀", "😀😀😀", "A", "ABC", "aBc", "AB", "Ab", "aB", "\x00", "\x08",
    "\x07", "\f", "\v", "\r", "{", "a{", "a{x}", ".*+?()[]{}|\\/", "me@example.com", "me@x.c", "John Smith", "john", "-0.5",
    "007", "10", "#ff00AA", "#ff00A", "i", "I", "İ", "ı", "K", "k", "\u212a", "S", "s", "ſ", "xyz", "xxzz", "zyx",
    '{"a": 1}', '{"a": x}', "\u2028", "\u00a0", "\x1c", "\x85", "ab\n", "b\na\nb", "aXc", "12a", "a1", "ß", "a b c",
]


def regexes():
    rows = []
    for pattern in PATTERNS:
        compiled = re.compile(pattern)
        full = "".join("01"[bool(compiled.fullmatch(text))] for text in TEXTS)
        found = "".join("01"[bool(compiled.search(text))] for text in TEXTS)
        rows.append([pattern, full, found])
    classes = {}
    # Beyond this, versions of Unicode differ.
    for name in (r"\d", r"\s", r"\w", r"(?i)i", r"(?i)k", r"(?i)s", r"(?i)x"):
        codes = [code for code in range(0x500) if re.fullmatch(name, chr(code))]
        classes[name] = ranges(codes)
    return {"texts": TEXTS, "patterns": rows, "classes": classes}


def ranges(codes):
    result = []
    for code in codes:
        if result and result[-1][1] == code - 1:
            result[-1][1] = code
        else:
            result.append([code, code])
    return result


class Schemas:
    """Random schemas, values that are meant to obey them, and others."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def chance(self, share):
        return self.random.random() < share

    def schema(self, depth=0):
        kinds = ["integer", "number", "string", "boolean", "null", "enum", "const", "lengths", "pattern", "range"]
        if depth < 3:
            kinds += ["object"] * 6 + ["array"] * 3 + ["tuple", "anyOf", "oneOf", "allOf", "types", "map", "ref", "not"]
        return getattr(self, "make_" + self.random.choice(kinds))(depth)

    def make_integer(self, depth): return {"type": "integer"}
    def make_number(self, depth): return {"type": "number"}
    def make_string(self, depth): return {"type": "string"}
    def make_boolean(self, depth): return {"type": "boolean"}
    def make_null(self, depth): return {"type": "null"}
    def make_const(self, depth): return {"const": self.literal()}
    def make_enum(self, depth): return {"enum": [self.literal() for _ in range(self.random.randint(1, 4))]}

    def literal(self):
        return self.random.choice([1, 2.5, -3, "a", "b\"c", "é\n", True, None, [1, "x"], {"k": 1}, "", 0])

    def make_lengths(self, depth):
        low = self.random.randint(0, 3)
        return {"type": "string", "minLength": low, "maxLength": low + self.random.randint(0, 3)}

    def make_pattern(self, depth):
        schema = {"type": "string", "pattern": self.random.choice(
            ["^[a-c]+$", "b", "^a", "c$", r"^\d{2,3}$", "^(ab|cd)*$", r"^\S+$", "^[^x]*$", r"\.", "^\"q\"$"])}
        if self.chance(0.4): schema["minLength"] = self.random.randint(0, 3)
        if self.chance(0.4): schema["maxLength"] = self.random.randint(2, 6)
        return schema

    def make_range(self, depth):
        whole = self.chance(0.6)
        low = self.random.choice([-150, -10, -1, 0, 1, 7, 99, 1000] + ([] if whole else [-2.5, 0.05, 0.5, 12.75]))
        high = low + self.random.choice([0, 1, 5, 17, 250] + ([] if whole else [0.25, 1.5]))
        schema = {"type": "integer" if whole else "number"}
        if self.chance(0.8): schema[self.random.choice(["minimum", "exclusiveMinimum"])] = low
        if self.chance(0.8): schema[self.random.choice(["maximum", "exclusiveMaximum"])] = high
        if whole and self.chance(0.3): schema["multipleOf"] = self.random.choice([2, 3, 5, 7])
        return schema

    def make_object(self, depth):
        names = self.random.sample(["a", "b", "c", "dé", "e\"f", "g/h"], self.random.randint(0, 4))
        schema = {"type": "object", "properties": {name: self.schema(depth + 1) for name in names}}
        required = [name for name in names if self.chance(0.5)]
        if required: schema["required"] = required
        if self.chance(0.4): schema["additionalProperties"] = False
        elif self.chance(0.2): schema["additionalProperties"] = self.schema(depth + 1)
        if names and self.chance(0.15): schema["minProperties"] = self.random.randint(0, len(names))
        if names and self.chance(0.15): schema["maxProperties"] = self.random.randint(len(required), len(names))
        if self.chance(0.1): schema["patternProperties"] = {"^x": {"type": "integer"}}
        if len(names) > 1 and self.chance(0.1): schema["dependentRequired"] = {names[0]: [names[1]]}
        return schema

    def make_map(self, depth):
        schema = {"type": "object", "additionalProperties": self.schema(depth + 1)}
        if self.chance(0.4): schema["propertyNames"] = self.random.choice(
            [{"pattern": "^[a-z]+$"}, {"enum": ["a", "b", "c"]}, {"maxLength": 2}])
        return schema

    def make_array(self, depth):
        schema = {"type": "array", "items": self.schema(depth + 1)}
        if self.chance(0.4): schema["minItems"] = self.random.randint(0, 2)
        if self.chance(0.4): schema["maxItems"] = self.random.randint(2, 4)
        return schema

    def make_tuple(self, depth):
        schema = {"type": "array", "prefixItems": [self.schema(depth + 1) for _ in range(self.random.randint(1, 3))]}
        if self.chance(0.5): schema["items"] = self.random.choice([False, {"type": "integer"}])
        if self.chance(0.5): schema["minItems"] = self.random.randint(0, 3)
        return schema

    def make_types(self, depth):
        return {"type": self.random.sample(["integer", "string", "null", "boolean", "array"], 2), "maxLength": 3,
                "items": {"type": "integer"}}

    def make_anyOf(self, depth):
        return {"anyOf": [self.schema(depth + 1) for _ in range(self.random.randint(1, 3))]}

    def make_oneOf(self, depth):
        if self.chance(0.5):
            return {"oneOf": [self.schema(depth + 1) for _ in range(2)]}
        return {"oneOf": [
            {"type": "object", "properties": {"kind": {"const": kind}, "v": self.schema(depth + 1)},
             "required": ["kind"]} for kind in ("p", "q", "r")]}

    def make_allOf(self, depth):
        first = self.make_object(depth + 1)
        second = self.make_object(depth + 1)
        for schema in (first, second): schema.pop("additionalProperties", None)
        return {"allOf": [first, second]}

    def make_not(self, depth):
        return {"type": ["string", "integer"], "not": self.random.choice(
            [{"const": "a"}, {"enum": ["a", "", 1]}, {"type": "string"}, {"minLength": 2}, {"pattern": "b"}, {"maximum": 5}])}

    def make_ref(self, depth):
        return {"$ref": self.random.choice(["#/$defs/leaf", "#/$defs/tree"])}

    def document(self):
        schema = self.schema()
        if "$defs" not in schema:
            schema = {**schema, "$defs": {
                "leaf": {"type": "string", "enum": ["l", "m"]},
                "tree": {"type": "object", "properties": {
                    "v": {"type": "integer"}, "kids": {"type": "array", "items": {"$ref": "#/$defs/tree"}, "maxItems": 2}},
                    "required": ["v"], "additionalProperties": False}}}
        return schema

    # ---------------------------------------------------------------- values

    def value(self, schema, root, depth=0):
        """A value that mostly obeys, in the order and with the members that a grammar writes."""
        if schema is True: return self.anything()
        if schema is False: return None
        if "$ref" in schema:
            name = schema["$ref"].split("/")[-1]
            if depth > 4 and name == "tree": return {"v": 1}
            return self.value(root["$defs"][name], root, depth + 1)
        if "const" in schema: return schema["const"]
        if "enum" in schema: return self.random.choice(schema["enum"])
        for key in ("anyOf", "oneOf"):
            if key in schema: return self.value(self.random.choice(schema[key]), root, depth)
        if "allOf" in schema:
            merged = {}
            for part in schema["allOf"]: merged.update(self.value(part, root, depth))
            order = [name for part in schema["allOf"] for name in part.get("properties", {})]
            return {name: merged[name] for name in dict.fromkeys(order) if name in merged}
        kind = schema.get("type")
        if isinstance(kind, list): kind = self.random.choice(kind)
        if kind == "object":
            value = {}
            for name, inner in schema.get("properties", {}).items():
                if name in schema.get("required", []) or self.chance(0.5): value[name] = self.value(inner, root, depth + 1)
            extra = schema.get("additionalProperties")
            if isinstance(extra, dict) and self.chance(0.6):
                value[self.random.choice(["ab", "b", "z", "a b"])] = self.value(extra, root, depth + 1)
            if "patternProperties" in schema and self.chance(0.5): value["xy"] = self.random.randint(0, 9)
            return value
        if kind == "array":
            prefix = [self.value(inner, root, depth + 1) for inner in schema.get("prefixItems", [])]
            items = schema.get("items", True)
            more = 0 if items is False else self.random.randint(0, 3)
            value = prefix + [self.value(items, root, depth + 1) for _ in range(more)]
            return value[:self.random.randint(0, len(value))] if self.chance(0.3) else value
        if kind == "string":
            pool = ["", "a", "ab", "abc", "bca", "12", "123", "abcd", "a.b", "\"q\"", "é", "c\\d", "x", "cdab", "  "]
            return self.random.choice(pool)
        if kind in ("integer", "number"):
            edges = [schema[k] for k in ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum") if k in schema]
            near = self.random.choice(edges or [0, 1, -5, 123456])
            value = near + self.random.choice([0, 1, -1, 2, 3, 10, -10, 100])
            if kind == "number" and self.chance(0.6): value = round(value + self.random.choice([0.5, -0.25, 0.01, -0.1]), 4)
            return value
        return {"boolean": self.chance(0.5), "null": None}.get(kind, self.anything())

    def anything(self):
        return self.random.choice([None, True, 0, -1.5, "text", [], {}, [1, [2]], {"a": {"b": "c"}}])

    def broken(self, value):
        """Another value, near."""
        if isinstance(value, dict) and value and self.chance(0.7):
            copy = dict(value)
            name = self.random.choice(list(copy))
            if self.chance(0.4): del copy[name]
            else: copy[name] = self.broken(copy[name])
            if self.chance(0.3): copy["other"] = 1
            return copy
        if isinstance(value, list) and value and self.chance(0.7):
            copy = list(value)
            index = self.random.randrange(len(copy))
            copy[index] = self.broken(copy[index])
            if self.chance(0.3): copy.append(0)
            return copy
        if isinstance(value, str) and self.chance(0.7): return value + self.random.choice(["a", "x", "1", "\n"])
        if isinstance(value, (int, float)) and not isinstance(value, bool) and self.chance(0.7): return value * 2 + 1
        return self.anything()


def dumps(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def schemas(count):
    rows = []
    for seed in range(count):
        maker = Schemas(seed)
        schema = maker.document()
        validator = jsonschema.Draft202012Validator(schema)
        texts = {}
        for _ in range(12):
            value = maker.value(schema, schema)
            texts.setdefault(dumps(value), [validator.is_valid(value), True])
            for _ in range(2):
                other = maker.broken(value)
                texts.setdefault(dumps(other), [validator.is_valid(other), False])
        rows.append([schema, [[text, *flags] for text, flags in texts.items()]])
    return rows


if __name__ == "__main__":
    (HERE / "regexes.json").write_text(json.dumps(regexes(), ensure_ascii=True, separators=(",", ":")) + "\n")
    rows = schemas(150)
    (HERE / "schemas.json").write_text(
        "[\n" + ",\n".join(json.dumps(row, ensure_ascii=True, separators=(",", ":")) for row in rows) + "\n]\n")
    print(sum(flags[1] for _, texts in rows for flags in texts), "of", sum(len(t) for _, t in rows), "texts are valid")
