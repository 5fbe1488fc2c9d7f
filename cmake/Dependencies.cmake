# Every library that weir links, found once and given a short target: dep::uv, dep::hiredis, …
find_package(PkgConfig REQUIRED)

function(dependency name)
  pkg_check_modules(${name} REQUIRED IMPORTED_TARGET ${ARGN})
  add_library(dep::${name} ALIAS PkgConfig::${name})
endfunction()

dependency(uv libuv)
dependency(hiredis hiredis)
dependency(yaml yaml-0.1)
dependency(microhttpd libmicrohttpd)
dependency(protobufc libprotobuf-c)
dependency(jansson jansson)
dependency(xxhash libxxhash)
dependency(pcap libpcap)
# libfixbuf does not name glib, whose types its headers are full of.
dependency(fixbuf libfixbuf glib-2.0)
find_program(PROTOC_C protoc-c REQUIRED)
