# add_static_executable(NAME SOURCE... [OBJECTS_OF library...] [LIBS target...]): a program without any
# shared library, so that it starts in a millisecond and runs in any container or virtual machine.
#
# Debian's CMake targets of Abseil name the shared libraries; so our own libraries come in as objects
# (OBJECTS_OF) without what they link, and Abseil by its archives. LIBS: headers and system libraries.
# Sanitizers cannot be linked statically: with them the program is an ordinary one.
file(GLOB absl_archives /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}/libabsl_*.a)

function(add_static_executable name)
  cmake_parse_arguments(arg "" "" "OBJECTS_OF;LIBS" ${ARGN})
  add_executable(${name} ${arg_UNPARSED_ARGUMENTS})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE ${arg_LIBS})
  if(FAIRLEAD_SANITIZE)
    target_link_libraries(${name} PRIVATE ${arg_OBJECTS_OF})
    return()
  endif()
  foreach(library ${arg_OBJECTS_OF})
    target_sources(${name} PRIVATE $<TARGET_OBJECTS:${library}>)
  endforeach()
  target_link_options(${name} PRIVATE -static)
  target_link_libraries(${name} PRIVATE -Wl,--start-group ${absl_archives} -Wl,--end-group)
endfunction()
