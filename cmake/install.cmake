# What `cmake --install` puts where. The tree may be moved afterwards: the command finds its library, and the library its plugins and
# models, from where they lie (docs/packaging.md). Plugins, models and the command have their rules beside their targets.
include(CMakePackageConfigHelpers)

set(SETUN_CMAKE_INSTALL_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/setun)
set(SETUN_PKGCONFIG_INSTALL_DIR ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
# The headers of the plugin contract have a folder of their own, so that a plugin that searches it sees them and nothing else.
set(SETUN_ABI_INSTALL_DIR ${CMAKE_INSTALL_INCLUDEDIR}/setun/abi)
foreach(folder BINDIR LIBDIR INCLUDEDIR DATADIR)
  if(IS_ABSOLUTE "${CMAKE_INSTALL_${folder}}")
    message(FATAL_ERROR "CMAKE_INSTALL_${folder} is '${CMAKE_INSTALL_${folder}}', expected a folder relative to the prefix: "
                        "the installed tree can be moved")
  endif()
endforeach()

install(TARGETS setun EXPORT setunTargets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} ${SETUN_ABI_INSTALL_DIR})
foreach(layer framework graph)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/${layer}/include/setun DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN *.h)
endforeach()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/plugins/abi/ DESTINATION ${SETUN_ABI_INSTALL_DIR} FILES_MATCHING PATTERN *.h)

install(DIRECTORY ${PROJECT_SOURCE_DIR}/plugins/abi/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/abi FILES_MATCHING PATTERN *.md)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/plugins/template DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/examples DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/configs DESTINATION ${CMAKE_INSTALL_DOCDIR} FILES_MATCHING PATTERN *.yaml)
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/docs/man/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 FILES_MATCHING PATTERN *.1)
install(FILES ${PROJECT_SOURCE_DIR}/tools/completion/setun.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME setun)
# zsh's own folder, and the one where Debian's zsh looks for what packages bring.
foreach(folder site-functions vendor-completions)
  install(FILES ${PROJECT_SOURCE_DIR}/tools/completion/_setun DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/${folder})
endforeach()
# Debian's name for it.
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME copyright)

# find_package(setun) gives setun::setun.
install(EXPORT setunTargets NAMESPACE setun:: DESTINATION ${SETUN_CMAKE_INSTALL_DIR})
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/setunConfig.cmake.in ${PROJECT_BINARY_DIR}/setunConfig.cmake
  INSTALL_DESTINATION ${SETUN_CMAKE_INSTALL_DIR} PATH_VARS SETUN_ABI_INSTALL_DIR SETUN_PLUGIN_INSTALL_DIR SETUN_MODEL_INSTALL_DIR
  NO_CHECK_REQUIRED_COMPONENTS_MACRO)
# Until 1.0 a minor version may change the interface.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/setunConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/setunConfig.cmake ${PROJECT_BINARY_DIR}/setunConfigVersion.cmake
  DESTINATION ${SETUN_CMAKE_INSTALL_DIR})

file(RELATIVE_PATH pc_to_prefix /prefix/${SETUN_PKGCONFIG_INSTALL_DIR} /prefix)
string(REGEX REPLACE "/$" "" pc_to_prefix "${pc_to_prefix}")
configure_file(${PROJECT_SOURCE_DIR}/cmake/setun.pc.in ${PROJECT_BINARY_DIR}/setun.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/setun.pc DESTINATION ${SETUN_PKGCONFIG_INSTALL_DIR})
