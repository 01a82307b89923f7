# shellcheck shell=bash
# What the scripts share. Sourced, not run; bash with `set -euo pipefail`.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# Ends the script with a message.
fail() {
  printf '\n%s\n' "$*" >&2
  exit 1
}

# need PROGRAM HOW-TO-GET-IT: ends the script if the program is missing.
need() {
  command -v "$1" >/dev/null || fail "\`$1\` is missing. $2"
}

# Where release binaries are, built or to be built.
bin_dir() {
  if [[ -n ${FERRYMQ_BIN_DIR:-} ]]; then
    echo "$FERRYMQ_BIN_DIR"
  else
    cargo metadata --no-deps --format-version 1 --manifest-path "$root/Cargo.toml" |
      sed -n 's/.*"target_directory":"\([^"]*\)".*/\1\/release/p'
  fi
}

# The workspace's version, which the provider carries in its file name.
version() {
  sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"$/\1/p' "$root/Cargo.toml"
}

# The platform as Terraform names it.
platform() {
  local os arch
  os=$(uname -s | tr '[:upper:]' '[:lower:]')
  case $(uname -m) in
    x86_64) arch=amd64 ;;
    aarch64 | arm64) arch=arm64 ;;
    *) fail "No name known for the processor $(uname -m)." ;;
  esac
  echo "${os}_$arch"
}
