# The Java program that reads and writes rows of embedded Java databases, src/engine/java/holdfast: a jar
# beside the program. It needs a JDK to be built; without one Holdfast does everything else.
#
# The same sources and compiler give the same bytes (from JDK 17 on). Java 8 is the oldest runtime that it starts on; no
# manifest is needed, since it is started with -cp.
find_package(Java 1.8 QUIET COMPONENTS Development)
set(HOLDFAST_ROWS_JAR "${CMAKE_BINARY_DIR}/holdfast-rows.jar")
if(Java_JAVAC_EXECUTABLE)
  file(GLOB holdfast_rows_sources CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/src/engine/java/holdfast/*.java")
  set(holdfast_rows_release --release 8)
  if(Java_VERSION VERSION_LESS 9)
    set(holdfast_rows_release -source 8 -target 8)
  endif()
  set(holdfast_rows_jar cMf)
  if(Java_VERSION VERSION_GREATER_EQUAL 17)
    set(holdfast_rows_jar --create --no-manifest --date=2026-01-01T00:00:00Z --file)
  endif()
  set(holdfast_rows_classes "${CMAKE_BINARY_DIR}/holdfast-rows")
  add_custom_command(OUTPUT "${HOLDFAST_ROWS_JAR}"
    COMMAND "${CMAKE_COMMAND}" -E rm -rf "${holdfast_rows_classes}"
    COMMAND "${CMAKE_COMMAND}" -E make_directory "${holdfast_rows_classes}"
    COMMAND "${Java_JAVAC_EXECUTABLE}" ${holdfast_rows_release} -encoding UTF-8 -Xlint:all,-options
            -Werror -d "${holdfast_rows_classes}" ${holdfast_rows_sources}
    COMMAND "${Java_JAR_EXECUTABLE}" ${holdfast_rows_jar} "${HOLDFAST_ROWS_JAR}" -C "${holdfast_rows_classes}" holdfast
    DEPENDS ${holdfast_rows_sources}
    COMMENT "Building holdfast-rows.jar" VERBATIM)
  add_custom_target(holdfast_rows ALL DEPENDS "${HOLDFAST_ROWS_JAR}")
else()
  message(STATUS "No JDK: rows of embedded Java databases will not be read")
  add_custom_target(holdfast_rows)
endif()
