//! A program of this machine that is to run on another one.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use hmac_sha256::Hash;

use crate::sync::root::error::RootError;
use crate::text::escaped;

/// Which program is put on a machine that has no btrsync.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Bootstrap {
    /// The one that runs here, at this path.
    Itself(PathBuf),
    /// Another.
    File(PathBuf),
}

/// Why a program cannot be put on another machine.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BootstrapError {
    /// It cannot be read.
    #[error("cannot read {} to copy it: {source}", escaped(path))]
    Read {
        /// The program.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is no program for Linux.
    #[error("{} is no program", escaped(path))]
    NoProgram {
        /// The file.
        path: PathBuf,
    },
    /// It needs the libraries of this machine.
    #[error("the btrsync that runs here is not a static build, so it may not run on {host}")]
    Dynamic {
        /// The other machine.
        host: String,
    },
    /// It is for another processor.
    #[error(
        "{} does not run on {host}, which is a machine of another kind ({processor})",
        escaped(path)
    )]
    Processor {
        /// The program.
        path: PathBuf,
        /// The other machine.
        host: String,
        /// What that is.
        processor: String,
    },
}

/// A program that was looked at.
#[derive(Debug)]
pub(in crate::sync::root) struct Program {
    path: PathBuf,
    is_own: bool,
    elf: Elf,
    bytes: u64,
    /// The SHA-256 of it, in hexadecimal digits.
    hash: String,
}

impl Program {
    /// Reads a program.
    pub(super) fn read(which: &Bootstrap) -> Result<Self, RootError> {
        let (path, is_own) = match which {
            Bootstrap::Itself(path) => (path, true),
            Bootstrap::File(path) => (path, false),
        };
        let failed = |source| BootstrapError::Read { path: path.clone(), source };
        let mut file = File::open(path).map_err(failed)?;
        let mut head = Vec::new();
        (&mut file).take(Elf::HEAD).read_to_end(&mut head).map_err(failed)?;
        let elf =
            Elf::read(&head).ok_or_else(|| BootstrapError::NoProgram { path: path.clone() })?;
        let mut hash = Hash::new();
        hash.update(&head);
        let rest = take_in(&mut file, &mut hash).map_err(failed)?;
        let bytes = head.len() as u64 + rest;
        let hash = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { path: path.clone(), is_own, elf, bytes, hash })
    }

    /// What it is called there: the version of this program, and the beginning of its hash.
    pub(in crate::sync::root) fn name(&self) -> String {
        format!("btrsync-{}-{}", env!("CARGO_PKG_VERSION"), &self.hash[..16])
    }

    pub(in crate::sync::root) fn hash(&self) -> &str {
        &self.hash
    }

    pub(in crate::sync::root) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(in crate::sync::root) fn open(&self) -> Result<File, RootError> {
        File::open(&self.path).map_err(|source| self.unreadable(source))
    }

    pub(in crate::sync::root) fn unreadable(&self, source: io::Error) -> RootError {
        BootstrapError::Read { path: self.path.clone(), source }.into()
    }

    /// Refuses what would not run on a machine with such a processor.
    pub(in crate::sync::root) fn fits(
        &self,
        number: Option<u16>,
        processor: &str,
        host: &str,
    ) -> Result<(), RootError> {
        let host = host.to_owned();
        if number.is_some_and(|number| number != self.elf.processor) {
            let (path, processor) = (self.path.clone(), escaped(processor).to_string());
            return Err(BootstrapError::Processor { path, host, processor }.into());
        }
        match self.is_own && self.elf.is_dynamic {
            true => Err(BootstrapError::Dynamic { host }.into()),
            false => Ok(()),
        }
    }
}

/// What the head of a program tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sync::root) struct Elf {
    /// The number of the processor that it is for.
    processor: u16,
    /// Whether it needs a loader of the machine that it runs on.
    is_dynamic: bool,
}

impl Elf {
    /// As much as must be read of a file: its head, and the table that is behind it.
    const HEAD: u64 = 64 * 1024;

