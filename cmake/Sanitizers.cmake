# FAIRLEAD_SANITIZE: empty, "address,undefined", "thread", or "fuzzer-no-link,address,undefined".
set(FAIRLEAD_SANITIZE "" CACHE STRING "sanitizers to build with")
if(FAIRLEAD_SANITIZE)
  add_compile_options(-fsanitize=${FAIRLEAD_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
  add_link_options(-fsanitize=${FAIRLEAD_SANITIZE})
endif()
if(FAIRLEAD_SANITIZE STREQUAL "thread")
  # Protobuf's headers add members to map fields then, which Debian's libprotobuf does not have.
  add_compile_options(-U__SANITIZE_THREAD__)
endif()
option(FAIRLEAD_FUZZ "build the libFuzzer targets (clang only)" OFF)
