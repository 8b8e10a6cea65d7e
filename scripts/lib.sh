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

# as_root COMMAND…: as root, or through sudo.
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

# refresh_packages: gets the lists of packages.
refresh_packages() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120 update ||
    echo "the package lists could not be refreshed; going on with the old ones"
}

# size_of_packages PACKAGE…: what installing them with all they need would bring, such as `112 packages, 96 MB`.
size_of_packages() {
  apt-get -qq install --print-uris -y --no-install-recommends "$@" 2>/dev/null |
    awk '{ count++; bytes += $3 } END { printf "%d packages, %.0f MB to download", count, bytes / 1e6 }'
}

# install_packages PACKAGE…: by apt-get, as root or through sudo. Debian starts a package's service when it is
# installed, unless a policy-rc.d forbids it, and at every boot, unless it is disabled: here it does neither.
install_packages() {
  # shellcheck disable=SC2016 # expanded by the inner shell
  as_root env DEBIAN_FRONTEND=noninteractive sh -euc '
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
      trap "rm -f $policy" EXIT
      trap "exit 130" INT
      trap "exit 143" TERM HUP
      printf "#!/bin/sh\nexit 101\n" >"$policy"
      chmod 755 "$policy"
    fi
    apt="apt-get -qq -o DPkg::Lock::Timeout=120 -o Dpkg::Use-Pty=0"
    $apt install -y --no-install-recommends "$@"
    for service in redis-server valkey-server mosquitto; do
      case " $* " in *" $service "*) update-rc.d "$service" disable ;; esac
    done
  ' sh "$@"
}

# percent: hands on what a build prints, and shows on a terminal how far it came.
percent() {
  local line
  while IFS= read -r line; do
    printf '%s\n' "$line"
    if [ -t 2 ]; then case $line in '['*'%]'*) printf '\r%s: building … %s ' "$program" "${line%%]*}]" >&2 ;; esac fi
  done
  if [ -t 2 ]; then printf '\r\e[K' >&2; fi
}

# build PRESET [TARGET [OPTION…]]: configures and builds, with one line of output unless there is more to say.
build() {
  local preset=$1 target=${2:-all} log status=0
  shift $(($# < 2 ? $# : 2))
  say "building ($preset) …"
  log=$(mktemp)
  {
    cmake -S "$project" --preset "$preset" "$@" &&
      cmake --build "$project/build/$preset" --target "$target" --parallel "$(nproc)"
  } 2>&1 | percent >"$log" || status=$?
  local telling='warning:' # of what went well
  if [ $status != 0 ]; then telling='error:|CMake Error|\*\*\*'; fi
  grep -E -A 30 "$telling" "$log" | head -n 60 >&2 || true
  rm -f "$log"
  [ $status = 0 ] || die "$status" "the build failed"
}

# build_tools: the programs alone, with what it takes to try them.
build_tools() {
  "$scripts/setup" demo
  local options=(-DBUILD_TESTING=OFF)
  if [ -e "$project/build/release/CMakeCache.txt" ]; then options=(); fi # as it was
  build release tools "${options[@]}"
}

# use_tools: puts the tools of $CHAT_BIN, else those that were built here, in front of those in PATH.
use_tools() {
  local built=${CHAT_BIN:-$project/build/release}
  if [ -x "$built/chat-pub" ]; then PATH=$built:$PATH; fi
  command -v chat-pub >/dev/null || die 69 "chat-pub is neither in $built nor in PATH; scripts/test builds it"
}
