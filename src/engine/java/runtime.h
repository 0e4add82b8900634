// SPDX-License-Identifier: Apache-2.0
// What is needed to run our Java program: a Java runtime, the program, and the application's
// driver.
#pragma once

#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/process.h"
#include "engine/java/protocol.h"

namespace holdfast::engine::java {

struct JavaRuntime {
  std::filesystem::path java;      // the launcher
  std::filesystem::path rows_jar;  // our program
};

// Where a runtime is looked for.
struct JavaPlaces {
  std::string java_home;             // JAVA_HOME
  std::string path;                  // PATH
  std::filesystem::path executable;  // of Holdfast: the program lies beside it, or where it is
                                     // installed, in ../share/holdfast
  std::filesystem::path last_java{"/usr/lib/jvm/default-java"};
};
[[nodiscard]] JavaPlaces java_places();

// JAVA_HOME, then PATH, then Debian's default. Nothing if something is missing; `why_not`, if
// given, then says what, without a full stop.
[[nodiscard]] std::optional<JavaRuntime> find_java_runtime(std::string* why_not = nullptr);
[[nodiscard]] std::optional<JavaRuntime> find_java_runtime(const JavaPlaces& places,
                                                           std::string* why_not);

// The driver of `engine` ("derby" or "h2") in the first directory that has one: WEB-INF/lib,
// Tomcat's lib; at last where Debian keeps them. Of several versions the highest. Derby from 10.15
// on comes in several jars, all of which are given. Empty if there is none. Does not open them.
[[nodiscard]] std::vector<std::filesystem::path> find_driver_jars(
    std::string_view engine, const std::vector<std::filesystem::path>& directories,
    const std::filesystem::path& last_directory = "/usr/share/java");

// How the program is started, with these jars on its class path. It writes its logs and temporary
// files to `scratch_directory` alone; it is told nothing secret, neither in its arguments nor in
// its environment. Errc::unsupported for a jar whose path cannot stand in a class path.
[[nodiscard]] Command rows_command(const JavaRuntime& runtime,
                                   const std::vector<std::filesystem::path>& driver_jars,
                                   const std::filesystem::path& scratch_directory,
                                   unsigned heap_mib);

// What the jars and the runtime say of themselves; no database is opened. Errors as JavaDatabase's.
[[nodiscard]] Versions read_versions(const JavaRuntime& runtime,
                                     const std::vector<std::filesystem::path>& driver_jars,
                                     const std::filesystem::path& scratch_directory,
                                     std::stop_token stop = {});

// The URLs of databases that are there (or are to be made) as files. Errc::unsupported for a path
// that such a URL cannot hold, Errc::bug for one that is not absolute.
// Source: Derby Developer's Guide 10.14 "Database connection URL syntax"; H2 2.1.214 "Features".
[[nodiscard]] std::string derby_url(const std::filesystem::path& directory, bool create = false);
// Without ".mv.db".
[[nodiscard]] std::string h2_url(const std::filesystem::path& file, bool create = false);

}  // namespace holdfast::engine::java
