# holdfast_room(<name> FILES <x.cc>… [TESTS <x_test.cc>…] USES <rooms>… [LINKS <targets>…])
#
# Makes the library holdfast_<name> and, if there are tests, the program <name>_tests, run by CTest as
# unit.<name>, or unit.<name>.1 and so on. USES is the same list as `May use:` in the room's README.md; tests/house_rules compares.
function(holdfast_room name)
  cmake_parse_arguments(ROOM "" "" "FILES;TESTS;USES;LINKS" ${ARGN})
  set(target holdfast_${name})
  add_library(${target} STATIC ${ROOM_FILES})
  list(TRANSFORM ROOM_USES PREPEND holdfast_)
  target_link_libraries(${target} PUBLIC holdfast_flags ${ROOM_USES} PRIVATE ${ROOM_LINKS} fmt::fmt)
  # Every byte goes through these: without the least optimisation their tests with sanitizers take
  # four times as long.
  if(name MATCHES "^(base|format|storage|repo|archive)$")
    target_compile_options(${target} PRIVATE $<$<CONFIG:Debug>:-O1>)
  endif()
  if(HOLDFAST_TESTS AND ROOM_TESTS)
    add_executable(${name}_tests ${ROOM_TESTS})
    target_link_libraries(${name}_tests PRIVATE ${target} ${ROOM_LINKS} fmt::fmt GTest::gtest_main)
    target_compile_definitions(${name}_tests PRIVATE HOLDFAST_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
    # The longest begin first, so that none of them runs alone in the end; the engines' take minutes.
    set(shards 1)
    if(name STREQUAL engine)
      set(shards 4)
    endif()
    foreach(shard RANGE 1 ${shards})
      set(test unit.${name})
      if(shards GREATER 1)
        set(test ${test}.${shard})
      endif()
      math(EXPR index "${shard} - 1")
      add_test(NAME ${test} COMMAND ${name}_tests)
      set_tests_properties(${test} PROPERTIES LABELS unit ENVIRONMENT
        "GTEST_TOTAL_SHARDS=${shards};GTEST_SHARD_INDEX=${index}")
      if(name MATCHES "^(archive|engine|job|repo)$")
        set_tests_properties(${test} PROPERTIES COST 100)
      endif()
    endforeach()
  endif()
endfunction()
