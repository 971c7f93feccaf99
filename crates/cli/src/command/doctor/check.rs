//! What the facts mean for a sync: each check with what was found, and what there is to do.

use btrsync::sync::root::{Facts, Kind, Machine, OLDER, Site};
use btrsync::text::escaped;

use crate::size;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Ok,
    /// A sync works, but something about it will not.
    Warn,
    /// No sync works.
    Bad,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Check {
    pub(super) name: &'static str,
    pub(super) state: State,
    pub(super) found: String,
    pub(super) todo: Option<String>,
}

/// What a location would be in a sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Source,
    Destination,
    Either,
    /// This machine, without any location.
    Machine,
    /// This machine, which starts a sync between others, or with one of them.
    Client,
}

impl Role {
    /// What the argument at a position is among so many.
    pub(super) fn of(at: usize, count: usize) -> Self {
        match at {
            _ if count == 1 => Self::Either,
            at if at + 1 == count => Self::Destination,
            _ => Self::Source,
        }
    }

    /// How bad it is that nothing can be received.
    fn unreceivable(self) -> State {
        match self {
            Self::Destination => State::Bad,
            Self::Source => State::Ok,
            _ => State::Warn,
        }
    }
}

/// All checks that the facts allow.
pub(super) fn all(facts: &Facts, role: Role) -> Vec<Check> {
    let mut checks = machine(facts, role);
    if let Some(problem) = &facts.problem {
        checks.push(match problem == OLDER {
            true => check("path", State::Warn, problem, "update it there; a sync works even so"),
            false => check("path", State::Bad, problem, "check the path, and who may read it"),
        });
    }
    if let Some(site) = &facts.site {
        checks.extend(place(site, role));
        if !is_stream_file(site, role) {
            checks.extend(subvolume(site, facts, role));
        }
    }
    checks
}

fn good(name: &'static str, found: impl Into<String>) -> Check {
    Check { name, state: State::Ok, found: found.into(), todo: None }
}

fn check(
    name: &'static str,
    state: State,
    found: impl Into<String>,
    todo: impl Into<String>,
) -> Check {
    let todo = (state != State::Ok).then(|| todo.into());
    Check { name, state, found: found.into(), todo }
}

fn machine(facts: &Facts, role: Role) -> Vec<Check> {
    let machine = &facts.machine;
    let mut checks = vec![program(facts)];
    // Whoever is fenced in is not told.
    if facts.allowed.is_none() && facts.problem.as_deref() != Some(OLDER) {
        checks.push(kernel(machine));
        checks.push(progs(facts));
    }
    checks.extend(rights(facts, role));
    if facts.native {
        checks.extend(machine.landlock.map(landlock));
    }
    checks
}

fn program(facts: &Facts) -> Check {
    let ours = env!("CARGO_PKG_VERSION");
    match (&facts.agent, &facts.why) {
        (Some((version, protocol)), _) => {
            let only = facts.allowed.as_ref().map(|words| match words.is_empty() {
                true => "; this key allows nothing".to_owned(),
                false => format!("; this key allows only: {}", words.join(", ")),
            });
            good("btrsync", format!("{version}, protocol {protocol}{}", only.unwrap_or_default()))
        }
        (None, Some(why)) => check(
            "btrsync",
            State::Warn,
            format!("btrfs-progs do the work, for {why}"),
            "install btrsync there, or let --bootstrap put one there",
        ),
        (None, None) if facts.native => good("btrsync", ours),
        (None, None) => check(
            "btrsync",
            State::Warn,
            "sudo does not start it, so btrfs-progs do the work",
            "allow 'btrsync serve' in sudoers: see the handbook on rights",
        ),
    }
}

fn kernel(machine: &Machine) -> Check {
    let version = machine.send_version.unwrap_or(1);
    let found = format!(
        "{} on {}, send streams up to version {version}",
        escaped(&machine.kernel),
        escaped(&machine.processor)
    );
    match machine.btrfs {
        true => good("kernel", found),
        false => check(
            "kernel",
            State::Warn,
            format!("{found}; it does not know btrfs now"),
            "mount a btrfs filesystem, or load the module: 'modprobe btrfs'",
        ),
    }
}

