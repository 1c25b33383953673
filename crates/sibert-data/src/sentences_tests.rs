//! Promises of the sentences.

use super::*;
use proptest::prelude::*;

/// `|` marks each boundary; it stands nowhere else in the texts.
fn assert_split(marked: &str) {
    let text = marked.replace('|', "");
    let split = sentences(&text).collect::<Vec<_>>().join("|");
    assert_eq!(split, marked);
}

#[test]
fn sentences_end_at_full_stops_question_and_exclamation_marks() {
    for marked in [
        "",
        "  ",
        "One sentence",
        "It rains. |Does it? |Yes! |Good.",
        "\"It rains.\" |(Really?) |“Yes!” |He said so.",
        "It costs 3.50 euros. |That is 1,000.25 too much.",
        "See example.com for more. |Thanks.",
        "Wait... |Then what?!  |Nothing…",
        "He left. |\"Why?\" |She did not know.",
        "It was in 1990. |Then came the war.",
        "Ist das größer? |Ölpreise steigen. |Übrigens ist es wahr.",
        "今日は雨です。|明日は晴れますか？|そうです。「はい。」|以上。",
        "Это дом. |Где он? |Там.",
        "  Leading space. |Trailing space.  ",
    ] {
        assert_split(marked);
    }
}

#[test]
fn abbreviations_and_initials_end_no_sentence() {
    for marked in [
        "Mr. Smith met Mrs. Jones and Dr. Who in St. Ives. |They talked.",
        "Some fruit, e.g. Apples, i.e. Malus domestica. |Others too.",
        "J. R. R. Tolkien wrote it. |So did C.S. Lewis.",
        "George W. Bush met Gen. Powell. |It was late.",
        "He lived in the U.S. |The house was sold to the U.S. Navy.",
        "The case (Smith vs. Jones) ended. |See Fig. 3 and No. 7 on p. 12. |He said no. |Then he left.",
        "It opened on Jan. 5 of that year. |The wind in May. |It was warm.",
        "World War I. |The end.",
        "(Prof. Dr. Müller came.) |“Mr. Hyde?” |No.",
    ] {
        assert_split(marked);
    }
}

#[test]
fn a_sentence_does_not_end_before_a_lower_case_letter() {
    for marked in [
        "\"Go!\" he said. |\"Why?\" she asked.",
        "The company Yahoo! was founded in 1994. |It grew.",
        "They sell apples, pears, etc. in the shop. |Etc. means more.",
    ] {
        assert_split(marked);
    }
}

#[test]
fn pieces_without_a_word_stand_in_no_sentence_of_their_own() {
    for marked in [
        "The end. \n\n* * *\n\n|A new start. ...",
        "... And then?",
        "1. Introduction to it. |2. Results.",
        "— . . . Well. |Yes. — ! |No.",
    ] {
        assert_split(marked);
    }
}

#[test]
fn lines_of_a_paragraph_run_on_and_paragraphs_do_not() {
    for marked in [
        "It was the best of times,\nit was the worst\nof Times. |It was\r\nLondon (the city)\nProper.\n|The end.",
        "CHAPTER I\n\n|Mr.\nDarcy came\n\n\n|and left\r\n\r\n|again",
        "Dear Sir:\n|I write to you.\n|Yours",
    ] {
        assert_split(marked);
    }
}

#[test]
fn no_word_is_cut() {
    for marked in ["What?Really!Yes.No", "end.\u{85}Next \u{85}One.\u{c}Two", "Hm!\u{301}Yes"] {
        assert_split(marked);
    }
}

proptest! {
    #[test]
    fn the_sentences_are_the_text(text in "([a-zA-Z0-9.!? \n\"(),é。字\u{85}\u{2028}\u{301}]|\\. |[A-Z]\\. ){0,60}") {
        let split: Vec<&str> = sentences(&text).collect();
        prop_assert_eq!(split.concat(), text.clone());
        prop_assert!(text.trim().is_empty() || split.iter().all(|sentence| !sentence.trim().is_empty()));
        for sentence in &split[..split.len().saturating_sub(1)] {
            let core = sentence.trim_end_matches(CLOSING);
            let safe = sentence.ends_with(char::is_whitespace) || core.ends_with(EAST_ASIAN_STOPS);
            prop_assert!(safe, "{:?}", split);
        }
    }

    #[test]
    fn any_text_has_sentences(text in any::<String>()) {
        prop_assert_eq!(sentences(&text).collect::<String>(), text);
    }
}
