# Packages: run cpack in the build folder of the release preset, or `cpack --preset release`.
set(CPACK_GENERATOR TGZ)
find_program(SETUN_DPKG_SHLIBDEPS dpkg-shlibdeps)
mark_as_advanced(SETUN_DPKG_SHLIBDEPS)
if(SETUN_DPKG_SHLIBDEPS)
  list(APPEND CPACK_GENERATOR DEB)
endif()
set(CPACK_PACKAGE_NAME setun)
set(CPACK_PACKAGE_FILE_NAME setun-${PROJECT_VERSION}-${CMAKE_SYSTEM_NAME}-${CMAKE_SYSTEM_PROCESSOR})
set(CPACK_PACKAGE_VENDOR "The Setun authors")
set(CPACK_PACKAGE_CONTACT "The Setun authors <setun@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_PACKAGE_DESCRIPTION "Setun runs language models whose weights are -1, 0 or +1 on CPUs. This package holds the
setun command, the library with its headers, the backend plugins, the model families and a small
model to begin with, and a plugin to copy.")
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_PACKAGE_CHECKSUM SHA256)
set(CPACK_STRIP_FILES ON)
set(CPACK_VERBATIM_VARIABLES ON)

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON) # Depends: what dpkg-shlibdeps finds
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS ca-certificates) # setun model pull, of https
# What packages that link libsetun depend on. CPack's own way to say it takes plugins for libraries.
file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/debian/shlibs
  CONTENT "libsetun @PROJECT_VERSION_MAJOR@ setun (>= @PROJECT_VERSION@)\n" @ONLY)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${PROJECT_BINARY_DIR}/debian/shlibs)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
include(CPack)
