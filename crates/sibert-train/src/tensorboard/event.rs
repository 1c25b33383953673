//! The messages of TensorFlow's `event.proto` and `summary.proto`, as far as we write them.

use prost::{Message, Oneof};

/// The first event of a file says so: a later start of a session makes readers forget the steps from its own on.
const VERSION: &str = "brain.Event:2";
/// `SessionLog::START`.
const START: i32 = 1;
/// `DataType::DT_STRING`.
const STRING: i32 = 7;
/// `Summary.Image.colorspace` of RGB.
const RGB: i32 = 3;

/// One record of an event file.
#[derive(Clone, PartialEq, Message)]
pub struct Event {
    /// Seconds since 1970.
    #[prost(double, tag = "1")]
    pub wall_time: f64,
    #[prost(int64, tag = "2")]
    pub step: i64,
    #[prost(oneof = "What", tags = "3, 5, 7")]
    pub what: Option<What>,
}

#[derive(Clone, PartialEq, Oneof)]
pub enum What {
    #[prost(string, tag = "3")]
    FileVersion(String),
    #[prost(message, tag = "5")]
    Summary(Summary),
    #[prost(message, tag = "7")]
    SessionLog(SessionLog),
}

#[derive(Clone, PartialEq, Message)]
pub struct SessionLog {
    #[prost(int32, tag = "1")]
    pub status: i32,
}

#[derive(Clone, PartialEq, Message)]
pub struct Summary {
    #[prost(message, repeated, tag = "1")]
    pub values: Vec<Value>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Value {
    #[prost(string, tag = "1")]
    pub tag: String,
    #[prost(oneof = "Data", tags = "2, 4, 8")]
    pub data: Option<Data>,
    #[prost(message, optional, tag = "9")]
    pub metadata: Option<Metadata>,
}

#[derive(Clone, PartialEq, Oneof)]
pub enum Data {
    #[prost(float, tag = "2")]
    Scalar(f32),
    #[prost(message, tag = "4")]
    Image(Image),
    #[prost(message, tag = "8")]
    Tensor(Tensor),
}

#[derive(Clone, PartialEq, Message)]
pub struct Image {
    #[prost(int32, tag = "1")]
    pub height: i32,
    #[prost(int32, tag = "2")]
    pub width: i32,
    #[prost(int32, tag = "3")]
    pub colorspace: i32,
    #[prost(bytes = "vec", tag = "4")]
    pub encoded: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Tensor {
    #[prost(int32, tag = "1")]
    pub dtype: i32,
    #[prost(message, optional, tag = "2")]
    pub shape: Option<Shape>,
    #[prost(string, repeated, tag = "8")]
    pub strings: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Shape {
    #[prost(message, repeated, tag = "2")]
    pub dims: Vec<Dim>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Dim {
    #[prost(int64, tag = "1")]
    pub size: i64,
}

#[derive(Clone, PartialEq, Message)]
pub struct Metadata {
    #[prost(message, optional, tag = "1")]
    pub plugin: Option<Plugin>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Plugin {
    #[prost(string, tag = "1")]
    pub name: String,
}

impl Event {
    /// The event that every file begins with.
    pub fn version(wall_time: f64) -> Self {
        Self { wall_time, step: 0, what: Some(What::FileVersion(VERSION.into())) }
    }

    /// Makes a reader forget what it has read of an earlier file.
    pub fn session_start(wall_time: f64) -> Self {
        Self { wall_time, step: 0, what: Some(What::SessionLog(SessionLog { status: START })) }
    }

    /// Numbers by their tags, rounded to f32 as TensorBoard keeps them.
    pub fn scalars(step: u64, scalars: Vec<(String, f64)>, wall_time: f64) -> Self {
        let value = |(tag, number): (String, f64)| Value {
            tag,
            data: Some(Data::Scalar(number as f32)),
            metadata: None,
        };
        Self::summary(step, scalars.into_iter().map(value).collect(), wall_time)
    }

    /// A text, as `SummaryWriter.add_text` of PyTorch writes it; TensorBoard reads it as Markdown.
    pub fn text(tag: &str, text: &str, wall_time: f64) -> Self {
        let shape = Shape { dims: vec![Dim { size: 1 }] };
        let value = Value {
            tag: format!("{tag}/text_summary"),
            data: Some(Data::Tensor(Tensor {
                dtype: STRING,
                shape: Some(shape),
                strings: vec![text.into()],
            })),
            metadata: Some(Metadata { plugin: Some(Plugin { name: "text".into() }) }),
        };
        Self::summary(0, vec![value], wall_time)
    }

    /// A picture; none if the bytes are no PNG.
    pub fn picture(tag: &str, step: usize, png: Vec<u8>, wall_time: f64) -> Option<Self> {
        let header = png::Decoder::new(png.as_slice()).read_info().ok()?;
        let (width, height) = header.info().size();
        let image = Image {
            height: height.try_into().ok()?,
            width: width.try_into().ok()?,
            colorspace: RGB,
            encoded: png.clone(),
        };
        let value = Value { tag: tag.into(), data: Some(Data::Image(image)), metadata: None };
        Some(Self::summary(step as u64, vec![value], wall_time))
    }

    fn summary(step: u64, values: Vec<Value>, wall_time: f64) -> Self {
        Self { wall_time, step: step as i64, what: Some(What::Summary(Summary { values })) }
    }
}
