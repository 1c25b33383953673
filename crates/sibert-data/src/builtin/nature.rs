//! Animals, colours, and the seasons.

use super::super::random::Stream;
use super::grammar::Words;
use super::people::person;
use super::topic::{Plan, Topic, several};
use super::world::{ANIMALS, COLOURS, SEASONS};

pub const TOPICS: &[Topic] = &[
    Topic { weight: 14, plan: Plan::Portrait, draw: animal, facts: ANIMAL },
    Topic { weight: 8, plan: Plan::List, draw: animal, facts: ZOO },
    Topic { weight: 8, plan: Plan::List, draw: colour, facts: COLOUR },
    Topic { weight: 6, plan: Plan::Portrait, draw: season, facts: SEASON },
];

fn animal(stream: &mut Stream) -> Words {
    let [animal, other] = several(stream, &ANIMALS);
    Words::from([
        ("animal", animal.one),
        ("animals", animal.many),
        ("food", animal.food),
        ("home", animal.home),
        ("young", animal.young),
        ("voice", animal.voice),
        ("legs", animal.legs),
    ])
    .with([("others", other.many), ("food2", other.food), ("home2", other.home), ("voice2", other.voice)])
    .with(person(stream))
}

fn colour(stream: &mut Stream) -> Words {
    let [(first, things), (second, others)] = several(stream, &COLOURS);
    let [[x, is_x], [y, is_y]] = several(stream, things);
    let [z, is_z] = stream.choose(others);
    Words::from([("colour", *first), ("x", *x), ("isx", *is_x), ("y", *y), ("isy", *is_y)]).with([
        ("colour2", *second),
        ("z", *z),
        ("isz", *is_z),
    ])
}

fn season(stream: &mut Stream) -> Words {
    let place = stream.below(SEASONS.len());
    let [name, weather, doing, clothes, month] = SEASONS[place];
    let [next, before] = [1, 3].map(|shift| SEASONS[(place + shift) % 4][0]);
    Words::from([
        ("season", name),
        ("weather", weather),
        ("doing", doing),
        ("clothes", clothes),
        ("month", month),
    ])
    .with([("next", next), ("before", before)])
}

const ANIMAL: &[&[&str]] = &[
    &["{a animal} is an animal.", "look at the {animal}.", "{name} saw {a animal} {home}."],
    &["{animals} eat {food}.", "{a animal} eats {food}.", "what do {animals} eat? They eat {food}."],
    &["{animals} live {home}.", "{a animal} lives {home}.", "where do {animals} live? They live {home}."],
    &[
        "a young {animal} is called {a young}.",
        "{a young} grows up to be {a animal}.",
        "{a young} is a young {animal}.",
    ],
    &[
        "{a animal} has {legs} legs.",
        "{animals} have {legs} legs.",
        "how many legs does {a animal} have? It has {legs} legs.",
    ],
    &[
        "{animals} {voice}.",
        "if you hear something {voice}, it may be {a animal}.",
        "the {animal} can {voice}.",
    ],
    &["the {animal} is hungry, so it is looking for {food}.", "{name} gave the {animal} some {food}."],
    &["the {animal} sleeps {home}.", "the {animal} has its home {home}."],
];

const ZOO: &[&[&str]] = &[
    &["{animals} eat {food}, but {others} eat {food2}.", "{a animal} eats {food}."],
    &["{animals} live {home}, and {others} live {home2}.", "{a animal} lives {home}."],
    &["{animals} {voice}, but {others} {voice2}.", "{animals} {voice}."],
    &["a young {animal} is called {a young}."],
    &["{a animal} has {legs} legs."],
];

const COLOUR: &[&[&str]] = &[
    &["{x} {isx} {colour}."],
    &["{x} {isx} as {colour} as {y}.", "{x} and {y} have the same colour, because both are {colour}."],
    &["{x} {isx} {colour}, but {z} {isz} {colour2}.", "{x} {isx} not {colour2}, because {x} {isx} {colour}."],
    &["what colour {isx} {x}? The answer is {colour}.", "everybody knows that {x} {isx} {colour}."],
    &["{x} {isx} {colour}, and {y} {isy} {colour} too."],
];

const SEASON: &[&[&str]] = &[
    &["in {season} the weather is {weather}.", "it is {season}, and the weather is {weather}."],
    &[
        "{next} comes after {season}.",
        "after {season} comes {next}.",
        "when {season} is over, {next} begins.",
    ],
    &["before {season} comes {before}.", "{season} comes after {before}."],
    &["{month} is a month in {season}.", "in {month} it is {season}."],
    &[
        "in {season} people {doing}.",
        "when it is {weather}, people {doing}.",
        "it is good to {doing} in {season}.",
    ],
    &["people wear {clothes} in {season}.", "because it is {weather}, people wear {clothes}."],
    &["there are four seasons in a year.", "the four seasons are spring, summer, autumn and winter."],
];
