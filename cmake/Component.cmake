# How each folder becomes a library, a program and tests. Sources are listed by hand, tests found by name.

add_library(project_warnings INTERFACE)
target_compile_options(
  project_warnings
  INTERFACE -Wall
            -Wextra
            -Wconversion
            -Wshadow
            -Wcast-qual
            -Wvla
            -Wmissing-prototypes)
target_compile_definitions(project_warnings INTERFACE _GNU_SOURCE)

# Sanitizers reach every target, foreign and generated code too, so that they see all memory.
if(WEIR_SANITIZE)
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=undefined
                      -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
endif()
if(WEIR_SANITIZE_THREADS)
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer)
  add_link_options(-fsanitize=thread)
endif()
if(WEIR_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# component(collector SOURCES … USES base proto …): library collector_lib, and, where main.c stands,
# the program weir-collector (another name by PROGRAM). HOT: it does what is done for each record;
# with WEIR_INLINE_HOT such files become one when a program is linked, so that calls between them
# cost nothing.
function(component name)
  cmake_parse_arguments(C "HOT" "PROGRAM" "SOURCES;USES" ${ARGN})
  add_library(${name}_lib STATIC ${C_SOURCES})
  if(C_HOT AND WEIR_INLINE_HOT)
    set_target_properties(${name}_lib PROPERTIES INTERPROCEDURAL_OPTIMIZATION ON)
  endif()
  target_link_libraries(${name}_lib PUBLIC ${C_USES} PRIVATE $<BUILD_INTERFACE:project_warnings>)
  target_include_directories(${name}_lib PUBLIC ${PROJECT_SOURCE_DIR})
  if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/main.c)
    if(NOT C_PROGRAM)
      set(C_PROGRAM weir-${name})
    endif()
    add_executable(${C_PROGRAM} main.c)
    target_link_libraries(${C_PROGRAM} PRIVATE ${name}_lib project_warnings)
    set_target_properties(${C_PROGRAM} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
  endif()
endfunction()

# unit_test(collector/decode LIBS collector_decode_lib): every tests/unit/collector/decode/test_*.c
# in one Criterion program.
function(unit_test folder)
  cmake_parse_arguments(T "" "" "LIBS" ${ARGN})
  file(GLOB files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/unit/${folder}/test_*.c)
  if(NOT files)
    return()
  endif()
  string(REPLACE "/" "_" name ${folder})
  add_executable(test_${name} ${files} ${PROJECT_SOURCE_DIR}/tests/unit/leaks.c)
  target_link_libraries(test_${name} PRIVATE ${T_LIBS} criterion project_warnings)
  target_compile_definitions(test_${name} PRIVATE WEIR_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  add_test(NAME unit.${name} COMMAND test_${name} --jobs 2)
  set_tests_properties(unit.${name} PROPERTIES LABELS unit TIMEOUT 300)
endfunction()

# fuzz_target(netflow9 LIBS …): tests/fuzz/fuzz_netflow9.c, run as a test for WEIR_FUZZ_SECONDS.
function(fuzz_target name)
  cmake_parse_arguments(T "" "LABEL" "LIBS" ${ARGN})
  if(NOT WEIR_FUZZ)
    return()
  endif()
  add_executable(fuzz_${name} ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_${name}.c)
  target_link_libraries(fuzz_${name} PRIVATE ${T_LIBS} project_warnings)
  target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  set_target_properties(fuzz_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/fuzz)
  add_test(NAME fuzz.${name} COMMAND ${PROJECT_SOURCE_DIR}/tests/fuzz/run.sh $<TARGET_FILE:fuzz_${name}> ${name})
  set_tests_properties(fuzz.${name} PROPERTIES LABELS "fuzz;${T_LABEL}" TIMEOUT 1200)
endfunction()
