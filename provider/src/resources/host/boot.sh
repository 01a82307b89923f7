#!/bin/sh
# Makes this machine a FerryMQ host, at its first boot. What it says is on the console and in
# /var/log/cloud-init-output.log.
set -eu
@SETTINGS@
HOME_DIR=/var/lib/ferrymq
CONFIG_DIR=/etc/ferrymq

say() {
  echo "ferrymq-boot: $*"
}

fail() {
  say "FAILED: $*"
  exit 1
}

# The disk that the provider attaches: by the name it was given, or, where the kernel has another name
# for it, the one disk that is neither partitioned nor mounted.
find_disk() {
  if [ -b "$DATA_DEVICE" ]; then
    readlink -f "$DATA_DEVICE"
    return
  fi
  lsblk -dnpo NAME,TYPE | while read -r name type; do
    [ "$type" = disk ] || continue
    [ "$(lsblk -npo NAME "$name" | wc -l)" = 1 ] || continue
    lsblk -no MOUNTPOINT "$name" | grep -q . && continue
    echo "$name"
    break
  done
}

mount_data() {
  tries=0
  until disk=$(find_disk) && [ -n "$disk" ]; do
    tries=$((tries + 1))
    [ "$tries" -le 300 ] || fail "no data volume has appeared as $DATA_DEVICE"
    sleep 1
  done
  # A volume that an earlier host has used is taken as it is.
  if ! blkid "$disk" >/dev/null; then
    say "making a file system on $disk"
    mkfs.ext4 -q -m 0 "$disk"
  fi
  say "mounting $disk"
  uuid=$(blkid -o value -s UUID "$disk")
  echo "UUID=$uuid $HOME_DIR ext4 defaults,noatime,nofail 0 2" >>/etc/fstab
  mount "$HOME_DIR"
}

install_package() {
  say "getting $PACKAGE_URL"
  package=$(mktemp)
  curl -fsSL --retry 10 --retry-delay 3 --retry-connrefused -o "$package" "$PACKAGE_URL" ||
    fail "cannot get the package from $PACKAGE_URL"
  echo "$PACKAGE_SHA256  $package" | sha256sum -c --quiet - ||
    fail "the package is not the one that is meant: its SHA-256 differs"
  tar -xzf "$package" -C /usr/local/bin broker-agent
  rm -f "$package"
}

say "$HOST_NAME in $REGION"
id ferrymq >/dev/null 2>&1 || useradd --system --home-dir "$HOME_DIR" --shell /usr/sbin/nologin ferrymq
mkdir -p "$HOME_DIR" "$CONFIG_DIR"
[ -z "$DATA_DEVICE" ] || mount_data
[ -z "$PACKAGE_URL" ] || install_package
echo "$CA_CERTIFICATE" >"$CONFIG_DIR/ca.pem"
chown ferrymq: "$HOME_DIR"
chmod 0700 "$HOME_DIR"

@EXTRA@
if [ -n "$AUTHORITY" ]; then
  say "asking the authority at $AUTHORITY for a certificate"
  runuser -u ferrymq -- /usr/local/bin/broker-agent join --authority "$AUTHORITY" \
    --ca "$CONFIG_DIR/ca.pem" --dir "$HOME_DIR/agent" || fail "no certificate"
fi
cat >/etc/systemd/system/ferrymq-agent.service <<UNIT
[Unit]
Description=FerryMQ broker agent
Wants=network-online.target
After=network-online.target
RequiresMountsFor=$HOME_DIR

[Service]
User=ferrymq
ExecStart=/usr/local/bin/broker-agent serve --config $HOME_DIR/agent/agent.toml
Restart=always
RestartSec=2
LimitNOFILE=1048576
NoNewPrivileges=true
ProtectSystem=strict
ReadWritePaths=$HOME_DIR
PrivateTmp=true

[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload
systemctl enable --now ferrymq-agent.service
say "done"
