//! The planner, rule by rule, in a notation of one line a case.
#![allow(clippy::unwrap_used, reason = "a test fails by panic")]

mod notation;

use std::os::unix::ffi::OsStrExt;

use btrsync::btrfs::{Forest, Key, KeyFn, Subvolume};
use btrsync::sync::{CloneSources, Hooks};
use notation::{case, forest, is, name, show_steps};

/// Shows a forest: each subvolume with its COW parent, in id order.
fn relations(forest: &Forest) -> String {
    let shown = forest.iter().map(|vol| match forest.parent(vol) {
        Some(parent) => format!("{}<{}", name(vol), name(parent)),
        None => name(vol).to_owned(),
    });
    shown.collect::<Vec<_>>().join(" ")
}

#[test]
fn cow_parents() {
    for (source, expected) in [
        // The subvolume it is a snapshot of, if that is eligible.
        ("A ro; a<A ro", "A a<A"),
        ("A ro; a1<A ro; a2<A ro", "A a1<A a2<A"),
        // Else the newest earlier eligible snapshot of the same subvolume.
        ("A; a1<A ro; a2<A ro; a3<A ro", "a1 a2<a1 a3<a2"),
        ("A; a1<A ro; a2<A; a3<A ro", "a1 a3<a1"),
        ("A; a1<A ro; b<B ro; a2<A ro", "a1 b a2<a1"),
        // Else that subvolume's own COW parent.
        ("a ro; B<a; b<B ro", "a b<a"),
        ("a ro; B<a; C<B; c<C ro", "a c<a"),
        ("A; a1<A ro; B<A; b<B ro", "a1 b<a1"),
        // A sibling comes before that.
        ("a ro; B<a; b1<B ro; b2<B ro", "a b1<a b2<b1"),
        // Snapshots of a deleted origin are siblings.
        ("a1<dead ro; a2<dead ro; b<gone ro; a3<dead ro", "a1 a2<a1 b a3<a2"),
        // So it is with those of a snapshot of a deleted one; the Python btrsync loses this relation.
        ("a<dead ro; B<dead; b<B ro", "a b<a"),
        // What was changed after it was taken is a branch, no ancestor of its younger siblings, but a
        // descendant of the older ones that were not.
        ("a1<dead ro changed; a2<dead ro", "a1 a2"),
        ("a1<dead ro; b<dead ro changed; a2<dead ro", "a1 b<a1 a2<a1"),
        ("A; a1<A ro changed; a2<A ro", "a1 a2"),
        ("a<dead ro changed; B<dead; b<B ro", "a b"),
        // So is what was received on a parent that no longer exists.
        ("a<dead ro =o; b<dead ro =p; c<dead ro =q", "a b c"),
        // What was taken of a branch descends from it, not from what it is beside.
        (
            "a<dead ro =o; b<dead ro =p; c<a ro later; d<b ro =q later; e<a ro later",
            "a b c<a d<b e<a",
        ),
        ("a<dead ro =o; b<dead ro =p; C<a later; c<C ro later", "a b c<a"),
        ("a<dead ro =o; c<gone ro later; d<gone ro later", "a c d<c"),
        // A subvolume that was changed after a snapshot was taken of it is no ancestor of that.
        ("a ro changed; b<a ro", "a b"),
        ("a ro changed; b<a ro; c<a ro later", "a b c<a"),
        ("A ro changed; a1<A ro; a2<A ro", "A a1 a2<a1"),
        ("o ro; A<o ro changed; a1<A ro", "o A<o a1<o"),
        // The tree tells as much where it was not touched; what is not known could be anything.
        ("a1<dead ro mute; a2<dead ro", "a1 a2<a1"),
        ("a1<dead ro dumb; a2<dead ro", "a1 a2"),
        ("a1<dead ro; x<dead ro dumb; a2<dead ro", "a1 x<a1 a2<a1"),
        ("a ro dumb; b<a ro; c<a ro later", "a b c<a"),
        // Nothing to go by.
        ("a ro; b ro", "a b"),
        ("A; B; a<A ro", "a"),
        // What points to the future, or to itself, is not believed.
        ("a<b ro; b ro", "a b"),
        ("a<b ro; b<a ro", "a b<a"),
        ("a<a ro; b<a ro", "a b<a"),
    ] {
        assert_eq!(relations(&forest(source)), expected, "{source}");
    }
}

