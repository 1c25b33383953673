mod composed;
pub use composed::relu_normalize;
