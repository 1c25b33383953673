//! Countries, their cities and languages; and shops.

use super::super::random::Stream;
use super::grammar::Words;
use super::people::person;
use super::topic::{Plan, Topic, several};
use super::world::{COUNTRIES, Country, SHOPS};

pub const TOPICS: &[Topic] = &[
    Topic { weight: 16, plan: Plan::Portrait, draw: country, facts: COUNTRY },
    Topic { weight: 12, plan: Plan::List, draw: country, facts: ATLAS },
    Topic { weight: 6, plan: Plan::Portrait, draw: shop, facts: SHOP },
];

fn words(country: &Country) -> Words {
    Words::from([
        ("land", country.name),
        ("capital", country.capital),
        ("town", country.city),
        ("continent", country.continent),
        ("tongue", country.language),
    ])
}

/// A country, and a visitor from a country with another language.
pub fn country(stream: &mut Stream) -> Words {
    let visitor = person(stream);
    loop {
        let country = stream.choose(&COUNTRIES);
        if visitor.get("language") != Some(country.language) {
            return words(country).with(visitor);
        }
    }
}

fn shop(stream: &mut Stream) -> Words {
    let [here, there] = several(stream, &SHOPS);
    Words::from([("shop", here[0]), ("goods", here[1]), ("seller", here[2])])
        .with([("shop2", there[0]), ("goods2", there[1])])
        .with(person(stream))
}

const COUNTRY: &[&[&str]] = &[
    &[
        "{land} is a country in {continent}.",
        "there is a country in {continent} that is called {land}.",
        "{land} lies in {continent}.",
    ],
    &[
        "the capital of {land} is {capital}.",
        "{capital} is the capital of {land}.",
        "its capital is {capital}.",
    ],
    &["another city in {land} is {town}.", "{town} is a city in {land}, but it is not the capital."],
    &[
        "the people of {land} speak {tongue}.",
        "in {land} people speak {tongue}.",
        "its language is {tongue}.",
    ],
    &[
        "what is the capital of {land}? It is {capital}.",
        "every child in {land} knows that the capital is {capital}.",
    ],
    &[
        "if you want to see {capital}, you must travel to {land}.",
        "many people travel to {land} to see {capital}.",
    ],
    &["{capital} and {town} are cities in {land}.", "a train goes from {capital} to {town}."],
    &[
        "{name} wants to visit {land}, so {he} is learning {tongue}.",
        "{name} has a friend in {land}. The friend lives in {capital}.",
    ],
    &["{name} sent a letter from {capital}, the capital of {land}.", "{name} bought a map of {land}."],
];

const ATLAS: &[&[&str]] = &[
    &["the capital of {land} is {capital}.", "{capital} is the capital of {land}."],
    &[
        "the capital of {land} is {capital}.",
        "what is the capital of {land}? The capital of {land} is {capital}.",
    ],
    &["{town} is a city in {land}.", "the city of {town} lies in {land}."],
    &["{land} is in {continent}.", "{capital} is a city in {continent}."],
    &["in {land} people speak {tongue}.", "in {capital} people speak {tongue}."],
    &["{capital} is the capital and {town} is another city in {land}."],
];

const SHOP: &[&[&str]] = &[
    &[
        "you can buy {goods} at the {shop}.",
        "the {shop} sells {goods}.",
        "if you need {goods}, go to the {shop}.",
    ],
    &[
        "the {seller} sells {goods}.",
        "the {seller} works in the {shop}.",
        "the {shop} belongs to the {seller}.",
    ],
    &["{name} went to the {shop} to buy {goods}.", "{name} needs {goods}, so {he} goes to the {shop}."],
    &[
        "there are no {goods2} at the {shop}, because only the {shop2} sells {goods2}.",
        "you cannot buy {goods2} there. For {goods2} you must go to the {shop2}.",
    ],
    &["the {seller} gave {name} the {goods}, and {he} paid for the {goods}.", "{name} thanked the {seller}."],
    &["the {shop} is open from Monday to Saturday.", "on Sunday the {shop} is closed."],
];
