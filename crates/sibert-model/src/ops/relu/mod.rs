mod composed;
pub use composed::relu;
