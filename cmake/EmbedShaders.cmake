# embed_shaders(OUTPUT f.c BASE dir FILES ...)
# Writes the C array mm_embedded_files (native/shim/shim.h): names relative to BASE, and texts.
function(embed_shaders)
  cmake_parse_arguments(E "" "OUTPUT;BASE" "FILES" ${ARGN})
  set(script ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/EmbedShadersNow.cmake)
  add_custom_command(
    OUTPUT ${E_OUTPUT}
    COMMAND ${CMAKE_COMMAND} "-DOUTPUT=${E_OUTPUT}" "-DBASE=${E_BASE}" "-DFILES=${E_FILES}"
            -P ${script}
    DEPENDS ${E_FILES} ${script}
    VERBATIM)
endfunction()

# layout_table(OUTPUT f.c BASE dir FILES ...)
# Writes mm_layout_rows: one offsetof and one sizeof for each field of the structs in FILES, which
# the C compiler then fills in.
function(layout_table)
  cmake_parse_arguments(E "" "OUTPUT;BASE" "FILES" ${ARGN})
  set(script ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/layout_table.awk)
  add_custom_command(
    OUTPUT ${E_OUTPUT}
    COMMAND awk -f ${script} ${E_FILES} > ${E_OUTPUT}
    DEPENDS ${E_FILES} ${script}
    VERBATIM)
endfunction()
