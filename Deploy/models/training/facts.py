"""Texts made from the tables in `tables/`: plain statements, questions with answers, conversations, small stories.

Every generator takes a seeded `random.Random` and returns a document: a list of `(text, learnt)` segments. Segments
with `learnt` false (the user's and the system's turns) are read by the model but not predicted in training.

The second list of templates of each relation never occurs in training: `evaluate.py` asks with it, to tell what was
learnt from what was memorised.
"""

import csv
import json
import random
from pathlib import Path

TABLES = Path(__file__).parent / "tables"


def table(name):
    with open(TABLES / f"{name}.tsv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


COUNTRIES = table("countries")
ELEMENTS = table("elements")
DEFINITIONS = table("definitions")
OPPOSITES = table("opposites")
ANIMALS = table("animals")
TRIVIA = table("trivia")

DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = "January February March April May June July August September October November December".split()
NUMBERS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen twenty"
).split()
ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth".split()
PLANETS = "Mercury Venus Earth Mars Jupiter Saturn Uranus Neptune".split()

SYSTEM_MESSAGES = [
    "You are a helpful assistant.",
    "You are a friendly assistant.",
    "You answer questions.",
    "Answer the user's questions.",
    "You are Apus Mini, a small language model.",
]
BRIEF_MESSAGES = ["Answer briefly.", "Answer with one word.", "Be brief.", "Give only the answer."]


def upper_first(text):
    return text[:1].upper() + text[1:]


def article(word):
    return ("an " if word[0].lower() in "aeiou" else "a ") + word


# Question templates per relation: (templates, held-out templates, answer template).

CAPITAL = (
    [
        "What is the capital of {country}?",
        "What is the capital city of {country}?",
        "Which city is the capital of {country}?",
        "Tell me the capital of {country}.",
        "What's the capital of {country}?",
        "Do you know the capital of {country}?",
        "Can you tell me what the capital of {country} is?",
        "Please name the capital of {country}.",
        "capital of {country}",
        "I would like to know the capital of {country}.",
    ],
    ["Name the capital of {country}.", "Could you tell me which city is the capital of {country}?"],
    "The capital of {country} is {capital}.",
)
CONTINENT = (
    [
        "On which continent is {country}?",
        "Where is {country}?",
        "Which continent is {country} in?",
        "Where in the world is {country}?",
        "In which part of the world is {country}?",
    ],
    ["What continent is {country} on?"],
    "{Country} is in {continent}.",
)
CURRENCY = (
    [
        "What is the currency of {country}?",
        "Which currency is used in {country}?",
        "What money do people use in {country}?",
        "What currency does {country} use?",
    ],
    ["Tell me the currency of {country}."],
    "The currency of {country} is the {currency}.",
)
LANGUAGE = (
    [
        "What language is spoken in {country}?",
        "Which language do people speak in {country}?",
        "What do people speak in {country}?",
        "What is the language of {country}?",
    ],
    ["What language do people in {country} speak?"],
    "People in {country} speak {language}.",
)
COUNTRY_OF = (
    [
        "Which country has {capital} as its capital?",
        "{capital} is the capital of which country?",
        "Of which country is {capital} the capital?",
        "What country is {capital} the capital of?",
    ],
    ["In which country is {capital} the capital?"],
    "{capital} is the capital of {country}.",
)
DEFINITION = (
    [
        "What is {term}?",
        "What's {term}?",
        "Can you explain what {term} is?",
        "Define {term}.",
        "Tell me what {term} is.",
        "Explain to me: what is {term}?",
        "I do not know what {term} is. Can you help me?",
    ],
    ["Please explain what {term} is.", "Could you define {term}?"],
    "{Term} is {definition}.",
)
SYMBOL = (
    [
        "What is the chemical symbol of {element}?",
        "What is the symbol for {element}?",
        "Which symbol stands for {element}?",
    ],
    ["Tell me the chemical symbol of {element}."],
    "The chemical symbol of {element} is {symbol}.",
)
ATOMIC_NUMBER = (
    ["What is the atomic number of {element}?", "Which atomic number does {element} have?"],
    ["Tell me the atomic number of {element}."],
    "The atomic number of {element} is {number}.",
)
OPPOSITE = (
    [
        "What is the opposite of {word}?",
        "Which word is the opposite of {word}?",
        "Give me the opposite of {word}.",
        "What's the opposite of {word}?",
    ],
    ["Tell me the opposite of {word}."],
    "The opposite of {word} is {opposite}.",
)
YOUNG = (
    ["What is a young {animal} called?", "What do you call a young {animal}?"],
    ["What is the name for a young {animal}?"],
    "A young {animal} is called {a_young}.",
)
SOUND = (
    ["What sound does {a_animal} make?", "Which sound does {a_animal} make?"],
    ["Tell me what sound {a_animal} makes."],
    "{A_animal} {sound}.",
)
ADDITION = (
    [
        "What is {a} + {b}?",
        "What is {a} plus {b}?",
        "How much is {a} + {b}?",
        "{a} + {b} = ?",
        "What's {a} + {b}?",
        "Add {a} and {b}.",
        "Calculate {a} + {b}.",
        "What is the sum of {a} and {b}?",
    ],
    ["How much is {a} plus {b}?", "Please work out {a} + {b}."],
    "{a} + {b} = {result}.",
)
SUBTRACTION = (
    [
        "What is {a} - {b}?",
        "What is {a} minus {b}?",
        "How much is {a} - {b}?",
        "Subtract {b} from {a}.",
        "Calculate {a} - {b}.",
    ],
    ["How much is {a} minus {b}?"],
    "{a} - {b} = {result}.",
)
MULTIPLICATION = (
    [
        "What is {a} * {b}?",
        "What is {a} times {b}?",
        "How much is {a} * {b}?",
        "Multiply {a} by {b}.",
        "Calculate {a} * {b}.",
    ],
    ["How much is {a} times {b}?"],
    "{a} * {b} = {result}.",
)
AFTER_DAY = (
    ["Which day comes after {a}?", "What day comes after {a}?", "What is the day after {a}?"],
    ["Which day follows {a}?"],
    "{b} comes after {a}.",
)
AFTER_MONTH = (
    ["Which month comes after {a}?", "What month comes after {a}?", "What is the month after {a}?"],
    ["Which month follows {a}?"],
    "{b} comes after {a}.",
)
ORDINAL_MONTH = (
    ["What is the {ordinal} month of the year?", "Which month is the {ordinal} month of the year?"],
    ["Name the {ordinal} month of the year."],
    "The {ordinal} month of the year is {month}.",
)


