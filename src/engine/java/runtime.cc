// SPDX-License-Identifier: Apache-2.0
#include "engine/java/runtime.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <tuple>

#include "base/fd.h"
#include "engine/java/link.h"

namespace holdfast::engine::java {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view rows_jar_name = "holdfast-rows.jar";
constexpr std::string_view main_class = "holdfast.HoldfastRows";

bool is_program(const fs::path& path) {
  std::error_code failure;
  return fs::is_regular_file(path, failure) && ::access(path.c_str(), X_OK) == 0;
}

std::string variable(const char* name) {
  const char* value = ::getenv(name);
  return value != nullptr ? value : "";
}

std::optional<fs::path> find_java(const JavaPlaces& places) {
  std::vector<fs::path> candidates;
  if (!places.java_home.empty()) candidates.push_back(fs::path(places.java_home) / "bin/java");
  for (std::string_view rest = places.path; !rest.empty();) {
    const std::string_view directory = rest.substr(0, rest.find(':'));
    rest.remove_prefix(std::min(directory.size() + 1, rest.size()));
    if (!directory.empty()) candidates.push_back(fs::path(directory) / "java");
  }
  candidates.push_back(places.last_java / "bin/java");
  const auto found = std::find_if(candidates.begin(), candidates.end(), is_program);
  if (found == candidates.end()) return std::nullopt;
  return *found;
}

std::optional<fs::path> find_rows_jar(const fs::path& executable) {
  const fs::path directory = executable.parent_path();
  for (const fs::path& place :
       {directory / rows_jar_name, directory.parent_path() / "share/holdfast" / rows_jar_name}) {
    std::error_code failure;
    if (fs::is_regular_file(place, failure)) return place;
  }
  return std::nullopt;
}

// Of the modules of a runtime, those that make up Java itself and no tools. Without a compiler the
// source code in a database's triggers and functions is no program.
std::string module_option(const fs::path& java) {
  constexpr std::size_t release_bytes_max = std::size_t{64} << 10U;
  std::error_code failure;
  const fs::path home = fs::canonical(java, failure).parent_path().parent_path();
  const fs::path release = home / "release";
  if (failure || !fs::is_regular_file(release, failure)) return {};
  if (fs::file_size(release, failure) > release_bytes_max || failure) return {};
  const std::string text = read_text_file(release, release_bytes_max);
  const std::size_t modules = text.find("MODULES=\"");
  if (modules == std::string::npos) return {};
  const auto has = [&](std::string_view name) {
    return text.find(fmt::format(" {} ", name), modules) != std::string::npos;
  };
  if (!has("java.se")) return {};
  return has("jdk.unsupported") ? "java.se,jdk.unsupported" : "java.se";
}

// The numbers in a name, for comparison: "derby-10.14.2.0.jar" is below "derby-10.15.1.3.jar".
std::vector<std::uint64_t> numbers_of(std::string_view name) {
  std::vector<std::uint64_t> numbers;
  bool in_number = false;
  for (const char c : name) {
    if (c >= '0' && c <= '9') {
      if (!in_number) numbers.push_back(0);
      numbers.back() = numbers.back() * 10 + static_cast<std::uint64_t>(c - '0');
    }
    in_number = c >= '0' && c <= '9';
  }
  return numbers;
}

// Whether `name` is "<stem>.jar" or "<stem>-<version>.jar".
bool is_jar_of(std::string_view stem, std::string_view name) {
  if (!name.starts_with(stem) || !name.ends_with(".jar")) return false;
  name.remove_prefix(stem.size());
  name.remove_suffix(4);
  return name.empty() || (name.size() > 1 && name[0] == '-' && name[1] >= '0' && name[1] <= '9');
}

std::optional<fs::path> find_jar(std::string_view stem, const fs::path& directory) {
  std::vector<fs::path> found;
  std::error_code failure;
  for (fs::directory_iterator at(directory, failure), end; !failure && at != end;
       at.increment(failure)) {
    std::error_code unknown;
    if (is_jar_of(stem, at->path().filename().native()) && at->is_regular_file(unknown))
      found.push_back(at->path());
  }
  if (found.empty()) return std::nullopt;
  return *std::max_element(found.begin(), found.end(), [](const fs::path& a, const fs::path& b) {
    const auto key = [](const fs::path& path) {
      return std::tuple(numbers_of(path.filename().native()), path.filename().native());
    };
    return key(a) < key(b);
  });
}

// No option of a URL, and no other file than is meant, comes from a path.
std::string in_url(const fs::path& path) {
  check_rule(path.is_absolute(), "a database's path is absolute");
  const std::string& text = path.native();
  if (text.find_first_of(";\\\n\r") != std::string::npos || !is_utf8(text)) {
    throw Error(Errc::unsupported, fmt::format("the path {} cannot stand in a JDBC URL", text));
  }
  return text;
}

}  // namespace

