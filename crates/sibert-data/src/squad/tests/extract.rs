use super::*;

/// A window that a test of the answers needs: `tokens` of one byte each, in a context of as many.
fn window(
    question: usize,
    part: std::ops::Range<usize>,
    max_context: std::ops::Range<usize>,
    tokens: usize,
) -> Window {
    let length = part.len() + 3;
    Window {
        input_ids: vec![0; length],
        token_type_ids: vec![0; length],
        span: (0, 0),
        question,
        first: 2,
        part,
        max_context,
        offsets: (0..tokens).map(|token| (token, token + 1)).collect(),
    }
}

fn logits(start: &[f32], end: &[f32]) -> SpanLogits {
    SpanLogits { start: start.into(), end: end.into() }
}

const WITH_NONE: AnswerSettings = AnswerSettings { unanswerable: true, ..BY_WORDS };

#[test]
fn no_answer_scores_what_the_least_sure_window_says() {
    let questions = [question("q", "?", "abcd", Some(0..1))];
    let windows = [window(0, 0..2, 0..2, 4), window(0, 2..4, 2..4, 4)];
    let all = [
        logits(&[8., 0., 3., 0., 0.], &[1., 0., 2., 0., 0.]),
        logits(&[1., 0., 0., 0., 0.], &[3., 0., 0., 0., 0.]),
    ];
    let found = answers(&questions, &windows, &all, &WITH_NONE);
    assert_eq!((found.answers["q"].as_str(), found.null_odds["q"]), ("a", 4. - 5.));
    // At the threshold the answer is given, above it none.
    let at = |threshold| {
        let settings = AnswerSettings { null_score_diff_threshold: threshold, ..WITH_NONE };
        answers(&questions, &windows, &all, &settings).answers["q"].clone()
    };
    assert_eq!([at(-1.), at(-1.5)], ["a", ""]);
    assert!(answers(&questions, &windows, &all, &BY_WORDS).null_odds.is_empty());
}

#[test]
fn a_start_counts_only_where_most_is_around_it() {
    let questions = [question("q", "?", "abcd", Some(0..1))];
    let windows = [window(0, 0..3, 0..1, 4), window(0, 1..4, 1..4, 4)];
    let all = [logits(&[0., 0., 1., 9., 0., 0.], &[0., 0., 1., 9., 0., 0.]), logits(&[0.; 6], &[0.; 6])];
    // b is best in the first window, but the second shows more around it.
    assert_eq!(answers(&questions, &windows, &all, &BY_WORDS).answers["q"], "ab");
}

#[test]
fn equal_logits_prefer_what_numpy_sorts_last() {
    let questions = [question("q", "?", "abc", Some(0..1))];
    let windows = [window(0, 0..3, 0..3, 3)];
    let found = answers(&questions, &windows, &[logits(&[0.; 6], &[0.; 6])], &BY_WORDS);
    let texts: Vec<&str> = found.n_best["q"].iter().map(|candidate| candidate.text.as_str()).collect();
    assert_eq!(texts, ["c", "bc", "b", "abc", "ab", "a"]);
    assert!(found.n_best["q"].iter().all(|candidate| (candidate.probability - 1. / 6.).abs() < 1e-12));
}

#[test]
fn equal_texts_of_different_places_stay_apart() {
    let questions = [question("q", "?", "aa", Some(0..1))];
    let windows = [window(0, 0..2, 0..2, 2)];
    let settings = AnswerSettings { max_answer_len: 1, ..BY_WORDS };
    let found =
        answers(&questions, &windows, &[logits(&[0., 0., 2., 1., 0.], &[0., 0., 2., 1., 0.])], &settings);
    let texts: Vec<&str> = found.n_best["q"].iter().map(|candidate| candidate.text.as_str()).collect();
    assert_eq!(texts, ["a", "a"]);
}

#[test]
fn answers_keep_the_order_of_the_questions() {
    let ids = ["q9", "q1", "q5", "a", "z"];
    let questions = ids.map(|id| question(id, "?", "ab", Some(0..1)));
    let windows: Vec<Window> =
        (0..5).flat_map(|index| [window(index, 0..1, 0..1, 2), window(index, 1..2, 1..2, 2)]).collect();
    let all: Vec<SpanLogits> = (0..10).map(|n| logits(&[0., 0., n as f32, 0.], &[0.; 4])).collect();
    let found = answers(&questions, &windows, &all, &WITH_NONE);
    assert!(found.answers.keys().eq(&ids) && found.n_best.keys().eq(&ids) && found.null_odds.keys().eq(&ids));
    assert!(found.answers.values().all(|answer| answer == "b"));
}
