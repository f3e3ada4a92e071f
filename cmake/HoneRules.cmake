# The rules every folder's CMakeLists.txt uses.

add_link_options(-fuse-ld=lld -B${LLVM_TOOLS_BINARY_DIR})
# Objects are the same wherever the project lies: one compiler cache serves all clones. Debuggers start in the root.
add_compile_options(-ffile-prefix-map=${PROJECT_SOURCE_DIR}=.)

# What every library that sees MLIR compiles with. All of upstream is in the two shared libraries.
add_library(hone_mlir INTERFACE)
target_compile_options(hone_mlir INTERFACE -Wall -Wextra -Wno-unused-parameter -fno-exceptions -fno-rtti)
# MLIR tells traits apart by the address of a symbol that all libraries share; where it is hidden, by the trait's printed
# name, which g++ and clang (which the distribution's MLIR is built with) spell differently.
target_compile_options(hone_mlir INTERFACE -fvisibility=default -fno-visibility-inlines-hidden)
target_link_libraries(hone_mlir INTERFACE MLIR LLVM)

# Precompiled once, reused by every library: parsing MLIR's headers is most of the build.
foreach(kind core codegen)
  add_library(hone_pch_${kind} OBJECT ${PROJECT_SOURCE_DIR}/cmake/pch_${kind}.cpp)
  target_link_libraries(hone_pch_${kind} PRIVATE hone_mlir)
  target_precompile_headers(hone_pch_${kind} PRIVATE <cmake/pch_${kind}.h>) # in quotes it would hold an absolute path
endforeach()

add_custom_target(hone_generated)

# hone_library(name [PCH core|codegen] [LINK other…]): all .cpp files under the current folder, but those of tools/.
function(hone_library name)
  cmake_parse_arguments(A "" "PCH" "LINK" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS *.cpp)
  list(FILTER sources EXCLUDE REGEX "/(tools/|OnnxLibrary\\.cpp)")
  add_library(${name} STATIC ${sources})
  target_link_libraries(${name} PUBLIC hone_mlir ${A_LINK})
  add_dependencies(${name} hone_generated)
  if(A_PCH)
    target_precompile_headers(${name} REUSE_FROM hone_pch_${A_PCH})
  endif()
endfunction()

# hone_ops(Elementwise …): the generated declarations and definitions of each op family.
function(hone_ops)
  foreach(family ${ARGN})
    set(LLVM_TARGET_DEFINITIONS ${family}.td)
    mlir_tablegen(${family}.h.inc -gen-op-decls)
    mlir_tablegen(${family}.cpp.inc -gen-op-defs)
  endforeach()
  add_public_tablegen_target(hone_ops_generated)
  add_dependencies(hone_generated hone_ops_generated)
endfunction()
