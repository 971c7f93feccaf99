//! From facts to checks and features, without any machine.

use btrsync::sync::root::{Facts, Kind, Machine, Metadata, OLDER, Progs, Site};

use super::check::{Role, State, all};
use super::feature::{alone, between};
use super::{Examined, Found, tell};
use crate::screen::Screen;

/// All is well.
fn well() -> Facts {
    let progs = Progs { version: "6.2".into(), problem: None };
    let machine = Machine {
        kernel: "6.18.0-1-amd64".into(),
        processor: "x86_64".into(),
        btrfs: true,
        send_version: Some(2),
        landlock: Some(true),
        progs: Some(progs),
        flock: true,
        user: Some(0),
        capabilities: Some(u64::MAX),
        sudo: None,
    };
    let site = Site {
        path: "/mnt/backup".into(),
        kind: Kind::Directory,
        filesystem: "btrfs".into(),
        mount: "/mnt".into(),
        options: vec!["rw".into(), "subvol=/".into()],
        subvolume: true,
        subvolume_read_only: Some(false),
        writable: true,
        free: Some((1 << 40, 1 << 41)),
        metadata: Some(Metadata { used: 1, total: 1 << 30, unallocated: Some(0) }),
        left: Some(0),
        ..Site::default()
    };
    Facts { machine, site: Some(site), native: true, ..Facts::default() }
}

fn progs_only() -> Facts {
    Facts { native: false, why: Some("there is no btrsync in its PATH".into()), ..well() }
}

/// The names of the checks that are not well, with their states.
fn ill(facts: &Facts, role: Role) -> Vec<(&'static str, State)> {
    let checks = all(facts, role).into_iter().filter(|check| check.state != State::Ok);
    let told = checks.inspect(|check| assert!(check.todo.is_some(), "{check:?}"));
    told.map(|check| (check.name, check.state)).collect()
}

fn with_site(change: impl FnOnce(&mut Site)) -> Facts {
    let mut facts = well();
    change(facts.site.as_mut().unwrap());
    facts
}

fn with_machine(mut facts: Facts, change: impl FnOnce(&mut Machine)) -> Facts {
    change(&mut facts.machine);
    facts
}

#[test]
fn where_all_is_well_nothing_is_to_be_done() {
    for role in [Role::Source, Role::Destination, Role::Either, Role::Machine] {
        assert_eq!(ill(&well(), role), [], "{role:?}");
    }
    assert_eq!(ill(&progs_only(), Role::Either), [("btrsync", State::Warn)]);
}

