"""The tables in `tables/`, and how their rows are asked about and answered.

A relation is a triple: question templates, further question templates that training never shows, and the template of
the answer. `evaluate.py` asks with both lists, to tell what was learnt from what was memorised.
"""

import csv
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


def upper_first(text):
    return text[:1].upper() + text[1:]


def article(word):
    return ("an " if word[0].lower() in "aeiou" else "a ") + word


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
    "It is in {continent}.",
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
    "It is the capital of {country}.",
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


# Relations with their weights in the mix and in the drill, a function that draws the fields, and the name of the field
# that is the short answer.
RELATIONS = [
    (CAPITAL, 26, 10, lambda rng: country_fields(rng.choice(COUNTRIES)), "capital"),
    (COUNTRY_OF, 7, 10, lambda rng: country_fields(rng.choice(COUNTRIES)), "country"),
    (CONTINENT, 7, 12, lambda rng: country_fields(rng.choice(COUNTRIES)), "continent"),
    (CURRENCY, 6, 8, lambda rng: country_fields(rng.choice(COUNTRIES)), "currency"),
    (LANGUAGE, 7, 8, lambda rng: country_fields(rng.choice(COUNTRIES)), "language"),
    (DEFINITION, 24, 12, lambda rng: definition_fields(rng.choice(DEFINITIONS)), "definition"),
    (SYMBOL, 3, 6, lambda rng: element_fields(rng.choice(ELEMENTS)), "symbol"),
    (ATOMIC_NUMBER, 2, 3, lambda rng: element_fields(rng.choice(ELEMENTS)), "number"),
    (OPPOSITE, 6, 7, lambda rng: rng.choice(OPPOSITES), "opposite"),
    (YOUNG, 1, 1, lambda rng: animal_fields(rng.choice(ANIMALS)), "young"),
    (SOUND, 1, 1, lambda rng: animal_fields(rng.choice(ANIMALS)), "sound"),
    (ADDITION, 12, 14, sum_fields, "result"),
    (SUBTRACTION, 5, 9, difference_fields, "result"),
    (MULTIPLICATION, 6, 9, product_fields, "result"),
    (AFTER_DAY, 1, 1, lambda rng: following_fields(DAYS, rng), "b"),
    (AFTER_MONTH, 1, 1, lambda rng: following_fields(MONTHS, rng), "b"),
    (ORDINAL_MONTH, 1, 1, month_fields, "month"),
]
MIX_WEIGHTS = [weight for _, weight, _, _, _ in RELATIONS]
DRILL_WEIGHTS = [weight for _, _, weight, _, _ in RELATIONS]
TRIVIA_SHARE = 0.14


def short_form(text):
    return upper_first(str(text)) + ("" if str(text).endswith(".") else ".")


def question(rng, weights=MIX_WEIGHTS):
    """A question, its answer as a sentence, and its short answer."""
    if rng.random() < TRIVIA_SHARE:
        row = rng.choice(TRIVIA)
        text = row["question"]
        if rng.random() < 0.15:
            text = rng.choice(["Please tell me: ", "I have a question. ", "Tell me, "]) + text
        return text, row["statement"], short_form(row["answer"])
    (asked, _, answer), _, _, draw, short = rng.choices(RELATIONS, weights)[0]
    fields = draw(rng)
    # The first template is the commonest way of asking.
    template = asked[0] if rng.random() < 0.3 else rng.choice(asked)
    return finish(template, answer, fields) + (short_form(fields[short]),)


def finish(template, answer, fields):
    # "Washington, D.C." and the like end a sentence with their own full stop.
    return upper_first(template.format(**fields)), answer.format(**fields).replace("..", ".")
