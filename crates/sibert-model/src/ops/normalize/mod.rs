mod composed;
pub use composed::normalize;
