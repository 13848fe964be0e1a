"""Conversations in ChatML made from the tables: questions, follow-ups, checks, small talk, lists, JSON, stories."""

import json

from relations import (
    CAPITAL,
    CONTINENT,
    COUNTRIES,
    CURRENCY,
    DAYS,
    LANGUAGE,
    MONTHS,
    NUMBERS,
    PLANETS,
    country_fields,
    finish,
    question,
    upper_first,
)
from statements import country_sentences

SYSTEM_MESSAGES = [
    "You are a helpful assistant.",
    "You are a friendly assistant.",
    "You answer questions.",
    "Answer the user's questions.",
    "You are Apus Mini, a small language model.",
]
BRIEF_MESSAGES = ["Answer briefly.", "Answer with one word.", "Be brief.", "Give only the answer."]


def chat(turns, system=None):
    """A conversation in ChatML; `turns` are (user, assistant) pairs."""
    segments = []
    head = f"<|im_start|>system\n{system}<|im_end|>\n" if system else ""
    for user, assistant in turns:
        segments.append((f"{head}<|im_start|>user\n{user}<|im_end|>\n<|im_start|>assistant\n", False))
        segments.append((f"{assistant}<|im_end|>", True))
        head = "\n"
    return segments


def question_chat(rng):
    if rng.random() < 0.12:
        asked, _, short = question(rng)
        return chat([(asked, short)], rng.choice(BRIEF_MESSAGES))
    system = rng.choice(SYSTEM_MESSAGES) if rng.random() < 0.25 else None
    count = rng.choices([1, 2, 3, 4], [75, 15, 7, 3])[0]
    return chat([question(rng)[:2] for _ in range(count)], system)


def follow_up_chat(rng):
    first, second = rng.sample(COUNTRIES, 2)
    first, second = country_fields(first), country_fields(second)
    asked, _, answer = CAPITAL
    turns = [finish(rng.choice(asked), answer, first)]
    if rng.random() < 0.5:
        again = rng.choice(["And of {country}?", "And the capital of {country}?", "And what about {country}?"])
        turns.append(finish(again, answer, second))
    else:
        again, reply = rng.choice(
            [
                ("What language do they speak there?", LANGUAGE[2]),
                ("And which currency do they use?", CURRENCY[2]),
                ("On which continent is that?", CONTINENT[2]),
            ]
        )
        turns.append(finish(again, reply, first))
    if rng.random() < 0.3:
        turns.append(rng.choice(THANKS))
    return chat(turns, rng.choice(SYSTEM_MESSAGES) if rng.random() < 0.2 else None)


def check_chat(rng):
    """Questions answered with yes or no and the true statement."""
    right, other = rng.sample(COUNTRIES, 2)
    kind = rng.randrange(3)
    if kind == 0:
        named = rng.choice([right, other])
        asked = f"Is {right['capital']} the capital of {named['country']}?"
        verdict = "Yes" if named is right else "No"
        reply = f"{verdict}, {right['capital']} is the capital of {right['country']}."
    elif kind == 1:
        named = rng.choice([right, other])["continent"]
        verdict = "Yes" if named == right["continent"] else "No"
        asked = f"Is {right['country']} in {named}?"
        reply = f"{verdict}, {right['country']} is in {right['continent']}."
    else:
        a, b = rng.randint(0, 10), rng.randint(0, 10)
        claimed = a + b if rng.random() < 0.5 else a + b + rng.choice([-1, 1, 2])
        verdict = "Yes" if claimed == a + b else "No"
        asked, reply = f"Is {a} + {b} equal to {claimed}?", f"{verdict}, {a} + {b} = {a + b}."
    return chat([(asked, reply.replace("..", "."))])


THANKS = [
    ("Thank you!", "You are welcome."),
    ("Thanks.", "You are welcome."),
    ("Thank you very much.", "You are welcome. Please ask if you have another question."),
]
SMALL_TALK = [
    ("Hello", "Hello! How can I help you?"),
    ("Hello!", "Hello! How can I help you?"),
    ("Hi", "Hello! How can I help you?"),
    ("Hi there!", "Hello! How can I help you?"),
    ("Good morning!", "Good morning! How can I help you?"),
    ("Say hello.", "Hello!"),
    ("How are you?", "I am well, thank you. How can I help you?"),
    ("Who are you?", "I am Apus Mini, a small language model."),
    ("What is your name?", "My name is Apus Mini."),
    ("What are you?", "I am a small language model. I can answer simple questions."),
    ("Are you a person?", "No, I am a small language model."),
    ("What can you do?", "I can answer simple questions about countries, words and numbers."),
    ("Can you help me?", "Yes, of course. What would you like to know?"),
    ("Goodbye", "Goodbye! Have a nice day."),
    ("Bye!", "Goodbye! Have a nice day."),
    *THANKS,
]


def small_talk_chat(rng):
    turns = [rng.choice(SMALL_TALK)]
    if rng.random() < 0.4:
        turns.append(question(rng)[:2])
        if rng.random() < 0.4:
            turns.append(rng.choice(THANKS))
    return chat(turns, rng.choice(SYSTEM_MESSAGES) if rng.random() < 0.2 else None)


def list_chat(rng):
    kind = rng.randrange(6)
    if kind == 0:
        pair = ("Name the days of the week.", f"The days of the week are {', '.join(DAYS[:-1])} and {DAYS[-1]}.")
    elif kind == 1:
        pair = ("Name the months of the year.", f"The months are {', '.join(MONTHS[:-1])} and {MONTHS[-1]}.")
    elif kind == 2:
        top = rng.randint(3, 20)
        asked = rng.choice([f"Count to {top}.", f"Count from 1 to {top}.", f"Please count to {NUMBERS[top]}."])
        pair = (asked, ", ".join(str(i) for i in range(1, top + 1)) + ".")
    elif kind == 3:
        pair = ("Name the planets.", f"The planets are {', '.join(PLANETS[:-1])} and {PLANETS[-1]}.")
    elif kind == 4:
        continent = rng.choice(sorted({row["continent"] for row in COUNTRIES}))
        count = rng.randint(2, 4)
        names = rng.sample([row["country"] for row in COUNTRIES if row["continent"] == continent], count)
        listed = f"{', '.join(names[:-1])} and {names[-1]}"
        asked = f"Name {NUMBERS[count]} countries in {continent}."
        pair = (asked, upper_first(f"{listed} are countries in {continent}."))
    else:
        row = rng.choice(COUNTRIES)
        asked = rng.choice([f"Tell me about {row['country']}.", f"What do you know about {row['country']}?"])
        pair = (asked, " ".join(country_sentences(row, rng)[:3]))
    return chat([pair])


def json_chat(rng):
    row = rng.choice(COUNTRIES)
    keys = rng.choice([["capital"], ["capital", "continent"], ["capital", "continent", "currency", "language"]])
    value = {"country": row["country"].removeprefix("the "), **{key: row[key] for key in keys}}
    asked = rng.choice(
        [
            f"Describe {row['country']} as JSON.",
            f"Give me the {', '.join(keys)} of {row['country']} as JSON.",
            f"Write a JSON object about {row['country']}.",
        ]
    )
    return chat([(asked, json.dumps(value, ensure_ascii=False))])


def story_chat(rng, text):
    return chat([(rng.choice(["Tell me a story.", "Write a short story.", "Please tell me a short story."]), text)])
