//! The texts of each form, as the versions print them of one small filesystem: a subvolume, one nested
//! in it, and a received snapshot. The subvolume asked for is the top level.

/// Version 4.0 to 4.13.1: a UUID that is not set is `-`.
pub(super) const DEFAULT_4_0: &str = "\
ID 257 gen 31 cgen 8 parent 5 top level 5 parent_uuid - received_uuid - \
uuid 11111111-aaaa-4444-8888-000000000257 path data\n\
ID 258 gen 30 cgen 9 parent 257 top level 257 parent_uuid - received_uuid - \
uuid 11111111-aaaa-4444-8888-000000000258 path <FS_TREE>/data/in it\n\
ID 261 gen 20 cgen 12 parent 5 top level 5 parent_uuid 11111111-aaaa-4444-8888-000000000257 \
received_uuid 22222222-bbbb-4444-8888-000000000001 \
uuid 11111111-aaaa-4444-8888-000000000261 path snap\n";

/// As [`DEFAULT_4_0`], with `-t`.
pub(super) const TABLE_4_0: &str = "\
ID\tgen\tcgen\tparent\ttop level\tparent_uuid\treceived_uuid\tuuid\tpath\t\n\
--\t---\t----\t------\t---------\t-----------\t-------------\t----\t----\t\n\
257\t31\t8\t5\t5\t\t-\t-\t11111111-aaaa-4444-8888-000000000257\tdata\n\
258\t30\t9\t257\t257\t\t-\t-\t11111111-aaaa-4444-8888-000000000258\t<FS_TREE>/data/in it\n\
261\t20\t12\t5\t5\t\t11111111-aaaa-4444-8888-000000000257\t22222222-bbbb-4444-8888-000000000001\t\
11111111-aaaa-4444-8888-000000000261\tsnap\n";

/// Version 4.13.2: a UUID that is not set fills its column, and the top level is listed.
pub(super) const DEFAULT_4_13_2: &str = "\
ID 5 gen 31 cgen 0 parent 0 top level 0 parent_uuid -                                    \
received_uuid -                                    uuid -                                    \
path <FS_TREE>/TOPLEVEL\n\
ID 257 gen 31 cgen 8 parent 5 top level 5 parent_uuid -                                    \
received_uuid -                                    \
uuid 11111111-aaaa-4444-8888-000000000257 path data\n\
ID 258 gen 30 cgen 9 parent 257 top level 257 parent_uuid -                                    \
received_uuid -                                    \
uuid 11111111-aaaa-4444-8888-000000000258 path <FS_TREE>/data/in it\n\
ID 261 gen 20 cgen 12 parent 5 top level 5 parent_uuid 11111111-aaaa-4444-8888-000000000257 \
received_uuid 22222222-bbbb-4444-8888-000000000001 \
uuid 11111111-aaaa-4444-8888-000000000261 path snap\n";

/// As [`DEFAULT_4_13_2`], with `-t`.
pub(super) const TABLE_4_13_2: &str = "\
ID\tgen\tcgen\tparent\ttop level\tparent_uuid\treceived_uuid\tuuid\tpath\t\n\
--\t---\t----\t------\t---------\t-----------\t-------------\t----\t----\t\n\
5\t31\t0\t0\t0\t\t-                                   \t-                                   \t\
-                                   \t<FS_TREE>/TOPLEVEL\n\
257\t31\t8\t5\t5\t\t-                                   \t-                                   \t\
11111111-aaaa-4444-8888-000000000257\tdata\n\
258\t30\t9\t257\t257\t\t-                                   \t-                                   \t\
11111111-aaaa-4444-8888-000000000258\t<FS_TREE>/data/in it\n\
261\t20\t12\t5\t5\t\t11111111-aaaa-4444-8888-000000000257\t22222222-bbbb-4444-8888-000000000001\t\
11111111-aaaa-4444-8888-000000000261\tsnap\n";

/// Version 4.13.3 and later, but for 6.1 and 6.9.1: the top level is not listed.
pub(super) const DEFAULT_4_13_3: &str = "\
ID 257 gen 31 cgen 8 parent 5 top level 5 parent_uuid -                                    \
received_uuid -                                    \
uuid 11111111-aaaa-4444-8888-000000000257 path data\n\
ID 258 gen 30 cgen 9 parent 257 top level 257 parent_uuid -                                    \
received_uuid -                                    \
uuid 11111111-aaaa-4444-8888-000000000258 path <FS_TREE>/data/in it\n\
ID 261 gen 20 cgen 12 parent 5 top level 5 parent_uuid 11111111-aaaa-4444-8888-000000000257 \
received_uuid 22222222-bbbb-4444-8888-000000000001 \
uuid 11111111-aaaa-4444-8888-000000000261 path snap\n";

