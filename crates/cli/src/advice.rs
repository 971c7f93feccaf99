//! Turns every failure into a sentence, a hint what to do next, and an exit code. The one place that
//! does.

mod commands;

use std::fmt::Display;

use btrsync::agent::{AgentError, Sort, There};
use btrsync::receive::{ApplyError, SourceError};
use btrsync::sync::root::{BootstrapError, CommandError, DumpError, RootError};
use btrsync::verify::VerifyError;
use btrsync::{ReceiveError, stream};

use crate::exit::Exit;

/// A failure, ready to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// What failed, on what, and why.
    pub(crate) message: String,
    /// What to do next.
    pub(crate) hint: Option<String>,
    pub(crate) exit: Exit,
}

impl Failure {
    pub(crate) fn new(message: impl Display, hint: impl Into<String>) -> Self {
        Self { message: message.to_string(), hint: Some(hint.into()), exit: Exit::Failed }
    }

    /// A command line that makes no sense.
    pub(crate) fn usage(message: impl Display) -> Self {
        Self { message: message.to_string(), hint: None, exit: Exit::Usage }
    }

    /// The user said no.
    pub(crate) fn declined() -> Self {
        Self {
            message: "nothing of this source was sent, as you wished".into(),
            hint: None,
            exit: Exit::Failed,
        }
    }

    /// A signal came.
    pub(crate) fn interrupted() -> Self {
        Self {
            message: "interrupted; nothing of this source was sent".into(),
            hint: None,
            exit: Exit::Interrupted,
        }
    }

    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

impl From<RootError> for Failure {
    fn from(error: RootError) -> Self {
        Self::from(&error)
    }
}

impl From<&RootError> for Failure {
    fn from(error: &RootError) -> Self {
        let exit = match error {
            RootError::Locked { .. } => Exit::Locked,
            error if error.is_cancelled() => Exit::Interrupted,
            _ => Exit::Failed,
        };
        let hint = by_kind(error).or_else(|| by_cause(error.raw_os_error()?)).map(str::to_owned);
        Self { message: error.to_string(), hint, exit }
    }
}

/// What to do about a failure that says itself what is wrong.
fn by_kind(error: &RootError) -> Option<&'static str> {
    Some(match error {
        RootError::NotADirectory { .. } => "name a directory, or a subvolume",
        RootError::NotBtrfs { .. } => {
            "both sides must be on btrfs; 'findmnt -t btrfs' lists what is"
        }
        RootError::NoSubvolume { .. } => "name the path where the whole subvolume is mounted",
        RootError::ReadOnly { .. } => {
            "remount it with 'mount -o remount,rw', or name another destination"
        }
        RootError::OtherMount { .. } => "unmount that, or name another destination",
        RootError::Vanished { .. } | RootError::Replaced { .. } | RootError::Changed { .. } => {
            "run the same command again; it plans with what is there now"
        }
        RootError::Writable { .. } => "make it read-only again, or snapshot it, and run again",
        RootError::Remove { .. } if error.raw_os_error() == Some(ENOTEMPTY) => NESTED,
        RootError::Locked { .. } => "wait for the other run to end, or give --wait",
        RootError::Bootstrap(error) => by_bootstrap(error),
        RootError::Command(error) => return by_command(error),
        RootError::Agent(error) => by_agent(error),
        RootError::There(there) => return by_sort(there),
        RootError::Receive(error) => return by_receive(error),
        RootError::Dump(error) => return by_dump(error),
        RootError::Send { .. } if is_busy(error.raw_os_error()) => BUSY,
        RootError::NeedsParent { .. } => {
            "receive its parent first; only a new full stream does without"
        }
        RootError::Unsupported { .. } => {
            "install btrsync there too, or run it where both are mounted; btrfs-progs cannot digest"
        }
        RootError::Verify(VerifyError::Mounted { .. }) => MOUNTED,
        RootError::Verify(VerifyError::Spool { .. }) => SPOOL,
        RootError::StreamFile { source: stream::Error::BadMagic { .. }, .. } => {
            "name a file made by 'btrfs send' or 'btrsync -o', plain or compressed with zstd"
        }
        RootError::StreamFile { .. } => "make the file again; nothing of it was used",
        RootError::System { .. } => LIMITS,
        _ => return None,
    })
}

fn by_bootstrap(error: &BootstrapError) -> &'static str {
    match error {
        BootstrapError::Dynamic { .. } => {
            "name a static build of btrsync: --bootstrap=FILE ('./dev package' makes one)"
        }
        BootstrapError::Processor { .. } => {
            "name a static build for that kind of machine: --bootstrap=FILE"
        }
        _ => "name a btrsync that runs there: --bootstrap=FILE",
    }
}

