# The template plugin, as installed, builds against the installed contract and loads in the installed command.
include(${CMAKE_CURRENT_LIST_DIR}/common.cmake)
set(work ${OUT}/plugin)
file(REMOVE_RECURSE ${work})
file(COPY ${PREFIX}/${DOCDIR}/template/ DESTINATION ${work}/source)
run(${CMAKE_COMMAND} -G ${GENERATOR} -S ${work}/source -B ${work}/build -DSETUN_ABI_DIR=${PREFIX}/${INCLUDEDIR}/setun/abi
    -DCMAKE_C_COMPILER=${CC} -DCMAKE_C_FLAGS=${FLAGS})
run(${CMAKE_COMMAND} --build ${work}/build)
run(SETUN_PLUGIN_PATH=${work}/build ${PREFIX}/${BINDIR}/setun plugins list)
if(NOT output MATCHES "template[^\n]*${work}/build/template.so +loaded")
  message(FATAL_ERROR "the template plugin did not load:\n${output}")
endif()
