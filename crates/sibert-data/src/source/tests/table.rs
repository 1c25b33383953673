//! Parquet files for the tests, by the library's own writer.

use std::sync::Arc;

use ::parquet::basic::{Compression, Encoding, ZstdLevel};
use ::parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use ::parquet::file::properties::{WriterProperties, WriterPropertiesBuilder, WriterVersion};
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::parser::parse_message_type;
use ::parquet::schema::types::ColumnPath;

/// Values of a column; those of a required one are all there.
pub(super) enum Column {
    Text(Vec<Option<Vec<u8>>>),
    Number(Vec<i64>),
}

pub(super) fn text<T: AsRef<[u8]>>(values: &[Option<T>]) -> Column {
    Column::Text(values.iter().map(|value| value.as_ref().map(|value| value.as_ref().to_vec())).collect())
}

/// How files are written: every kind of page, with and without dictionary, by several codecs.
pub(super) fn all_properties() -> Vec<WriterProperties> {
    let new = || WriterProperties::builder().set_data_page_row_count_limit(3).set_write_batch_size(2);
    let column = || ColumnPath::from("text");
    let encoded = |encoding| {
        let plain = new().set_dictionary_enabled(false).set_writer_version(WriterVersion::PARQUET_2_0);
        plain.set_column_encoding(column(), encoding)
    };
    let builders: [WriterPropertiesBuilder; 7] = [
        new().set_compression(Compression::SNAPPY),
        new().set_writer_version(WriterVersion::PARQUET_2_0).set_compression(zstd()),
        new().set_dictionary_enabled(false).set_compression(zstd()),
        new().set_dictionary_enabled(false),
        encoded(Encoding::DELTA_LENGTH_BYTE_ARRAY),
        encoded(Encoding::DELTA_BYTE_ARRAY).set_compression(Compression::LZ4_RAW),
        new().set_compression(Compression::GZIP(Default::default())),
    ];
    builders.into_iter().map(WriterPropertiesBuilder::build).collect()
}

fn zstd() -> Compression {
    Compression::ZSTD(ZstdLevel::default())
}

/// A file with the columns `schema` and these row groups.
pub(super) fn write(schema: &str, groups: &[&[Column]], properties: WriterProperties) -> Vec<u8> {
    let schema = Arc::new(parse_message_type(&format!("message table {{ {schema} }}")).unwrap());
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties)).unwrap();
    for columns in groups {
        let mut group = writer.next_row_group().unwrap();
        for values in *columns {
            let mut column = group.next_column().unwrap().unwrap();
            match values {
                Column::Text(values) => {
                    let levels: Vec<i16> = values.iter().map(|value| i16::from(value.is_some())).collect();
                    let values: Vec<ByteArray> =
                        values.iter().flatten().cloned().map(ByteArray::from).collect();
                    column.typed::<ByteArrayType>().write_batch(&values, Some(&levels), None).unwrap();
                }
                Column::Number(values) => {
                    column.typed::<Int64Type>().write_batch(values, None, None).unwrap();
                }
            }
            column.close().unwrap();
        }
        group.close().unwrap();
    }
    writer.into_inner().unwrap()
}

/// A file of one column `text`.
pub(super) fn of_texts<T: AsRef<[u8]>>(values: &[Option<T>], properties: WriterProperties) -> Vec<u8> {
    write("optional binary text (UTF8);", &[&[text(values)]], properties)
}
