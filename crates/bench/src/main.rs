//! The suite on the command line; `./dev bench` builds what it needs and calls it.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for developers")]

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use btrsync_bench::host::Host;
use btrsync_bench::options::Options;
use btrsync_bench::report::{Report, details, summary, svg, update, write};
use btrsync_bench::rows::{ALL, Row};
use btrsync_bench::{contest::Failed, measure};
use clap::Parser;

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    if let [word, rest @ ..] = args.as_slice()
        && word == measure::WORD
    {
        return measure::measure(rest);
    }
    match suite(&Options::parse().absolute()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn suite(options: &Options) -> Result<(), String> {
    let rows = rows(&options.names)?;
    if options.only_names {
        rows.iter().for_each(|row| println!("{}", row.name));
        return Ok(());
    }
    if options.docs {
        return update(&options.out, Path::new(".")).map_err(|error| error.to_string());
    }
    list(&rows, options);
    if options.list {
        return Ok(());
    }
    let host = Host::here(options);
    println!("{}", host.line());
    host.versions.iter().for_each(|version| println!("  {version}"));
    if let Some(warning) = host.warning() {
        println!("WARNING: {warning}");
    }
    let (mut reports, mut failures) = (Vec::new(), Vec::new());
    for row in rows {
        match run(row, options) {
            Ok(report) => reports.push(report),
            Err(failed) => failures.push(format!("{}: {failed}", row.name)),
        }
    }
    print!("\n{}", summary(&reports));
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n")) }
}

fn rows(names: &[String]) -> Result<Vec<&'static Row>, String> {
    let known = || ALL.iter().map(|row| row.name).collect::<Vec<_>>().join(", ");
    let find = |name: &String| {
        let row = ALL.iter().find(|row| row.name == name).copied();
        row.ok_or_else(|| format!("no benchmark is called {name:?}: there are {}", known()))
    };
    if names.is_empty() { Ok(ALL.to_vec()) } else { names.iter().map(find).collect() }
}

fn list(rows: &[&Row], options: &Options) {
    let all: f64 = rows.iter().map(|row| row.minutes).sum();
    let all = all * f64::from(options.rounds) / 5.0;
    println!("{} rounds, about {all:.0} minutes on two quiet processors:", options.rounds);
    rows.iter().for_each(|row| println!("  {:14}{}", row.name, row.about));
}

fn run(row: &Row, options: &Options) -> Result<Report, Failed> {
    eprintln!("\n{}:", row.name);
    let host = Host::here(options);
    let report = Report::new(row, options.quick, host, (row.run)(options)?);
    print!("\n{}", details(&report));
    keep(&report, &options.out).map_err(|error| Failed {
        who: format!("{}", options.out.display()),
        faults: vec![error.to_string()],
    })?;
    Ok(report)
}

fn keep(report: &Report, out: &Path) -> std::io::Result<()> {
    write(report, out)?;
    let mut plots = report.plots.iter();
    plots.try_for_each(|plot| std::fs::write(out.join(format!("{}.svg", plot.name)), svg(plot)))
}
