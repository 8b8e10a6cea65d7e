# shellcheck shell=bash
# What the scripts here share. Sourced, not run.

scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
project=$(dirname "$scripts")
program=$(basename "$0")
export project

# say TEXT…: one line for the person at the terminal.
say() { printf '%s: %s\n' "$program" "$*" >&2; }

# die STATUS TEXT…
die() {
  local status=$1
  shift
  say "$@"
  exit "$status"
}

# help: prints the comment at the top of the calling script.
help() { awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "$0"; }

# system_python: the system's Python, which has the distribution's packages; else the first one in PATH.
system_python() { if [ -x /usr/bin/python3 ]; then echo /usr/bin/python3; else command -v python3; fi; }

# install_packages PACKAGE…: by apt-get, as root or through sudo. Debian starts a package's service when it is
# installed, unless a policy-rc.d forbids it, and at every boot, unless it is disabled: here it does neither.
install_packages() {
  local as_root=
  if [ "$(id -u)" != 0 ]; then as_root=sudo; fi
  # shellcheck disable=SC2016 # expanded by the inner shell
  $as_root env DEBIAN_FRONTEND=noninteractive sh -euc '
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
      trap "rm -f $policy" EXIT
      trap "exit 130" INT
      trap "exit 143" TERM HUP
      printf "#!/bin/sh\nexit 101\n" >"$policy"
      chmod 755 "$policy"
    fi
    apt="apt-get -qq -o DPkg::Lock::Timeout=120 -o Dpkg::Use-Pty=0"
    $apt update || echo "the package lists could not be refreshed; going on with the old ones"
    $apt install -y --no-install-recommends "$@"
    for service in redis-server valkey-server mosquitto; do
      case " $* " in *" $service "*) update-rc.d "$service" disable ;; esac
    done
  ' sh "$@"
}

# build PRESET [TARGET]: sets up, configures and builds, with one line of output unless there is more to say.
build() {
  "$scripts/setup"
  say "building ($1) …"
  local log status=0
  log=$(mktemp)
  {
    cmake -S "$project" --preset "$1" && cmake --build "$project/build/$1" --target "${2:-all}" --parallel "$(nproc)"
  } >"$log" 2>&1 || status=$?
  local telling='warning:' # of what went well
  if [ $status != 0 ]; then telling='error:|CMake Error|\*\*\*'; fi
  grep -E -A 30 "$telling" "$log" | head -n 60 >&2 || true
  rm -f "$log"
  [ $status = 0 ] || die "$status" "the build failed"
}

# use_tools: puts the tools of $CHAT_BIN, else those that were built here, in front of those in PATH.
use_tools() {
  local built=${CHAT_BIN:-$project/build/release}
  if [ -x "$built/chat-pub" ]; then PATH=$built:$PATH; fi
  command -v chat-pub >/dev/null || die 69 "chat-pub is neither in $built nor in PATH; scripts/test builds it"
}
