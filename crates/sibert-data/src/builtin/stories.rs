//! Little stories: somebody loses a thing, travels, eats, or spends a day at work.

use super::super::random::Stream;
use super::grammar::Words;
use super::people::person;
use super::places::country;
use super::topic::{Plan, Topic, several};
use super::world::{DAYS, FAMILIES, NUMBERS};

pub const TOPICS: &[Topic] = &[
    Topic { weight: 10, plan: Plan::Story, draw: loss, facts: LOSS },
    Topic { weight: 8, plan: Plan::Story, draw: journey, facts: JOURNEY },
    Topic { weight: 7, plan: Plan::Story, draw: meal, facts: MEAL },
    Topic { weight: 6, plan: Plan::Story, draw: evening, facts: EVENING },
];

const LOST: [&str; 8] = ["key", "ring", "hat", "book", "ball", "coin", "watch", "glove"];
const HIDDEN: [&str; 8] = [
    "under the bed",
    "behind the door",
    "in the kitchen",
    "on the table",
    "in the garden",
    "near the window",
    "on the stairs",
    "under the chair",
];

/// When a meal is, its name, and pairs of food and drink that go with it.
const MEALS: [[&str; 4]; 6] = [
    ["in the morning", "breakfast", "bread", "tea"],
    ["in the morning", "breakfast", "eggs", "milk"],
    ["at noon", "lunch", "soup", "water"],
    ["at noon", "lunch", "rice", "water"],
    ["in the evening", "dinner", "fish", "lemonade"],
    ["in the evening", "dinner", "potatoes", "juice"],
];

const WEATHER: [[&str; 3]; 4] = [
    ["it rains", "an umbrella", "wet"],
    ["it snows", "a warm coat", "white"],
    ["the sun shines", "a straw hat", "dry"],
    ["the wind blows", "a scarf", "empty"],
];

fn loss(stream: &mut Stream) -> Words {
    let [place, wrong] = several(stream, &HIDDEN);
    let words = [
        ("object", *stream.choose(&LOST)),
        ("place", *place),
        ("wrong", *wrong),
        ("day", *stream.choose(&DAYS)),
    ];
    Words::from(words).with(person(stream))
}

fn journey(stream: &mut Stream) -> Words {
    let words = country(stream);
    let by_land = words.get("continent") == words.get("home_continent") && stream.below(2) == 0;
    let [vehicle, station] = if by_land { ["train", "station"] } else { ["plane", "airport"] };
    let days = NUMBERS[2 + stream.below(8)];
    words.with([("vehicle", vehicle), ("station", station), ("days", days)])
}

fn meal(stream: &mut Stream) -> Words {
    let [time, meal, food, drink] = *stream.choose(&MEALS);
    let [father, mother, son, daughter] = stream.choose(&FAMILIES).members;
    Words::from([("time", time), ("meal", meal), ("food", food), ("drink", drink)]).with([
        ("father", father),
        ("mother", mother),
        ("son", son),
        ("daughter", daughter),
    ])
}

fn evening(stream: &mut Stream) -> Words {
    let [weather, needed, streets] = *stream.choose(&WEATHER);
    Words::from([("weather", weather), ("needed", needed), ("streets", streets)]).with(person(stream))
}

const LOSS: &[&[&str]] = &[
    &["on {day} {name} lost {his} {object}.", "one day {name} could not find {his} {object}."],
    &[
        "{he} looked for the {object} {wrong}, but it was not there.",
        "first {he} looked {wrong}. There was no {object}.",
    ],
    &["{name} asked: \"Where is my {object}?\"", "{he} was sad, because {he} liked the {object} very much."],
    &["then {he} looked {place}, and there it was.", "at last {he} found the {object} {place}."],
    &["{name} was happy to have the {object} again.", "the {object} had been {place} all the time."],
];

const JOURNEY: &[&[&str]] = &[
    &[
        "{name} lives in {city}, but today {he} is travelling to {land}.",
        "{name} from {city} wants to see {land}.",
    ],
    &[
        "{he} goes to the {station} and takes the {vehicle} to {capital}.",
        "the {vehicle} to {capital} leaves from the {station}.",
    ],
    &["{capital} is the capital of {land}.", "the {vehicle} is fast, and soon {he} is in {capital}."],
    &[
        "the people there speak {tongue}.",
        "{he} can speak a little {tongue}.",
        "in {capital} {he} hears people speak {tongue}.",
    ],
    &["{he} stays for {days} days.", "{he} stays there for {days} days and also visits {town}."],
    &["after {days} days {he} goes home to {city}.", "then {he} takes the {vehicle} back to {city}."],
];

const MEAL: &[&[&str]] = &[
    &["{time} the family has {meal}.", "{meal} is ready, and the family sits down at the table."],
    &["for {meal} they have {food} and {drink}.", "{mother} has prepared {food} for {meal}."],
    &["{father} eats {food} and drinks {drink}.", "{son} and {daughter} eat {food} and drink {drink}."],
    &["{son} asks his mother for more {food}.", "{daughter} asks her father for more {drink}."],
    &[
        "after {meal} {son} helps his sister {daughter} to wash the dishes.",
        "after {meal} {father} thanks his wife, {mother}.",
    ],
];

const EVENING: &[&[&str]] = &[
    &["{name} looks out of the window and sees that {weather}.", "today {weather} in {city}."],
    &[
        "when {weather}, the streets are {streets}.",
        "because {weather}, the streets of {city} are {streets}.",
    ],
    &["{name} takes {needed}, because {weather}.", "{he} does not go out without {needed}."],
    &[
        "{he} walks through the {streets} streets of {city}.",
        "on the street {he} meets a friend with {needed}.",
    ],
    &[
        "the sun sets in the west, and {name} goes home.",
        "the sun rises in the east and sets in the west.",
        "at night {name} sees the moon and the stars.",
    ],
];
