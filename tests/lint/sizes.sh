#!/usr/bin/env bash
# sizes.sh ROOT: no .c or .h file over 500 lines, no function body over 70. The parameters of a parameterized
# test are a table; another function that is one, or a flat switch, says so in a comment inside: "lint-long: " and why.
# clang-format puts the braces of functions, and nothing else, alone at the start of a line.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$1"

# shellcheck disable=SC2016  # awk expands it
"$here/files.sh" . | { grep '\.[ch]$' || true; } | xargs -r awk '
    FNR == 1 { inside = 0; before = "" }
    FNR == 501 { printf "sizes: %s: over 500 lines\n", FILENAME; bad = 1 }
    /^{$/ { inside = 1; start = FNR; allowed = before ~ /^ParameterizedTestParameters\(/; next }
    inside && /lint-long: [A-Za-z]/ { allowed = 1 }
    inside && /^}/ {
        if (FNR - start - 1 > 70 && !allowed) {
            printf "sizes: %s:%d: a function of %d lines, 70 at most\n", FILENAME, start, FNR - start - 1
            bad = 1
        }
        inside = 0
    }
    { before = $0 }
    END { exit bad }
' >&2 || exit 1
