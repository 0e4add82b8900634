// SPDX-License-Identifier: Apache-2.0
// discover_databases() of inspect.h: finding databases by their content.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/units.h"
#include "engine/sqlite/header.h"
#include "engine/sqlite/inspect.h"
#include "engine/sqlite/lite.h"
#include "engine/sqlite/location.h"

namespace holdfast::engine::sqlite {
namespace {

constexpr int depth_max = 32;
constexpr std::size_t files_max = 100'000;

std::optional<Header> header_of(const std::filesystem::path& file) {
  if (!may_read(file)) return std::nullopt;
  const std::optional<Fd> opened = try_open_file(file, O_RDONLY | O_NONBLOCK | O_NOFOLLOW);
  if (!opened) return std::nullopt;
  std::array<std::byte, header_bytes> front{};
  const ssize_t count = ::pread(opened->get(), front.data(), front.size(), 0);
  if (count <= 0) return std::nullopt;  // what cannot be read is somebody else's affair
  return parse_header(ByteView(front).first(static_cast<std::size_t>(count)));
}

// What can be told apart in an instance file: the file's name without its ending, numbered if
// taken.
std::string component_name(const std::filesystem::path& file, std::set<std::string>& taken) {
  std::string stem = file.stem().native();
  if (stem.empty() || !is_utf8(stem)) stem = "database";
  std::string name = stem;
  for (int number = 2; !taken.insert(name).second; ++number)
    name = fmt::format("{}-{}", stem, number);
  return name;
}

void add(std::vector<Engine::Discovered>& found, const std::filesystem::path& file,
         const Header& header, std::set<std::string>& taken) {
  Engine::Discovered one;
  one.endpoint.component = component_name(file, taken);
  one.endpoint.engine = "sqlite";
  one.endpoint.uri = "sqlite:" + file.native();
  const std::optional<FileFacts> facts = file_facts(file);
  one.comment =
      fmt::format("header of {}: {}, {}, written by SQLite {}", file.native(),
                  facts ? format_bytes(facts->size_bytes) : "size unknown",
                  header.wal ? "WAL" : "rollback journal", version_text(header.writer_version));
  found.push_back(std::move(one));
}

}  // namespace

std::vector<Engine::Discovered> discover_databases(const std::filesystem::path& directory) {
  std::vector<std::filesystem::path> files;
  std::error_code failure;
  const std::filesystem::path start = std::filesystem::weakly_canonical(directory, failure);
  const std::optional<FileFacts> facts = file_facts(start);
  if (facts && facts->regular) files.push_back(start);
  std::filesystem::recursive_directory_iterator walk(
      start, std::filesystem::directory_options::skip_permission_denied, failure);
  std::size_t seen = 0;
  for (; !failure && walk != std::filesystem::recursive_directory_iterator() && seen < files_max;
       walk.increment(failure)) {
    ++seen;
    if (walk.depth() >= depth_max) walk.disable_recursion_pending();
    std::error_code unknown;
    if (walk->is_regular_file(unknown) && !walk->is_symlink(unknown)) files.push_back(walk->path());
  }
  std::sort(files.begin(), files.end());

  std::vector<Engine::Discovered> found;
  std::set<std::string> taken;
  for (const std::filesystem::path& file : files) {
    if (!is_utf8(file.native())) continue;  // an instance file could not name it
    if (const std::optional<Header> header = header_of(file)) add(found, file, *header, taken);
  }
  return found;
}

}  // namespace holdfast::engine::sqlite