#[test]
fn levels_are_breadth_first() {
    for (source, expected) in [
        ("", ""),
        ("a ro; b<a ro; c<b ro", "a|b|c"),
        ("a ro; b<a ro; c<a ro", "a|b c"),
        ("a ro; x ro; b<a ro; y<x ro; c<b ro", "a x|b y|c"),
        // By parent first, then by id.
        ("a ro; x ro; y<x ro; b<a ro", "a x|b y"),
    ] {
        let forest = forest(source);
        let level =
            |vols: &Vec<&Subvolume>| vols.iter().map(|vol| name(vol)).collect::<Vec<_>>().join(" ");
        let levels: Vec<String> = forest.levels().iter().map(level).collect();
        assert_eq!(levels.join("|"), expected, "{source}");
        let flat: Vec<&str> = forest.breadth_first().map(name).collect();
        assert_eq!(flat.join(" "), expected.replace('|', " "));
    }
}

/// Cases without hooks or options: source, destination, plan.
const PLANS: &[(&str, &str, &str)] = &[
    ("", "", ""),
    ("A", "", ""),
    ("A; a1<A ro; a2<A ro; b<dead ro", "+a1", "[b full] | [a2 incr a1]"),
    // A first sync: the oldest in full, each other from the one sent before.
    ("A; a1<A ro; a2<A ro; a3<A ro", "", "[a1 full] | [a2 incr a1] | [a3 incr a2]"),
    // Snapshots of one eligible origin do not depend on each other.
    ("a ro; b<a ro; c<a ro", "", "[a full] | [b incr a] [c incr a]"),
    // What exists is skipped.
    ("A; a1<A ro; a2<A ro", "+a1; +a2", ""),
    // The nearest ancestor skips those that the destination does not have: here it has a3 alone.
    ("A; a1<A ro; a2<A ro; a3<A ro; a4<A ro", "+a3", "[a1 full] | [a2 incr a1] | [a4 incr a3]"),
    // Equal in each of the four directions.
    ("a ro", "a ro", ""),
    ("a ro", "x=a ro", ""),
    ("a ro =x", "x ro", ""),
    ("a ro =o", "x =o ro", ""),
    ("A; a<A ro; b<A ro", "a ro", "[b incr a]"),
    ("A; a<A ro; b<A ro", "x =a ro", "[b incr a]"),
    ("a ro =x; b<a ro later", "x ro", "[b incr a]"),
    ("a ro =o; b<a ro later", "x =o ro", "[b incr a]"),
    // A writable copy is no equal.
    ("A; a<A ro; b<A ro", "x =a", "[a full] | [b incr a]"),
    // Others' data is no equal.
    ("a ro", "b ro; c =d ro", "[a full]"),
];

#[test]
fn plans() {
    for (source, dest, expected) in PLANS {
        // `x=a` reads better than two words, and a name never has `=` in it.
        let dest = dest.replace("x=a", "x =a");
        assert_eq!(notation::show(&case(source, &dest).plan()), *expected, "{source} => {dest}");
    }
}

const CHAIN: &str = "A; a1<A ro; a2<A ro; a3<A ro; a4<A ro";

#[test]
fn transfer_existing_sends_again_and_then_the_volume_is_its_own_parent() {
    case("A; a1<A ro; a2<A ro", "+a1").transfer_existing().expect("[a1 incr a1] | [a2 incr a1]");
    case("a ro", "").transfer_existing().expect("[a full]");
}

#[test]
fn what_is_no_target_is_neither_sent_nor_a_parent_unless_it_is_there() {
    let hooks = Hooks::default().target(|vol| !is(vol, "a2"));
    case(CHAIN, "").hooks(hooks.clone()).expect("[a1 full] | [a3 incr a1] | [a4 incr a3]");
    case(CHAIN, "+a2").hooks(hooks).expect("[a1 full] | [a3 incr a2] | [a4 incr a3]");
}

#[test]
fn what_the_check_refuses_is_kept_aside_and_its_descendants_use_higher_ancestors() {
    let hooks = Hooks::default().check(|vol, _| !is(vol, "a2"));
    let case = case(CHAIN, "").hooks(hooks);
    case.expect("[a1 full] | [a3 incr a1] | [a4 incr a3]");
    assert_eq!(show_steps(&case.plan().refused), "[a2 incr a1]");
}

