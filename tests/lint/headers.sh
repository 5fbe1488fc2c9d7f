#!/usr/bin/env bash
# headers.sh ROOT: each header compiles alone, and twice in one file.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$1"

libraries=(libuv hiredis yaml-0.1 libmicrohttpd libprotobuf-c jansson libxxhash libpcap libfixbuf glib-2.0)
read -ra flags <<<"$(pkg-config --cflags "${libraries[@]}")"
export CHECK_FLAGS="-std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -I. ${flags[*]}"

# shellcheck disable=SC2016  # the inner shell expands it
"$here/files.sh" . | { grep '\.h$' || true; } | xargs -r -P2 -n1 bash -c '
    read -ra flags <<<"$CHECK_FLAGS"
    said=$(printf "#include \"%s\"\n#include \"%s\"\n" "$1" "$1" | gcc "${flags[@]}" -fsyntax-only -x c - 2>&1) && exit 0
    printf "headers: %s does not compile alone:\n%s\n" "$1" "$said" >&2
    exit 1' header || exit 1
