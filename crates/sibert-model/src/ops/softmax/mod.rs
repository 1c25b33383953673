mod composed;
pub use composed::softmax;
