//! Named variables: the order and the names by which optimizers address parameters.

use candle_core::{DType, Result, Var, bail};
use std::collections::HashMap;

/// Variables with their names, in one fixed order.
///
/// The order is the order of every sum and of the saved state, so it must not come from a `HashMap`.
pub type NamedVars = Vec<(String, Var)>;

/// Refuses a list over which no optimizer can be built.
pub(crate) fn validate(vars: &[(String, Var)]) -> Result<()> {
    if vars.is_empty() {
        bail!("the optimizer was given no variables");
    }
    let mut names = HashMap::new();
    let mut ids = HashMap::new();
    for (name, var) in vars {
        if names.insert(name, ()).is_some() {
            bail!("`{name}` is in the list of variables twice");
        }
        if let Some(other) = ids.insert(var.id(), name) {
            bail!("`{other}` and `{name}` are the same variable: it would be updated twice per step");
        }
        if !matches!(var.dtype(), DType::F32 | DType::F64) {
            let dtype = var.dtype().as_str();
            bail!(
                "`{name}` has dtype {dtype}, expected f32 or f64: keep the parameters in f32 and cast in the forward pass"
            );
        }
        if !var.is_contiguous() {
            bail!("`{name}` is not contiguous and cannot be updated in place");
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use candle_core::Device;

    fn named(name: &str, dtype: DType) -> (String, Var) {
        (name.into(), Var::zeros((2, 3), dtype, &Device::Cpu).unwrap())
    }

    fn refusal(vars: &[(String, Var)]) -> String {
        validate(vars).unwrap_err().to_string()
    }

    #[test]
    fn meaningless_lists_are_refused_by_name() {
        assert!(refusal(&[]).contains("no variables"));
        assert!(refusal(&[named("a", DType::F32), named("a", DType::F32)]).contains("`a`"));
        let (_, var) = named("a", DType::F64);
        let same = refusal(&[("a".into(), var.clone()), ("b".into(), var)]);
        assert!(same.contains("`a` and `b` are the same variable"), "{same}");
        let half = refusal(&[named("a", DType::F32), named("w", DType::BF16)]);
        assert!(half.contains("`w` has dtype bf16"), "{half}");
    }
}
