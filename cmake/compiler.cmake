# Compiler settings that hold for every target. Instruction-set flags never stand here: a backend sets its own.
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo)
endif()

# POSIX and what else the systems' C libraries have.
if(APPLE)
  add_compile_definitions(_DARWIN_C_SOURCE)
else()
  add_compile_definitions(_GNU_SOURCE)
endif()
# numerics.md: one IEEE operation per step. The compiler may not fuse a multiplication and an addition on its own.
add_compile_options(-ffp-contract=off)
add_compile_options($<$<C_COMPILER_ID:Clang>:-fdebug-default-version=4>) # what Debian 12's valgrind reads of clang's
add_compile_options(-Wall -Wextra -Wpedantic -Wconversion -Wno-sign-conversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes
                    -Wvla -Wundef)
if(SETUN_WERROR)
  add_compile_options(-Werror)
endif()

if(SETUN_SANITIZE STREQUAL "address")
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
elseif(SETUN_SANITIZE STREQUAL "thread")
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer)
  add_link_options(-fsanitize=thread)
elseif(NOT SETUN_SANITIZE STREQUAL "")
  message(FATAL_ERROR "SETUN_SANITIZE is '${SETUN_SANITIZE}', expected address, thread or nothing")
endif()

if(SETUN_FUZZ)
  if(NOT CMAKE_C_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "SETUN_FUZZ needs clang, whose libFuzzer it uses: -DCMAKE_C_COMPILER=clang")
  endif()
  # Coverage for libFuzzer everywhere; the targets alone link it.
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
