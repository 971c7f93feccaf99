//! What holds for every plan, on random forests whose UUIDs lie: double, in circles, to nothing.
//!
//! The plan is compared with that of a reference that searches everything anew for every question.
#![allow(clippy::unwrap_used, reason = "a test fails by panic")]

mod reference;
mod world;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use btrsync::btrfs::{Diff, Forest, default_keys};
use btrsync::sync::{CloneSources, Full, Hooks, Plan, PlanOptions, Reason, plan};
use proptest::prelude::*;

use reference::Reference;
use world::{World, world};

fn hooks(world: &World) -> Hooks {
    let (skipped, refused) = (world.skipped.clone(), world.refused.clone());
    Hooks::default()
        .target(move |vol| !skipped.contains(&vol.id))
        .check(move |vol, _| !refused.contains(&vol.id))
}

struct Planned {
    source: Forest,
    plan: Plan,
}

fn planned(world: &World, batch: bool) -> Planned {
    let [source, dest] =
        [&world.source, &world.dest].map(|vols| Forest::new(vols.clone(), |vol| vol.read_only));
    let diff = Diff::new(&source, &dest, &default_keys(), &default_keys());
    let options = PlanOptions {
        batch,
        longest_batch: None,
        transfer_existing: world.transfer_existing,
        clones: CloneSources::Always,
        parallel: false,
    };
    let plan = plan(&source, &dest, &diff, &hooks(world), options);
    Planned { source, plan }
}

