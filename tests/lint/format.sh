#!/usr/bin/env bash
# format.sh ROOT: clang-format has nothing to change in any .c or .h file.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$1"

"$here/files.sh" . | { grep '\.[ch]$' || true; } | xargs -r clang-format --dry-run -Werror || {
    echo "format: run clang-format -i on the files above" >&2
    exit 1
}
