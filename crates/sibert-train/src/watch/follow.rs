//! Following a `metrics.jsonl` while another process writes it.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde_json::Value;

/// Bytes before the place of reading that are compared, to see whether the file is still the one that was read.
const COMPARED: usize = 4096;

/// The place in a file up to which its lines are read.
pub struct Follower {
    path: PathBuf,
    offset: u64,
    /// The end of what was read.
    before: Vec<u8>,
}

/// What has come since the last look.
#[derive(Debug, Default, PartialEq)]
pub struct News {
    /// Whether the file is another one, or was cut: everything before is void.
    pub restarted: bool,
    /// The new lines that are complete and are JSON.
    pub lines: Vec<Value>,
}

impl Follower {
    /// Follows a file from its beginning; it need not be there yet.
    pub fn new(path: PathBuf) -> Self {
        Self { path, offset: 0, before: Vec::new() }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The lines that were completed since the last look. A file that is away, or cannot be read, has none.
    pub fn look(&mut self) -> News {
        self.read().unwrap_or_else(|_| {
            let restarted = self.offset > 0;
            self.rewind();
            News { restarted, lines: Vec::new() }
        })
    }

    fn read(&mut self) -> io::Result<News> {
        let mut file = File::open(&self.path)?;
        let restarted = !self.is_same(&mut file)?;
        if restarted {
            self.rewind();
        }
        file.seek(SeekFrom::Start(self.offset))?;
        let mut new = Vec::new();
        file.read_to_end(&mut new)?;
        let complete = new.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        new.truncate(complete);
        self.offset += new.len() as u64;
        self.before.extend(&new);
        self.before.drain(..self.before.len().saturating_sub(COMPARED));
        let lines = new.split(|&byte| byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok());
        Ok(News { restarted, lines: lines.collect() })
    }

    /// Whether what was read last still stands where it stood: a run that goes on cuts its file at a checkpoint.
    fn is_same(&self, file: &mut File) -> io::Result<bool> {
        if file.metadata()?.len() < self.offset {
            return Ok(false);
        }
        file.seek(SeekFrom::Start(self.offset - self.before.len() as u64))?;
        let mut found = vec![0; self.before.len()];
        file.read_exact(&mut found)?;
        Ok(found == self.before)
    }

    fn rewind(&mut self) {
        self.offset = 0;
        self.before.clear();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs::{self, OpenOptions};
    use std::io::Write;

    use super::*;

    fn steps(news: &News) -> Vec<u64> {
        news.lines.iter().map(|line| line["step"].as_u64().unwrap()).collect()
    }

    fn lines(steps: std::ops::RangeInclusive<u64>, time: u64) -> String {
        steps.map(|step| format!("{{\"step\":{step},\"time\":{time}}}\n")).collect()
    }

    #[test]
    fn a_line_is_read_once_and_only_when_it_is_complete() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("metrics.jsonl");
        let mut follower = Follower::new(path.clone());
        assert_eq!(follower.look(), News::default(), "not there yet");
        let mut file = OpenOptions::new().append(true).create(true).open(&path).unwrap();
        let mut seen = Vec::new();
        for byte in lines(1..=3, 0).bytes() {
            file.write_all(&[byte]).unwrap();
            seen.extend(steps(&follower.look()));
        }
        assert_eq!(seen, [1, 2, 3]);
    }

    #[test]
    fn a_file_that_was_cut_or_replaced_is_read_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("metrics.jsonl");
        let mut follower = Follower::new(path.clone());
        fs::write(&path, lines(1..=6, 0) + "{\"step\":7").unwrap();
        assert_eq!(steps(&follower.look()), [1, 2, 3, 4, 5, 6]);
        // Resumed at step 4, and already further than before: the length alone does not tell.
        fs::write(&path, lines(1..=4, 0) + &lines(5..=9, 1)).unwrap();
        let news = follower.look();
        assert!(news.restarted);
        assert_eq!(steps(&news), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
        fs::write(&path, lines(1..=1, 0)).unwrap();
        assert_eq!((follower.look().restarted, follower.look()), (true, News::default()));
        fs::remove_file(&path).unwrap();
        assert!(follower.look().restarted);
    }

    #[test]
    fn lines_that_are_no_json_are_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("metrics.jsonl");
        fs::write(&path, [&lines(1..=1, 0), "\u{1b}[31m no json\n", &lines(2..=2, 0)].concat()).unwrap();
        assert_eq!(steps(&Follower::new(path).look()), [1, 2]);
    }
}