/// The id of each volume in a plan, with the place of its group and the id of its parent.
fn assignments(plan: &Plan) -> Vec<(u64, usize, Option<u64>)> {
    let groups = plan.groups.iter().enumerate();
    let steps = groups.flat_map(|(place, group)| group.iter().map(move |step| (place, step)));
    let vols = steps.flat_map(|(place, step)| {
        let parent = step.parent.as_ref().map(|parent| parent.id);
        step.vols.iter().map(move |vol| (vol.id, place, parent))
    });
    vols.collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_read_only_has_the_same_relations_whoever_lists_the_rest(world in world()) {
        let all = Forest::new(world.source.clone(), |vol| vol.id % 5 != 0);
        let (derived, direct) =
            (all.read_only(), Forest::new(world.source, |vol| vol.read_only && vol.id % 5 != 0));
        let relations = |forest: &Forest| -> Vec<_> {
            forest.iter().map(|vol| (vol.id, forest.parent(vol).map(|it| it.id))).collect()
        };
        prop_assert_eq!(relations(&derived), relations(&direct));
    }

    #[test]
    fn relations_are_those_of_the_reference_and_point_to_the_older(world in world()) {
        let (forest, reference) = (planned(&world, false).source, Reference::new(&world));
        for vol in forest.iter() {
            let parent = forest.parent(vol).map(|parent| parent.id);
            prop_assert!(parent.is_none_or(|parent| parent < vol.id));
            prop_assert_eq!(parent, reference.parent(vol.id), "of {}", vol.id);
        }
    }

    #[test]
    fn levels_are_depths_and_hold_everything_once(world in world()) {
        let forest = planned(&world, false).source;
        let mut seen = BTreeSet::new();
        for (depth, level) in forest.levels().into_iter().enumerate() {
            prop_assert!(!level.is_empty());
            for vol in level {
                prop_assert_eq!(forest.ancestors(vol).count(), depth + 1);
                prop_assert!(seen.insert(vol.id));
            }
        }
        prop_assert_eq!(seen, forest.iter().map(|vol| vol.id).collect::<BTreeSet<_>>());
    }

    #[test]
    fn walks_agree_with_each_other(world in world()) {
        let forest = planned(&world, false).source;
        let mut below: Vec<u64> =
            forest.roots().flat_map(|root| forest.depth_first(root)).map(|vol| vol.id).collect();
        below.sort_unstable();
        prop_assert_eq!(below, forest.iter().map(|vol| vol.id).collect::<Vec<_>>());
        for vol in forest.iter() {
            prop_assert!(forest.successors(vol).all(|next| forest.parent(next) == Some(vol)));
        }
        prop_assert_eq!(forest.breadth_first().count(), forest.len());
    }

    #[test]
    fn what_is_wanted_is_sent_exactly_once_and_nothing_else(world in world()) {
        let (planned, reference) = (planned(&world, false), Reference::new(&world));
        let mut sent: Vec<u64> = assignments(&planned.plan).iter().map(|sent| sent.0).collect();
        sent.sort_unstable();
        prop_assert_eq!(sent, reference.wanted(|vol| !world.refused.contains(&vol)));
        let mut refused: Vec<u64> = planned.plan.refused.iter().map(|step| step.vols[0].id).collect();
        refused.sort_unstable();
        prop_assert_eq!(refused, reference.wanted(|vol| world.refused.contains(&vol)));
    }

    #[test]
    fn a_parent_is_there_before_and_is_the_nearest(world in world()) {
        let (planned, reference) = (planned(&world, false), Reference::new(&world));
        let assigned = assignments(&planned.plan);
        let group_of: HashMap<u64, usize> = assigned.iter().map(|a| (a.0, a.1)).collect();
        for (vol, group, parent) in assigned {
            let sent_before = |other: u64| group_of.get(&other).is_some_and(|at| *at < group);
            // Full only where the reference finds none either.
            prop_assert_eq!(parent, reference.nearest(vol, sent_before), "for {}", vol);
            let Some(parent) = parent else { continue };
            prop_assert!(sent_before(parent) || reference.is_usable(parent));
            prop_assert!(reference.ancestors_and_self(vol).contains(&parent));
            prop_assert!(parent != vol || world.transfer_existing);
        }
    }

    #[test]
    fn the_reason_tells_the_truth(world in world()) {
        let (planned, reference) = (planned(&world, false), Reference::new(&world));
        for step in planned.plan.steps() {
            let (vol, forest) = (&step.vols[0], &planned.source);
            let above: Vec<_> = forest.ancestors(vol).skip(1).collect();
            match &step.reason {
                Reason::Incremental { sent } => {
                    let parent = step.parent.as_ref().unwrap().id;
                    prop_assert!(*sent || reference.is_usable(parent));
                }
                Reason::Full(Full::NoRelative) => prop_assert!(above.is_empty()),
                Reason::Full(Full::NoneAtDestination) => {
                    prop_assert!(!above.is_empty());
                    prop_assert!(above.iter().all(|vol| !reference.is_present(vol.id)));
                }
                Reason::Full(Full::Unusable { vol: path, .. }) => {
                    let relative = world.source.iter().find(|other| other.path == *path).unwrap();
                    prop_assert!(relative.id <= vol.id && !reference.is_parent_of(relative.id, vol.id));
                }
                Reason::Full(Full::Chosen) => prop_assert!(false, "no hook chose"),
            }
        }
    }

    #[test]
    fn clone_sources_are_older_and_there_before(world in world()) {
        let (planned, reference) = (planned(&world, false), Reference::new(&world));
        let mut sent = BTreeSet::new();
        for step in planned.plan.steps() {
            let vol = &step.vols[0];
            prop_assert!(step.clones.len() <= 8);
            let ids: BTreeSet<u64> = step.clones.iter().map(|clone| clone.id).collect();
            prop_assert_eq!(ids.len(), step.clones.len(), "one is there twice");
            for id in ids {
                prop_assert!(id < vol.id && step.parent.as_ref().is_none_or(|parent| parent.id != id));
                prop_assert!(sent.contains(&id) || reference.is_usable(id));
                let is_family = reference.root(id) == reference.root(vol.id);
                prop_assert!(step.parent.is_none() || is_family);
            }
            sent.insert(vol.id);
        }
    }

    #[test]
    fn a_batch_is_a_regrouping(world in world()) {
        let [single, batched] = [false, true].map(|batch| planned(&world, batch).plan);
        let key = |plan: &Plan| {
            assignments(plan).into_iter().map(|(vol, ..)| (vol, ())).collect::<BTreeMap<_, _>>()
        };
        let [mut one, mut other] = [assignments(&single), assignments(&batched)];
        one.sort_unstable();
        other.sort_unstable();
        prop_assert_eq!(one, other);
        prop_assert_eq!(key(&single).len(), assignments(&batched).len());
        for group in &batched.groups {
            let packs: BTreeSet<_> = group.iter().map(|step| {
                (step.parent.as_ref().map(|parent| parent.id), step.vols[0].directory().to_owned())
            }).collect();
            prop_assert_eq!(packs.len(), group.len(), "two packs could be one");
            for step in group {
                prop_assert!(step.vols.iter().all(|vol| vol.directory() == step.vols[0].directory()));
            }
        }
    }

    #[test]
    fn after_the_plan_nothing_is_left_to_do(mut world in world()) {
        world.transfer_existing = false;
        let plan = planned(&world, false).plan;
        let next = world.dest.iter().map(|vol| vol.id).max().unwrap_or(256) + 1;
        for (number, vol) in (0u64..).zip(plan.steps().flat_map(|step| &step.vols)) {
            // A volume without a UUID has no identity that could be found again.
            prop_assume!(vol.stream_uuid().is_some());
            world.dest.push(world::received(vol, next + number));
        }
        prop_assert!(planned(&world, false).plan.is_empty());
    }
}
