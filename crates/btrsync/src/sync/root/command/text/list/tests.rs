//! The listing: each form, what is refused, and names that look like what stands around them.

use proptest::prelude::*;

use super::super::fixtures::*;
use super::super::render::Style;
use super::*;

fn uuid(text: &str) -> Option<Uuid> {
    Some(text.parse().unwrap())
}

fn listed(id: u64, parent_id: u64, path: &[u8]) -> Listed {
    Listed {
        id,
        generation: 30,
        otransid: 7,
        parent_id,
        parent_uuid: None,
        received_uuid: None,
        uuid: Some(Uuid::from_u128(id.into())),
        path: OsString::from_vec(path.to_vec()).into(),
    }
}

fn small() -> Vec<Listed> {
    let own = |id| uuid(&format!("11111111-aaaa-4444-8888-000000000{id}"));
    let received_uuid = uuid("22222222-bbbb-4444-8888-000000000001");
    vec![
        Listed { generation: 31, otransid: 8, uuid: own(257), ..listed(257, 5, b"data") },
        Listed { otransid: 9, uuid: own(258), ..listed(258, 257, b"data/in it") },
        Listed {
            generation: 20,
            otransid: 12,
            parent_uuid: own(257),
            received_uuid,
            uuid: own(261),
            ..listed(261, 5, b"snap")
        },
    ]
}

#[test]
fn each_form_is_read() {
    for (default, table) in
        [(DEFAULT_4_0, TABLE_4_0), (DEFAULT_4_13_2, TABLE_4_13_2), (DEFAULT_4_13_3, TABLE_4_13_3)]
    {
        assert_eq!(listing(default.as_bytes(), table.as_bytes(), 5).unwrap(), small());
    }
    let none = Style { padded: true, asked: 5 }.table(&[]);
    assert_eq!(listing(b"", &none, 5).unwrap(), []);
}

#[test]
fn the_read_only_ones_are_those_of_the_shorter_listing() {
    let (data, rest) = DEFAULT_4_13_3.split_once('\n').unwrap();
    let known = small();
    assert_eq!(read_only(rest.as_bytes(), &known, 5).unwrap(), HashSet::from([258, 261]));
    assert_eq!(read_only(b"", &known, 5).unwrap(), HashSet::new());
    let other = format!("{data}base\n{rest}");
    assert_eq!(read_only(other.as_bytes(), &known, 5).unwrap_err(), TextError::Changed { id: 257 });
    let unknown = data.replace("257", "300");
    assert_eq!(
        read_only(format!("{unknown}\n").as_bytes(), &known, 5).unwrap_err(),
        TextError::Changed { id: 300 }
    );
}

#[test]
fn what_no_version_prints_is_refused_with_its_line() {
    let swap = |from: &str, to: &str| {
        assert!(DEFAULT_4_0.contains(from), "{from}");
        listing(DEFAULT_4_0.replace(from, to).as_bytes(), TABLE_4_0.as_bytes(), 5).unwrap_err()
    };
    for (from, to) in [
        ("ID 258", "id 258"),
        ("ID 258 gen", "ID 258 otime 2020-01-01 gen"),
        ("ID 258", "ID 99999999999999999999"),
        ("257 top level 257", "257 top level 5"),
        ("-000000000258", "-00000000025"),
        ("uuid 11111111-aaaa-4444-8888-000000000258", "uuid none"),
    ] {
        let error = swap(from, to).to_string();
        assert!(
            error.contains(", in line 2: 'ID 258")
                || error.contains(", in line 2: 'id 258")
                || error.contains("in line 2: 'ID 99999"),
            "{error}"
        );
    }
    let error = listing(DEFAULT_4_0.as_bytes(), DEFAULT_4_0.as_bytes(), 5).unwrap_err();
    assert!(error.to_string().contains("in line 1: 'ID 257 "), "{error}");
}

#[test]
fn records_are_in_order_of_their_ids_and_have_a_path() {
    let style = Style { padded: true, asked: 5 };
    let read = |all: &[Listed]| listing(&style.default(all), &style.table(all), 5);
    let all = small();
    for wrong in [[&all[1], &all[0]], [&all[2], &all[2]]] {
        let wrong = wrong.map(Clone::clone);
        assert!(matches!(read(&wrong).unwrap_err(), TextError::Line { .. }), "{wrong:?}");
    }
    assert_eq!(read(&[listed(256, 5, b"")]).unwrap_err(), TextError::Changed { id: 256 });
    let same = [listed(256, 5, b"a"), listed(257, 256, b"a")];
    assert_eq!(read(&same).unwrap_err(), TextError::Changed { id: 257 });
    assert_eq!(read(&[listed(257, 256, b"a/b")]).unwrap_err(), TextError::Changed { id: 257 });
}

#[test]
fn listings_that_differ_are_told_from_what_is_not_understood() {
    let all = small();
    let style = Style { padded: true, asked: 5 };
    let changed = |default: &[Listed], table: &[Listed]| match listing(
        &style.default(default),
        &style.table(table),
        5,
    ) {
        Err(TextError::Changed { id }) => id,
        other => panic!("{other:?}"),
    };
    assert_eq!(changed(&all, &all[..2]), 261);
    assert_eq!(changed(&all[..2], &all), 261);
    assert_eq!(changed(&all[1..], &all), 257);
    let mut other = all.clone();
    other[2].received_uuid = None;
    assert_eq!(changed(&other, &all), 261);
    other = all.clone();
    other[0].path = "moved".into();
    assert_eq!(changed(&all, &other), 257);
    // Both were printed after the rename, but the parent's path was taken from before.
    assert_eq!(changed(&other, &other), 258);
}

