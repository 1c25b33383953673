mod composed;
pub use composed::add_bias;
