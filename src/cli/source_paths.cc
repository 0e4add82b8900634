// SPDX-License-Identifier: Apache-2.0
#include "cli/source_paths.h"

#include <fmt/format.h>
#include <glob.h>

#include "base/error.h"
#include "base/stream.h"
#include "cli/terminal.h"
#include "cli/text.h"

namespace holdfast::cli {

namespace {

constexpr std::size_t list_bytes_max = std::size_t{256} << 20U;

std::string read_list(Invocation& invocation, const std::string& path, std::string_view option) {
  return in_context(fmt::format("reading --{}", option), [&]() -> std::string {
    if (path != "-") return read_named_file(path, list_bytes_max, invocation.stop().get_token());
    const Bytes bytes = read_all(*invocation.environment().input, list_bytes_max);
    return std::string(as_text(bytes));
  });
}

class GlobResult {
 public:
  explicit GlobResult(const std::string& pattern)
      : code_(::glob(pattern.c_str(), 0, nullptr, &result_)) {}
  ~GlobResult() { ::globfree(&result_); }
  GlobResult(const GlobResult&) = delete;
  GlobResult& operator=(const GlobResult&) = delete;
  [[nodiscard]] std::vector<std::string> paths() const {
    if (code_ != 0) return {};
    return {result_.gl_pathv, result_.gl_pathv + result_.gl_pathc};
  }

 private:
  glob_t result_{};
  int code_;
};

void add_globs(Invocation& invocation, std::string_view list, std::vector<std::string>& paths) {
  for (const std::string& line : lines_of(list)) {
    const std::string pattern(trimmed(line));
    if (pattern.empty() || pattern.front() == '#') continue;
    const std::vector<std::string> found = GlobResult(pattern).paths();
    if (found.empty()) {
      invocation.output().warning(
          fmt::format("pattern \"{}\" matches no file, skipped", printable(pattern)));
    }
    paths.insert(paths.end(), found.begin(), found.end());
  }
}

void add_raw(std::string_view list, std::vector<std::string>& paths) {
  while (!list.empty()) {
    const std::size_t end = list.find('\0');
    if (end == std::string_view::npos)
      throw Error(Errc::usage, "the last name of --files-from-raw has no NUL byte behind it");
    if (end == 0) throw Error(Errc::usage, "--files-from-raw holds an empty name");
    paths.emplace_back(list.substr(0, end));
    list.remove_prefix(end + 1);
  }
}

}  // namespace

bool lists_use_input(const Arguments& arguments) {
  for (const Option& option : source_list_options) {
    for (const std::string& path : arguments.list(option.name)) {
      if (path == "-") return true;
    }
  }
  return false;
}

std::vector<std::string> source_paths(Invocation& invocation) {
  const Arguments& arguments = invocation.arguments();
  std::vector<std::string> paths;
  for (const std::string& file : arguments.list("files-from")) {
    add_globs(invocation, decode_text(read_list(invocation, file, "files-from")), paths);
  }
  for (const std::string& file : arguments.list("files-from-verbatim")) {
    for (std::string& line :
         lines_of(decode_text(read_list(invocation, file, "files-from-verbatim")))) {
      if (!line.empty()) paths.push_back(std::move(line));
    }
  }
  for (const std::string& file : arguments.list("files-from-raw")) {
    add_raw(read_list(invocation, file, "files-from-raw"), paths);
  }
  for (const std::string& word : arguments.words()) {
    if (word.empty()) throw Error(Errc::usage, "a path is empty");
    paths.push_back(word);
  }
  if (paths.empty()) {
    Error error(Errc::usage, "nothing to back up is named");
    error.set_hint("Name files or directories, or a list of them with --files-from.");
    throw error;
  }
  return paths;
}

}  // namespace holdfast::cli
