//! A topic: the wordings of some facts, and the plan of a paragraph about them.

use super::super::random::Stream;
use super::grammar::Words;

/// Draws the words for a topic's slots.
pub type Draw = fn(&mut Stream) -> Words;

/// Facts that belong together. Each fact is a list of wordings, of which a paragraph uses one.
pub struct Topic {
    /// How often the topic comes up, relative to the others.
    pub weight: usize,
    /// How the facts make a paragraph.
    pub plan: Plan,
    /// Where the words come from.
    pub draw: Draw,
    /// The facts.
    pub facts: &'static [&'static [&'static str]],
}

/// How a paragraph is put together.
pub enum Plan {
    /// Every fact, in order, about the same words.
    Story,
    /// The first fact, then some of the others in any order, about the same words.
    Portrait,
    /// Some facts in any order, each about new words.
    List,
}

impl Topic {
    /// Writes one paragraph.
    pub fn paragraph(&self, stream: &mut Stream) -> String {
        let words = (self.draw)(stream);
        let mut facts = self.facts.to_vec();
        match self.plan {
            Plan::Story => {}
            Plan::Portrait => {
                let count = 2 + stream.below((facts.len() - 2).min(6));
                stream.draw_to_front(&mut facts[1..], count);
                facts.truncate(1 + count);
            }
            Plan::List => {
                let count = 4 + stream.below(5);
                facts = (0..count).map(|_| *stream.choose(self.facts)).collect();
            }
        }
        let mut sentences: Vec<String> = Vec::new();
        for wordings in facts {
            let wording = *stream.choose(wordings);
            let sentence = match self.plan {
                Plan::List => (self.draw)(stream).fill(wording),
                _ => words.fill(wording),
            };
            if !sentences.contains(&sentence) {
                sentences.push(sentence);
            }
        }
        sentences.join(" ")
    }
}

/// `N` different items.
pub fn several<'a, T, const N: usize>(stream: &mut Stream, items: &'a [T]) -> [&'a T; N] {
    let mut places: Vec<usize> = (0..items.len()).collect();
    stream.draw_to_front(&mut places, N);
    std::array::from_fn(|i| &items[places[i]])
}
