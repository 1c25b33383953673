use proptest::prelude::*;

use super::*;

fn settings(max_seq_len: usize, doc_stride: usize, max_query_len: usize) -> WindowSettings {
    WindowSettings { max_seq_len, doc_stride, max_query_len }
}

#[test]
fn a_short_context_has_one_window_of_two_segments() {
    let tokenizer = speller();
    let context = "The cafe!";
    let all =
        windows(&[question("q", "\u{2003} the ?", context, Some(4..8))], &tokenizer, &settings(20, 5, 0))
            .unwrap();
    let id = |token: &str| tokenizer.token_to_id(token).unwrap();
    let ids = ["[CLS]", "the", "?", "[SEP]", "the", "cafe", "!", "[SEP]"].map(id);
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].input_ids, ids);
    assert_eq!(all[0].token_type_ids, [0, 0, 0, 0, 1, 1, 1, 1]);
    assert_eq!((all[0].question, all[0].span), (0, (5, 5)));
    let bytes: Vec<_> = (0..9).map(|position| all[0].bytes(position)).collect();
    assert_eq!(bytes, [None, None, None, None, Some(0..3), Some(4..8), Some(8..9), None, None]);
    let max_context: Vec<_> = (0..9).filter(|&position| all[0].has_max_context(position)).collect();
    assert_eq!(max_context, [4, 5, 6]);
}

#[test]
fn a_long_context_has_windows_that_share_doc_stride() {
    let context = "a b c d e f g h";
    let all = windows(&[question("q", "?", context, Some(6..9))], &speller(), &settings(9, 2, 64)).unwrap();
    let texts: Vec<String> = all
        .iter()
        .map(|window| {
            (3..9).filter_map(|position| window.bytes(position)).map(|bytes| &context[bytes]).collect()
        })
        .collect();
    assert_eq!(texts, ["abcde", "defgh"]);
    assert_eq!(all[0].span, (6, 7)); // d e
    assert_eq!(all[1].span, (3, 4));
    assert_eq!(all[1].token_type_ids, [0, 0, 0, 1, 1, 1, 1, 1, 1]);
}

#[test]
fn an_answer_that_is_cut_or_none_is_the_first_token() {
    let context = "a b c d e f g h";
    let cut = question("q", "?", context, Some(4..14)); // c to g
    let none = question("r", "?", context, None);
    let nowhere = Question { answers: vec![answer("z", 0)], impossible: false, ..none.clone() };
    let marked = Question { impossible: true, ..cut.clone() };
    let space = question("s", "?", context, Some(1..2));
    let all = windows(&[cut, none, nowhere, marked, space], &speller(), &settings(9, 2, 64)).unwrap();
    assert_eq!(all.len(), 10);
    assert!(all.iter().all(|window| window.span == (0, 0)));
}

#[test]
fn a_part_of_a_token_and_outer_space_are_the_tokens_they_touch() {
    let context = "a cafe b"; // cafe is one token
    let span = |bytes| {
        let questions = [question("q", "?", context, Some(bytes))];
        windows(&questions, &speller(), &settings(30, 2, 64)).unwrap()[0].span
    };
    assert_eq!([span(3..5), span(2..6), span(1..7), span(0..3)], [(4, 4), (4, 4), (4, 4), (3, 4)]);
}

#[test]
fn first_answer_is_the_one_to_train_on() {
    let mut asked = question("q", "?", "a b c", Some(2..3));
    asked.answers.push(answer("c", 4));
    assert_eq!(windows(&[asked], &speller(), &settings(30, 2, 64)).unwrap()[0].span, (4, 4));
}

#[test]
fn a_long_question_is_cut_unless_the_limit_is_0() {
    let asked = question("q", "a b c d", "e", None);
    let length = |most| {
        windows(std::slice::from_ref(&asked), &speller(), &settings(30, 2, most)).unwrap()[0].input_ids.len()
    };
    assert_eq!([length(0), length(4), length(3), length(1)], [8, 8, 7, 5]);
}

#[test]
fn what_leaves_no_room_is_refused_with_the_numbers() {
    let asked = question("q7", "a b c d", "e f g h i j", None);
    let refusal = |settings| {
        let error = windows(std::slice::from_ref(&asked), &speller(), &settings).unwrap_err();
        format!("{error:#}")
    };
    let message = refusal(settings(7, 1, 0));
    assert!(message.starts_with("question q7: its 4 tokens and 3 special ones leave no room"), "{message}");
    assert!(
        message.contains("--max-seq-len 7: give a longer one, or a shorter --max-query-len"),
        "{message}"
    );
    let message = refusal(settings(11, 4, 64));
    assert!(
        message.contains(
            "room for 4 tokens of the context, neighbours cannot share 4: give a --doc-stride below 4"
        ),
        "{message}"
    );
    assert_eq!(windows(std::slice::from_ref(&asked), &speller(), &settings(11, 3, 64)).unwrap().len(), 3);
    assert_eq!(windows(&[asked], &speller(), &settings(13, 200, 64)).unwrap().len(), 1); // all of it fits
}

#[test]
fn an_empty_context_has_one_window() {
    let all = windows(&[question("q", "a", "", None)], &speller(), &settings(10, 2, 64)).unwrap();
    assert_eq!(all[0].token_type_ids, [0, 0, 0, 1]);
}