/// As [`DEFAULT_4_13_3`], with `-t`.
pub(super) const TABLE_4_13_3: &str = "\
ID\tgen\tcgen\tparent\ttop level\tparent_uuid\treceived_uuid\tuuid\tpath\t\n\
--\t---\t----\t------\t---------\t-----------\t-------------\t----\t----\t\n\
257\t31\t8\t5\t5\t\t-                                   \t-                                   \t\
11111111-aaaa-4444-8888-000000000257\tdata\n\
258\t30\t9\t257\t257\t\t-                                   \t-                                   \t\
11111111-aaaa-4444-8888-000000000258\t<FS_TREE>/data/in it\n\
261\t20\t12\t5\t5\t\t11111111-aaaa-4444-8888-000000000257\t22222222-bbbb-4444-8888-000000000001\t\
11111111-aaaa-4444-8888-000000000261\tsnap\n";

/// Version 4.0, of the subvolume.
pub(super) const SHOW_4_0: &str = "\
/mnt/pool/data\n\
\tName: \t\t\tdata\n\
\tuuid: \t\t\t11111111-aaaa-4444-8888-000000000257\n\
\tParent uuid: \t\t-\n\
\tCreation time: \t\t2015-05-02 10:11:12\n\
\tObject ID: \t\t257\n\
\tGeneration (Gen): \t31\n\
\tGen at creation: \t8\n\
\tParent: \t\t5\n\
\tTop Level: \t\t5\n\
\tFlags: \t\t\t-\n\
\tSnapshot(s):\n\
\t\t\t\tsnap\n";

/// Version 4.1 to 4.11, of a snapshot that is mounted by itself.
pub(super) const SHOW_4_1: &str = "\
/mnt/alone\n\
\tName: \t\t\tsnap\n\
\tUUID: \t\t\t11111111-aaaa-4444-8888-000000000261\n\
\tParent UUID: \t\t11111111-aaaa-4444-8888-000000000257\n\
\tReceived UUID: \t\t22222222-bbbb-4444-8888-000000000001\n\
\tCreation time: \t\t2015-05-02 10:11:12 +0200\n\
\tSubvolume ID: \t\t261\n\
\tGeneration: \t\t20\n\
\tGen at creation: \t12\n\
\tParent ID: \t\t5\n\
\tTop level ID: \t\t5\n\
\tFlags: \t\t\treadonly\n\
\tSnapshot(s):\n";

/// Before version 4.4 and before 4.8.3, of the top level.
pub(super) const SHOW_TOP_4_1: [&str; 2] =
    ["/mnt/pool is btrfs root\n", "/mnt/pool is toplevel subvolume\n"];

/// Version 5.2 to 5.14.1, with quotas.
pub(super) const SHOW_5_2: &str = "\
data\n\
\tName: \t\t\tdata\n\
\tUUID: \t\t\t11111111-aaaa-4444-8888-000000000257\n\
\tParent UUID: \t\t-\n\
\tReceived UUID: \t\t-\n\
\tCreation time: \t\t2020-05-02 10:11:12 +0200\n\
\tSubvolume ID: \t\t257\n\
\tGeneration: \t\t31\n\
\tGen at creation: \t8\n\
\tParent ID: \t\t5\n\
\tTop level ID: \t\t5\n\
\tFlags: \t\t\t-\n\
\tSnapshot(s):\n\
\t\t\t\tsnap\n\
\tQuota group:\t\t0/257\n\
\t  Limit referenced:\t-\n\
\t  Limit exclusive:\t1.00GiB\n\
\t  Usage referenced:\t16.00KiB\n\
\t  Usage exclusive:\t16.00KiB\n";

/// Version 5.14.2 and later.
pub(super) const SHOW_5_14_2: &str = "\
snap\n\
\tName: \t\t\tsnap\n\
\tUUID: \t\t\t11111111-aaaa-4444-8888-000000000261\n\
\tParent UUID: \t\t11111111-aaaa-4444-8888-000000000257\n\
\tReceived UUID: \t\t22222222-bbbb-4444-8888-000000000001\n\
\tCreation time: \t\t2026-05-02 10:11:12 +0200\n\
\tSubvolume ID: \t\t261\n\
\tGeneration: \t\t20\n\
\tGen at creation: \t12\n\
\tParent ID: \t\t5\n\
\tTop level ID: \t\t5\n\
\tFlags: \t\t\treadonly\n\
\tSend transid: \t\t77\n\
\tSend time: \t\t2026-05-02 10:11:12 +0200\n\
\tReceive transid: \t19\n\
\tReceive time: \t\t2026-05-02 10:11:13 +0200\n\
\tSnapshot(s):\n\
\tQuota group:\t\tn/a\n";
