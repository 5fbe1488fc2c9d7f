#!/usr/bin/env bash
# shell.sh ROOT: shellcheck has nothing to say about any shell script. Exits 77 where it is not installed.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$1"

if ! command -v shellcheck >/dev/null 2>&1; then
    echo "SKIPPED, NOTHING WAS TESTED: shellcheck is not installed" >&2
    exit 77
fi
scripts=()
while read -r file; do
    case ${file##*/} in
    *.sh) scripts+=("$file") ;;
    *.*) ;;
    *) if head -n1 "$file" | tr -d '\0' | grep -qE '^#!.*\b(ba|da)?sh\b'; then scripts+=("$file"); fi ;;
    esac
done < <("$here/files.sh" .)
[ ${#scripts[@]} -eq 0 ] || shellcheck -x --color=never "${scripts[@]}" >&2
