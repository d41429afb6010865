# What the tests of this folder share. PREFIX is where the installed tree was moved to.
set(PREFIX ${OUT}/moved)

# run(COMMAND...): runs it as a user who has set nothing; sets `output`; its failure fails the test.
function(run)
  execute_process(COMMAND ${CMAKE_COMMAND} -E env --unset=SETUN_PLUGIN_PATH --unset=SETUN_MODEL_PATH --unset=SETUN_CPU ${ARGV}
    OUTPUT_VARIABLE output ERROR_VARIABLE errors RESULT_VARIABLE result WORKING_DIRECTORY /)
  if(NOT result EQUAL 0)
    list(JOIN ARGV " " command)
    message(FATAL_ERROR "${command}\nended with ${result}, expected 0\n${output}${errors}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

# expect_same(FOUND EXPECTED WHAT)
function(expect_same found expected what)
  if(NOT found STREQUAL expected)
    message(FATAL_ERROR "${what}: expected\n${expected}\nfound\n${found}")
  endif()
endfunction()

# The first greedy golden: `prompt`, and the `text` of 64 tokens after it.
file(STRINGS ${SOURCE}/tests/golden/fable/greedy.jsonl golden LIMIT_COUNT 1 ENCODING UTF-8)
string(JSON prompt GET "${golden}" prompt)
string(JSON text GET "${golden}" text)

# expect_runs(ROOT): the tree at ROOT, a prefix, is complete.
function(expect_runs root)
  run(${root}/${BINDIR}/setun run -p "${prompt}" -n 64 --temp 0)
  expect_same("${output}" "${prompt}${text}\n" "setun run")
  run(${root}/${BINDIR}/setun plugins list)
  string(FIND "${output}" "${root}/${LIBDIR}/setun/scalar.so" at)
  if(at EQUAL -1)
    message(FATAL_ERROR "the plugins are not those of ${root}:\n${output}")
  endif()
endfunction()
