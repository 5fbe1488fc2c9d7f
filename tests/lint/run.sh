#!/usr/bin/env bash
# run.sh [--root FOLDER] [CHECK…]: what a compiler does not see. Prints what is wrong, and exits 1 if anything is.
#   layers     who includes whom
#   headers    every header compiles alone
#   sizes      no file over 500 lines, no function over 70
#   format     clang-format has nothing to change
#   shell      shellcheck has nothing to say
# Exits 77 if nothing is wrong, but a check could not be made.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
if [ "${1:-}" = --root ]; then
    root=$(cd "$2" && pwd)
    shift 2
fi
[ $# -gt 0 ] || set -- layers headers sizes format shell

failed=() skipped=()
for check in "$@"; do
    case $check in
    layers) command=(python3 "$here/layers.py") ;;
    headers | sizes | format | shell) command=("$here/$check.sh") ;;
    *)
        echo "lint: no check is called $check" >&2
        exit 2
        ;;
    esac
    code=0
    "${command[@]}" "$root" || code=$?
    case $code in
    0) ;;
    77) skipped+=("$check") ;;
    *) failed+=("$check") ;;
    esac
done
if [ ${#failed[@]} -gt 0 ]; then
    echo "lint: failed: ${failed[*]}" >&2
    exit 1
fi
[ ${#skipped[@]} -eq 0 ] || exit 77
