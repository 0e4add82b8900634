// SPDX-License-Identifier: Apache-2.0
// discover_databases() of inspect.h: finding databases by their content.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "base/units.h"
#include "engine/sqlite/header.h"
#include "engine/sqlite/inspect.h"
#include "engine/sqlite/lite.h"
#include "engine/sqlite/location.h"

namespace holdfast::engine::sqlite {
namespace {

constexpr int depth_max = 32;

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

std::vector<Engine::Discovered> discover_databases(const std::filesystem::path& directory,
                                                   const std::stop_token& stop) {
  std::error_code unknown;
  const std::filesystem::path start = std::filesystem::weakly_canonical(directory, unknown);
  std::vector<std::pair<std::filesystem::path, Header>> headers;
  const auto check_stop = [&](const std::filesystem::path& at) {
    if (stop.stop_requested())
      throw Error(Errc::cancelled, fmt::format("stopped looking at {}", at.native()));
  };
  const auto look_at = [&](const std::filesystem::path& file) {
    check_stop(file);
    if (!is_utf8(file.native())) return;  // an instance file could not name it
    if (std::optional<Header> header = header_of(file)) headers.emplace_back(file, *header);
  };
  const std::optional<FileFacts> facts = file_facts(start);
  if (facts && facts->regular) look_at(start);
  // One folder after the other, so that one that vanishes or cannot be read hides no other.
  std::vector<std::pair<std::filesystem::path, int>> folders;
  if (!facts || !facts->regular) folders.emplace_back(start, 0);
  while (!folders.empty()) {
    const auto [folder, depth] = std::move(folders.back());
    folders.pop_back();
    check_stop(folder);
    std::error_code failure;
    std::filesystem::directory_iterator entries(folder, failure);
    for (; !failure && entries != std::filesystem::directory_iterator();
         entries.increment(failure)) {
      if (entries->is_symlink(unknown)) continue;
      if (entries->is_directory(unknown)) {
        if (depth < depth_max) folders.emplace_back(entries->path(), depth + 1);
      } else if (entries->is_regular_file(unknown)) {
        look_at(entries->path());
      }
    }
  }
  std::sort(headers.begin(), headers.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });

  std::vector<Engine::Discovered> found;
  std::set<std::string> taken;
  for (const auto& [file, header] : headers) add(found, file, header, taken);
  return found;
}

}  // namespace holdfast::engine::sqlite
