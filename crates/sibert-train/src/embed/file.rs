//! The files of vectors: `.safetensors`, `.npy`, `.parquet`.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use candle_core::{Device, Tensor};
use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, FloatType};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use sibert_files::durable;

use super::Vectors;

/// Rows of a Parquet file that are written together.
const GROUP: usize = 8192;
/// The table of a Parquet file: a text, and its vector as a list.
const SCHEMA: &str = "message vectors {
    required binary text (STRING);
    required group vector (LIST) { repeated group list { required float element; } }
}";

/// The kind of a file, by the end of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A tensor `vectors` (texts, width).
    Safetensors,
    /// NumPy's array (texts, width).
    Npy,
    /// A table of texts and their vectors.
    Parquet,
}

impl Format {
    /// # Errors
    /// If the name ends in another way; says what was expected.
    pub fn of(path: &Path) -> Result<Self> {
        match path.extension().and_then(|end| end.to_str()) {
            Some("safetensors") => Ok(Self::Safetensors),
            Some("npy") => Ok(Self::Npy),
            Some("parquet") => Ok(Self::Parquet),
            _ => Err(anyhow!(
                "--out {}: expected a name that ends in .safetensors, .npy or .parquet",
                path.display()
            )),
        }
    }

    /// Writes the vectors, whole or not at all.
    ///
    /// # Errors
    /// Names the file that cannot be written.
    pub fn write(self, path: &Path, texts: &[String], vectors: &Vectors) -> Result<()> {
        let unfinished = durable::unfinished(path);
        let written = self.write_to(&unfinished, texts, vectors);
        if written.is_err() {
            let _ = fs::remove_file(&unfinished);
        }
        written.with_context(|| format!("cannot write {}", path.display()))?;
        durable::publish(&unfinished, path)
    }

    fn write_to(self, path: &Path, texts: &[String], vectors: &Vectors) -> Result<()> {
        let table = || Tensor::from_slice(&vectors.values, (texts.len(), vectors.width), &Device::Cpu);
        match self {
            Self::Safetensors => durable::tensors(path, &[("vectors".to_owned(), table()?)]).map(drop),
            Self::Npy => Ok(table()?.write_npy(path)?),
            Self::Parquet => parquet(path, texts, vectors),
        }?;
        Ok(File::open(path)?.sync_all()?)
    }
}

fn parquet(path: &Path, texts: &[String], vectors: &Vectors) -> Result<()> {
    let schema = Arc::new(parse_message_type(SCHEMA)?);
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_dictionary_enabled(false) // few numbers come twice
        .build();
    let mut writer = SerializedFileWriter::new(File::create(path)?, schema, Arc::new(properties))?;
    for (texts, values) in texts.chunks(GROUP).zip(vectors.values.chunks(GROUP * vectors.width)) {
        let mut group = writer.next_row_group()?;
        let missing = || anyhow!("the schema has two columns");
        let mut column = group.next_column()?.ok_or_else(missing)?;
        let texts: Vec<ByteArray> = texts.iter().map(|text| text.as_str().into()).collect();
        column.typed::<ByteArrayType>().write_batch(&texts, None, None)?;
        column.close()?;
        let mut column = group.next_column()?.ok_or_else(missing)?;
        let is_in_list = vec![1; values.len()];
        let goes_on: Vec<i16> = (0..values.len()).map(|at| i16::from(at % vectors.width > 0)).collect();
        column.typed::<FloatType>().write_batch(values, Some(&is_in_list), Some(&goes_on))?;
        column.close()?;
        group.close()?;
    }
    writer.close()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::HashMap;

    use parquet::file::reader::SerializedFileReader;
    use parquet::record::Field;

    use super::*;

    fn written(name: &str) -> (tempfile::TempDir, std::path::PathBuf, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        let (path, texts) = (folder.path().join(name), vec!["a cat".to_owned(), String::new(), "ä".into()]);
        let vectors = Vectors { values: vec![1., -0.5, 1e-7, 3., 0., f32::MAX], width: 2 };
        Format::of(&path).unwrap().write(&path, &texts, &vectors).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
        (folder, path, texts)
    }

    const ROWS: [[f32; 2]; 3] = [[1., -0.5], [1e-7, 3.], [0., f32::MAX]];

    #[test]
    fn arrays_come_back_from_npy_and_safetensors() {
        let (_folder, path, _) = written("v.npy");
        assert_eq!(Tensor::read_npy(&path).unwrap().to_vec2::<f32>().unwrap(), ROWS);
        let (_folder, path, _) = written("v.safetensors");
        let tensors: HashMap<String, Tensor> = candle_core::safetensors::load(&path, &Device::Cpu).unwrap();
        assert_eq!(tensors["vectors"].to_vec2::<f32>().unwrap(), ROWS);
    }

    #[test]
    fn parquet_has_a_list_of_numbers_beside_each_text() {
        let (_folder, path, texts) = written("v.parquet");
        let rows = SerializedFileReader::new(File::open(&path).unwrap()).unwrap().into_iter();
        let rows: Vec<Vec<(String, Field)>> = rows.map(|row| row.unwrap().into_columns()).collect();
        for ((row, text), vector) in rows.iter().zip(&texts).zip(ROWS) {
            assert_eq!(row[0], ("text".to_owned(), Field::Str(text.clone())));
            let Field::ListInternal(list) = &row[1].1 else { panic!("{row:?}") };
            assert_eq!(list.elements(), vector.map(Field::Float));
        }
        assert_eq!(rows.len(), 3);
    }

    #[test]
    fn another_kind_of_file_is_refused_with_those_that_there_are() {
        let error = Format::of(Path::new("vectors.csv")).unwrap_err().to_string();
        assert_eq!(error, "--out vectors.csv: expected a name that ends in .safetensors, .npy or .parquet");
    }
}