#[test]
fn combining_marks_stay_with_their_letter() {
    let context = "cafe\u{301}, e\u{301}cafe\u{301}\u{323}\u{200b} ❤\u{fe0f} x";
    let window = &windows(&[question("q", "a", context, None)], &speller(), &settings(40, 2, 64)).unwrap()[0];
    let texts: Vec<&str> =
        (0..40).filter_map(|position| window.bytes(position)).map(|bytes| &context[bytes]).collect();
    assert_eq!(texts, ["cafe\u{301}", ",", "e\u{301}", "c", "a", "f", "e\u{301}\u{323}", "❤\u{fe0f}", "x"]);
}

/// Words of many scripts: what a tokenizer splits, folds, strips or does not know.
pub(super) fn text() -> impl Strategy<Value = String> {
    let words = [
        "the",
        "The",
        "cafe",
        "café",
        "cafe\u{301}",
        "cafeteria",
        "naïve",
        "24–10",
        "U.S.",
        "İstanbul",
        "Straße",
        "東京",
        "한국어",
        "ﬁn",
        "👩\u{200d}👩\u{200d}👧",
        "❤\u{fe0f}",
        "e\u{301}\u{323}tude",
        "a\u{200b}b",
        "किताब",
        "x\u{ad}y",
        "«quoted»",
        "'s",
        "$1,000.50",
        "�",
    ];
    let spaces = [" ", "  ", "\r\n", "\n\n", "\t", "\u{a0}", "\u{2003}", "", "\u{7}"];
    let word = (prop::sample::select(words.to_vec()), prop::sample::select(spaces.to_vec()));
    prop::collection::vec(word, 0..40)
        .prop_map(|words| words.into_iter().map(|(word, space)| word.to_owned() + space).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_token_is_in_a_window_with_its_bytes_and_has_maximum_context_once(
        context in text(), length in 12usize..60, share in 0usize..60, asked in 0usize..6,
    ) {
        let tokenizer = speller();
        let query = "a ".repeat(asked);
        let doc_stride = share % (length - asked - 3);
        let all = windows(&[question("q", &query, &context, None)], &tokenizer, &settings(length, doc_stride, 0)).unwrap();
        let encoding = tokenizer.encode(context.as_str(), false).unwrap();
        let first = asked + 2;
        let mut maximum = vec![0; encoding.len()];
        let mut covered = vec![0; encoding.len()];
        for (number, window) in all.iter().enumerate() {
            prop_assert!(window.input_ids.len() <= length);
            prop_assert!(number + 1 == all.len() || window.input_ids.len() == length);
            prop_assert_eq!(window.input_ids.len(), window.token_type_ids.len());
            let start = number * (length - asked - 3 - doc_stride);
            for position in 0..window.input_ids.len() {
                let inside = (first..window.input_ids.len() - 1).contains(&position);
                prop_assert_eq!(window.bytes(position).is_some(), inside);
                prop_assert!(inside || !window.has_max_context(position));
                if inside {
                    let token = start + position - first;
                    prop_assert_eq!(window.input_ids[position], encoding.get_ids()[token]);
                    let (from, to) = encoding.get_offsets()[token];
                    let bytes = window.bytes(position).unwrap();
                    prop_assert!(context.get(bytes.clone()).is_some());
                    prop_assert!(bytes.start == from && bytes.end >= to);
                    let next = encoding.get_offsets().get(token + 1).map_or(context.len(), |next| next.0);
                    prop_assert!(bytes.end <= next.max(to) && !context[to..bytes.end].contains(char::is_whitespace));
                    covered[token] += 1;
                    maximum[token] += usize::from(window.has_max_context(position));
                }
            }
        }
        prop_assert!(covered.iter().all(|&times| times >= 1));
        prop_assert!(maximum.iter().all(|&times| times == 1));
    }

    #[test]
    fn gold_logits_give_back_the_answers_own_characters(
        context in text(), length in 12usize..60, share in 0usize..60, from in 0usize..1000, words in 0usize..8,
    ) {
        let tokenizer = speller();
        let settings = settings(length, share % (length - 4), 0);
        let whole = windows(&[question("q", "a", &context, None)], &tokenizer, &super::super::WindowSettings { max_seq_len: 10_000, ..settings }).unwrap();
        let tokens: Vec<_> = (0..whole[0].input_ids.len()).filter_map(|position| whole[0].bytes(position)).collect();
        prop_assume!(!tokens.is_empty());
        let first = from % tokens.len();
        let last = (first + words).min(tokens.len() - 1);
        let gold = tokens[first].start..tokens[last].end;
        let questions = [question("q", "a", &context, Some(gold.clone()))];
        let all = windows(&questions, &tokenizer, &settings).unwrap();
        // A window that has all of the answer and most around its start: only such a one may give it.
        let giving = |window: &Window| window.span.1 > 0 && window.has_max_context(window.span.0 as usize);
        prop_assert!(all.len() > 1 || giving(&all[0]));
        let logits: Vec<SpanLogits> = all.iter().map(spiked).collect();
        let found = answers(&questions, &all, &logits, &BY_WORDS);
        if all.iter().any(giving) {
            prop_assert_eq!(&found.answers["q"], &context[gold]);
            prop_assert_eq!(&found.answers["q"], &questions[0].answers[0].text);
        }
    }
}
