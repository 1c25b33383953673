//! The corpus built into the program: simple English about a small world whose facts recur.
//!
//! A generator, not a file: paragraph `i` of seed `s` is a function of `(s, i)`. Who lives where, which city lies in
//! which country, what animals eat, what follows Monday, what two and three make: each fact is told in many
//! wordings, so that a masked word can mostly be worked out from its sentence or its neighbours. The facts are in
//! `world.rs`, the wordings in one file per subject.

mod grammar;
mod nature;
mod numbers;
mod people;
mod places;
mod stories;
mod things;
mod topic;
mod world;

use super::random::{Purpose, Stream};
use super::source::Document;
use topic::Topic;

/// How many sentences the built-in corpus has unless told otherwise.
pub const DEFAULT_SENTENCES: usize = 30_000;

/// Sentences to fill in after training on this corpus.
pub const EXAMPLES: [&str; 4] = [
    "A dog has four [MASK].",
    "The [MASK] of France is Paris.",
    "The capital of France is [MASK].",
    "He goes to the [MASK] and takes the plane.",
];

/// All topics; their weights say how many paragraphs each gets.
const TOPICS: [&[Topic]; 6] =
    [people::TOPICS, places::TOPICS, nature::TOPICS, things::TOPICS, numbers::TOPICS, stories::TOPICS];

/// The built-in corpus of a seed: paragraphs until there are at least `sentences` sentences.
pub fn documents(seed: u64, sentences: usize) -> Vec<Document> {
    let topics: Vec<&Topic> = TOPICS.into_iter().flatten().collect();
    let mut documents = Vec::new();
    let mut written = 0;
    while written < sentences {
        let mut stream = Stream::new(seed, Purpose::Text, documents.len() as u64, 0);
        let text = pick(&topics, &mut stream).paragraph(&mut stream);
        written += count_sentences(&text);
        documents.push(Document { text });
    }
    documents
}

/// A topic, drawn in proportion to its weight.
fn pick<'a>(topics: &[&'a Topic], stream: &mut Stream) -> &'a Topic {
    let mut place = stream.below(topics.iter().map(|topic| topic.weight).sum());
    for topic in topics {
        match place.checked_sub(topic.weight) {
            Some(rest) => place = rest,
            None => return topic,
        }
    }
    topics[0]
}

/// The sentences of a text, counted by the marks that end them.
pub fn count_sentences(text: &str) -> usize {
    text.matches(['.', '?', '!']).count()
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