    /// Reads a 64 bit little endian program.
    fn read(head: &[u8]) -> Option<Self> {
        const LOADER: u32 = 3;
        let half = |at: usize| Some(u16::from_le_bytes(head.get(at..at + 2)?.try_into().ok()?));
        if !head.starts_with(b"\x7fELF\x02\x01") {
            return None;
        }
        let table = u64::from_le_bytes(head.get(32..40)?.try_into().ok()?);
        let (table, size, count) = (usize::try_from(table).ok()?, half(54)?, half(56)?);
        let mut is_dynamic = false;
        for number in 0..usize::from(count) {
            let at = table.checked_add(number * usize::from(size))?;
            let kind = head.get(at..at.checked_add(4)?)?;
            is_dynamic |= u32::from_le_bytes(kind.try_into().ok()?) == LOADER;
        }
        Some(Self { processor: half(18)?, is_dynamic })
    }

    /// The number of a processor by the name that `uname -m` has for it.
    pub(in crate::sync::root) fn number(name: &[u8]) -> Option<u16> {
        Some(match name {
            b"x86_64" => 62,
            b"aarch64" => 183,
            b"riscv64" => 243,
            b"ppc64le" => 21,
            b"loongarch64" => 258,
            b"i386" | b"i486" | b"i586" | b"i686" => 3,
            name if name.starts_with(b"arm") => 40,
            _ => return None,
        })
    }
}

/// Hashes what is left of a file, and returns how much that is, in bytes.
fn take_in(file: &mut File, hash: &mut Hash) -> io::Result<u64> {
    let (mut block, mut bytes) = (vec![0; 256 * 1024], 0);
    loop {
        match file.read(&mut block)? {
            0 => return Ok(bytes),
            count => {
                hash.update(&block[..count]);
                bytes += count as u64;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_told_from_others() {
        let own = std::env::current_exe().unwrap();
        let program = Program::read(&Bootstrap::Itself(own.clone())).unwrap();
        assert_eq!(program.elf.processor, Elf::number(std::env::consts::ARCH.as_bytes()).unwrap());
        assert_eq!(program.hash.len(), 64);
        assert_eq!(program.bytes, std::fs::metadata(&own).unwrap().len());
        let bad: [&[u8]; 4] = [b"", b"#!/bin/sh\n", b"\x7fELF\x02\x01", b"\x7fELF\x01\x01"];
        bad.iter().for_each(|bad| assert_eq!(Elf::read(bad), None));
        let mut cut = std::fs::read(&own).unwrap();
        cut.truncate(70);
        assert_eq!(Elf::read(&cut), None);
        // A table at the end of all numbers.
        cut[32..40].fill(0xff);
        assert_eq!(Elf::read(&cut), None);
    }

    #[test]
    fn what_would_not_run_there_is_refused() {
        let program = |is_own, is_dynamic| Program {
            path: "/x".into(),
            is_own,
            elf: Elf { processor: 62, is_dynamic },
            bytes: 1,
            hash: "0".repeat(64),
        };
        let fits = |program: Program, name: &str| {
            program.fits(Elf::number(name.as_bytes()), name, "far").is_ok()
        };
        assert!(fits(program(true, false), "x86_64") && fits(program(false, true), "x86_64"));
        assert!(!fits(program(true, true), "x86_64"));
        assert!(!fits(program(true, false), "aarch64") && !fits(program(false, false), "armv7l"));
        // What is not known may be of the right kind.
        assert!(fits(program(true, false), "k9"));
    }

    #[test]
    fn the_hash_is_that_of_sha256sum() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::copy("/bin/sh", file.path()).unwrap();
        let program = Program::read(&Bootstrap::File(file.path().into())).unwrap();
        let told = std::process::Command::new("sha256sum").arg(file.path()).output().unwrap();
        assert!(String::from_utf8(told.stdout).unwrap().starts_with(program.hash()));
    }
}