def country_fields(row):
    return {**row, "Country": upper_first(row["country"])}


def definition_fields(row):
    return {**row, "Term": upper_first(row["term"])}


def element_fields(row):
    return {"element": row["name"].lower(), "Element": row["name"], **row}


def animal_fields(row):
    animal = article(row["animal"])
    return {**row, "a_young": article(row["young"]), "a_animal": animal, "A_animal": upper_first(animal)}


def sum_fields(rng):
    top = rng.choice([10, 10, 10, 20, 50])
    a, b = rng.randint(0, top), rng.randint(0, top)
    return {"a": a, "b": b, "result": a + b}


def difference_fields(rng):
    top = rng.choice([10, 10, 20])
    a, b = sorted((rng.randint(0, top), rng.randint(0, top)), reverse=True)
    return {"a": a, "b": b, "result": a - b}


def product_fields(rng):
    a, b = rng.randint(0, 10), rng.randint(0, 10)
    return {"a": a, "b": b, "result": a * b}


def following_fields(names, rng):
    index = rng.randrange(len(names))
    return {"a": names[index], "b": names[(index + 1) % len(names)]}


def month_fields(rng):
    index = rng.randrange(12)
    return {"ordinal": ORDINALS[index], "month": MONTHS[index]}


# Relations with their weight, a function that draws the fields, and the name of the field that is the short answer.
RELATIONS = [
    (CAPITAL, 26, lambda rng: country_fields(rng.choice(COUNTRIES)), "capital"),
    (COUNTRY_OF, 7, lambda rng: country_fields(rng.choice(COUNTRIES)), "country"),
    (CONTINENT, 7, lambda rng: country_fields(rng.choice(COUNTRIES)), "continent"),
    (CURRENCY, 6, lambda rng: country_fields(rng.choice(COUNTRIES)), "currency"),
    (LANGUAGE, 7, lambda rng: country_fields(rng.choice(COUNTRIES)), "language"),
    (DEFINITION, 24, lambda rng: definition_fields(rng.choice(DEFINITIONS)), "definition"),
    (SYMBOL, 3, lambda rng: element_fields(rng.choice(ELEMENTS)), "symbol"),
    (ATOMIC_NUMBER, 2, lambda rng: element_fields(rng.choice(ELEMENTS)), "number"),
    (OPPOSITE, 6, lambda rng: rng.choice(OPPOSITES), "opposite"),
    (YOUNG, 1, lambda rng: animal_fields(rng.choice(ANIMALS)), "young"),
    (SOUND, 1, lambda rng: animal_fields(rng.choice(ANIMALS)), "sound"),
    (ADDITION, 12, sum_fields, "result"),
    (SUBTRACTION, 5, difference_fields, "result"),
    (MULTIPLICATION, 6, product_fields, "result"),
    (AFTER_DAY, 1, lambda rng: following_fields(DAYS, rng), "b"),
    (AFTER_MONTH, 1, lambda rng: following_fields(MONTHS, rng), "b"),
    (ORDINAL_MONTH, 1, month_fields, "month"),
]
RELATION_WEIGHTS = [weight for _, weight, _, _ in RELATIONS]
TRIVIA_SHARE = 0.14