fn progs(facts: &Facts) -> Check {
    let needed = !facts.native;
    match &facts.machine.progs {
        None if needed => check(
            "btrfs-progs",
            State::Bad,
            "not installed",
            "install btrfs-progs there, or btrsync, which does without",
        ),
        None => good("btrfs-progs", "not installed, and not needed"),
        Some(progs) => match &progs.problem {
            Some(problem) if needed => check(
                "btrfs-progs",
                State::Bad,
                problem,
                "install another version there, or btrsync, which does without",
            ),
            Some(_) => good("btrfs-progs", format!("{}, and not needed", progs.version)),
            None => good("btrfs-progs", progs.version.clone()),
        },
    }
}

/// The capabilities that transfers need, by their numbers; the first is needed for everything.
const NEEDED: [(u32, &str); 9] = [
    (21, "CAP_SYS_ADMIN"),
    (0, "CAP_CHOWN"),
    (1, "CAP_DAC_OVERRIDE"),
    (2, "CAP_DAC_READ_SEARCH"),
    (3, "CAP_FOWNER"),
    (4, "CAP_FSETID"),
    (9, "CAP_LINUX_IMMUTABLE"),
    (27, "CAP_MKNOD"),
    (31, "CAP_SETFCAP"),
];

const UNPRIVILEGED: &str =
    "only list, tree, inspect, verify, doctor and -n work, with what that user may read";

fn rights(facts: &Facts, role: Role) -> Option<Check> {
    let machine = &facts.machine;
    if let Some(error) = &machine.sudo {
        let found = format!("sudo does not work: {}", escaped(error));
        let todo = "let sudo do without a password there: see the handbook on rights";
        return Some(check("rights", State::Bad, found, todo));
    }
    let bits = machine.capabilities?;
    let user = machine.user.map_or("a user".to_owned(), |user| format!("user {user}"));
    let lacks = NEEDED.iter().filter(|(bit, _)| bits & (1 << bit) == 0).map(|(_, name)| *name);
    let lacks: Vec<&str> = lacks.collect();
    let lacking = format!("{user}, without {}", lacks.join(", "));
    Some(if lacks.is_empty() {
        good("rights", format!("{user}, with all capabilities that transfers need"))
    } else if lacks[0] == NEEDED[0].1 {
        let state = if role == Role::Client { State::Warn } else { State::Bad };
        let found = format!("{user}, without {}: {UNPRIVILEGED}", lacks[0]);
        check("rights", state, found, "run it as root, or give --sudo (or --sudo-src, --sudo-dest)")
    } else {
        let todo = "grant them: transfers fail where what is received needs them";
        check("rights", State::Warn, lacking, todo)
    })
}

fn landlock(has: bool) -> Check {
    match has {
        true => good("landlock", "the kernel keeps a second wall around what is received"),
        false => check(
            "landlock",
            State::Warn,
            "the kernel has none: only the first wall is around what is received",
            "nothing must be done; Linux 5.19 and newer can have it",
        ),
    }
}

fn is_stream_file(site: &Site, role: Role) -> bool {
    site.kind == Kind::File && site.missing.as_os_str().is_empty() && role != Role::Destination
}

fn place(site: &Site, role: Role) -> Vec<Check> {
    let shown = escaped(&site.path);
    let mut checks = Vec::new();
    if !site.missing.as_os_str().is_empty() {
        let state = if role == Role::Source { State::Bad } else { State::Warn };
        let found = format!("{} does not exist below {shown}", escaped(&site.missing));
        let todo = "check it, and that its filesystem is mounted; -c creates a destination";
        checks.push(check("path", state, found, todo));
    } else {
        checks.push(match site.kind {
            Kind::Directory => good("path", format!("{shown}, a directory")),
            Kind::Subvolume => good("path", format!("{shown}, a subvolume")),
            Kind::File if role != Role::Destination => good("path", format!("{shown}, a file")),
            _ => check("path", State::Bad, format!("{shown} is no directory"), "name a directory"),
        });
    }
    if is_stream_file(site, role) {
        return checks;
    }
    checks.push(filesystem(site));
    checks
}

