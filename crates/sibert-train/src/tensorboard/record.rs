//! TFRecord, the frame of a message in an event file.
//!
//! ```text
//! length  u64     masked CRC32C of the length  u32     message     masked CRC32C of the message  u32
//! ```

use std::io::Write;

use anyhow::Result;
use prost::Message;

/// Keeps a digest of bytes that hold digests from being a trivial one.
const MASK: u32 = 0xa282_ead8;

/// Writes one record in one call: a process that is killed leaves at most the last one torn.
///
/// # Errors
/// If `out` cannot be written.
pub fn write(out: &mut (impl Write + ?Sized), message: &impl Message) -> Result<()> {
    let message = message.encode_to_vec();
    let length = (message.len() as u64).to_le_bytes();
    let mut record = Vec::with_capacity(message.len() + 16);
    record.extend(length);
    record.extend(masked_crc(&length).to_le_bytes());
    record.extend(&message);
    record.extend(masked_crc(&message).to_le_bytes());
    Ok(out.write_all(&record)?)
}

fn masked_crc(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(MASK)
}

#[cfg(test)]
pub mod reader {
    //! Reading them back.
    #![allow(clippy::unwrap_used)]

    use prost::Message;

    /// The messages whose digests are right, up to the first that is torn or damaged.
    pub fn messages<M: Message + Default>(mut bytes: &[u8]) -> Vec<M> {
        let mut messages = Vec::new();
        while let Some(message) = next(&mut bytes) {
            messages.push(M::decode(message).unwrap());
        }
        messages
    }

    fn next<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
        let (length, rest) = bytes.split_at_checked(8)?;
        let (of_length, rest) = rest.split_at_checked(4)?;
        let (message, rest) =
            rest.split_at_checked(u64::from_le_bytes(length.try_into().unwrap()) as usize)?;
        let (of_message, rest) = rest.split_at_checked(4)?;
        let is_right = |bytes, crc: &[u8]| super::masked_crc(bytes).to_le_bytes() == crc;
        *bytes = rest;
        (is_right(length, of_length) && is_right(message, of_message)).then_some(message)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::event::Event;

    #[test]
    fn a_record_has_the_bytes_that_tensorboard_writes() {
        // RecordWriter of tensorboard 2.21 with Event(wall_time=1., file_version='brain.Event:2').
        let mut expected =
            vec![24, 0, 0, 0, 0, 0, 0, 0, 163, 127, 75, 34, 9, 0, 0, 0, 0, 0, 0, 240, 63, 26, 13];
        expected.extend(b"brain.Event:2");
        expected.extend([134, 191, 87, 122]);
        let mut found = Vec::new();
        super::write(&mut found, &Event::version(1.)).unwrap();
        assert_eq!(found, expected);
    }
}
