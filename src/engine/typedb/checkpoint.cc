// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <system_error>

#include "base/error.h"
#include "engine/typedb/stored_file.h"

namespace holdfast::engine::typedb {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view metadata_name = "STORAGE_METADATA";
constexpr std::string_view unfinished_suffix = ".tmp";
constexpr std::size_t metadata_bytes_max = 4096;

[[noreturn]] void refuse(std::string_view text) {
  throw Error(Errc::corrupt, fmt::format("{} tells no watermark: {}", metadata_name,
                                         text.empty() ? "it is empty" : "it is malformed"));
}

std::string_view trimmed(std::string_view text) noexcept {
  constexpr std::string_view space = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(space);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(space) - begin + 1);
}

std::optional<std::uint64_t> number_in(std::string_view text) noexcept {
  std::uint64_t number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || failure != std::errc{} || end != text.data() + text.size())
    return std::nullopt;
  return number;
}

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

void look_into(Checkpoint& checkpoint) {
  for (const std::string_view keyspace : keyspace_names) {
    if (is_there(checkpoint.path / keyspace / "CURRENT")) continue;
    checkpoint.lacks = fmt::format("the keyspace {}", keyspace);
    return;
  }
  if (!is_there(checkpoint.path / metadata_name)) {
    checkpoint.lacks = metadata_name;
    return;
  }
  const std::stop_token never;
  try {
    checkpoint.metadata = parse_checkpoint_metadata(
        StoredFile(checkpoint.path / metadata_name, never).text(metadata_bytes_max));
  } catch (const Error&) {
    checkpoint.lacks = fmt::format("a good {}", metadata_name);
  }
}

}  // namespace

CheckpointMetadata parse_checkpoint_metadata(std::string_view text) {
  CheckpointMetadata metadata;
  if (text.find('=') == std::string_view::npos) {
    // A server takes no space around the only number; nor is a line end ever written there.
    const auto number = number_in(text);
    if (!number) refuse(text);
    metadata.watermark = *number;
    return metadata;
  }
  std::optional<std::uint64_t> watermark;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.size(), text.find('\n', at));
    const std::string_view line = trimmed(text.substr(at, end - at));
    at = end + 1;
    if (line.empty()) continue;
    const std::size_t sign = line.find('=');
    if (sign == std::string_view::npos) refuse(text);
    const std::string_view key = trimmed(line.substr(0, sign));
    const auto number = number_in(trimmed(line.substr(sign + 1)));
    if (key != "watermark" && key != "cleanup") continue;
    if (!number) refuse(text);
    if (key == "watermark") watermark = number;
  }
  if (!watermark) refuse(text);
  metadata.watermark = *watermark;
  return metadata;
}

std::vector<Checkpoint> list_checkpoints(const fs::path& database) {
  std::vector<Checkpoint> checkpoints;
  const fs::path directory = database / "checkpoint";
  if (!is_there(directory)) return checkpoints;
  std::error_code failure;
  fs::directory_iterator entries(directory, failure);
  for (; !failure && entries != fs::directory_iterator(); entries.increment(failure)) {
    const std::string name = entries->path().filename().native();
    const bool unfinished = name.ends_with(unfinished_suffix);
    const auto made = number_in(std::string_view(name).substr(
        0, name.size() - (unfinished ? unfinished_suffix.size() : 0)));
    if (!made) continue;
    Checkpoint checkpoint;
    checkpoint.path = entries->path();
    checkpoint.made_us = *made;
    checkpoint.size_bytes = size_below(checkpoint.path);
    if (unfinished) {
      checkpoint.lacks = "its end: it is still being made, or was given up";
    } else {
      look_into(checkpoint);
    }
    checkpoints.push_back(std::move(checkpoint));
  }
  if (failure) throw system_error(failure.value(), fmt::format("listing {}", directory.native()));
  std::sort(checkpoints.begin(), checkpoints.end(),
            [](const Checkpoint& a, const Checkpoint& b) { return a.made_us < b.made_us; });
  return checkpoints;
}

std::uint64_t size_below(const fs::path& directory) {
  std::uint64_t sum = 0;
  // Each by itself: the library's own walk ends where one of them vanishes.
  std::vector<fs::path> left{directory};
  while (!left.empty()) {
    const fs::path at = std::move(left.back());
    left.pop_back();
    std::error_code failure;
    fs::directory_iterator entries(at, failure);
    for (; !failure && entries != fs::directory_iterator(); entries.increment(failure)) {
      std::error_code gone;
      const fs::file_status status = entries->symlink_status(gone);
      if (gone && gone != std::errc::no_such_file_or_directory)
        throw system_error(gone.value(), fmt::format("looking at {}", entries->path().native()));
      if (fs::is_directory(status)) left.push_back(entries->path());
      if (!fs::is_regular_file(status)) continue;
      const std::uintmax_t size_bytes = entries->file_size(gone);
      if (!gone) sum += size_bytes;
    }
    if (failure && failure != std::errc::no_such_file_or_directory)
      throw system_error(failure.value(), fmt::format("listing {}", at.native()));
  }
  return sum;
}

}  // namespace holdfast::engine::typedb
