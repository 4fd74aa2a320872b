# embed_files(OUTPUT f.cpp ARRAY name HEADER h BASE dir FILES ...)
# Writes a C++ source that holds text files as string literals, so that a library finds them
# wherever it is installed. Written again only when a file changes.
function(embed_files)
  cmake_parse_arguments(E "" "OUTPUT;ARRAY;HEADER;BASE" "FILES" ${ARGN})
  set(script ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/EmbedFilesNow.cmake)
  add_custom_command(
    OUTPUT ${E_OUTPUT}
    COMMAND ${CMAKE_COMMAND} "-DOUTPUT=${E_OUTPUT}" "-DARRAY=${E_ARRAY}" "-DHEADER=${E_HEADER}"
            "-DBASE=${E_BASE}" "-DFILES=${E_FILES}" -P ${script}
    DEPENDS ${E_FILES} ${script}
    VERBATIM)
endfunction()
