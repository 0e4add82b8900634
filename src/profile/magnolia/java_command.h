// SPDX-License-Identifier: Apache-2.0
// What the command line and environment of a JVM say of the application in it. Pure but for
// `@argfile`s.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "profile/magnolia/variables.h"

namespace holdfast::profile::magnolia {

struct JavaCommand {
  bool is_java = false;  // the program is called java
  Variables system_properties;
  std::vector<std::string> class_path;
  std::string main_class;  // or the jar's path
};

// Gives an argument file's text, nothing if it cannot be read.
using ReadText = std::function<std::string(const std::string& path)>;

// Of several -D of a name the last counts; those of the command line win over JDK_JAVA_OPTIONS,
// JAVA_TOOL_OPTIONS, CATALINA_OPTS and JAVA_OPTS in this order. Source: Java SE, "The java
// command": options stand before the main class, `-cp`, `-classpath`, `--class-path` and `-jar`
// take a word, `@file` holds more words, `--disable-@files` ends that.
[[nodiscard]] JavaCommand read_java_command(const std::vector<std::string>& argv,
                                            const std::vector<std::string>& environ,
                                            const ReadText& read_text);

// The words of an argument file: apart by white space, in quotes with backslash escapes, `#` begins
// a comment.
[[nodiscard]] std::vector<std::string> argument_file_words(std::string_view text);

// The value of an environment variable in "NAME=value" texts; empty if it is not set.
[[nodiscard]] std::string_view environment_value(const std::vector<std::string>& environ,
                                                 std::string_view name) noexcept;

}  // namespace holdfast::profile::magnolia
