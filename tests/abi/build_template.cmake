# Copies the template plugin to OUT/source and builds it in OUT/build, as an author would who has the headers only.
file(REMOVE_RECURSE ${OUT})
file(COPY ${TEMPLATE}/ DESTINATION ${OUT}/source)
execute_process(COMMAND ${CMAKE_COMMAND} -S ${OUT}/source -B ${OUT}/build -G ${GENERATOR} -DSETUN_ABI_DIR=${ABI}
  -DCMAKE_C_COMPILER=${COMPILER} "-DCMAKE_C_FLAGS=${FLAGS} -Werror" COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${CMAKE_COMMAND} --build ${OUT}/build COMMAND_ERROR_IS_FATAL ANY)
