//! `consume`.
pub(crate) fn execute(_: &crate::cli::Consume) -> anyhow::Result<()> {
    Ok(())
}
