# eBPF objects, compiled at build time; headers that an object depends on come from the compiler.
find_program(BPF_CLANG NAMES clang-19 REQUIRED)
find_program(BPF_STRIP NAMES llvm-strip-19 REQUIRED)
find_program(BPFTOOL NAMES bpftool PATHS /usr/sbin /sbin REQUIRED)

# add_bpf_skeleton(NAME SOURCE...): compiles each SOURCE alone, links them into NAME.bpf.o and makes
# the header NAME.skel.h. The target NAME carries the include folder; depend on it by linking.
function(add_bpf_skeleton name)
  set(objects)
  foreach(source ${ARGN})
    cmake_path(GET source STEM LAST_ONLY stem)
    set(object ${CMAKE_CURRENT_BINARY_DIR}/${stem}.o)
    add_custom_command(
      OUTPUT ${object}
      COMMAND ${BPF_CLANG} -target bpf -mcpu=v3 -O2 -g -std=gnu17 -Wall -Wextra -Werror
              -I${PROJECT_SOURCE_DIR} $<$<BOOL:${FAIRLEAD_OTHER_LAYOUTS}>:-DFAIRLEAD_OTHER_LAYOUTS> -idirafter /usr/include/${CMAKE_LIBRARY_ARCHITECTURE}
              -MD -MF ${object}.d -MT ${object}
              -c ${CMAKE_CURRENT_SOURCE_DIR}/${source} -o ${object}
      COMMAND ${BPF_STRIP} -g ${object}
      DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${source}
      DEPFILE ${object}.d
      VERBATIM COMMAND_EXPAND_LISTS)
    list(APPEND objects ${object})
  endforeach()
  set(linked ${CMAKE_CURRENT_BINARY_DIR}/${name}.bpf.o)
  set(skeleton ${CMAKE_CURRENT_BINARY_DIR}/${name}.skel.h)
  add_custom_command(
    OUTPUT ${linked} ${skeleton}
    COMMAND ${BPFTOOL} gen object ${linked} ${objects}
    # Generated code is not for clang-tidy, whose analyser reports headers of others, too.
    COMMAND sh -c "echo '// NOLINTBEGIN' > ${skeleton} && ${BPFTOOL} gen skeleton ${linked} name ${name} >> ${skeleton} && echo '// NOLINTEND' >> ${skeleton}"
    DEPENDS ${objects}
    VERBATIM)
  add_custom_target(${name}_skeleton DEPENDS ${skeleton})
  add_library(${name} INTERFACE)
  add_dependencies(${name} ${name}_skeleton)
  target_include_directories(${name} SYSTEM INTERFACE ${CMAKE_CURRENT_BINARY_DIR})
  # Skeletons declare rodata of C's type, which clang (clang-tidy, too) has no name for in C++.
  target_compile_definitions(${name} INTERFACE $<$<COMPILE_LANGUAGE:CXX>:_Bool=bool>)
endfunction()