const ENOTEMPTY: i32 = 39;

/// Whether an errno is what a send keeps getting whose source is in use.
fn is_busy(errno: Option<i32>) -> bool {
    const EAGAIN: i32 = 11;
    const ETXTBSY: i32 = 26;
    matches!(errno, Some(EAGAIN | ETXTBSY))
}

const BUSY: &str = "the source was being deduplicated or balanced for a minute without a gap; pause that, \
     or run again when it is done";

const EPERM: i32 = 1;
const EACCES: i32 = 13;

fn by_agent(error: &AgentError) -> &'static str {
    match error {
        AgentError::Absent { .. } => {
            "install btrsync there, name it with --remote-btrsync PATH, or do without: --remote-btrsync none"
        }
        AgentError::Version { .. } => {
            "update the older one, or use btrfs-progs there: --remote-btrsync none"
        }
        AgentError::Silent { .. } => {
            "check the network and that machine, and run again; --timeout sets how long to wait"
        }
        AgentError::TooMuch { .. } => "leave -B out, or select less at once",
        _ => "run the same command again; it goes on where this one has ended",
    }
}

/// What to do about a failure that another btrsync tells of: the same as about one of ours.
fn by_sort(there: &There) -> Option<&'static str> {
    let rights = matches!(there.errno, Some(EPERM | EACCES)) && !there.host.is_empty();
    Some(match there.sort {
        Sort::Stream => AGAIN,
        Sort::Untrusted => UNTRUSTED,
        Sort::NoParent => NO_PARENT,
        Sort::ParentOutside => PARENT_OUTSIDE,
        Sort::ParentHidden => PARENT_HIDDEN,
        Sort::ParentDiffers => PARENT_DIFFERS,
        Sort::Send if is_busy(there.errno) => BUSY,
        Sort::Remove if there.errno == Some(ENOTEMPTY) => NESTED,
        Sort::Mounted => MOUNTED,
        Sort::Spool => SPOOL,
        Sort::System => LIMITS,
        Sort::Unsupported => "update the older of the two btrsyncs",
        Sort::NotAllowed => {
            "log in with another key, or allow it there with 'btrsync serve --allow'"
        }
        _ if rights => RIGHTS,
        _ => return None,
    })
}

fn by_command(error: &CommandError) -> Option<&'static str> {
    Some(match error {
        CommandError::Ssh { stderr, .. } if stderr.contains("open refused") => {
            "raise MaxSessions of the sshd there to 10; without -P, 4 are enough"
        }
        CommandError::Ssh { .. } => {
            "try 'ssh HOST true'; once that works, run the same command again"
        }
        CommandError::NoShell { .. } => {
            "give that user a POSIX shell, without a ForceCommand, or log in as another"
        }
        CommandError::Missing { .. } => "install btrfs-progs there ('apt install btrfs-progs')",
        CommandError::Rights { .. } => RIGHTS,
        CommandError::Start { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
            "install it ('apt install openssh-client')"
        }
        CommandError::Answer { .. } => {
            "another version of btrfs-progs there may help; nothing was changed"
        }
        CommandError::Talk { .. } | CommandError::OtherData { .. } => AGAIN,
        CommandError::Failed { command, stderr, .. } => {
            by_words(stderr).or_else(|| by_place(command, stderr)).unwrap_or(AGAIN)
        }
        _ => return None,
    })
}

fn by_receive(error: &ReceiveError) -> Option<&'static str> {
    Some(match error {
        ReceiveError::Exists { .. } => EXISTS,
        ReceiveError::Stream(_) => AGAIN,
        ReceiveError::Parent(error) => return by_source(error),
        ReceiveError::Apply { source: ApplyError::Source(error), .. } => return by_source(error),
        ReceiveError::BadName { .. }
        | ReceiveError::OtherVolume { .. }
        | ReceiveError::OneTooMany { .. } => UNTRUSTED,
        _ => return None,
    })
}

fn by_dump(error: &DumpError) -> Option<&'static str> {
    Some(match error {
        DumpError::Exists { .. } => "it was dumped before; move the old dump away, or leave it out",
        DumpError::Start { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
            "install that program, or check its name in -O"
        }
        DumpError::Stage { .. } | DumpError::Unread { .. } => {
            "check -O; nothing of the dump was kept"
        }
        DumpError::Stream(_) => "run the same command again; nothing of it was kept",
        DumpError::BadName { .. } => "leave this subvolume out with -x",
        DumpError::BadExtension { .. } => "give -e something short without '/'",
        DumpError::Announced(_) => "nothing of it was kept; do not trust this source",
        _ => return None,
    })
}

