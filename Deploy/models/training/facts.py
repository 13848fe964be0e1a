"""The mix of all texts that are made from the tables.

A document is a list of `(text, learnt)` segments; those with `learnt` false (the user's and the system's turns) are
read by the model but not predicted in training. Everything is drawn from a seeded `random.Random`.
"""

import random

from conversations import (
    chat,
    check_chat,
    follow_up_chat,
    json_chat,
    list_chat,
    question_chat,
    small_talk_chat,
    story_chat,
)
from relations import DRILL_WEIGHTS, question
from statements import (
    country_text,
    element_statement,
    plain,
    question_text,
    statements_text,
    sum_statement,
    word_sum_text,
)
from stories import story


def story_document(rng):
    text = story(rng)
    return story_chat(rng, text) if rng.random() < 0.3 else plain(text)


GENERATORS = [
    (question_chat, 44),
    (follow_up_chat, 5),
    (check_chat, 5),
    (small_talk_chat, 4),
    (list_chat, 4),
    (json_chat, 3),
    (country_text, 14),
    (statements_text, 14),
    (word_sum_text, 1),
    (question_text, 5),
    (story_document, 6),
]


def drill_document(rng):
    """What needs more practice than the mix gives: sums, elements and the rarer kinds of question, one at a time."""
    kind = rng.random()
    if kind < 0.2:
        return plain(" ".join(sum_statement(rng) for _ in range(rng.randint(4, 12))))
    if kind < 0.3:
        return plain(" ".join(element_statement(rng) for _ in range(rng.randint(2, 6))))
    return chat([question(rng, DRILL_WEIGHTS)[:2]])


def document(rng):
    generators, weights = zip(*GENERATORS)
    return rng.choices(generators, weights)[0](rng)


if __name__ == "__main__":
    seeded = random.Random(1)
    for _ in range(30):
        print("".join(text for text, _ in document(seeded)), end="\n\n")
