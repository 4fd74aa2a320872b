# metal_library(library shim shaders): compiles the shaders with Apple's compiler, where Xcode
# brings one, and puts the result into a section of the library. Without it the embedded sources
# are compiled when the program runs.
function(metal_library library shim shaders)
  execute_process(COMMAND xcrun --sdk macosx --find metal OUTPUT_QUIET ERROR_QUIET
                  RESULT_VARIABLE missing)
  file(GLOB sources CONFIGURE_DEPENDS ${shaders}/*.metal)
  if(missing OR NOT sources)
    message(STATUS "No Metal compiler: shaders are embedded as source")
    return()
  endif()
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS ${shaders}/*.h)
  set(objects "")
  foreach(source IN LISTS sources)
    get_filename_component(stem ${source} NAME_WE)
    set(object ${CMAKE_CURRENT_BINARY_DIR}/${stem}.air)
    # As the shim asks for it at run time: MSL 3.0; infinities and NaNs stay what they are.
    add_custom_command(
      OUTPUT ${object}
      COMMAND xcrun --sdk macosx metal -std=metal3.0 -fno-fast-math -I${shaders} -c ${source}
              -o ${object}
      DEPENDS ${source} ${headers}
      VERBATIM)
    list(APPEND objects ${object})
  endforeach()
  set(metallib ${CMAKE_CURRENT_BINARY_DIR}/metalmoe.metallib)
  add_custom_command(OUTPUT ${metallib}
                     COMMAND xcrun --sdk macosx metallib ${objects} -o ${metallib}
                     DEPENDS ${objects} VERBATIM)
  add_custom_target(${library}_metallib DEPENDS ${metallib})
  add_dependencies(${library} ${library}_metallib)
  set_target_properties(${library} PROPERTIES LINK_DEPENDS ${metallib})
  target_compile_definitions(${shim} PRIVATE MM_METALLIB)
  target_link_options(${library} PRIVATE "LINKER:-sectcreate,__DATA,__metallib,${metallib}")
endfunction()