#[test]
fn the_check_sees_the_parent() {
    let hooks = Hooks::default().check(|_, parent| parent.is_some_and(|parent| is(parent, "a2")));
    let case = case(CHAIN, "+a2").hooks(hooks);
    case.expect("[a3 incr a2]");
    assert_eq!(show_steps(&case.plan().refused), "[a1 full] [a4 incr a3]");
}

#[test]
fn the_check_is_not_asked_about_what_is_there() {
    let hooks = Hooks::default().check(|vol, _| !is(vol, "a1"));
    assert!(case("a1 ro", "+a1").hooks(hooks).plan().refused.is_empty());
}

#[test]
fn the_parent_can_be_overridden() {
    let none = Hooks::default().parent(|_, _| None);
    case("A; a1<A ro; a2<A ro", "+a1").hooks(none).expect("[a2 full]");
    let first = Hooks::default().parent(|view, vol| {
        view.source().ancestors(vol).skip(1).filter(|vol| view.is_present(vol)).last()
    });
    case(CHAIN, "+a1; +a2").hooks(first).expect("[a3 incr a1] | [a4 incr a1]");
    let own = Hooks::default().parent(|view, vol| view.parent(vol).filter(|vol| !is(vol, "a3")));
    case(CHAIN, "").hooks(own).expect("[a1 full] | [a2 incr a1] | [a3 incr a2] | [a4 full]");
}

#[test]
fn the_groups_can_be_overridden() {
    let one = Hooks::default().volgroups(|forest| vec![forest.iter().collect()]);
    // Within a group nothing sent is there yet.
    case(CHAIN, "+a1").hooks(one).expect("[a2 incr a1] [a3 incr a1] [a4 incr a1]");
    let newest_first = Hooks::default().volgroups(|forest| {
        let mut groups = forest.levels();
        groups.reverse();
        groups
    });
    case(CHAIN, "+a1").hooks(newest_first).expect("[a4 incr a1] | [a3 incr a1] | [a2 incr a1]");
    let some = Hooks::default().volgroups(|forest| forest.levels().into_iter().skip(2).collect());
    case(CHAIN, "").hooks(some).expect("[a3 full] | [a4 incr a3]");
    // What was sent is there for the groups that follow, and is not sent again.
    let twice = Hooks::default().volgroups(|forest| [forest.levels(), forest.levels()].concat());
    case(CHAIN, "+a1").hooks(twice).expect("[a2 incr a1] | [a3 incr a2] | [a4 incr a3]");
    let empty = Hooks::default().volgroups(|_| vec![vec![], vec![]]);
    assert!(case(CHAIN, "").hooks(empty).plan().is_empty());
}

#[test]
fn a_batch_joins_the_same_parent_and_directory() {
    case("a ro; b<a ro; c<a ro", "+a").batch().expect("[b c incr a]");
    case("d/a ro; d/b ro; e/c ro", "").batch().expect("[a b full] [c full]");
    case("d/x ro; e/y ro; d/z ro", "").batch().expect("[x z full] [y full]");
    // The same directory and another parent; the same parent and another group.
    case("a ro; x ro; b<a ro; c<x ro", "+a; +x").batch().expect("[b incr a] [c incr x]");
    let target = |vol: &Subvolume| !is(vol, "b");
    let hooks = Hooks::default().target(target);
    case("a ro; b<a ro; c<a ro; d<b ro", "+a")
        .batch()
        .hooks(hooks)
        .expect("[c incr a] | [d incr a]");
    // Without it each goes alone.
    case("a ro; b<a ro; c<a ro", "+a").expect("[b incr a] [c incr a]");
}

#[test]
fn a_parent_of_another_generation_is_not_used_and_the_reason_says_so() {
    let other = case("A; a1<A ro changed; a2<a1 ro later", "+a1");
    other.expect("[a2 full]");
    other.expect_reasons(
        "the destination's copy of a1 cannot be its parent: one of the two was changed since it \
         was received",
    );
    case("A; a1<A ro; a2<a1 ro changed; a3<a2 ro later", "+a1; +a2").expect("[a3 incr a1]");
    case("a1 ro =o; a2<a1 ro later", "x =o ro old").expect("[a2 full]");
    // Of two equals at the destination one suffices.
    case("a1 ro =o; a2<a1 ro later", "x =o ro old; y =o ro").expect("[a2 incr a1]");
    case("a1 ro =o; a2<a1 ro later", "y =o ro; x =o ro old").expect("[a2 incr a1]");
    // It is there all the same: it is not sent again.
    case("a1 ro changed", "+a1").expect("");
    // A side that does not tell is believed.
    case("A; a1<A ro mute; a2<A ro", "+a1").expect("[a2 incr a1]");
}

