# Most of the time that a file takes to be compiled is spent on what nearly all of them include: that is compiled once,
# for test programs, and in the tree with sanitizers, which has twice as many files, for the product too. The other tree
# has no such headers for the product, so that no file of it lives on what another one includes.
#
# Test programs have neither debugging symbols nor checks of undefined behaviour in their own code, nor much
# optimization; what they test has all of it, but for what is inline in headers, of which the linker may take either.
# Together this takes half of the time that they need to be compiled.
function(holdfast_precompile_headers)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    return()
  endif()
  set(common <fmt/format.h> <algorithm> <chrono> <filesystem> <functional> <map> <memory> <optional> <set> <span>
    <stop_token> <string> <string_view> <utility> <vector>)
  set(source "${CMAKE_BINARY_DIR}/precompiled.cc")
  file(CONFIGURE OUTPUT "${source}" CONTENT "")
  # Whoever reuses them has to be compiled in the same way. HOLDFAST_IS_TEST: cmake/Flags.cmake.
  set(for_tests HOLDFAST_IS_TEST ON POSITION_INDEPENDENT_CODE OFF)
  if(HOLDFAST_SANITIZE MATCHES "address")
    add_library(holdfast_headers OBJECT "${source}")
    target_link_libraries(holdfast_headers PRIVATE holdfast_flags fmt::fmt)
    target_precompile_headers(holdfast_headers PRIVATE ${common})
  endif()
  add_library(holdfast_test_headers OBJECT "${source}")
  target_link_libraries(holdfast_test_headers PRIVATE holdfast_flags fmt::fmt GTest::gtest)
  set_target_properties(holdfast_test_headers PROPERTIES ${for_tests})
  target_precompile_headers(holdfast_test_headers PRIVATE <gtest/gtest.h> ${common})

  set(directories "${CMAKE_SOURCE_DIR}")
  while(directories)
    list(POP_FRONT directories directory)
    get_property(below DIRECTORY "${directory}" PROPERTY SUBDIRECTORIES)
    list(APPEND directories ${below})
    get_property(targets DIRECTORY "${directory}" PROPERTY BUILDSYSTEM_TARGETS)
    foreach(target IN LISTS targets)
      get_target_property(type ${target} TYPE)
      get_target_property(links ${target} LINK_LIBRARIES)
      get_target_property(options ${target} COMPILE_OPTIONS)
      if(type STREQUAL "EXECUTABLE" AND links MATCHES "GTest::")
        # Its definitions are in the headers.
        target_link_libraries(${target} PRIVATE fmt::fmt)
        set_target_properties(${target} PROPERTIES ${for_tests})
        target_precompile_headers(${target} REUSE_FROM holdfast_test_headers)
      elseif(TARGET holdfast_headers AND type STREQUAL "STATIC_LIBRARY" AND links MATCHES "fmt::fmt" AND NOT options)
        target_precompile_headers(${target} REUSE_FROM holdfast_headers)
      endif()
    endforeach()
  endwhile()
endfunction()
