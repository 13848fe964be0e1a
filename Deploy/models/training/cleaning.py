"""From files of documentation packages to paragraphs of plain English."""

import re
from html.parser import HTMLParser

PARAGRAPH = {"p", "li", "dd", "td", "title", "desc", "h1", "h2", "h3", "h4", "item"}
SKIPPED = {"script", "style", "pre", "nav", "head", "table", "code-block", "screen", "code_", "info", "footer"}
VOID = {"br", "hr", "img", "input", "link", "meta", "col", "area", "base", "wbr", "source"}
COMMON = set("the of to and a in is that for it be are as with on this you or by an if can not from at".split())
#: Words that mark a definition as a slur or obscenity; such entries are left out.
OFFENSIVE = re.compile(r"offensive|disparag|slur|obscene|vulgar|derogat|ethnic|slang|sexual|prostitut|genital", re.I)


class Paragraphs(HTMLParser):
    """Collects the text of paragraph-like elements of HTML, Publican and Mallard pages."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.paragraphs, self.current, self.skipping = [], None, []

    def handle_starttag(self, tag, attributes):
        if tag in VOID:
            self.handle_data(" ")
        elif self.skipping or tag in SKIPPED:
            self.skipping.append(tag)
        elif tag in PARAGRAPH or (tag == "div" and ("class", "para") in attributes):
            self.flush()
            self.current = []

    def handle_startendtag(self, tag, attributes):
        self.handle_data(" ")

    def handle_endtag(self, tag):
        if self.skipping:
            # Unclosed elements inside a skipped one end with it.
            if tag in self.skipping:
                while self.skipping.pop() != tag:
                    pass
        elif tag in PARAGRAPH or tag == "div":
            self.flush()

    def handle_data(self, data):
        if self.current is not None and not self.skipping:
            self.current.append(data)

    def flush(self):
        if self.current:
            self.paragraphs.append(re.sub(r"\s+", " ", "".join(self.current)).strip())
        self.current = None


def tidy(text):
    text = text.replace("\u00b6", "").replace("\u00a0", " ").replace("\u00ad", "").replace("\u200b", "")
    text = re.sub(r"[\u2018\u2019]", "'", text)
    text = re.sub(r"[\u201c\u201d]", '"', text)
    text = re.sub(r"^(\d+\.)+\d*\s*", "", text)
    text = re.sub(r"\s+([,.;:!?])(?=\s|$)", r"\1", text)
    return re.sub(r"\s+", " ", text).strip()


def is_prose(text):
    """Whether a paragraph is English running text rather than a heading, a table cell or code."""
    words = text.split()
    if len(words) < 8 or text[-1] not in ".!?:" or not text[0].isalpha():
        return False
    letters = sum(character.isalpha() or character == " " for character in text)
    common = sum(word.lower() in COMMON for word in words)
    return letters > 0.9 * len(text) and common > 0.2 * len(words) and max(map(len, words)) < 40


def page_paragraphs(markup):
    parser = Paragraphs()
    parser.feed(markup)
    parser.flush()
    tidied = (tidy(paragraph) for paragraph in parser.paragraphs)
    return [paragraph for paragraph in tidied if is_prose(paragraph)]


PARTS = {"n": "noun", "v": "verb", "a": "adjective", "s": "adjective", "r": "adverb"}


def wordnet_entries(data, index):
    """Definitions from one pair of WordNet data and index files: (word, part of speech, meaning, examples).

    Only the first sense of words that occur in WordNet's tagged texts is taken.
    """
    first_senses = {}
    for line in index.splitlines():
        if line.startswith(" "):
            continue
        fields = line.split()
        pointers = int(fields[3])
        tagged, offset = int(fields[5 + pointers]), fields[6 + pointers]
        if tagged and re.fullmatch(r"[a-z]{3,}", fields[0]):
            first_senses.setdefault(offset, []).append(fields[0])
    for line in data.splitlines():
        if line.startswith(" ") or line[:8] not in first_senses:
            continue
        fields, _, gloss = line.partition(" | ")
        if OFFENSIVE.search(gloss):
            continue
        examples = re.findall(r'"([^"]+)"', gloss)
        meaning = re.sub(r"\([^)]*\)", "", re.split(r'[;:]? ?"', gloss)[0])
        meaning = re.sub(r"\s+", " ", meaning).strip(" ;:,")
        if not meaning:
            continue
        for word in first_senses[line[:8]]:
            yield word, PARTS[fields.split()[2]], meaning, examples
