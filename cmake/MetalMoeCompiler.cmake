# Warnings and sanitizers for the project's own native code.
option(METALMOE_SANITIZE "Build with AddressSanitizer and UndefinedBehaviorSanitizer" OFF)

add_library(metalmoe_warnings INTERFACE)
target_compile_options(metalmoe_warnings INTERFACE -Wall -Wextra -Werror)
# libstdc++ 12 calls a function that it has deprecated itself.
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  target_compile_options(metalmoe_warnings INTERFACE
    $<$<COMPILE_LANGUAGE:CXX>:-Wno-deprecated-declarations>)
endif()

if(METALMOE_SANITIZE)
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=undefined
                      -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
endif()
