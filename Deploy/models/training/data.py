"""Builds what `train.py` reads: fetches the packages, cleans their text, trains the tokenizer, packs token rows.

    python data.py --work DIRECTORY

The result is the same for the same package versions; the versions used are written to `manifest.json`.
"""

import argparse
import fnmatch
import hashlib
import json
import random
import subprocess
from pathlib import Path

import numpy

import cleaning
import facts
from relations import upper_first
from sources import SOURCES
from tokenizer import END_OF_TEXT, load_or_train

SEED = 2026
#: A document is held out of training where its hash falls below this share.
HELD_OUT_SHARE = 0.02
#: Tokens in a row. Most training happens on short rows, which are cheap; long ones teach the later positions.
SHORT, LONG = 256, 2048
LONG_SHARE = 0.25
MOST_CHARACTERS = 9_000
FACT_DOCUMENTS, DRILL_DOCUMENTS = 120_000, 40_000


def fetch(source, work):
    """Downloads and unpacks a package, once."""
    unpacked = work / "packages" / source.package
    if not unpacked.exists():
        unpacked.parent.mkdir(parents=True, exist_ok=True)
        archives = work / "archives"
        archives.mkdir(parents=True, exist_ok=True)
        if not list(archives.glob(f"{source.package}_*.deb")):
            subprocess.run(["apt-get", "download", source.package], cwd=archives, check=True)
        (archive,) = archives.glob(f"{source.package}_*.deb")
        subprocess.run(["dpkg-deb", "-x", archive, unpacked], check=True)
    (archive,) = (work / "archives").glob(f"{source.package}_*.deb")
    return unpacked, archive.name.split("_")[1].replace("%3a", ":")


def documents_of(source, root):
    if source.package == "wordnet-base":
        return wordnet_documents(root / "usr/share/wordnet")
    paths = {path for pattern in source.patterns for path in root.glob(pattern) if path.is_file()}
    documents, seen = [], set()
    for path in sorted(paths):
        if any(fnmatch.fnmatch(path.name, pattern) for pattern in source.without):
            continue
        kept = []
        for paragraph in cleaning.page_paragraphs(path.read_text(encoding="utf-8", errors="replace")):
            if paragraph not in seen:
                seen.add(paragraph)
                kept.append(paragraph)
        documents += parts_of(kept)
    rng = random.Random(SEED)
    rng.shuffle(documents)
    total = 0
    for index, document in enumerate(documents):
        total += len(document)
        if total > source.most:
            return documents[:index]
    return documents


def parts_of(paragraphs):
    """Joins paragraphs into documents of about two thousand tokens."""
    part, size = [], 0
    for paragraph in paragraphs:
        if part and size + len(paragraph) > MOST_CHARACTERS:
            yield "\n".join(part)
            part, size = [], 0
        part.append(paragraph)
        size += len(paragraph)
    if part:
        yield "\n".join(part)


def wordnet_documents(directory):
    rng, documents = random.Random(SEED), []
    for part in ("noun", "verb", "adj", "adv"):
        data, index = ((directory / f"{kind}.{part}").read_text() for kind in ("data", "index"))
        for word, kind, meaning, examples in cleaning.wordnet_entries(data, index):
            if kind == "noun" and meaning.split()[0] in ("a", "an", "the", "any", "something", "someone"):
                text = rng.choice([f"The word {word} means {meaning}.", f"{upper_first(word)} is {meaning}."])
            else:
                text = f"The {kind} {word} means {meaning}."
            if examples:
                text += " " + " ".join(upper_first(example.rstrip(".")) + "." for example in examples[:2])
            documents.append(text)
    rng.shuffle(documents)
    return documents


def is_held_out(document):
    digest = hashlib.sha256(document.encode()).digest()
    return int.from_bytes(digest[:4]) < HELD_OUT_SHARE * 2**32


