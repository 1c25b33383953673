mod composed;
pub use composed::rows;
