//! Things: what they are made of, what they are for, and opposites.

use super::super::random::Stream;
use super::grammar::Words;
use super::people::person;
use super::topic::{Plan, Topic, several};
use super::world::{OPPOSITES, THINGS};

pub const TOPICS: &[Topic] = &[
    Topic { weight: 8, plan: Plan::Portrait, draw: thing, facts: THING },
    Topic { weight: 6, plan: Plan::List, draw: thing, facts: CATALOGUE },
    Topic { weight: 10, plan: Plan::List, draw: opposite, facts: OPPOSITE },
];

fn thing(stream: &mut Stream) -> Words {
    let [thing, other] = several(stream, &THINGS);
    Words::from([("thing", thing[0]), ("material", thing[1]), ("use", thing[2])])
        .with([("thing2", other[0]), ("material2", other[1]), ("use2", other[2])])
        .with(person(stream))
}

fn opposite(stream: &mut Stream) -> Words {
    let [x, y, this_is, that_is] = *stream.choose(&OPPOSITES);
    if stream.below(2) == 0 {
        Words::from([("x", x), ("y", y), ("this", this_is), ("that", that_is)])
    } else {
        Words::from([("x", y), ("y", x), ("this", that_is), ("that", this_is)])
    }
}

const THING: &[&[&str]] = &[
    &["{name} has {a thing}.", "there is {a thing} in the house.", "this is {a thing}."],
    &[
        "the {thing} is made of {material}.",
        "{a thing} is made of {material}.",
        "somebody made the {thing} of {material}.",
    ],
    &[
        "you use {a thing} to {use}.",
        "with {a thing} you can {use}.",
        "what is {a thing} for? It helps you to {use}.",
    ],
    &["{name} wants to {use}, so {he} needs {a thing}.", "{name} took the {thing} to {use}."],
    &["you cannot {use2} with {a thing}. For that you need {a thing2}."],
    &["the {thing} belongs to {name}.", "{name} bought the {thing} on {his} birthday."],
    &[
        "who has the {thing}? {name} has the {thing}.",
        "{name} lost the {thing}, but then {he} found it again.",
    ],
];

const CATALOGUE: &[&[&str]] = &[
    &[
        "{a thing} is made of {material}.",
        "the {thing} is made of {material}, and the {thing2} is made of {material2}.",
    ],
    &["you use {a thing} to {use}.", "if you want to {use}, take {a thing}.", "people {use} with {a thing}."],
    &["{a thing} helps you to {use}, but {a thing2} helps you to {use2}."],
];

const OPPOSITE: &[&[&str]] = &[
    &["the opposite of {x} is {y}.", "{x} is the opposite of {y}."],
    &["{this} {x}, but {that} {y}.", "{this} {x}, and {that} not {x} but {y}."],
    &["what is not {x} may be {y}.", "nothing can be {x} and {y} at the same time."],
    &["{this} {x}.", "everybody knows that {this} {x}.", "{this} not {y}, because {this} {x}."],
];