JavaPlaces java_places() {
  return {variable("JAVA_HOME"), variable("PATH"), own_executable()};
}

std::optional<JavaRuntime> find_java_runtime(std::string* why_not) {
  return find_java_runtime(java_places(), why_not);
}

std::optional<JavaRuntime> find_java_runtime(const JavaPlaces& places, std::string* why_not) {
  const std::optional<fs::path> rows_jar = find_rows_jar(places.executable);
  const std::optional<fs::path> java = find_java(places);
  if (rows_jar && java) return JavaRuntime{*java, *rows_jar};
  if (why_not != nullptr) {
    *why_not =
        rows_jar ? "no Java runtime was found by JAVA_HOME, by PATH or as Debian's default"
                 : fmt::format("{} is not there: Holdfast was built without a JDK", rows_jar_name);
  }
  return std::nullopt;
}

std::vector<fs::path> find_driver_jars(std::string_view engine,
                                       const std::vector<fs::path>& directories,
                                       const fs::path& last_directory) {
  check_rule(engine == "derby" || engine == "h2", "the engine has a JDBC driver");
  std::vector<fs::path> places = directories;
  places.push_back(last_directory);
  for (const fs::path& directory : places) {
    const std::optional<fs::path> driver = find_jar(engine, directory);
    if (!driver) continue;
    std::vector<fs::path> jars{*driver};
    if (engine == "derby") {
      for (const std::string_view part : {"derbyshared", "derbytools"}) {
        if (auto jar = find_jar(part, directory)) jars.push_back(*std::move(jar));
      }
    }
    return jars;
  }
  return {};
}

Command rows_command(const JavaRuntime& runtime, const std::vector<fs::path>& driver_jars,
                     const fs::path& scratch_directory, unsigned heap_mib) {
  std::string class_path = runtime.rows_jar.native();
  for (const fs::path& jar : driver_jars) class_path += ":" + jar.native();
  const auto colons = std::count(class_path.begin(), class_path.end(), ':');
  if (colons != static_cast<std::ptrdiff_t>(driver_jars.size())) {
    throw Error(Errc::unsupported, fmt::format("a jar's path holds a colon: {}", class_path))
        .set_hint("Give it a name without one.");
  }
  const std::string& scratch = scratch_directory.native();
  Command command;
  command.argv = {
      runtime.java.native(), fmt::format("-Xmx{}m", heap_mib), "-XX:+UseSerialGC",
      "-XX:-UsePerfData", "-XX:-CreateCoredumpOnCrash", "-XX:+IgnoreUnrecognizedVMOptions",
      fmt::format("-XX:ErrorFile={}/java-crash.log", scratch), "-Dfile.encoding=UTF-8",
      "-Duser.timezone=UTC", "-Djava.awt.headless=true",
      fmt::format("-Djava.io.tmpdir={}", scratch), fmt::format("-Dderby.system.home={}", scratch),
      fmt::format("-Dderby.stream.error.file={}/derby.log", scratch),
      // No class of the application's acts for a database that is only looked at.
      "-Dh2.allowedClasses="};
  if (const std::string modules = module_option(runtime.java); !modules.empty())
    command.argv.push_back("--limit-modules=" + modules);
  command.argv.insert(command.argv.end(), {"-cp", class_path, std::string(main_class)});
  // It starts no programs; and options for other Java programs of this user's are not for ours.
  command.environment = {{"PATH", "/nonexistent"}, {"LC_ALL", "C.UTF-8"}};
  for (const char* name : {"JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS", "CLASSPATH"}) {
    if (::getenv(name) != nullptr) command.environment.emplace_back(name, "");
  }
  command.directory = scratch_directory;
  return command;
}

Versions read_versions(const JavaRuntime& runtime, const std::vector<fs::path>& driver_jars,
                       const fs::path& scratch_directory, std::stop_token stop) {
  constexpr unsigned small_heap_mib = 32;
  Link link(rows_command(runtime, driver_jars, scratch_directory, small_heap_mib), std::move(stop));
  FrameWriter request;
  request.begin('V');
  request.end();
  link.send(request);
  const Frame answer = link.receive();
  if (answer.type != 'h') throw Error(Errc::corrupt, "the Java program does not tell its versions");
  return parse_versions(answer.body);
}

std::string derby_url(const fs::path& directory, bool create) {
  return fmt::format("jdbc:derby:directory:{}{}", in_url(directory), create ? ";create=true" : "");
}

std::string h2_url(const fs::path& file, bool create) {
  return fmt::format("jdbc:h2:file:{};IFEXISTS={};TRACE_LEVEL_FILE=0", in_url(file),
                     create ? "FALSE" : "TRUE");
}

}  // namespace holdfast::engine::java