#[test]
fn siblings_of_a_deleted_received_parent_are_not_each_others_parents() {
    case("a<dead ro =o; b<dead ro =p", "").expect("[a full] [b full]");
    case("a<dead ro =o; b<dead ro =p", "x =o ro").expect("[b full]");
    // The older of two snapshots of a live subvolume can be, also where the younger was changed.
    case("a<dead ro; b<dead ro changed; c<dead ro", "").expect("[a full] | [b incr a] [c incr a]");
}

#[test]
fn a_copy_under_another_uuid_is_not_used() {
    // The stream would name o, and at the destination nothing carries that.
    let case = case("a1 ro =o; a2<a1 ro later", "x =a1 ro");
    case.expect("[a2 full]");
    case.expect_reasons(
        "the destination's copy of a1 cannot be its parent: it carries another received UUID",
    );
}

#[test]
fn every_reason_in_words() {
    let sent = "nearest COW ancestor, sent earlier in this run";
    let there = "nearest COW ancestor at the destination";
    let none = "no COW ancestor among the source's snapshots";
    let absent = "none of its COW ancestors is at the destination";
    case("a ro; b<a ro", "").expect_reasons(&format!("{none}; {sent}"));
    case("a ro; b<a ro", "+a").expect_reasons(there);
    let not_a = Hooks::default().target(|vol| !is(vol, "a"));
    case("a ro; b<a ro", "").hooks(not_a).expect_reasons(absent);
    let not_a = Hooks::default().check(|vol, _| !is(vol, "a"));
    case("a ro; b<a ro", "").hooks(not_a).expect_reasons(absent);
    let chosen = Hooks::default().parent(|_, _| None);
    case("a ro; b<a ro", "+a").hooks(chosen).expect_reasons("no parent was chosen");
    case("a ro", "+a").transfer_existing().expect_reasons(there);
}

/// Demands that the one transfer is full although the destination holds a relative, and the reason.
#[track_caller]
fn surprise(source: &str, dest: &str, relative: &str, problem: &str) {
    let case = case(source, dest);
    let plan = case.plan();
    let last = plan.steps().last().unwrap();
    assert!(last.parent.is_none() && last.reason.way_out().is_some(), "{source} => {dest}");
    assert_eq!(last.reason.held().unwrap().to_str(), Some(relative));
    let told = format!("the destination's copy of {relative} cannot be its parent: {problem}");
    assert_eq!(last.reason.to_string(), told, "{source} => {dest}");
}

#[test]
fn a_full_transfer_although_a_relative_is_there_is_explained() {
    surprise("a; b<a ro", "+a", "a", "it is not read-only here");
    surprise("a ro", "x =a", "a", "the copy is not read-only");
    surprise("a; B<a; C<B; c<C ro", "x =a", "a", "it is not read-only here");
    let branch = "it was changed after the two went different ways";
    surprise("a<dead ro =o; b<dead ro =p", "x =o ro", "a", branch);
    surprise("a ro changed; b<a ro", "a ro changed", "a", branch);
    surprise("a<dead ro changed; b<dead ro", "a ro changed; +z", "a", branch);
    // The nearest is named, and what is no relative or not there is not.
    let unrelated = case("a ro; b<a ro; c ro", "x =y").plan();
    assert!(unrelated.steps().all(|step| step.reason.held().is_none()));
    let absent = case("a<dead ro =o; b<dead ro =p", "+z").plan();
    assert!(absent.steps().all(|step| step.reason.way_out().is_none()));
}

#[test]
fn the_problem_told_is_that_of_the_nearest_ancestor_that_has_one() {
    let case = case("a1 ro changed; a2<a1 ro changed; a3<a2 ro later; a4<a3 ro later", "+a1; +a2");
    let hooks = Hooks::default().target(|vol| is(vol, "a4"));
    case.hooks(hooks).expect_reasons(
        "the destination's copy of a2 cannot be its parent: one of the two was changed since it \
         was received",
    );
}

