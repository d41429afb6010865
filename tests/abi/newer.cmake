# A host of the next minor: libsetun once more, compiled against a copy of the contract in which every struct but setun_tensor has fields
# appended. It must run plugins that were built for the minor of today, whose records are shorter, and never read past their end (the
# address sanitizer sees it in any code; test_records.c sees it in the loader).
if(NOT SETUN_TEST_COPIES)
  add_library(setun_test_newer OBJECT test_newer.c) # for its warnings
  target_link_libraries(setun_test_newer PRIVATE setun_internal PkgConfig::CRITERION PkgConfig::JANSSON)
  target_compile_definitions(setun_test_newer PRIVATE SETUN_ABI_CASES="${SETUN_ABI_CASES}" SETUN_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  return()
endif()
set(newer ${CMAKE_CURRENT_BINARY_DIR}/newer)
foreach(header setun_plugin.h setun_ops.h setun_numerics.h setun_status.h)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/plugins/abi/${header})
  file(READ ${PROJECT_SOURCE_DIR}/plugins/abi/${header} text)
  string(REGEX REPLACE "\n} (setun_(batch|machine|query|kernel_plan|call|tile|kernel|format|plugin|attr_[a-z_]+));"
    "\n    uint64_t appended[4];\n} \\1;" text "${text}")
  if(header STREQUAL setun_plugin.h)
    if(NOT text MATCHES "#define SETUN_ABI_MINOR ([0-9]+)")
      message(FATAL_ERROR "setun_plugin.h defines no SETUN_ABI_MINOR")
    endif()
    math(EXPR minor "${CMAKE_MATCH_1} + 1")
    string(REGEX REPLACE "#define SETUN_ABI_MINOR [0-9]+" "#define SETUN_ABI_MINOR ${minor}" text "${text}")
  endif()
  file(CONFIGURE OUTPUT ${newer}/${header} CONTENT "@text@" @ONLY)
endforeach()

# What its tests do not call is left out.
get_target_property(sources setun_objects SOURCES)
list(FILTER sources EXCLUDE REGEX "/graph/(check|convert|inspect)/")
add_library(setun_newer STATIC ${sources})
target_include_directories(setun_newer BEFORE PUBLIC ${newer} ${PROJECT_SOURCE_DIR}/framework/include ${PROJECT_SOURCE_DIR}/graph/include
  ${PROJECT_SOURCE_DIR}/framework ${PROJECT_SOURCE_DIR}/graph)
target_compile_definitions(setun_newer PRIVATE $<TARGET_PROPERTY:setun_objects,COMPILE_DEFINITIONS>)
# -O0: compiled once more for these few tests, in less than half the time.
target_compile_options(setun_newer PRIVATE -Wno-missing-field-initializers -O0)
target_link_libraries(setun_newer PUBLIC $<TARGET_PROPERTY:setun_objects,INTERFACE_LINK_LIBRARIES>)

setun_add_test(abi_newer OUTSIDE SOURCES test_newer.c LABELS abi LIBRARIES setun_newer PkgConfig::JANSSON)
target_compile_definitions(test_abi_newer PRIVATE SETUN_ABI_CASES="${SETUN_ABI_CASES}")
add_dependencies(test_abi_newer ${case_targets})
setun_add_test(abi_records_newer OUTSIDE SOURCES test_records.c LABELS abi LIBRARIES setun_newer)
