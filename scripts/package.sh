# shellcheck shell=bash
# shellcheck disable=SC2154 # root, say, run, die and the rest are those of ./dev, which sources this file
# A package that differs with the directory, the user or the hour of its build cannot be checked by anybody. So nothing here
# depends on those: paths are mapped away, times are that of the commit, owners are root, and orders are sorted.
#
# There is one program for both packages, and it is static: it runs in any root, whatever C library that has or has not.

package_target=x86_64-unknown-linux-gnu

package_build() {
  local here home flags
  here=$PWD home=${CARGO_HOME:-$HOME/.cargo}
  flags="-C target-feature=+crt-static --remap-path-prefix=$here=/btrsync --remap-path-prefix=$home=/cargo"
  # The target is named so that the flags are not for build scripts and macros, which cannot be static.
  run env CARGO_TARGET_DIR="$package_dir" RUSTFLAGS="$flags" CFLAGS="-ffile-prefix-map=$home=/cargo -ffile-prefix-map=$package_dir=/target" \
    CARGO_PROFILE_RELEASE_STRIP=symbols \
    cargo build --release --locked -p btrsync-cli --target "$package_target"
  package_program=$package_dir/$package_target/release/btrsync
}

# Everything but what belongs to Debian, below $1, as it is below /usr.
package_tree() {
  local tree=$1
  mkdir -p "$tree"/{bin,share/doc/btrsync,lib/systemd/system}
  install -m 755 "$package_program" "$tree/bin/btrsync"
  "$package_program" manual "$tree/share"
  gzip -9n "$tree"/share/man/man[17]/*.[17]
  install -m 644 systemd/btrsync@.{service,timer} "$tree/lib/systemd/system"
  install -m 644 README.md CHANGELOG.md LICENSE-MIT LICENSE-APACHE systemd/example.conf "$tree/share/doc/btrsync"
  cp -r docs "$tree/share/doc/btrsync/docs"
}

package_control() {
  cat <<END
Package: btrsync
Version: $package_version
Architecture: $(dpkg --print-architecture)
Maintainer: The btrsync contributors
Installed-Size: $(du -sk --apparent-size "$1/usr" | cut -f1)
Recommends: btrfs-progs, openssh-client
Suggests: sudo, zstd
Section: admin
Priority: optional
Description: rsync, but for btrfs
 Replicates btrfs subvolumes from one filesystem to another, finds their
 copy-on-write relations by itself, and sends only the differences.
END
}

# Units are read again; with --root there is no systemd to tell.
package_script() {
  printf '#!/bin/sh\nset -e\nif [ -z "$DPKG_ROOT" ] && [ -d /run/systemd/system ]; then systemctl daemon-reload || :; fi\n'
}

package_copyright() {
  printf 'btrsync is offered under the terms of the MIT licence or of the Apache License 2.0, at your choice.\n\n'
  cat LICENSE-MIT
  printf '\nThe Apache License 2.0 is in /usr/share/common-licenses/Apache-2.0 and in LICENSE-APACHE beside this file.\n'
  printf '\nThe program contains the GNU C Library, under the GNU LGPL, in /usr/share/common-licenses/LGPL-2.1, and the crates in Cargo.lock,\nunder the licences in deny.toml of its source.\n'
}

package_deb() {
  local tree=$work/deb
  mkdir -p "$tree"/{DEBIAN,etc/btrsync}
  package_tree "$tree/usr"
  mv "$tree/usr/share/zsh/site-functions" "$tree/usr/share/zsh/vendor-completions"
  package_copyright >"$tree/usr/share/doc/btrsync/copyright"
  package_control "$tree" >"$tree/DEBIAN/control"
  for script in postinst postrm; do
    package_script >"$tree/DEBIAN/$script"
    chmod 755 "$tree/DEBIAN/$script"
  done
  run dpkg-deb --root-owner-group -Zxz --threads-max=1 --build "$tree" "$1"
}

package_tar() {
  local tree=$work/btrsync-$package_version
  package_tree "$tree"
  run tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -C "$work" \
    -I 'xz -T1' -cf "$1" "${tree##*/}"
}

# Makes both packages in $1 and tells what they are called.
package() {
  local work
  umask 022
  package_dir=${CARGO_TARGET_DIR:-$PWD/target}/static
  package_version=$(cargo pkgid --offline -p btrsync-cli | sed 's/.*[#@]//')
  SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
  export SOURCE_DATE_EPOCH
  mkdir -p "$1"
  package_build
  work=$(mktemp -d)
  package_deb "$1/btrsync_${package_version}_$(dpkg --print-architecture).deb"
  package_tar "$1/btrsync-$package_version-x86_64-linux.tar.xz"
  rm -rf -- "$work"
}

# What git knows of this directory, somewhere else.
package_copy() {
  mkdir -p "$1"
  git ls-files -z | xargs -0 cp --parents -t "$1"
}

# A root with nothing in it but the package, which maintainer scripts see from outside.
package_install() {
  mkdir -p "$1"/{proc,tmp,var/lib/dpkg/{info,updates}}
  touch "$1"/var/lib/dpkg/{status,available}
  run dpkg --root="$1" --force-script-chrootless --log=/dev/null -i "$2"
  run chroot "$1" /usr/bin/btrsync --version
}

# The program in that root, with the paths that it has from there.
package_inside() {
  printf '#!/usr/bin/env bash\nexec chroot %q /usr/bin/btrsync "${@#%q}"\n' "$1" "$1" >"$2"
  chmod 755 "$2"
}

# The units are those of the package; the program is where it was unpacked, for there is no other.
package_units() {
  local units=$there/units
  has systemd-analyze || return 0
  mkdir "$units"
  cp "$1"/usr/lib/systemd/system/btrsync@.* "$units"
  sed -i "s#=/usr/bin/btrsync#=$1/usr/bin/btrsync#" "$units/btrsync@.service"
  run systemd-analyze verify --man=no "$units/btrsync@job.service" "$units/btrsync@job.timer"
}

# Made twice, at two places, it is the same; and it works where there is nothing else.
package_check() {
  [ "$(id -u)" = 0 ] || die "this installs into a root of its own: run it as root"
  # Unoptimised: what is looked at here is the package.
  export CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16
  there=$(mktemp -d) && there=$(readlink -f "$there")
  trap 'umount -q "$there/root/proc"; rm -rf --one-file-system -- "$there"' EXIT
  CARGO_TARGET_DIR=$PWD/target/static/check package "$there/packages"
  # From the packaged crates alone, as 'cargo install' builds it.
  run env CARGO_TARGET_DIR="$there/target" cargo package --workspace --exclude btrsync-testutil --exclude btrsync-bench --locked --offline --allow-dirty --quiet
  package_copy "$there/copy"
  (cd "$there/copy" && CARGO_TARGET_DIR=$there/target package "$there/again")
  run diff -r "$there/packages" "$there/again"
  package_install "$there/root" "$there"/packages/*.deb
  package_units "$there/root"
  package_inside "$there/root" "$there/inside"
  mount --bind /proc "$there/root/proc"
  run env TMPDIR="$there/root/tmp" BTRSYNC_BIN="$there/inside" ./dev demo
}
