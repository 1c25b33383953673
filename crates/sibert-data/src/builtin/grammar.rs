//! Filling templates: slots, articles, capitals.

/// The words that fill the slots of one paragraph, or of one sentence of a list.
#[derive(Clone, Debug, Default)]
pub struct Words(Vec<(&'static str, String)>);

impl<const N: usize> From<[(&'static str, &str); N]> for Words {
    fn from(pairs: [(&'static str, &str); N]) -> Self {
        Self(pairs.into_iter().map(|(slot, word)| (slot, word.to_owned())).collect())
    }
}

impl Words {
    /// Adds the words of `others`.
    pub fn with(mut self, others: impl Into<Self>) -> Self {
        self.0.extend(others.into().0);
        self
    }

    /// The word of a slot.
    pub fn get(&self, slot: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| *name == slot).map(|(_, word)| word.as_str())
    }

    /// Writes `template` out: `{slot}` becomes its word, `{a slot}` its word after a or an.
    ///
    /// Sentences begin with a capital. A slot without a word stays as it is, which the tests look for.
    pub fn fill(&self, template: &str) -> String {
        let mut text = String::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            let Some((slot, tail)) = after.split_once('}') else { break };
            text.push_str(before);
            match (self.get(slot), slot.strip_prefix("a ").and_then(|noun| self.get(noun))) {
                (Some(word), _) => text.push_str(word),
                (None, Some(noun)) => text.push_str(&with_article(noun)),
                (None, None) => text.push_str(&format!("{{{slot}}}")),
            }
            rest = tail;
        }
        text.push_str(rest);
        capitalise(&text)
    }
}

/// `a dog`, `an owl`.
fn with_article(noun: &str) -> String {
    let article = if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {noun}")
}

/// Begins each sentence with a capital letter.
fn capitalise(text: &str) -> String {
    let mut start = true;
    let capitalised = text.chars().map(|letter| {
        let upper = if start { letter.to_ascii_uppercase() } else { letter };
        start = match letter {
            '.' | '?' | '!' => true,
            _ => start && (letter.is_whitespace() || letter == '"'),
        };
        upper
    });
    capitalised.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_filled_with_articles_and_capitals() {
        let words = Words::from([("animal", "owl"), ("food", "mice")]).with([("other", "dog")]);
        assert_eq!(
            words.fill("{a animal} eats {food}. is it {a other}? no."),
            "An owl eats mice. Is it a dog? No."
        );
        assert_eq!(words.fill("the {unknown}"), "The {unknown}");
    }
}
