# What every own target is compiled with. No option enables or disables a feature of the product.
add_library(holdfast_flags INTERFACE)
target_include_directories(holdfast_flags INTERFACE "${CMAKE_SOURCE_DIR}/src")
target_compile_definitions(holdfast_flags INTERFACE HOLDFAST_VERSION="${PROJECT_VERSION}" _FILE_OFFSET_BITS=64)
target_compile_options(holdfast_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual
  -fstack-protector-strong)
find_package(Threads REQUIRED)
target_link_libraries(holdfast_flags INTERFACE Threads::Threads)
if(HOLDFAST_WERROR)
  target_compile_options(holdfast_flags INTERFACE -Werror)
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Debug")
  target_compile_definitions(holdfast_flags INTERFACE _GLIBCXX_ASSERTIONS)
else()
  target_compile_definitions(holdfast_flags INTERFACE _FORTIFY_SOURCE=2)
  target_compile_options(holdfast_flags INTERFACE -g1)
  # cmake/PrecompiledHeaders.cmake
  target_compile_options(holdfast_flags INTERFACE
    $<$<BOOL:$<TARGET_PROPERTY:HOLDFAST_IS_TEST>>:-g0> $<$<BOOL:$<TARGET_PROPERTY:HOLDFAST_IS_TEST>>:-O1>)
  target_link_options(holdfast_flags INTERFACE -Wl,-z,relro,-z,now)
endif()
if(HOLDFAST_SANITIZE)
  target_compile_options(holdfast_flags INTERFACE -fsanitize=${HOLDFAST_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(holdfast_flags INTERFACE -fsanitize=${HOLDFAST_SANITIZE})
  # cmake/PrecompiledHeaders.cmake
  target_compile_options(holdfast_flags INTERFACE
    $<$<BOOL:$<TARGET_PROPERTY:HOLDFAST_IS_TEST>>:-g0> $<$<BOOL:$<TARGET_PROPERTY:HOLDFAST_IS_TEST>>:-fno-sanitize=undefined>)
  # The records of what is checked are 100 MB of pointers: at an address of its own a program would
  # relocate each of them whenever it starts, and tests start it thousands of times.
  if(HOLDFAST_SANITIZE MATCHES "address")
    target_link_options(holdfast_flags INTERFACE -no-pie)
  endif()
endif()
# A hundred test programs have most of the product in each: this linker takes a second where the
# usual one takes six. What is shipped is linked as Debian does it.
find_program(HOLDFAST_MOLD mold)
if(HOLDFAST_MOLD AND CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 12.1)
  if(HOLDFAST_SANITIZE)
    target_link_options(holdfast_flags INTERFACE -fuse-ld=mold)
  else()
    target_link_options(holdfast_flags INTERFACE $<$<BOOL:$<TARGET_PROPERTY:HOLDFAST_IS_TEST>>:-fuse-ld=mold>)
  endif()
endif()
if(HOLDFAST_COVERAGE)
  target_compile_options(holdfast_flags INTERFACE --coverage)
  target_link_options(holdfast_flags INTERFACE --coverage)
endif()
if(HOLDFAST_FUZZER)
  target_compile_options(holdfast_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
if(NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
  set(CMAKE_INTERPROCEDURAL_OPTIMIZATION OFF)
endif()
