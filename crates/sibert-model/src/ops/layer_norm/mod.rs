mod composed;
pub use composed::layer_norm;