#[test]
fn keys_can_be_chosen_for_each_side() {
    let by_name = || vec![KeyFn::new(|vol| Some(Key::Bytes(vol.name.as_bytes().to_vec())))];
    // By name x is x, and the UUIDs of the notation are not looked at.
    let moved = |source: &str, dest: &str| case(source, dest).keys(by_name(), by_name());
    moved("x ro; y ro", "x ro =o").expect("[y full]");
    moved("x ro", "+x").expect("[x full]");
    // None is no key: it equals nothing, not even itself.
    let none = || vec![KeyFn::new(|_| None)];
    case("a ro", "a ro").keys(none(), none()).expect("[a full]");
    case("a ro", "a ro").keys(Vec::new(), Vec::new()).expect("[a full]");
    // Any key of one may meet any key of the other.
    let either = vec![
        KeyFn::new(|_| None),
        KeyFn::new(|vol| Some(Key::Bytes(vol.path.as_os_str().as_bytes().to_vec()))),
    ];
    case("a ro; b ro", "b ro").keys(either, by_name()).expect("[a full]");
    // Keys of different kinds never meet.
    let number = vec![KeyFn::new(|vol| Some(Key::Number(vol.id)))];
    let bytes = vec![KeyFn::new(|vol| Some(Key::Bytes(vol.id.to_ne_bytes().to_vec())))];
    case("a ro", "a ro").keys(number, bytes).expect("[a full]");
}

#[test]
fn hooks_of_a_call_come_before_those_of_the_instance_one_by_one() {
    let instance = Hooks::default().target(|vol| is(vol, "a1")).check(|vol, _| !is(vol, "a2"));
    let call = Hooks::default().target(|_| true);
    case(CHAIN, "").hooks(call.or(&instance)).expect("[a1 full] | [a3 incr a1] | [a4 incr a3]");
}

#[test]
fn clone_sources_are_what_both_sides_hold() {
    let always = |source: &str, dest: &str| case(source, dest).clones(CloneSources::Always);
    // None where a root cannot; those of the same tree but for the parent, the nearest first.
    case(CHAIN, "+a1; +a2; +a3").expect_clones("");
    always(CHAIN, "+a1; +a2; +a3").expect_clones("a2 a1");
    case(CHAIN, "+a1; +a2; +a3").clones(CloneSources::WithParent).expect_clones("a2 a1");
    // In full any older, those of the tree first; those sent before too.
    always("x ro; a<dead ro =o; b<dead ro =p", "+x; y =o ro").expect_clones("a x");
    always("x ro; y ro; z ro", "").expect_clones("; x; y x");
    case("x ro; y ro", "+x").clones(CloneSources::WithParent).expect_clones("");
    // Not of another tree where there is a parent, nothing that cannot be a parent, nothing younger.
    always("x ro; a ro; b<a ro", "+x; +a").expect_clones("");
    always("x ro changed; y ro", "+x").expect_clones("");
    always("x ro; y ro", "+y").expect_clones("");
    // What runs at once is not there for each other, nor what is in one stream.
    always("x ro; y ro; z ro", "+x").parallel().expect_clones("x; x");
    always("x ro; y ro; z ro", "+x").batch().expect_clones("x");
}

#[test]
fn clone_sources_are_the_same_after_an_interruption() {
    let source = "A; a1<A ro; b<dead ro =o; c<dead ro =p; a2<A ro; d<dead ro =q; a3<A ro";
    let clones = |dest: &str| {
        let plan = case(source, dest).clones(CloneSources::Always).plan();
        let steps = plan.steps().map(|step| (step.vols[0].id, step.clones.clone()));
        steps.collect::<Vec<_>>()
    };
    let whole = clones("");
    let mut dest = String::new();
    for (done, name) in ["+a1", "x =o ro", "y =p ro", "z =q ro", "+a2", "+a3"].iter().enumerate() {
        assert_eq!(clones(&dest), whole[done..], "after {done}");
        dest = format!("{dest}; {name}");
    }
}

#[test]
fn clone_sources_are_few() {
    let names: Vec<String> = (0..20).map(|number| format!("v{number} ro")).collect();
    let plan = case(&names.join(";"), "").clones(CloneSources::Always).plan();
    assert_eq!(plan.steps().map(|step| step.clones.len()).max(), Some(8));
}