def short_form(text):
    return upper_first(str(text)) + ("" if str(text).endswith(".") else ".")


def question(rng):
    """A question, its answer as a sentence, and its short answer."""
    if rng.random() < TRIVIA_SHARE:
        row = rng.choice(TRIVIA)
        text = row["question"]
        if rng.random() < 0.15:
            text = rng.choice(["Please tell me: ", "I have a question. ", "Tell me, "]) + text
        return text, row["statement"], short_form(row["answer"])
    (asked, _, answer), _, draw, short = rng.choices(RELATIONS, RELATION_WEIGHTS)[0]
    fields = draw(rng)
    # The first template is the commonest way of asking.
    template = asked[0] if rng.random() < 0.3 else rng.choice(asked)
    return finish(template, answer, fields) + (short_form(fields[short]),)


def finish(template, answer, fields):
    # "Washington, D.C." and the like end a sentence with their own full stop.
    return upper_first(template.format(**fields)), answer.format(**fields).replace("..", ".")


def chat(turns, system=None):
    """A conversation in ChatML; `turns` are (user, assistant) pairs."""
    segments = []
    head = f"<|im_start|>system\n{system}<|im_end|>\n" if system else ""
    for user, assistant in turns:
        segments.append((f"{head}<|im_start|>user\n{user}<|im_end|>\n<|im_start|>assistant\n", False))
        segments.append((f"{assistant}<|im_end|>", True))
        head = "\n"
    return segments


def plain(text):
    return [(text, True)]


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


def country_sentences(row, rng):
    """Statements about one country; the capital comes first in most of them."""
    fields = country_fields(row)
    rest = [
        rng.choice(["{Country} is in {continent}.", "{Country} is a country in {continent}."]),
        rng.choice(["The currency of {country} is the {currency}.", "Its currency is the {currency}."]),
        rng.choice(["People in {country} speak {language}.", "The people there speak {language}."]),
    ]
    rng.shuffle(rest)
    first = "The capital of {country} is {capital}."
    other = rng.choice(
        [
            "{capital} is the capital of {country}.",
            "The capital city of {country} is {capital}.",
            "{Country} has {capital} as its capital.",
        ]
    )
    if rng.random() < 0.65:
        order = [first, *rest]
    elif rng.random() < 0.5:
        order = [other, *rest]
    else:
        order = [*rest[:1], first, *rest[1:]]
    return [sentence.format(**fields).replace("..", ".") for sentence in order]


def country_text(rng):
    if rng.random() < 0.3:
        rows = rng.sample(COUNTRIES, rng.randint(2, 5))
        return plain(" ".join(country_sentences(row, rng)[0] for row in rows))
    return plain(" ".join(country_sentences(rng.choice(COUNTRIES), rng)[: rng.randint(1, 4)]))


def statement(rng):
    kind = rng.random()
    if kind < 0.35:
        row = definition_fields(rng.choice(DEFINITIONS))
        return "{Term} is {definition}.".format(**row)
    if kind < 0.55:
        return rng.choice(TRIVIA)["statement"]
    if kind < 0.67:
        row = rng.choice(OPPOSITES)
        a, b = rng.sample([row["word"], row["opposite"]], 2) if rng.random() < 0.2 else (row["word"], row["opposite"])
        return f"The opposite of {a} is {b}."
    if kind < 0.75:
        row = element_fields(rng.choice(ELEMENTS))
        template = "{Element} is a chemical element with the symbol {symbol} and the atomic number {number}."
        return template.format(**row)
    if kind < 0.83:
        row = animal_fields(rng.choice(ANIMALS))
        return " ".join([SOUND[2], YOUNG[2]][: rng.randint(1, 2)]).format(**row)
    if kind < 0.93:
        relation, fields = rng.choice(
            [(ADDITION, sum_fields(rng)), (SUBTRACTION, difference_fields(rng)), (MULTIPLICATION, product_fields(rng))]
        )
        return relation[2].format(**fields)
    if kind < 0.96:
        return AFTER_DAY[2].format(**following_fields(DAYS, rng))
    if kind < 0.98:
        return AFTER_MONTH[2].format(**following_fields(MONTHS, rng))
    return ORDINAL_MONTH[2].format(**month_fields(rng))


