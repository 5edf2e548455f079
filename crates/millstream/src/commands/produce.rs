//! `produce`.
pub(crate) fn execute(_: &crate::cli::Produce) -> anyhow::Result<()> {
    Ok(())
}