fn filesystem(site: &Site) -> Check {
    let kind = escaped(&site.filesystem).to_string();
    if kind != "btrfs" {
        let todo = "name a path on btrfs; 'findmnt -t btrfs' lists what is";
        return check("filesystem", State::Bad, format!("{kind}, not btrfs"), todo);
    }
    if !site.subvolume {
        let todo = "name the path where the whole subvolume is mounted";
        return check("filesystem", State::Bad, "only a part of a subvolume is mounted", todo);
    }
    let at = match site.mount.as_os_str().is_empty() {
        true => String::new(),
        false => format!(" at {}", escaped(&site.mount)),
    };
    let words = ["compress", "subvol=", "user_subvol_rm_allowed"];
    let options = site.options.iter().filter(|option| words.iter().any(|w| option.starts_with(w)));
    let options: String = options.map(|option| format!(", {}", escaped(option))).collect();
    good("filesystem", format!("btrfs{at}{options}"))
}

fn subvolume(site: &Site, facts: &Facts, role: Role) -> Vec<Check> {
    if site.filesystem != "btrfs" {
        return Vec::new();
    }
    let mut checks = vec![writable(site, role)];
    checks.extend(space(site));
    checks.extend(metadata(site, role));
    checks.extend(left(site, facts));
    if let Some(pid) = site.locked {
        let who = if pid > 0 { format!("process {pid}") } else { "another run".to_owned() };
        let todo = "wait for it to end, or give --wait";
        checks.push(check("lock", State::Warn, format!("{who} is using the directory"), todo));
    } else {
        checks.push(good("lock", "nobody has it"));
    }
    checks
}

fn writable(site: &Site, role: Role) -> Check {
    let state = role.unreceivable();
    if site.read_only {
        let todo = "remount it: 'mount -o remount,rw'";
        check("writable", state, "no, it is mounted read-only", todo)
    } else if site.subvolume_read_only == Some(true) {
        let todo = "name another directory to receive into";
        check("writable", state, "no, the subvolume is read-only", todo)
    } else if !site.writable {
        check("writable", state, "no, not for this user", "run it as root, or with sudo")
    } else {
        good("writable", "yes")
    }
}

fn space(site: &Site) -> Option<Check> {
    /// Less than one part of so many is little.
    const LITTLE: u64 = 20;
    let (free, all) = site.free?;
    let found = format!("{} free of {}", size::bytes(free), size::bytes(all));
    Some(match free < all / LITTLE {
        false => good("space", found),
        true => {
            check("space", State::Warn, found, "delete old snapshots; -n tells whether it fits")
        }
    })
}

fn metadata(site: &Site, role: Role) -> Option<Check> {
    /// A filesystem that has less left for metadata says soon that it is full.
    const LITTLE: u64 = 16 << 20;
    let room = site.metadata?;
    let found =
        format!("{} in use of {} set aside", size::bytes(room.used), size::bytes(room.total));
    let left = room.total.saturating_sub(room.used).saturating_add(room.unallocated.unwrap_or(0));
    Some(if left >= LITTLE || room.unallocated.is_none() || role == Role::Source {
        good("metadata", found)
    } else {
        let todo = "delete old snapshots, or give room back: 'btrfs balance start -dusage=10'";
        check("metadata", State::Warn, format!("{found}, and nothing to set aside"), todo)
    })
}

fn left(site: &Site, facts: &Facts) -> Option<Check> {
    let seen = if site.reached_only { ", as far as this user can reach" } else { "" };
    if let Some(why) = &site.unlisted {
        let rights = facts.machine.capabilities.is_some_and(|bits| bits & (1 << 21) == 0);
        // Then that is what is to be mended.
        let progs = progs(facts).state == State::Bad;
        let state = if rights || progs { State::Warn } else { State::Bad };
        let found = format!("the subvolumes cannot be listed: {}", escaped(why));
        return Some(check("subvolumes", state, found, "see 'rights' and 'btrfs-progs'"));
    }
    match site.left? {
        0 => Some(good("leftovers", format!("none of interrupted runs{seen}"))),
        count => Some(check(
            "leftovers",
            State::Warn,
            format!("{count} of interrupted runs{seen}"),
            "run the same sync again, which goes on with them, or 'btrsync clean'",
        )),
    }
}