def statements_text(rng):
    return plain(" ".join(statement(rng) for _ in range(rng.randint(1, 4))))


def word_sum_text(rng):
    a, b = rng.randint(0, 10), rng.randint(0, 10)
    return plain(f"{upper_first(NUMBERS[a])} and {NUMBERS[b]} make {NUMBERS[a + b]}.")


def question_text(rng):
    """Questions and answers as plain text, as few-shot prompts have them."""
    q, a = rng.choice([("Question:", "Answer:"), ("Q:", "A:")])
    pairs = [question(rng) for _ in range(rng.randint(1, 5))]
    short = rng.random() < 0.5
    return plain("\n".join(f"{q} {asked}\n{a} {brief if short else full}" for asked, full, brief in pairs))


PEOPLE = "Anna Ben Clara David Emma Felix Grace Henry Ida Jack Kate Leo Mary Nina Oscar Paul Rosa Sam Tom Vera".split()
GIRLS = set("Anna Clara Emma Grace Ida Kate Mary Nina Rosa Vera".split())
PETS = ["dog", "cat", "horse", "rabbit", "bird", "pony", "hen", "goat"]
PLACES = ["the forest", "the river", "the market", "the garden", "the park", "the village", "the lake", "the hill"]
FOODS = ["bread", "cheese", "soup", "rice", "honey", "cake", "apples", "milk"]
THINGS = ["a key", "a book", "a map", "a letter", "a coin", "a lamp", "a ball", "a box"]
COLOURS = ["red", "blue", "green", "yellow", "white", "black", "brown", "grey"]
ADJECTIVES = ["small", "old", "big", "friendly", "quiet", "clever", "brave", "young"]


def story(rng):
    name, friend = rng.sample(PEOPLE, 2)
    she, her, child = ("she", "her", "girl") if name in GIRLS else ("he", "his", "boy")
    her_object = "her" if name in GIRLS else "him"
    pet, thing, colour, food = rng.choice(PETS), rng.choice(THINGS), rng.choice(COLOURS), rng.choice(FOODS)
    place, other = rng.sample(PLACES, 2)
    adjective, second = rng.sample(ADJECTIVES, 2)
    opening = rng.choice(
        [
            f"Once upon a time there was {article(adjective)} {child} called {name} who had a {pet}.",
            f"{name} had {article(adjective)} {pet}.",
            f"One day {name} went to {place} with {her} {pet}.",
            f"{name} lived in a {second if second != 'old' else 'small'} house near {place}.",
            f"Once there was a child called {name} who lived near {place}.",
        ]
    )
    middle = [
        rng.choice(
            [
                f"Every morning {name} walked to {other} and looked at the water.",
                "In the morning the sun was warm and the sky was blue.",
                "It was a cold day, and the wind was strong.",
                f"{name} wanted to go to {other}, but it was too far.",
            ]
        ),
        rng.choice(
            [
                f"There {she} found {thing} under a tree.",
                f"On the way {she} met {friend}, who was looking for {thing}.",
                f"Suddenly {name} saw {article(colour)} bird, and {she} followed it.",
                f"Then it began to rain, and {name} ran into {article(second)} house.",
            ]
        ),
        rng.choice(
            [
                f'"What is that?" asked {friend}. "It is {thing}," said {name}.',
                f'"Can you help me?" asked {friend}. "Of course," said {name}.',
                f'"Where are you going?" asked {friend}. "I am going home," said {name}.',
                f"{name} did not know what to do, so {she} asked {friend}.",
            ]
        ),
        rng.choice(
            [
                f"They sat down together and ate some {food}.",
                f"{friend} gave {her_object} some {food}, and {name} was happy.",
                f"Together they looked for the {pet}, and at last they found it near {place}.",
                "They played until the evening.",
            ]
        ),
    ]
    ending = rng.choice(
        [
            f"Then {name} went home and told {her} mother everything.",
            f"From that day on {name} and {friend} were good friends.",
            "In the evening they went home, tired and happy.",
            f"{name} was glad, and {she} slept well that night.",
        ]
    )
    return " ".join([opening, *middle[: rng.randint(2, 4)], ending])


def story_document(rng):
    text = story(rng)
    if rng.random() < 0.3:
        return chat([(rng.choice(["Tell me a story.", "Write a short story.", "Please tell me a short story."]), text)])
    return plain(text)


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


def document(rng):
    generators, weights = zip(*GENERATORS)
    return rng.choices(generators, weights)[0](rng)


if __name__ == "__main__":
    seeded = random.Random(1)
    for _ in range(30):
        print("".join(text for text, _ in document(seeded)), end="\n\n")
