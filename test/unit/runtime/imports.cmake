# The runtime must import what runtime/libc-symbols.txt lists, and nothing else: compiled libraries are linked against
# exactly these. Arguments: NM, ARCHIVE, LIST.
execute_process(COMMAND ${NM} --undefined-only --format=just-symbols ${ARCHIVE}
  OUTPUT_VARIABLE output COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "[A-Za-z_][A-Za-z0-9_.]*" imported "${output}")
list(FILTER imported EXCLUDE REGEX "^hone_rt_|\\.o$")
list(REMOVE_DUPLICATES imported)
list(SORT imported)
file(STRINGS ${LIST} expected)
if(NOT imported STREQUAL expected)
  message(FATAL_ERROR "the runtime imports\n  ${imported}\nbut ${LIST} lists\n  ${expected}")
endif()
