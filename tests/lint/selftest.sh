#!/usr/bin/env bash
# selftest.sh: plants each kind of fault in a small tree that is sound otherwise, and sees the lint catch it.
# shellcheck disable=SC2016  # nothing in single quotes is meant to expand
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/tree
faults=0 tried=0

# file PATH LINE…: writes them. A header gets its guard.
file() {
    local path=$1
    shift
    mkdir -p "$(dirname "$path")"
    case $path in
    *.h)
        local guard
        guard=$(printf '%s' "$path" | tr 'a-z/.' 'A-Z__')
        { printf '#ifndef %s\n#define %s\n\n' "$guard" "$guard" && printf '%s\n' "$@" && printf '\n#endif\n'; } >"$path"
        ;;
    *) printf '%s\n' "$@" >"$path" ;;
    esac
}

# include PATH HEADER: one more #include in a file that is there.
include() { sed -i "1i #include $2" "$1"; }

sound_tree() {
    cp "$here/../../.clang-format" .
    file common/base/status.h 'enum status { STATUS_OK };'
    file common/base/log.h 'void log_set_level(int level);'
    file common/base/clock.h '#include <stdint.h>' '' 'uint64_t clock_mono_us(void);'
    file common/service/config.h '#include "common/base/status.h"'
    file common/service/process.h '#include <uv.h>'
    file common/redis/redis.h '#include "common/base/status.h"'
    file common/redis/link.c '#include "common/redis/redis.h"' '' '#include <hiredis/hiredis.h>'
    file common/model/model.h '#include "common/service/config.h"'
    file proto/delta.h '#include "common/base/status.h"'
    file proto/delta.c '#include "proto/delta.h"' '' '#include "proto/delta.pb-c.h"'
    file flowspec/rule.h '#include "common/base/status.h"'
    file flowspec/json.c '#include "flowspec/rule.h"' '' '#include <jansson.h>'
    file collector/decode/plan.h '#include "proto/delta.h"'
    file collector/decode/plan.c '#include "collector/decode/plan.h"' '' '#include <string.h>' '' 'int plan(void)' '{' \
        '    return 1;' '}'
    file collector/in_udp.h '#include "collector/decode/plan.h"' '' '#include <uv.h>'
    file aggregator/window/window.h '#include "common/model/model.h"'
    file policy/out_webhook.c '#include "common/redis/redis.h"' '' '#include <curl/curl.h>'
    file speaker/bgp/fsm.h '#include "flowspec/rule.h"'
    file ctl/decode.c '#include "collector/decode/plan.h"'
    file tests/unit/collector/decode/test_plan.c '#include "collector/decode/plan.h"' '' '#include <criterion/criterion.h>'
    file scripts/run '#!/usr/bin/env bash' 'echo "$1"'
}

# lint CHECK: in the folder of the moment; what it says is in $work/said.
lint() { "$here/run.sh" --root . "$1" >"$work/said" 2>&1; }

complain() {
    echo "selftest: $1" >&2
    sed 's/^/    /' "$work/said" >&2
    faults=$((faults + 1))
}

# caught CHECK TEXT COMMAND…: with the fault that the command plants, the check fails and says the text.
# passes CHECK COMMAND…: with what the command does, the check still passes.
plant() {
    rm -rf "$work/copy"
    cp -a "$tree" "$work/copy"
    cd "$work/copy"
    "$@"
    tried=$((tried + 1))
}
caught() {
    local check=$1 text=$2
    shift 2
    plant "$@"
    if lint "$check"; then
        complain "$check passes after: $*"
    elif ! grep -qF -- "$text" "$work/said"; then
        complain "$check fails after: $*, but does not say \"$text\":"
    fi
}
passes() {
    local check=$1
    shift
    plant "$@"
    local code=0
    lint "$check" || code=$?
    if [ $code -ne 0 ] && [ $code -ne 77 ]; then
        complain "$check fails after: $*"
    fi
}

# long_function LINES [COMMENT]: a function whose body has that many lines.
long_function() {
    { printf 'int many(void)\n{\n' && printf '    %s\n' "${2:-;}" && printf '    ;\n%.0s' $(seq $(($1 - 2))) && printf '    return 1;\n}\n'; } \
        >speaker/bgp/many.c
}
long_table() { long_function 200 && sed -i 's/^int many(void)/ParameterizedTestParameters(many, cases)/' speaker/bgp/many.c; }
long_file() { printf '\n%.0s' $(seq "$1") >speaker/bgp/long.c; }
in_git() { git init -q . && git add -A && "$@"; }
delete_header() { in_git rm common/model/model.h aggregator/window/window.h; }
leave_in_build() { file build/dev/generated.c '#include "no/where.h"' '  int   x ;'; }
include_other_process() {
    file policy/out_jobs.h 'int jobs(void);'
    file speaker/in_jobs.c '#include "policy/out_jobs.h"'
}
drop_guard() { printf 'enum rule { RULE };\n' >flowspec/rule.h; }
warn_in_shell() { printf 'cd $1\n' >>scripts/run; }
warn_in_hidden_folder() { file .ci/run '#!/usr/bin/env bash' 'cd $1'; }

