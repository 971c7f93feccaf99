# shellcheck shell=bash
# shellcheck disable=SC2154 # root, show, run and die are those of ./dev, which sources this file
# A demo that dies halfway must not leave mounts and loop devices behind: whatever it makes lies in one directory, and one trap
# takes that away again, also after Ctrl-C.

step() { printf '\n== %s\n' "$*"; }
as_root() { run "${root[@]}" "$@"; }

demo_unmount() {
  mountpoint -q "$1" || return 0
  # A transfer that was interrupted may hold the mount for a moment longer.
  "${root[@]}" umount "$1" 2>/dev/null || { sleep 1 && "${root[@]}" umount -l "$1"; } || true
}

demo_cleanup() {
  trap '' INT TERM HUP
  demo_unmount "$src"
  demo_unmount "$dst"
  rm -rf --one-file-system -- "$work"
}

demo_binary() {
  btrsync=${BTRSYNC_BIN:-${CARGO_TARGET_DIR:-target}/release/btrsync}
  [ -n "${BTRSYNC_BIN-}" ] || run cargo build --release -p btrsync-cli --locked
}

demo_filesystem() {
  run truncate -s 1G "$1.img"
  show mkfs.btrfs -q "$1.img"
  mkfs.btrfs -q "$1.img" >/dev/null # quiet as it is, it talks of defaults
  run mkdir "$1"
  as_root mount -o loop "$1.img" "$1"
}

# Whole directories of this system's /usr/share, between 20 and 60 MiB together where it holds that much.
demo_copy_files() {
  local dir size total=0
  for dir in /usr/share/*/; do
    size=$(du -skx "$dir" 2>/dev/null | cut -f1) || continue
    ((size <= 40 * 1024)) || continue
    "${root[@]}" cp -a "$dir" "$1"
    ((total += size))
    ((total < 20 * 1024)) || break
  done
  echo "  copied $(find "$1" | wc -l) files and directories, $((total / 1024)) MiB"
}

demo_snapshot() { as_root btrfs subvolume snapshot -r "$src/data" "$src/snapshots/$1"; }

demo_source() {
  local files
  as_root btrfs subvolume create "$src/data"
  as_root mkdir "$src/snapshots" "$dst/backup"
  show cp -a "/usr/share/..." "$src/data"
  demo_copy_files "$src/data"
  mapfile -t files < <(find "$src/data" -type f -size +4k | LC_ALL=C sort)
  ((${#files[@]} > 2)) || die "too few files under /usr/share for the demo"

  step "Snapshot; then rename one file and overwrite the start of another; snapshot again"
  demo_snapshot monday
  as_root mv "${files[0]}" "$src/data/renamed"
  as_root dd if=/etc/passwd of="${files[1]}" conv=notrunc status=none
  demo_snapshot tuesday

  step "Delete one file, add another with a hard link and tighter rights; snapshot a third time"
  as_root rm "${files[2]}"
  as_root cp /etc/os-release "$src/data/new"
  as_root ln "$src/data/new" "$src/data/linked"
  as_root chmod 600 "$src/data/new"
  demo_snapshot wednesday
}

demo_state() { "${root[@]}" btrfs subvolume list -uR "$dst" | sed 's/ gen [0-9]*//'; }

demo_sync_again() {
  local before after
  before=$(demo_state)
  as_root "$btrsync" -y -p "$src/snapshots/" "$dst/backup"
  after=$(demo_state)
  [ "$before" = "$after" ] || die "the second run changed the destination"
}

# Type, mode, owner, size, modification time to the nanosecond, number of links and link target of everything below.
demo_metadata() {
  "${root[@]}" find "$1" -printf '%P\t%y %m %U:%G %s %T@ %n %l\n' | LC_ALL=C sort
}

demo_compare() {
  as_root diff -r --no-dereference "$1" "$2"
  demo_metadata "$1" >"$work/source.list"
  demo_metadata "$2" >"$work/destination.list"
  diff "$work/source.list" "$work/destination.list"
  echo "  same type, mode, owner, size, mtime, links: all $(wc -l <"$work/source.list") entries of ${1##*/}"
}

demo() {
  local name
  work=$(mktemp -d "${TMPDIR:-/tmp}/btrsync-demo.XXXXXX")
  src=$work/src dst=$work/dst
  trap demo_cleanup EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM

  step "The program"
  demo_binary
  step "Two btrfs filesystems on loop devices, in $work"
  demo_filesystem "$src"
  demo_filesystem "$dst"
  step "A subvolume with real files"
  demo_source
  step "Preview: what would be sent, and how"
  as_root "$btrsync" -n "$src/snapshots/" "$dst/backup"
  step "Sync"
  as_root "$btrsync" -y -p "$src/snapshots/" "$dst/backup"
  step "Sync again: there is nothing to do"
  demo_sync_again
  step "The destination's subvolumes, with the UUID that each was received from"
  as_root btrfs subvolume list -R "$dst"
  step "Proof: contents and metadata of all three are identical"
  for name in monday tuesday wednesday; do
    demo_compare "$src/snapshots/$name" "$dst/backup/$name"
  done
  step "Done; unmounting and removing $work"
}
