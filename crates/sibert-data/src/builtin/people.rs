//! Families: who belongs to whom, where they live, what they do.

use super::super::random::Stream;
use super::grammar::Words;
use super::topic::{Plan, Topic};
use super::world::{COUNTRIES, FAMILIES, Family, PROFESSIONS};

pub const TOPICS: &[Topic] = &[
    Topic { weight: 12, plan: Plan::Portrait, draw: parent, facts: PARENT },
    Topic { weight: 10, plan: Plan::Portrait, draw: child, facts: CHILD },
    Topic { weight: 8, plan: Plan::Portrait, draw: family, facts: FAMILY },
    Topic { weight: 8, plan: Plan::Portrait, draw: work, facts: WORK },
];

const HE: [(&str, &str); 3] = [("he", "he"), ("him", "him"), ("his", "his")];
const SHE: [(&str, &str); 3] = [("he", "she"), ("him", "her"), ("his", "her")];

/// A grown-up or a child, with the pronouns that agree.
pub fn person(stream: &mut Stream) -> Words {
    if stream.below(2) == 0 { parent(stream) } else { child(stream) }
}

fn parent(stream: &mut Stream) -> Words {
    let family = stream.choose(&FAMILIES);
    let which = stream.below(2);
    let job = &PROFESSIONS[family.professions[which]];
    let (pronouns, role, spouse) = [(HE, "father", "wife"), (SHE, "mother", "husband")][which];
    Words::from([
        ("name", family.members[which]),
        ("partner", family.members[1 - which]),
        ("spouse", spouse),
        ("role", role),
        ("job", job.name),
        ("workplace", job.place),
        ("tool", job.tool),
        ("does", job.does),
        ("doing", job.doing),
    ])
    .with(pronouns)
    .with(home(family))
}

fn child(stream: &mut Stream) -> Words {
    let family = stream.choose(&FAMILIES);
    let which = stream.below(2);
    let (pronouns, role, kind, other) =
        [(HE, "son", "brother", "sister"), (SHE, "daughter", "sister", "brother")][which];
    Words::from([
        ("name", family.members[2 + which]),
        ("sibling", family.members[3 - which]),
        ("kind", kind),
        ("other", other),
        ("role", role),
        ("colour", family.colours[which]),
    ])
    .with(pronouns)
    .with(home(family))
}

fn family(stream: &mut Stream) -> Words {
    let family = stream.choose(&FAMILIES);
    let [father, mother] = family.professions.map(|job| PROFESSIONS[job].name);
    Words::from([("father_job", father), ("mother_job", mother)]).with(home(family))
}

/// Traits that all members of a family share.
fn home(family: &Family) -> Words {
    let [father, mother, son, daughter] = family.members;
    let country = &COUNTRIES[family.home];
    Words::from([
        ("father", father),
        ("mother", mother),
        ("son", son),
        ("daughter", daughter),
        ("city", country.capital),
        ("country", country.name),
        ("home_continent", country.continent),
        ("language", country.language),
        ("pet", family.pet),
        ("pet_name", family.pet_name),
    ])
}

fn work(stream: &mut Stream) -> Words {
    let job = stream.choose(&PROFESSIONS);
    Words::from([
        ("job", job.name),
        ("workplace", job.place),
        ("tool", job.tool),
        ("does", job.does),
        ("doing", job.doing),
    ])
}

const PARENT: &[&[&str]] = &[
    &[
        "{name} lives in {city}.",
        "{name} lives in {city}, the capital of {country}.",
        "This is {name} from {city}.",
    ],
    &["{he} is {a job}.", "{name} works as {a job}.", "What is {name}? {he} is {a job}."],
    &["{he} works {workplace}.", "every day {he} works {workplace}.", "as {a job}, {he} works {workplace}."],
    &["{he} {does} every day.", "{he} is {a job}, so {he} {does}.", "{a job} like {name} {does}."],
    &[
        "{he} works with {tool}.",
        "for {his} work {he} needs {tool}.",
        "{a job} must have {tool}, and so must {name}.",
    ],
    &[
        "{his} {spouse} is {partner}.",
        "{name} is married to {partner}.",
        "{partner} is the {spouse} of {name}.",
    ],
    &["{he} is the {role} of {son} and {daughter}.", "{name} has a son, {son}, and a daughter, {daughter}."],
    &[
        "{he} speaks {language}.",
        "at home {he} speaks {language}.",
        "in {country}, {name} speaks {language}.",
    ],
    &["{city} is in {country}.", "{he} loves {city} and does not want to leave {country}."],
    &["where does {name} live? {he} lives in {city}.", "{his} house is in {city}."],
    &["{his} {pet} is called {pet_name}.", "{name} feeds {pet_name}, the {pet}, every morning."],
];

