// SPDX-License-Identifier: Apache-2.0
// Places of this machine's file systems that something is restored to: where they are, and what is
// in the way there. Reads only.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/endpoint.h"
#include "model/finding.h"

namespace holdfast::job {

// A finding that a person must mend.
[[nodiscard]] model::Finding finding_of(std::string code, model::Severity severity,
                                        std::string component, std::string seen, std::string why,
                                        std::string mend);

inline constexpr std::string_view keep_why =
    "nothing that exists is overwritten unless that is asked for";
inline constexpr std::string_view keep_mend =
    "Choose another place, or give --replace: what is there is then kept under a new name.";

// The file or directory of a database that lies in the file system of this machine; else empty.
[[nodiscard]] std::filesystem::path local_path(const model::Endpoint& endpoint);

// Whether a path is the directory or lies below it, as they are written: no link is resolved.
[[nodiscard]] bool is_in(const std::filesystem::path& path, const std::filesystem::path& directory);

// The directory itself, or the nearest one above it that is there.
[[nodiscard]] std::filesystem::path nearest_directory(const std::filesystem::path& path);
// Bytes that this process may still write there; nothing if that cannot be told.
[[nodiscard]] std::optional<std::uint64_t> free_bytes(const std::filesystem::path& directory);

// Adds what keeps us from putting something at a path: that we may not write beside it,
void check_writable(const std::filesystem::path& path, const std::string& component,
                    std::vector<model::Finding>& findings);
// and all that may be there already.
void check_place(const std::filesystem::path& path, const std::string& component, bool replace,
                 std::vector<model::Finding>& findings);

// That what is at a path, or to be there, can be moved to and from the directory `aside`.
void check_aside(const std::filesystem::path& path, const std::filesystem::path& aside,
                 const std::string& component, std::vector<model::Finding>& findings);

// What has to fit where, file system by file system.
class Space {
 public:
  void need(const std::filesystem::path& path, std::uint64_t bytes);
  void report(std::vector<model::Finding>& findings) const;

 private:
  struct Need {
    std::filesystem::path directory;
    std::uint64_t bytes = 0;
  };
  std::map<dev_t, Need> needs_;
};

}  // namespace holdfast::job
