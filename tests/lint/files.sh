#!/usr/bin/env bash
# files.sh ROOT: the project's own files, a path from ROOT a line: what git has or would take; without git, all but build/.
set -euo pipefail

cd "$1"
if [ -e .git ] && command -v git >/dev/null 2>&1; then
    git ls-files --cached --others --exclude-standard
else
    find . \( -path ./build -o -path ./.git \) -prune -o -type f -print | cut -c3-
fi | LC_ALL=C sort -u | while read -r file; do
    # A file that is deleted and not committed yet is still in git's list.
    [ ! -f "$file" ] || printf '%s\n' "$file"
done
