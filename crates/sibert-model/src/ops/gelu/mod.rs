mod composed;
pub use composed::gelu;
