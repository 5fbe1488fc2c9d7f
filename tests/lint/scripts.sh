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
echo "ok"
