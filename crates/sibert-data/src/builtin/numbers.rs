//! Counting and adding, and the order of days and months.

use super::super::random::Stream;
use super::grammar::Words;
use super::people::person;
use super::topic::{Plan, Topic};
use super::world::{COUNTED, DAYS, MONTHS, NUMBERS};

pub const TOPICS: &[Topic] = &[
    Topic { weight: 6, plan: Plan::Story, draw: gift, facts: GIFT },
    Topic { weight: 6, plan: Plan::List, draw: sum, facts: SUM },
    Topic { weight: 8, plan: Plan::List, draw: day, facts: DAY },
    Topic { weight: 6, plan: Plan::List, draw: month, facts: MONTH },
];

/// `n` in words; the corpus counts no further than twenty.
fn number(n: usize) -> &'static str {
    NUMBERS[n.min(20)]
}

/// `one apple`, `two apples`.
fn counted(n: usize, [one, many]: [&str; 2]) -> String {
    format!("{} {}", number(n), if n == 1 { one } else { many })
}

fn gift(stream: &mut Stream) -> Words {
    let thing = *stream.choose(&COUNTED);
    let (first, second) = (1 + stream.below(6), 1 + stream.below(4));
    let person = person(stream);
    Words::from([
        ("some", counted(first, thing).as_str()),
        ("more", number(second)),
        ("sum", counted(first + second, thing).as_str()),
        ("things", thing[1]),
    ])
    .with(person)
}

fn sum(stream: &mut Stream) -> Words {
    let (a, b) = (1 + stream.below(9), 1 + stream.below(9));
    let more = a + 1 + stream.below(10);
    Words::from([
        ("a", number(a)),
        ("b", number(b)),
        ("sum", number(a + b)),
        ("next", number(a + 1)),
        ("after", number(a + 2)),
        ("more", number(more)),
    ])
}

fn day(stream: &mut Stream) -> Words {
    let today = stream.below(7);
    let [next, before, after] = [1, 6, 2].map(|shift| DAYS[(today + shift) % 7]);
    Words::from([("day", DAYS[today]), ("next", next), ("before", before), ("after", after)])
}

fn month(stream: &mut Stream) -> Words {
    let month = stream.below(12);
    let [next, before] = [1, 11].map(|shift| MONTHS[(month + shift) % 12]);
    Words::from([("month", MONTHS[month]), ("next", next), ("before", before)])
}

const GIFT: &[&[&str]] = &[
    &["{name} has {some}.", "{name} finds {some} in {his} bag.", "this morning {name} has {some}."],
    &[
        "a friend gives {him} {more} more.",
        "then {he} gets {more} more.",
        "{his} neighbour brings {more} more.",
    ],
    &["now {he} has {sum}.", "how many {things} does {he} have now? {he} has {sum}.", "that makes {sum}."],
    &[
        "{he} is glad about the {things}.",
        "{he} counts the {things} again. There are really {sum}.",
        "{he} puts the {things} on the table.",
    ],
];

const SUM: &[&[&str]] = &[
    &["{a} plus {b} is {sum}.", "{a} and {b} make {sum}.", "if you add {b} to {a}, you get {sum}."],
    &["{sum} minus {b} is {a}.", "if you take {b} from {sum}, you have {a} left."],
    &["after {a} comes {next}.", "the number after {a} is {next}.", "{next} comes after {a}."],
    &["{more} is more than {a}.", "{a} is less than {more}.", "{a} plus one is {next}."],
    &["first we count {a}, then {next}, then {after}."],
];

const DAY: &[&[&str]] = &[
    &["{next} comes after {day}.", "after {day} comes {next}.", "the day after {day} is {next}."],
    &[
        "the day before {day} is {before}.",
        "{before} comes before {day}.",
        "if today is {day}, yesterday was {before}.",
    ],
    &["today is {day}, so tomorrow will be {next}.", "if tomorrow is {next}, today is {day}."],
    &["{next} lies between {day} and {after}.", "{day}, {next} and {after} are days of the week."],
    &[
        "there are seven days in a week.",
        "Saturday and Sunday are the weekend.",
        "nobody goes to school on Sunday.",
    ],
];

const MONTH: &[&[&str]] = &[
    &["{next} comes after {month}.", "after {month} comes {next}.", "the month after {month} is {next}."],
    &[
        "{month} comes before {next}.",
        "the month before {month} is {before}.",
        "when {before} ends, {month} begins.",
    ],
    &["{month} lies between {before} and {next}.", "last month was {before}, and now it is {month}."],
    &[
        "there are twelve months in a year.",
        "January is the first month of the year.",
        "December is the last month of the year.",
    ],
];
