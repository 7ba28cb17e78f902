# FAIRLEAD_UNITY: compile a dozen of our sources at a time. A build from nothing takes half the time, as each
# header is read and each template made once; after a change it compiles the neighbours too. For builds that
# start from nothing, therefore: the demo and the sanitizers. Tests are a source a program anyway.
option(FAIRLEAD_UNITY "Compile our sources in batches" OFF)
set(CMAKE_UNITY_BUILD_BATCH_SIZE 12)
if(FAIRLEAD_UNITY)
  # What is local to a source is local to the batch.
  add_compile_options($<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
endif()
