"""Plain texts made from the tables: statements, and questions with answers as few-shot prompts have them."""

from relations import (
    ADDITION,
    AFTER_DAY,
    AFTER_MONTH,
    ANIMALS,
    ATOMIC_NUMBER,
    COUNTRIES,
    DAYS,
    DEFINITIONS,
    ELEMENTS,
    MONTHS,
    MULTIPLICATION,
    NUMBERS,
    OPPOSITES,
    ORDINAL_MONTH,
    SOUND,
    SUBTRACTION,
    SYMBOL,
    TRIVIA,
    YOUNG,
    animal_fields,
    country_fields,
    definition_fields,
    difference_fields,
    element_fields,
    following_fields,
    month_fields,
    product_fields,
    question,
    sum_fields,
    upper_first,
)


def plain(text):
    return [(text, True)]


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


def sum_statement(rng):
    a, b = rng.randint(0, 10), rng.randint(0, 10)
    relation, (a, b, result) = rng.choice(
        [
            (ADDITION, (a, b, a + b)),
            (SUBTRACTION, (max(a, b), min(a, b), abs(a - b))),
            (MULTIPLICATION, (a, b, a * b)),
        ]
    )
    return relation[2].format(a=a, b=b, result=result)


def element_statement(rng):
    return rng.choice([SYMBOL, SYMBOL, ATOMIC_NUMBER])[2].format(**element_fields(rng.choice(ELEMENTS)))


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
