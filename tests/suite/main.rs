//! What people do with **antenne**, one module per job.
//!
//! One binary holds them all, so that `DataFusion` is linked once and not eight times.

#![expect(
    clippy::case_sensitive_file_extension_comparisons,
    clippy::disallowed_methods,
    clippy::doc_markdown,
    clippy::duration_suboptimal_units,
    clippy::excessive_nesting,
    clippy::format_push_string,
    clippy::infinite_loop,
    clippy::print_stderr,
    clippy::ptr_arg,
    clippy::string_add,
    clippy::too_many_lines,
    clippy::unnecessary_wraps,
    clippy::unused_self,
    clippy::zombie_processes,
    reason = "servers of tests are told what to do in one place, and say on standard error what they skip"
)]

/// A commons in a temporary folder, and the command that runs in it.
#[cfg(test)]
mod commons;
/// The lake, read with nothing of `antenne`.
#[cfg(test)]
mod lake;
/// Servers that the tests start on this machine.
#[cfg(test)]
mod servers;

/// An operator adds a platform.
#[cfg(test)]
mod add_a_platform;
/// A researcher runs the models in another engine and gets the same answers.
#[cfg(test)]
mod answer_in_duckdb;
/// A researcher asks with SQL.
#[cfg(test)]
mod answer_queries;
/// A planner reads the founding texts and finds where each statement is measured.
#[cfg(test)]
mod answer_the_founding_texts;
/// A contributor writes a model and sees on a few rows that it counts what it says.
#[cfg(test)]
mod build_the_models;
/// A researcher holds a statistical method against another program.
#[cfg(test)]
mod check_the_statistics;
/// An operator lives with sources that are late, wrong or changed.
#[cfg(test)]
mod correct_the_sources;
/// An operator makes a mistake in a declaration and is told which, where and what to do.
#[cfg(test)]
mod explain_a_mistake;
/// Whatever goes wrong with a source, one more run makes up for it.
#[cfg(test)]
mod fault_matrix;
/// An operator takes the tables of a platform straight from its database.
#[cfg(test)]
mod fetch_from_databases;
/// An operator fetches from servers that are slow, broken, changing or gone.
#[cfg(test)]
mod fetch_from_servers;
/// An operator takes the files that a platform leaves on its SFTP server.
#[cfg(test)]
mod fetch_over_sftp;
/// A person asks to be forgotten.
#[cfg(test)]
mod forget_a_person;
/// A script or an editor relies on help texts, exit codes and published schemas.
#[cfg(test)]
mod help_and_schemas;
/// A contributor changes the repository and finds the house as its guide describes it.
#[cfg(test)]
mod keep_the_house;
/// A researcher compares two releases and finds that what was printed stays as it was.
#[cfg(test)]
mod keep_what_was_printed;
/// A person in the records appears in nothing made from them.
#[cfg(test)]
mod leak_nothing;
/// A source leaves records out, meaning it or not.
#[cfg(test)]
mod lose_nothing_silently;
/// An operator finds words that the code list lacks.
#[cfg(test)]
mod name_new_words;
/// An analyst changes a model and sees what it will do before it does it.
#[cfg(test)]
mod plan_a_change;
/// An operator reads files as platforms really hand them over.
#[cfg(test)]
mod read_formats;
/// An operator's sources grow, and a run reads and writes only the parts that are touched.
#[cfg(test)]
mod read_in_parts;
/// A newcomer starts a commons of their own.
#[cfg(test)]
mod start_a_commons;
/// An operator reads a format that others already exchange.
#[cfg(test)]
mod start_from_a_preset;
/// The machine dies in the middle of a run.
#[cfg(test)]
mod survive_a_kill;
/// An operator hands what a run did to a catalogue.
#[cfg(test)]
mod tell_the_lineage;
/// An operator tries the detectors before trusting them.
#[cfg(test)]
mod try_the_detectors;
/// An operator runs the journey.
#[cfg(test)]
mod whole_journey;