pub(crate) const EXISTS: &str =
    "rename or delete it, or receive into another directory (-r keeps those of the source)";
const RIGHTS: &str =
    "log in as root, or give --sudo-src or --sudo-dest, for which sudo there must not ask";
const UNTRUSTED: &str = "nothing was received; do not trust this source";
const NO_PARENT: &str = "receive its parent first; only a full stream does without";
const PARENT_OUTSIDE: &str = "receive into a directory that holds it, or send in full";
const PARENT_HIDDEN: &str = "mount the whole filesystem, and name a path there";
const PARENT_DIFFERS: &str = "send in full, or from another parent";
const NESTED: &str =
    "see what is in it; 'btrfs subvolume delete' removes it, after what is nested in it";
const MOUNTED: &str = "unmount that, and run again";
const SPOOL: &str = "free some space in /var/tmp, and run again";
const LIMITS: &str = "check the system's limits ('ulimit -a') and run again";
const AGAIN: &str = "run the same command again; nothing of it was kept";
const FULL: &str = "free some space at the destination and run again; what is there is complete, and the rest goes on \
     where it ended";
const LINK: &str = "a symbolic link stands where a directory must; name the real path";
const ROOT: &str = "run it as root: btrfs lets nobody else list, send or receive subvolumes";

/// What to do about a subvolume that a stream builds on.
fn by_source(error: &SourceError) -> Option<&'static str> {
    Some(match error {
        SourceError::Unknown { .. } => NO_PARENT,
        SourceError::Outside { .. } => PARENT_OUTSIDE,
        SourceError::Hidden { .. } => PARENT_HIDDEN,
        SourceError::Writable { .. }
        | SourceError::Generation { .. }
        | SourceError::Changed { .. } => PARENT_DIFFERS,
        _ => return None,
    })
}

/// What to do about what `btrfs receive` and its like print.
fn by_words(stderr: &str) -> Option<&'static str> {
    let causes = [
        ("No space left on device", FULL),
        ("Disk quota exceeded", "raise the quota of the destination and run again"),
        (
            "Read-only file system",
            "remount the destination with 'mount -o remount,rw' and run again",
        ),
        (
            "cannot find parent subvolume",
            "the destination's copy of the parent is not visible from \
          where it is mounted; mount the whole filesystem and name that path",
        ),
        ("Input/output error", "check the disks: 'dmesg' and 'btrfs device stats'"),
    ];
    causes.into_iter().find(|(words, _)| stderr.contains(words)).map(|(_, hint)| hint)
}

/// What to do where a path of the other side is not what it should be. A transfer says the same words of
/// what is inside of a subvolume.
fn by_place(command: &str, stderr: &str) -> Option<&'static str> {
    let looks =
        ["ls ", "mkdir ", "readlink ", "stat "].iter().any(|name| command.starts_with(name));
    let causes = [
        ("Too many levels of symbolic links", LINK),
        (
            "File exists",
            "something else stands there, or a symbolic link to nothing; name another path",
        ),
        ("Not a directory", "name a directory, or a subvolume"),
        ("No such file or directory", "check the path, and that its filesystem is mounted"),
    ];
    let cause = causes.into_iter().find(|(words, _)| looks && stderr.contains(words));
    cause.map(|(_, hint)| hint)
}

/// What to do about an errno, wherever it came from.
fn by_cause(errno: i32) -> Option<&'static str> {
    use std::io::ErrorKind as Kind;
    let cause = std::io::Error::from_raw_os_error(errno);
    Some(match cause.kind() {
        Kind::NotFound => "check the path, and that its filesystem is mounted",
        Kind::PermissionDenied => ROOT,
        Kind::StorageFull => FULL,
        Kind::QuotaExceeded => "raise the quota of the destination and run again",
        Kind::ReadOnlyFilesystem => {
            "remount the destination with 'mount -o remount,rw' and run again"
        }
        Kind::NotADirectory => "name a directory, or a subvolume",
        _ => return by_errno(errno),
    })
}

