mod composed;
pub use composed::batch_matmul;