class Packer:
    """Packs documents into rows of one length; a row starts with the start of a document or of a paragraph.

    Two arrays result: the tokens, and the labels, which are -100 where nothing is learnt.
    """

    def __init__(self, length):
        self.length, self.rows, self.labels = length, [], []
        self.tokens, self.learnt = [], []

    def add(self, tokens, learnt, pieces):
        """`pieces` are the offsets at which the document may be continued in a new row."""
        start = 0
        while start < len(tokens):
            space = self.length - len(self.tokens)
            self.tokens += tokens[start : start + space]
            self.learnt += learnt[start : start + space]
            if len(self.tokens) < self.length:
                return
            cut, before = start + space, start
            self.close()
            if cut >= len(tokens):
                return
            start = max((piece for piece in pieces if piece <= cut), default=cut)
            # What was cut off begins the next row whole, if it fits into a row; else it goes on where it was cut.
            start = cut if start <= before and cut - before >= self.length else start

    def close(self):
        self.rows.append(self.tokens)
        self.labels.append(self.learnt)
        self.tokens, self.learnt = [], []


def encode_prose(tokenizer, document):
    """Tokens of a document of paragraphs, and the offsets at which paragraphs begin."""
    paragraphs = document.split("\n")
    tokens, pieces = [], []
    for index, encoding in enumerate(tokenizer.encode_batch([p + "\n" for p in paragraphs[:-1]] + paragraphs[-1:])):
        pieces.append(len(tokens))
        tokens += encoding.ids
    return tokens + [tokenizer.token_to_id(END_OF_TEXT)], pieces


def encode_segments(tokenizer, segments):
    tokens, learnt = [], []
    for encoding, (_, is_learnt) in zip(tokenizer.encode_batch([text for text, _ in segments]), segments):
        tokens += encoding.ids
        learnt += [is_learnt] * len(encoding.ids)
    return tokens + [tokenizer.token_to_id(END_OF_TEXT)], learnt + [True]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="directory for packages and results")
    parser.add_argument("--held-out-only", action="store_true", help="write held-out.json, make no training data")
    arguments = parser.parse_args()
    work = arguments.work
    rng = random.Random(SEED)

    prose, held_out, manifest = [], {}, {}
    for source in SOURCES:
        root, version = fetch(source, work)
        documents = documents_of(source, root)
        kept = [document for document in documents if not is_held_out(document)]
        held_out[source.package] = [document for document in documents if is_held_out(document)]
        prose += kept
        characters = sum(map(len, documents))
        manifest[source.package] = {"version": version, "licence": source.licence, "characters": characters}
        print(f"{source.package} {version}: {len(documents)} documents, {characters} characters", flush=True)

    (work / "held-out.json").write_text(json.dumps(held_out, ensure_ascii=False))
    if arguments.held_out_only:
        return

    fact_documents = [facts.document(rng) for _ in range(FACT_DOCUMENTS)]
    tokenizer = load_or_train(
        work / "tokenizer.json",
        lambda: prose + ["".join(text for text, _ in document) for document in fact_documents[:FACT_DOCUMENTS // 2]],
    )

    encoded = {"prose": [], "facts": [], "drill": []}
    for document in prose:
        tokens, pieces = encode_prose(tokenizer, document)
        encoded["prose"].append((tokens, [True] * len(tokens), pieces))
    for document in fact_documents:
        encoded["facts"].append((*encode_segments(tokenizer, document), [0]))
    for _ in range(DRILL_DOCUMENTS):
        encoded["drill"].append((*encode_segments(tokenizer, facts.drill_document(rng)), [0]))
    manifest["tokens"] = {kind: sum(len(tokens) for tokens, _, _ in every) for kind, every in encoded.items()}
    print(manifest["tokens"], flush=True)

    for kind, documents in encoded.items():
        rng.shuffle(documents)
        packers = {"short": Packer(SHORT), "long": Packer(LONG)}
        for document in documents:
            packers["long" if rng.random() < LONG_SHARE else "short"].add(*document)
        for name, packer in packers.items():
            order = numpy.random.default_rng(SEED).permutation(len(packer.rows))
            numpy.save(work / f"{kind}-{name}-tokens.npy", numpy.array(packer.rows, dtype=numpy.uint16)[order])
            numpy.save(work / f"{kind}-{name}-learnt.npy", numpy.array(packer.labels, dtype=bool)[order])
            print(kind, name, len(packer.rows), "rows", flush=True)
    (work / "manifest.json").write_text(json.dumps(manifest, indent=1))


if __name__ == "__main__":
    main()
