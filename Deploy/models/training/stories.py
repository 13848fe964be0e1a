"""Small stories put together from sentences with changing names, places and things."""

from relations import article

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