mkdir "$tree"
(cd "$tree" && sound_tree)

for check in layers headers sizes format shell; do
    passes "$check" true
    passes "$check" leave_in_build
    passes "$check" in_git true
    passes "$check" delete_header
done

caught layers 'common/base may not use proto' include common/base/log.h '"proto/delta.h"'
caught layers 'common/base may not use uv' include common/base/log.h '<uv.h>'
caught layers 'collector may not use fixbuf' include collector/in_udp.h '<fixbuf/public.h>'
caught layers 'ctl may not use fixbuf' include ctl/decode.c '<fixbuf/public.h>'
caught layers 'common/service may not use common/redis' include common/service/config.h '"common/redis/redis.h"'
caught layers 'common/service may not use hiredis' include common/service/config.h '<hiredis/hiredis.h>'
caught layers 'common/redis may not use common/service' include common/redis/redis.h '"common/service/config.h"'
caught layers 'common/model may not use common/redis' include common/model/model.h '"common/redis/redis.h"'
caught layers 'proto may not use flowspec' include proto/delta.h '"flowspec/rule.h"'
caught layers 'flowspec may not use proto' include flowspec/rule.h '"proto/delta.h"'
caught layers 'flowspec may not use collector/decode' include flowspec/rule.h '"collector/decode/plan.h"'
caught layers 'is generated: only the .c files of proto' include collector/in_udp.h '"proto/delta.pb-c.h"'
caught layers 'is generated: only the .c files of proto' include proto/delta.h '"proto/delta.pb-c.h"'
caught layers 'is generated: only the .c files of proto' include tests/unit/collector/decode/test_plan.c '"proto/delta.pb-c.h"'
passes layers include tests/unit/collector/decode/test_plan.c '"tests/unit/collector/decode/next.pb-c.h"'
caught layers 'speaker may not use policy' include_other_process
caught layers 'policy may not use collector/decode' include policy/out_webhook.c '"collector/decode/plan.h"'
caught layers 'policy may not use hiredis' include policy/out_webhook.c '<hiredis/hiredis.h>'
caught layers 'collector may not use curl' include collector/in_udp.h '<curl/curl.h>'
caught layers 'collector may not use glib' include collector/in_udp.h '<glib.h>'
caught layers 'ctl may not use collector' include ctl/decode.c '"collector/in_udp.h"'
caught layers 'collector/decode may not use uv' include collector/decode/plan.c '<uv.h>'
caught layers 'collector/decode may not use jansson' include collector/decode/plan.c '<jansson.h>'
caught layers 'collector/decode may not use common/redis' include collector/decode/plan.c '"common/redis/redis.h"'
caught layers 'collector/decode may not use collector' include collector/decode/plan.c '"collector/in_udp.h"'
caught layers 'aggregator/window may not use common/service' include aggregator/window/window.h '"common/service/config.h"'
caught layers 'pure: no I/O, no clock, no log' include speaker/bgp/fsm.h '"common/base/log.h"'
caught layers 'pure: no I/O, no clock, no log' include speaker/bgp/fsm.h '<sys/socket.h>'
caught layers 'pure: no I/O, no clock, no log' include speaker/bgp/fsm.h '<time.h>'
caught layers 'reaches uv through common/service/config.h' include common/service/config.h '<uv.h>'
caught layers 'is unknown' include ctl/decode.c '<openssl/ssl.h>'
caught layers 'is no file of ours' include ctl/decode.c '"plan.h"'
caught layers 'in no folder of the table' file helper/helper.c ''
caught layers 'in no folder of the table' file common/other/other.c ''
passes layers include policy/out_webhook.c '"common/model/model.h"'
passes layers include ctl/decode.c '"speaker/bgp/fsm.h"'
passes layers include tests/unit/collector/decode/test_plan.c '<hiredis/hiredis.h>'

caught headers 'flowspec/rule.h does not compile alone' file flowspec/rule.h 'uint8_t first(void);'
caught headers 'flowspec/rule.h does not compile alone' drop_guard
caught headers 'in_udp.h does not compile alone' include collector/in_udp.h '"no/where.h"'

passes sizes long_file 500
caught sizes 'speaker/bgp/long.c: over 500 lines' long_file 501
passes sizes long_function 70
caught sizes 'speaker/bgp/many.c:2: a function of 71 lines' long_function 71
passes sizes long_function 71 '/* lint-long: a table. */'
caught sizes 'a function of 71 lines' long_function 71 '/* lint-long: */'
passes sizes long_table

caught format 'run clang-format -i' sed -i 's/    return 1;/  return 1;/' collector/decode/plan.c
caught format 'run clang-format -i' in_git sed -i 's/    return 1;/  return 1;/' collector/decode/plan.c

if command -v shellcheck >/dev/null 2>&1; then
    caught shell 'SC2086' warn_in_shell
    caught shell 'SC2086' warn_in_hidden_folder
fi

echo "selftest: $tried faults and exceptions tried, $faults wrong"
[ $faults -eq 0 ]
