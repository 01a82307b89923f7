#!/bin/sh
# What a machine of the tests does instead of a firmware and a kernel: a root file system of its own
# over the host's, then its user data as cloud-init would run it, then whatever that has started.
# Runs as the first process of its namespaces: DIR is its directory, MIB the size of its disk.
set -eu
DIR=$1 MIB=$2
mount --make-rprivate /
mount -t tmpfs -o "size=${MIB}m,mode=755" disk "$DIR/disk"
mkdir "$DIR/disk/upper" "$DIR/disk/work" "$DIR/disk/root"
root=$DIR/disk/root
mount -t overlay -o "lowerdir=/,upperdir=$DIR/disk/upper,workdir=$DIR/disk/work" overlay "$root"
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs tmpfs "$root/run"
mkdir -p "$root/usr/local/sbin"
install -m 755 "$DIR/systemctl" "$root/usr/local/sbin/systemctl"
# The image has no agent in it: what the host's file system has there is not the machine's.
rm -rf "$root/usr/local/bin/broker-agent" "$root/var/lib/ferrymq" "$root/etc/ferrymq"
cp "$DIR/user-data" "$root/run/user-data"
if chroot "$root" env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
  sh /run/user-data; then
  echo "user data: done"
else
  echo "user data: FAILED"
fi
exec sleep infinity