#[test]
fn each_thing_that_is_missing_is_told_and_as_bad_as_it_is() {
    use State::{Bad, Warn};
    type Case = (Facts, Role, &'static [(&'static str, State)]);
    let cases: Vec<Case> = vec![
        (with_site(|site| site.filesystem = "ext4".into()), Role::Either, &[("filesystem", Bad)]),
        (with_site(|site| site.subvolume = false), Role::Source, &[("filesystem", Bad)]),
        (with_site(|site| site.read_only = true), Role::Source, &[]),
        (with_site(|site| site.read_only = true), Role::Either, &[("writable", Warn)]),
        (with_site(|site| site.read_only = true), Role::Destination, &[("writable", Bad)]),
        (
            with_site(|site| site.subvolume_read_only = Some(true)),
            Role::Destination,
            &[("writable", Bad)],
        ),
        (with_site(|site| site.writable = false), Role::Destination, &[("writable", Bad)]),
        (with_site(|site| site.missing = "x".into()), Role::Source, &[("path", Bad)]),
        (with_site(|site| site.missing = "x".into()), Role::Destination, &[("path", Warn)]),
        (with_site(|site| site.kind = Kind::File), Role::Source, &[]),
        (with_site(|site| site.kind = Kind::File), Role::Destination, &[("path", Bad)]),
        (with_site(|site| site.free = Some((1, 1 << 30))), Role::Either, &[("space", Warn)]),
        (
            with_site(|site| {
                site.metadata = Some(Metadata { used: 9, total: 9, unallocated: Some(0) });
            }),
            Role::Destination,
            &[("metadata", Warn)],
        ),
        (with_site(|site| site.left = Some(2)), Role::Either, &[("leftovers", Warn)]),
        (with_site(|site| site.locked = Some(7)), Role::Either, &[("lock", Warn)]),
        (with_site(|site| site.unlisted = Some("no".into())), Role::Either, &[("subvolumes", Bad)]),
        (with_machine(well(), |machine| machine.btrfs = false), Role::Either, &[("kernel", Warn)]),
        (
            with_machine(well(), |machine| machine.landlock = Some(false)),
            Role::Either,
            &[("landlock", Warn)],
        ),
        (with_machine(well(), |machine| machine.progs = None), Role::Either, &[]),
        (
            with_machine(progs_only(), |machine| machine.progs = None),
            Role::Either,
            &[("btrsync", Warn), ("btrfs-progs", Bad)],
        ),
        (
            with_machine(well(), |machine| machine.capabilities = Some(0)),
            Role::Either,
            &[("rights", Bad)],
        ),
        (
            with_machine(well(), |machine| machine.capabilities = Some(0)),
            Role::Client,
            &[("rights", Warn)],
        ),
        (
            with_machine(well(), |machine| machine.capabilities = Some(u64::MAX ^ 1)),
            Role::Either,
            &[("rights", Warn)],
        ),
        (
            with_machine(progs_only(), |machine| {
                machine.sudo = Some("sudo: a password is required".into());
            }),
            Role::Either,
            &[("btrsync", Warn), ("rights", Bad)],
        ),
        (
            Facts { site: None, problem: Some("cannot open /x".into()), ..well() },
            Role::Either,
            &[("path", Bad)],
        ),
    ];
    for (facts, role, expected) in cases {
        assert_eq!(ill(&facts, role), expected, "{facts:#?}");
    }
}

#[test]
fn btrfs_progs_that_print_too_little_are_refused_where_they_are_needed() {
    let refused = |mut facts: Facts| {
        facts.machine.progs = Some(Progs { version: "6.1".into(), problem: Some("no".into()) });
        ill(&facts, Role::Either).contains(&("btrfs-progs", State::Bad))
    };
    assert!(refused(progs_only()) && !refused(well()));
}

#[test]
fn features_follow_from_both_sides() {
    let lacks = |source: &Facts, destination: &Facts| {
        let features = between(source, destination);
        let lacking = features.into_iter().filter(|feature| feature.lacks.is_some());
        lacking.map(|feature| feature.name).collect::<Vec<_>>()
    };
    assert_eq!(lacks(&well(), &well()), [] as [&str; 0]);
    assert_eq!(lacks(&progs_only(), &well()), ["estimate", "verify", "compressed streams"]);
    assert_eq!(lacks(&well(), &progs_only()), ["resume", "verify", "compressed streams"]);
    let old = with_machine(well(), |machine| machine.send_version = None);
    assert_eq!(lacks(&old, &well()), ["compressed streams"]);
    let of_old = between(&old, &well());
    assert_eq!(
        (of_old[0].how.as_str(), between(&well(), &well())[0].how.as_str()),
        ("version 1", "version 2")
    );
    let kernel = with_machine(well(), |machine| machine.kernel = "5.15.0".into());
    let told = between(&well(), &kernel).pop().unwrap();
    assert!(
        told.lacks.is_none() && told.how.starts_with("decompressed at the destination"),
        "{told:?}"
    );
    let older = Facts { problem: Some(OLDER.into()), ..well() };
    assert_eq!(lacks(&well(), &older), ["compressed streams"]);
    assert_eq!(alone(&well()).len(), 6);
}

#[test]
fn what_others_have_written_does_not_reach_the_terminal_as_it_is() {
    let mut facts = with_site(|site| site.path = "/a\x1b[2J\nok".into());
    facts.machine.kernel = "6\x1b]0;x\x07".into();
    let found = Found {
        location: Some("h:\x1b".into()),
        checks: all(&facts, Role::Either),
        features: Vec::new(),
    };
    let examined = Examined { found: vec![found], between: Vec::new() };
    let text = tell::text(&examined, &Screen::plain(None));
    assert!(!text.contains(['\x1b', '\x07']), "{text:?}");
}
