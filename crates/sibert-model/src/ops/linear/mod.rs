mod composed;
pub use composed::linear;