const CHILD: &[&[&str]] = &[
    &[
        "{name} is the {role} of {father} and {mother}.",
        "{name} lives with {father} and {mother} in {city}.",
        "{name} is a child from {city}.",
    ],
    &[
        "{his} father is {father}.",
        "who is the father of {name}? It is {father}.",
        "{father} is {his} father.",
    ],
    &[
        "{his} mother is {mother}.",
        "who is the mother of {name}? It is {mother}.",
        "{mother} is {his} mother.",
    ],
    &[
        "{he} is the {kind} of {sibling}.",
        "{his} {other} is {sibling}.",
        "{sibling} is the {other} of {name}.",
    ],
    &[
        "{he} has {a pet}.",
        "{name}'s {pet} is called {pet_name}.",
        "{name} plays with {pet_name}, the {pet}.",
    ],
    &[
        "{his} favourite colour is {colour}.",
        "{name} likes {colour} more than any other colour.",
        "{he} has {a colour} bicycle, because {colour} is {his} favourite colour.",
    ],
    &["{he} lives in {city}.", "{his} home is in {city}.", "where does {name} live? {he} lives in {city}."],
    &["{he} speaks {language}.", "{name} comes from {country}, so {he} speaks {language}."],
    &["{he} goes to school in {city}.", "{name}'s school is in {city}."],
];

const FAMILY: &[&[&str]] = &[
    &[
        "{father} and {mother} have two children, {son} and {daughter}.",
        "{father}, {mother}, {son} and {daughter} are a family.",
        "the family of {son} and {daughter} lives in {city}.",
    ],
    &["{son} is the brother of {daughter}.", "{daughter} has a brother. His name is {son}."],
    &["{daughter} is the sister of {son}.", "{son} has a sister. Her name is {daughter}."],
    &[
        "{father} is their father.",
        "{father} is the father of {son}.",
        "{father} is the father of {daughter}.",
    ],
    &[
        "{mother} is their mother.",
        "{mother} is the mother of {son}.",
        "{mother} is the mother of {daughter}.",
    ],
    &[
        "{father} is {a father_job}.",
        "the father is {a father_job}.",
        "{son} wants to be {a father_job} like his father.",
    ],
    &[
        "{mother} is {a mother_job}.",
        "the mother is {a mother_job}.",
        "{daughter} wants to be {a mother_job} like her mother.",
    ],
    &["they live in {city}.", "their house is in {city}.", "their home is in {country}."],
    &["they speak {language}.", "they speak {language} with one another."],
    &[
        "they have {a pet}. Its name is {pet_name}.",
        "their {pet} is called {pet_name}.",
        "{pet_name} is their {pet}.",
    ],
    &[
        "{father} is the husband of {mother}.",
        "{mother} is the wife of {father}.",
        "{father} loves his wife, {mother}.",
    ],
];

const WORK: &[&[&str]] = &[
    &["{a job} {does}.", "what does {a job} do? {a job} {does}.", "somebody who {does} is called {a job}."],
    &[
        "{a job} works {workplace}.",
        "you can meet {a job} {workplace}.",
        "if you work {workplace}, you may be {a job}.",
    ],
    &["{a job} works with {tool}.", "{a job} needs {tool}.", "without {tool}, {a job} cannot {doing}."],
    &[
        "to {doing} is the work of {a job}.",
        "it is not easy to {doing}.",
        "not everybody can {doing}, but {a job} can.",
    ],
    &["the {job} starts early in the morning.", "in the evening the {job} is tired."],
    &["the {job} is proud of the work.", "people thank the {job} for the good work."],
];
