# What is installed, and the Debian package of it: cmake --preset release && cmake --build --preset release &&
# cpack --config build/release/CPackConfig.cmake -B build. The configuration is in /etc/weir wherever the programs are.
include(GNUInstallDirs)

install(TARGETS weir weir-collector weir-aggregator weir-policy weir-speaker RUNTIME)
install(FILES etc/weir.yaml DESTINATION /etc/weir)
install(FILES etc/redis/state.conf etc/redis/telemetry.conf DESTINATION /etc/weir/redis)

# systemd reads units of /usr/local too, and there they name the programs of /usr/local.
set(units weir-collector.service weir-aggregator.service weir-policy.service weir-speaker.service
          weir-redis-state.service weir-redis-telemetry.service weir.target)
foreach(unit IN LISTS units)
  file(READ etc/systemd/${unit} text)
  string(REPLACE "=/usr/bin/weir" "=${CMAKE_INSTALL_FULL_BINDIR}/weir" text "${text}")
  file(CONFIGURE OUTPUT systemd/${unit} CONTENT "${text}" @ONLY)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS etc/systemd/${unit})
  install(FILES ${PROJECT_BINARY_DIR}/systemd/${unit} DESTINATION lib/systemd/system)
endforeach()
install(FILES etc/systemd/sysusers.conf DESTINATION lib/sysusers.d RENAME weir.conf)
install(FILES etc/systemd/tmpfiles.conf DESTINATION lib/tmpfiles.d RENAME weir.conf)
install(FILES etc/systemd/sysctl.conf DESTINATION lib/sysctl.d RENAME 50-weir.conf)

# Who builds the package answers for it, as everywhere in Debian by DEBFULLNAME and DEBEMAIL. No address of the authors
# would be read by anybody, so the one that stands without these two leads nowhere, by its name.
if(NOT "$ENV{DEBEMAIL}" STREQUAL "")
  set(maintainer "$ENV{DEBFULLNAME} <$ENV{DEBEMAIL}>")
  string(STRIP "${maintainer}" maintainer)
else()
  set(maintainer "the weir authors <authors@weir.invalid>")
endif()
set(WEIR_MAINTAINER "${maintainer}" CACHE STRING "maintainer of the Debian package")
# The time of SOURCE_DATE_EPOCH where that is set.
string(TIMESTAMP built "%a, %d %b %Y %H:%M:%S +0000" UTC)
file(CONFIGURE OUTPUT changelog CONTENT "weir (${PROJECT_VERSION}) unstable; urgency=medium

  * What changed is in CHANGELOG.md.gz.

 -- ${WEIR_MAINTAINER}  ${built}
")

# compressed(FILE FOLDER NAME): installs it as FOLDER/NAME.gz, always with the same octets.
function(compressed file folder name)
  set(out ${PROJECT_BINARY_DIR}/compressed/${name}.gz)
  add_custom_command(
    OUTPUT ${out}
    COMMAND mkdir -p ${PROJECT_BINARY_DIR}/compressed
    COMMAND gzip -9nc ${file} > ${out}
    DEPENDS ${file}
    VERBATIM)
  add_custom_target(compressed_${name} ALL DEPENDS ${out})
  install(FILES ${out} DESTINATION ${folder})
endfunction()
compressed(${PROJECT_SOURCE_DIR}/CHANGELOG.md ${CMAKE_INSTALL_DOCDIR} CHANGELOG.md)
compressed(${PROJECT_BINARY_DIR}/changelog ${CMAKE_INSTALL_DOCDIR} changelog)
compressed(${PROJECT_SOURCE_DIR}/docs/weir.8 ${CMAKE_INSTALL_MANDIR}/man8 weir.8)
install(CODE "
  foreach(name collector aggregator policy speaker)
    file(CREATE_LINK weir.8.gz
         \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_MANDIR}/man8/weir-\${name}.8.gz\" SYMBOLIC)
  endforeach()")
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR} FILES_MATCHING PATTERN "*.md")
install(FILES README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES etc/redis/state.acl etc/redis/telemetry.acl DESTINATION ${CMAKE_INSTALL_DOCDIR}/redis)
install(FILES etc/monitoring/prometheus.yaml etc/monitoring/weir.rules.yaml etc/monitoring/grafana-dashboard.json
        DESTINATION ${CMAKE_INSTALL_DATADIR}/weir/monitoring)
install(FILES etc/monitoring/README.md DESTINATION ${CMAKE_INSTALL_DOCDIR}/monitoring)
install(FILES etc/debian/copyright DESTINATION ${CMAKE_INSTALL_DOCDIR})

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME weir)
set(CPACK_PACKAGE_CONTACT "${WEIR_MAINTAINER}")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "DDoS detection from flow export, mitigation by BGP Flowspec")
set(CPACK_PACKAGE_DESCRIPTION
    "Routers export sFlow, NetFlow and IPFIX to weir. It counts their traffic, sees
an attack within a second, works out the narrowest BGP Flowspec rule that stops
it, and keeps that rule on the routers until the attack is over.
.
Nothing is started by the installation, and the configuration is in dry run.")
# Files go to /etc too, whatever the prefix is.
set(CPACK_SET_DESTDIR ON)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS
    "redis-server (>= 5:7.0), systemd | systemd-standalone-sysusers, systemd | systemd-standalone-tmpfiles")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
    ${PROJECT_SOURCE_DIR}/etc/debian/conffiles ${PROJECT_SOURCE_DIR}/etc/debian/postinst
    ${PROJECT_SOURCE_DIR}/etc/debian/prerm ${PROJECT_SOURCE_DIR}/etc/debian/postrm)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
include(CPack)
