# Shared by run, test and bench: sourced, never run. Sets nothing up by itself.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# Daemons are in the sbin folders, which are not in the PATH of an ordinary user.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

# shellcheck disable=SC2034  # used by the scripts that source this file
build_packages=(build-essential cmake ninja-build pkg-config libuv1-dev libhiredis-dev libyaml-dev
    libmicrohttpd-dev protobuf-c-compiler libprotobuf-c-dev libjansson-dev libxxhash-dev libpcap-dev libfixbuf-dev)
# shellcheck disable=SC2034
run_packages=(redis-server)
# shellcheck disable=SC2034
demo_packages=(gobgpd jq)
# shellcheck disable=SC2034
test_packages=(clang clang-format libclang-rt-14-dev libcriterion-dev python3 iproute2 softflowd tcpdump
    tshark frr bird2 shellcheck procps curl prometheus systemd)
# shellcheck disable=SC2034
container_packages=(buildah podman runc netavark debootstrap docker-compose)

say() { printf '%s\n' "$*" >&2; }
die() {
    say "$(basename "$0"): $*"
    exit 1
}

# Runs a command as root: directly, or through sudo.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1; then
        sudo -- "$@"
    else
        die "needs root for: $* (become root or install sudo)"
    fi
}

missing_packages() {
    local there
    # With the architecture's packages of a name that has several, one of them is enough.
    # dpkg-query fails where it does not know one of them, which is an answer, not an error.
    there=$({ dpkg-query -W -f='${db:Status-Status} ${Package}\n' "$@" 2>/dev/null || true; } | sed -n 's/^installed //p' | sort -u)
    comm -23 <(printf '%s\n' "$@" | sort -u) <(printf '%s\n' "$there")
}

# Installs what is missing. scripts/install-packages does it as root in one process, so that the machine is
# left as it was even where the installation fails half-way.
need_packages() {
    local missing
    missing=$(missing_packages "$@") || die "could not ask dpkg what is installed"
    [ -n "$missing" ] || return 0
    mapfile -t missing <<<"$missing"
    [ -r /etc/debian_version ] || die "installs packages only on Debian; missing here: ${missing[*]}"
    say "installing ${#missing[@]} Debian packages, which may take some minutes: ${missing[*]}"
    as_root "$root/scripts/install-packages" "${missing[@]}" || die "could not install: ${missing[*]}"
}

# build_preset PRESET [TARGET…]: configures where needed and builds; quiet unless something fails or warns.
build_preset() {
    local preset=$1 log lock
    shift
    log=$root/build/$preset.log
    { mkdir -p "$root/build" && : >>"$log"; } 2>/dev/null ||
        die "cannot write in $root/build as $(id -un): run it as the owner of this folder, or from a clone of your own"
    # Two builds in one folder would tread on each other; whoever comes second finds all of it done.
    exec {lock}>"$root/build/.lock"
    if ! flock -n "$lock"; then
        say "waiting for another build in this folder …"
        flock "$lock"
    fi
    if [ -e "$root/build/$preset/build.ninja" ]; then
        say "building ($preset) …"
    else
        say "building ($preset) for the first time, a minute or two; what it says goes to build/$preset.log …"
    fi
    # What an interrupted compiler says is not what is wrong.
    trap 'say "$(basename "$0"): interrupted; the next run goes on from here"; exit 130' INT
    if ! (
        cd "$root" || exit 1
        cmake --preset "$preset" && cmake --build --preset "$preset" ${1:+--target "$@"}
    ) >"$log" 2>&1; then
        tail -n 60 "$log" >&2
        die "the $preset build failed; everything it said is in build/$preset.log"
    fi
    if grep -q 'warning:' "$log"; then
        grep -A3 'warning:' "$log" | head -n 60 >&2
        # What compiled with a warning is not compiled again, and so would not warn the next time.
        cmake --build "$root/build/$preset" --target clean >/dev/null 2>&1 || true
        die "the $preset build has warnings; everything it said is in build/$preset.log"
    fi
    trap - INT
    exec {lock}>&-
}

# skipped_cases LOG: how many single cases of tests that ran were skipped, by what ctest kept of their output: C cases
# say "SKIPPED: why", Python's unittest counts them. A test that tested nothing is not among them: ctest counts it.
skipped_cases() {
    awk '/^SKIPPED: / { n++ }
         /^(OK|FAILED) \(.*skipped=[0-9]+/ { sub(/.*skipped=/, ""); n += $0 + 0 }
         END { print n + 0 }' "$1"
}

# skipped_reasons LOG: why, a line each; also of tests that tested nothing.
skipped_reasons() {
    sed -nE -e 's/^SKIPPED(, NOTHING WAS TESTED)?: //p' \
        -e "s/^(.* )?skipped (['\"])(.*)\\2\$/\\3/p" "$1" | LC_ALL=C sort -u
}
