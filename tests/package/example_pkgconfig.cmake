# The example builds with the compiler and pkg-config alone, and streams the golden text.
include(${CMAKE_CURRENT_LIST_DIR}/common.cmake)
if(NOT PKG_CONFIG)
  message("SKIPPED: no pkg-config")
  return()
endif()
set(work ${OUT}/example_pkgconfig)
file(REMOVE_RECURSE ${work})
file(MAKE_DIRECTORY ${work})
run(PKG_CONFIG_PATH=${PREFIX}/${LIBDIR}/pkgconfig ${PKG_CONFIG} --cflags --libs setun)
separate_arguments(flags UNIX_COMMAND "${output}")
separate_arguments(extra UNIX_COMMAND "${FLAGS}")
run(${CC} -std=c11 -Wall -Wextra -Wpedantic -Werror ${extra} ${PREFIX}/${DOCDIR}/examples/stream.c ${flags} -o ${work}/stream)
run(LD_LIBRARY_PATH=${PREFIX}/${LIBDIR} ${work}/stream fable "${prompt}" 64)
expect_same("${output}" "${text}\n" "stream")
run(PKG_CONFIG_PATH=${PREFIX}/${LIBDIR}/pkgconfig ${PKG_CONFIG} --modversion setun)
expect_same("${output}" "${VERSION}\n" "pkg-config --modversion")

# Errors come out as one line.
execute_process(COMMAND ${CMAKE_COMMAND} -E env LD_LIBRARY_PATH=${PREFIX}/${LIBDIR} ${work}/stream no_such_model x
  OUTPUT_QUIET ERROR_VARIABLE errors RESULT_VARIABLE result)
if(NOT result EQUAL 1 OR NOT errors MATCHES "^stream: model 'no_such_model'[^\n]*\n$")
  message(FATAL_ERROR "a missing model: expected one line and exit status 1, found ${result}\n${errors}")
endif()
