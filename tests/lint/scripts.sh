#!/usr/bin/env bash
# What the scripts' shared parts promise, tried as the scripts run them: errors end them, pipes fail where a part fails.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib.sh"

fail() {
    echo "scripts.sh: $*" >&2
    exit 1
}
expect() { # expect WHAT WANTED GOT
    [ "$2" = "$3" ] || fail "$1: wanted '$2', got '$3'"
}

expect "an unknown package among known ones is missing" no-such-package-of-weir "$(missing_packages bash no-such-package-of-weir coreutils)"
expect "several are missing, sorted" $'no-such-package-a\nno-such-package-b' "$(missing_packages no-such-package-b bash no-such-package-a)"
expect "what is installed is not missing" '' "$(missing_packages bash coreutils)"

asked=
as_root() { asked=$*; }
need_packages bash coreutils 2>/dev/null
expect "nothing missing installs nothing" '' "$asked"
need_packages bash no-such-package-of-weir 2>/dev/null
expect "only what is missing is installed" "$root/scripts/install-packages no-such-package-of-weir" "$asked"

# What scripts/test counts as skipped: single cases of both kinds of tests; what tested nothing is ctest's to count.
log=$(mktemp)
clone=$(mktemp -d)
trap 'rm -rf "$log" "$clone"' EXIT
cat >"$log" <<'LOG'
[====] Synthesis: Tested: 3 | Passing: 2
SKIPPED: no IPv6 here
SKIPPED: needs root
SKIPPED: needs root
SKIPPED, NOTHING WAS TESTED: no captures
test_up (__main__.Up.test_up) ... skipped 'no namespace'
another, with words on the way ... log line
skipped "it's not installed"
Ran 9 tests in 1.000s
OK (skipped=2)
FAILED (failures=1, skipped=4, expected failures=1)
a line about what was skipped=7
LOG
expect "single cases are counted" 9 "$(skipped_cases "$log")"
expect "reasons are told once" "it's not installed
needs root
no IPv6 here
no captures
no namespace" "$(skipped_reasons "$log")"
: >"$log"
expect "nothing skipped" '0:' "$(skipped_cases "$log"):$(skipped_reasons "$log")"

# A build in a folder of somebody else's says so; a second build in one folder waits for the first.
expect "a folder that cannot be written" "scripts.sh: cannot write in /dev/null/build as $(id -un)" \
    "$( (root=/dev/null && build_preset dev) 2>&1 | cut -d: -f1-2)"
cmake() { echo built; }
mkdir "$clone/build"
exec 7>"$clone/build/.lock"
flock 7
(root=$clone && build_preset dev) 2>"$log" &
second=$!
until grep -q '^waiting for another build' "$log"; do
    kill -0 $second 2>/dev/null || fail "the second build did not wait: $(cat "$log")"
    sleep 0.05
done
[ ! -s "$clone/build/dev.log" ] || fail "the second build began"
flock -u 7
wait $second || fail "the second build failed: $(cat "$log")"
expect "the second build is done" $'built\nbuilt' "$(cat "$clone/build/dev.log")"
echo "ok"