#[test]
fn a_commit_between_the_listings_changes_nothing_but_the_generation() {
    let (all, style) = (small(), Style { padded: true, asked: 5 });
    let mut later = all.clone();
    later[0].generation = 99;
    assert_eq!(listing(&style.default(&all), &style.table(&later), 5).unwrap(), later);
    let shorter = style.default(&later[..1]);
    assert_eq!(read_only(&shorter, &all, 5).unwrap(), HashSet::from([257]));
}

#[test]
fn the_prefix_is_a_matter_of_who_is_asked_and_not_of_the_name() {
    let all = [
        listed(256, 5, b"<FS_TREE>"),
        listed(257, 256, b"<FS_TREE>/<FS_TREE>"),
        listed(258, 257, b"<FS_TREE>/<FS_TREE>/x"),
    ];
    for asked in [5, 256, 257, 258] {
        let style = Style { padded: true, asked };
        let (default, table) = (style.default(&all), style.table(&all));
        assert_eq!(listing(&default, &table, asked).unwrap(), all, "{asked}");
    }
    let style = Style { padded: true, asked: 5 };
    let wrong = listing(&style.default(&small()), &style.table(&small()), 257);
    assert_eq!(wrong.unwrap_err(), TextError::Changed { id: 257 });
}

/// Pieces of which names are made that look like what stands around them.
fn fragment() -> impl Strategy<Value = Vec<u8>> {
    let records = (1..400u64, any::<bool>(), any::<bool>()).prop_map(|(id, padded, table)| {
        let (fake, style) = ([listed(id, 5, b"fake")], Style { padded, asked: 5 });
        let mut text = if table { style.table(&fake) } else { style.default(&fake) };
        // The heading is more than a name can hold, and no part of a record.
        if table {
            text.drain(..TABLE_HEAD.len());
        }
        text.pop();
        text
    });
    prop_oneof![
        3 => records,
        3 => Just(b"\n".to_vec()),
        1 => Just(b"ID ".to_vec()),
        1 => Just(b"<FS_TREE>".to_vec()),
        1 => Just(b"1".to_vec()),
        1 => Just(b" \t".to_vec()),
        1 => prop::collection::vec(any::<u8>().prop_filter("a name", |b| !b"/\0".contains(b)), 1..4),
    ]
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(fragment(), 1..5).prop_map(|fragments| fragments.concat())
}

/// Subvolumes with such names, some of them in others.
fn world() -> impl Strategy<Value = Vec<Listed>> {
    let one = (name(), any::<prop::sample::Index>(), any::<bool>(), any::<[bool; 2]>());
    prop::collection::vec(one, 1..7).prop_map(|all| {
        let mut world: Vec<Listed> = Vec::new();
        for (at, (name, parent, nested, [snapshot, received])) in all.into_iter().enumerate() {
            let id = 256 + at as u64;
            let parent = nested.then(|| world.get(parent.index(at + 1))).flatten();
            let above = parent
                .map_or(Vec::new(), |parent| [parent.path.as_os_str().as_bytes(), b"/"].concat());
            let parent_id = parent.map_or(5, |parent| parent.id);
            world.push(Listed {
                parent_uuid: snapshot.then(|| Uuid::from_u128(1)),
                received_uuid: received.then(|| Uuid::from_u128(2)),
                ..listed(id, parent_id, &[above, name].concat())
            });
        }
        world
    })
}

proptest! {
    #[test]
    fn whatever_is_in_the_names_the_truth_is_read(
        world in world(),
        padded: bool,
        asked in prop_oneof![Just(5), 256..262u64],
        which: u8,
    ) {
        let style = Style { padded, asked };
        let read = listing(&style.default(&world), &style.table(&world), asked);
        prop_assert_eq!(read.as_deref(), Ok(world.as_slice()));
        let chosen: Vec<Listed> =
            world.iter().filter(|one| which >> (one.id - 256) & 1 == 1).cloned().collect();
        let ids = read_only(&style.default(&chosen), &world, asked);
        prop_assert_eq!(ids, Ok(chosen.iter().map(|one| one.id).collect()));
    }

    #[test]
    fn whatever_the_texts_are_nothing_panics(
        default in prop::collection::vec(fragment(), 0..6),
        table in prop::collection::vec(fragment(), 0..6),
    ) {
        let table = [TABLE_HEAD, &table.concat()].concat();
        let _ = listing(&default.concat(), &table, 5);
    }

    /// A text that is cut is refused, unless it is cut where both layouts have ended a record.
    #[test]
    fn a_cut_text_is_refused(world in world(), cut: prop::sample::Index, which: bool) {
        let style = Style { padded: true, asked: 5 };
        let (mut default, mut table) = (style.default(&world), style.table(&world));
        let text = if which { &mut default } else { &mut table };
        text.truncate(cut.index(text.len()));
        prop_assert!(listing(&default, &table, 5).is_err());
    }
}
