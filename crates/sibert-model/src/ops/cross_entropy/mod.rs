mod composed;
pub use composed::cross_entropy;
