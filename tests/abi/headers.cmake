# Every header that a stranger may include is compiled alone, twice over, as C11 and as C++; layout.c freezes the contract's structs.
include(CheckLanguage)
file(GLOB headers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/plugins/abi/*.h ${PROJECT_SOURCE_DIR}/framework/include/setun/*.h
  ${PROJECT_SOURCE_DIR}/graph/include/setun/*.h)
set(includes ${PROJECT_SOURCE_DIR}/plugins/abi ${PROJECT_SOURCE_DIR}/framework/include ${PROJECT_SOURCE_DIR}/graph/include)
foreach(header ${headers})
  get_filename_component(name ${header} NAME_WE)
  foreach(language c cpp)
    set(source ${CMAKE_CURRENT_BINARY_DIR}/headers/${name}.${language})
    file(CONFIGURE OUTPUT ${source} CONTENT
      "#include \"${header}\"\n#include \"${header}\"\nextern int setun_header_${name};\nint setun_header_${name} = 1;\n")
    list(APPEND ${language}_sources ${source})
  endforeach()
endforeach()

add_library(abi_headers_c OBJECT ${c_sources} layout.c)
target_include_directories(abi_headers_c PRIVATE ${includes})

check_language(CXX)
if(CMAKE_CXX_COMPILER)
  enable_language(CXX)
  add_library(abi_headers_cxx OBJECT ${cpp_sources})
  target_include_directories(abi_headers_cxx PRIVATE ${includes})
  # The project's options are meant for C. C++17 for the hexadecimal constants of setun_numerics.h.
  set_target_properties(abi_headers_cxx PROPERTIES CXX_STANDARD 17 CXX_STANDARD_REQUIRED ON CXX_EXTENSIONS OFF
    COMPILE_OPTIONS "-Wall;-Wextra;-Wpedantic;-Wconversion;-Wno-sign-conversion;-Werror")
else()
  message(WARNING "No C++ compiler: that the headers compile as C++ is NOT tested")
endif()