fn by_errno(errno: i32) -> Option<&'static str> {
    const EIO: i32 = 5;
    const EMFILE: i32 = 24;
    const ELOOP: i32 = 40;
    Some(match errno {
        EIO => "check the disks: 'dmesg' and 'btrfs device stats'",
        EMFILE => "raise the limit of open files, as with 'ulimit -n 1024', and run again",
        ELOOP => LINK,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn open(errno: i32) -> Failure {
        let source = io::Error::from_raw_os_error(errno);
        RootError::Open { path: "/x".into(), source }.into()
    }

    #[test]
    fn every_common_cause_has_a_hint() {
        for errno in [1, 2, 5, 13, 20, 24, 28, 30, 40, 122] {
            assert!(open(errno).hint.is_some(), "errno {errno}");
        }
        assert_eq!(open(1).hint.as_deref(), Some(ROOT));
    }

    #[test]
    fn a_bad_path_over_there_is_no_reason_to_run_again() {
        let failed = |command: &str, stderr: &str| {
            let (host, status) = ("far".to_owned(), "1".to_owned());
            let (command, stderr) = (command.to_owned(), stderr.to_owned());
            let error = CommandError::Failed { host, command, status, stderr };
            Failure::from(RootError::Command(error)).hint.unwrap()
        };
        assert!(failed("ls /a/../b", "No such file or directory").contains("check the path"));
        assert!(failed("mkdir -p -- /a", "mkdir: '/a': File exists").contains("another path"));
        assert_eq!(failed("btrfs receive -e /a", "x: No such file or directory"), AGAIN);
    }

    #[test]
    fn a_failure_says_what_where_and_why() {
        assert_eq!(open(2).message, "cannot open /x: No such file or directory (os error 2)");
    }

    #[test]
    fn a_full_disk_is_known_wherever_a_receive_meets_it() {
        let source = ApplyError::Io { what: "write", source: io::Error::from_raw_os_error(28) };
        let (command, path) = (stream::CommandKind::Write, "a".into());
        let error = ReceiveError::Apply { command, path, offset: 7, source };
        assert_eq!(
            error.to_string(),
            "write a (byte 7 of the stream): cannot write: No space left on device (os error 28)"
        );
        assert_eq!(Failure::from(RootError::from(error)).hint.as_deref(), Some(FULL));
    }

    /// The advice for a failure and for the same one on another machine.
    fn told_twice(error: RootError) -> [Option<String>; 2] {
        let there = error.as_told_by("far");
        [Failure::from(error).hint, Failure::from(there).hint]
    }

    #[test]
    fn what_fails_on_another_machine_gets_the_advice_of_what_fails_here() {
        use btrsync::receive::ReceiveError as Receive;
        let uuid = uuid::Uuid::from_u128(7);
        let path = || std::path::PathBuf::from("/x");
        let io = |errno| io::Error::from_raw_os_error(errno);
        let receive = |error: Receive| RootError::from(error);
        for error in [
            RootError::Open { path: path(), source: io(2) },
            RootError::NotADirectory { path: path() },
            RootError::NotBtrfs { path: path() },
            RootError::NoSubvolume { path: path() },
            RootError::Vanished { path: path() },
            RootError::Writable { path: path() },
            RootError::ReadOnly { path: path(), what: "the filesystem" },
            RootError::OtherMount { path: path() },
            RootError::Locked {
                path: path(),
                pid: None,
                holder: btrsync::sync::root::Holder::Here,
            },
            RootError::CreateDirectory { path: path(), source: io(28) },
            RootError::System { what: "x", source: io(24) },
            RootError::Verify(VerifyError::Mounted { path: path() }),
            RootError::Verify(VerifyError::Spool { source: io(28) }),
            receive(Receive::Exists { path: path() }),
            receive(Receive::BadName { name: "x".into() }),
            receive(Receive::TooFew { received: 0, announced: 1 }),
            receive(Receive::Io { what: "x", path: path(), source: io(28) }),
            receive(Receive::Parent(SourceError::Unknown { uuid })),
            receive(Receive::Parent(SourceError::Changed { path: path() })),
        ] {
            let text = error.to_string();
            let exits = [Failure::from(&error).exit, Failure::from(error.as_told_by("far")).exit];
            assert_eq!(exits[0], exits[1], "{text}");
            let [here, there] = told_twice(error);
            assert_eq!(here, there, "{text}");
        }
    }

    #[test]
    fn a_lock_and_an_interruption_have_exit_codes_of_their_own() {
        let locked = RootError::Locked {
            path: "/x".into(),
            pid: Some(7),
            holder: btrsync::sync::root::Holder::Here,
        };
        assert_eq!(Failure::from(&locked).message, "another run is using /x (process 7)");
        assert_eq!(Failure::from(locked).exit, Exit::Locked);
        assert_eq!(Failure::from(RootError::Cancelled).exit, Exit::Interrupted);
    }
}
