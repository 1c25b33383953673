use std::fs;
use std::path::Path;

use super::event::{Data, Event, What};
use super::record::reader::messages;
use super::*;

/// The path of the one event file in a folder that has events.
fn only(folder: &Path) -> PathBuf {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let full = entries.filter(|entry| entry.metadata().unwrap().len() > 0).map(|entry| entry.path());
    let mut files: Vec<PathBuf> = full.filter(|path| path.to_string_lossy().contains("tfevents")).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files.remove(0)
}

fn read(folder: &Path) -> Vec<Event> {
    messages(&fs::read(only(folder)).unwrap())
}

/// Steps and values of a tag.
fn scalars(folder: &Path, tag: &str) -> Vec<(i64, f32)> {
    let of = |event: Event| match event.what {
        Some(What::Summary(summary)) => summary
            .values
            .into_iter()
            .filter(|value| value.tag == tag)
            .filter_map(|value| match value.data {
                Some(Data::Scalar(number)) => Some((event.step, number)),
                _ => None,
            })
            .collect::<Vec<_>>(),
        _ => Vec::new(),
    };
    read(folder).into_iter().flat_map(of).collect()
}

fn line(step: usize, loss: f64) -> String {
    format!("{{\"step\":{step},\"loss\":{loss},\"timing\":{{\"elapsed_seconds\":{}}}}}\n", 10 * step)
}

fn events(folder: &Path) -> Events {
    Events::new(folder, vec![("args", serde_json::json!({ "lr": 1 }))])
}

#[test]
fn a_file_begins_with_its_version_a_session_and_the_texts() {
    let dir = tempfile::tempdir().unwrap();
    let mut events = events(dir.path());
    events.line(&line(1, 0.5));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "written before it was begun");
    events.begin(b"");
    events.line(&line(1, 0.5));
    let found = read(dir.path());
    assert_eq!(found[0].what, Some(What::FileVersion("brain.Event:2".into())));
    assert!(matches!(&found[1].what, Some(What::SessionLog(log)) if log.status == 1));
    assert!(matches!(&found[2].what, Some(What::Summary(text)) if text.values[0].tag == "args/text_summary"));
    assert_eq!((found.len(), found[3].step), (4, 1));
}

#[test]
fn a_run_that_goes_on_has_every_step_once_wherever_the_last_record_was_torn() {
    let (kept, lost) = ([line(1, 0.5), line(2, 0.25)].concat(), line(3, 0.125));
    let whole = {
        let dir = tempfile::tempdir().unwrap();
        let mut events = events(dir.path());
        events.begin(b"");
        [&line(1, 0.5), &line(2, 0.25), &lost].into_iter().for_each(|line| events.line(line));
        fs::read(only(dir.path())).unwrap()
    };
    for length in 0..=whole.len() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("events.out.tfevents.0000000007.sibert"), &whole[..length]).unwrap();
        let mut events = events(dir.path());
        events.begin(kept.as_bytes());
        events.line(&line(3, 0.0625));
        assert_eq!(scalars(dir.path(), "train/loss"), [(1, 0.5), (2, 0.25), (3, 0.0625)]);
    }
}

#[test]
fn the_new_file_is_later_than_the_old_which_an_open_tensorboard_finds_empty() {
    let dir = tempfile::tempdir().unwrap();
    let named = |second: u64| dir.path().join(format!("events.out.tfevents.{second}.sibert"));
    let other = dir.path().join("events.out.tfevents.9999999999.host");
    for second in [9_999_999_990, 9_999_999_993] {
        fs::write(named(second), "events").unwrap();
    }
    events(dir.path()).begin(b"");
    assert!(only(dir.path()).ends_with("events.out.tfevents.9999999994.sibert"));
    assert_eq!(fs::read(named(9_999_999_993)).unwrap(), b"");
    assert!(!named(9_999_999_990).exists());
    fs::write(&other, "of another program").unwrap();
    events(dir.path()).begin(b"");
    assert_eq!(fs::read(&other).unwrap(), b"of another program");
}

#[test]
fn times_before_the_resume_are_times_of_training() {
    let dir = tempfile::tempdir().unwrap();
    let kept = [line(1, 0.5), "{\"step\":1,\"eval_loss\":1}\n".into(), line(4, 0.25)].concat();
    events(dir.path()).begin(kept.as_bytes());
    let times: Vec<f64> = read(dir.path())[3..].iter().map(|event| event.wall_time).collect();
    assert!((times[2] - times[0] - 30.).abs() < 1e-3 && times[1] == times[0], "{times:?}");
}

#[test]
fn a_folder_that_cannot_be_written_ends_the_events_only() {
    let mut events = events(Path::new("/nowhere/run"));
    events.begin(b"");
    events.line(&line(1, 0.5));
    events.sync();
    assert!(matches!(events.state, State::GivenUp));
}

#[test]
fn a_picture_has_its_size() {
    let dir = tempfile::tempdir().unwrap();
    let mut png = Vec::new();
    let mut encoder = png::Encoder::new(&mut png, 3, 2);
    encoder.set_color(png::ColorType::Rgb);
    encoder.write_header().unwrap().write_image_data(&[0; 18]).unwrap();
    let mut events = events(dir.path());
    events.begin(b"");
    events.picture("curves", 7, png.clone());
    events.picture("curves", 8, b"no picture".to_vec());
    let Some(What::Summary(summary)) = read(dir.path()).pop().unwrap().what else { panic!() };
    let Some(Data::Image(image)) = &summary.values[0].data else { panic!() };
    assert_eq!((image.width, image.height, &image.encoded), (3, 2, &png));
}
