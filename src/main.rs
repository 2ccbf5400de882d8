//! The `antenne` command.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Blocks of some mebibytes come and go all the time in every stage: this allocator keeps their
/// pages for the next one, where the system's own gives them back and has them zeroed again.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    antenne::cli::main()
}
