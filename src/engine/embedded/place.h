// SPDX-License-Identifier: Apache-2.0
// Where an embedded database lies, and what stat(2) says of it. Only looks.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "engine/embedded/kind.h"
#include "model/endpoint.h"

namespace holdfast::engine::embedded {

// The directory or file of an endpoint, symbolic links resolved as far as it exists.
// "<kind>:/abs/path" or "/abs/path". Of options only `driver`, an absolute path. Errc::usage for
// anything else.
[[nodiscard]] std::filesystem::path path_of(const Kind& kind, const model::Endpoint& endpoint);
// The option `driver`: the application's own driver; empty if there is none.
[[nodiscard]] std::filesystem::path driver_of(const model::Endpoint& endpoint);

struct PlaceFacts {
  bool regular = false, directory = false;
  std::uint64_t size_bytes = 0, device = 0, inode = 0;
  std::int64_t changed_ns = 0;  // modification time
  std::int64_t born_ns = 0;     // 0 if unknown
  std::uint32_t mode = 0, uid = 0, gid = 0;
};
// Nothing if there is nothing. Follows no link at the end.
[[nodiscard]] std::optional<PlaceFacts> place_facts(const std::filesystem::path& path);

// An entry that holds nothing: an empty directory, or an empty file.
[[nodiscard]] bool holds_nothing(const std::filesystem::path& path);

[[nodiscard]] bool may_read(const std::filesystem::path& path);

// `path` with a random suffix that marks it as ours.
[[nodiscard]] std::filesystem::path beside(const std::filesystem::path& path);

// The first two numbers of the version in a jar's file name, links resolved: 10.14 of
// "derby-10.14.2.0.jar". Nothing if there are none.
struct DriverVersion {
  unsigned major = 0, minor = 0;
  std::string text;  // all of it
};
[[nodiscard]] std::optional<DriverVersion> version_in_name(const std::filesystem::path& jar);

// A pattern of model::Part::exclude that matches this path and no other.
[[nodiscard]] std::string literal_pattern(const std::string& path);

// A text that says name, size and time of each file below, for comparison.
[[nodiscard]] std::string file_times(const std::filesystem::path& directory);

}  // namespace holdfast::engine::embedded
