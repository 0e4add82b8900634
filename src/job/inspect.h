// SPDX-License-Identifier: Apache-2.0
// inspect: what a file or directory is, whose, whole or damaged, and what is in it. Reads only.
#pragma once

#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "model/finding.h"
#include "model/manifest.h"
#include "model/value.h"

namespace holdfast::job {

struct InspectedFile {
  std::filesystem::path path;
  bool known = false;  // false: no kind that this build knows; the rest is then empty but for the
                       // size and time
  std::string engine;  // "sqlite"; "holdfast" for exports, "restic" for repositories
  std::string kind;    // "SQLite database"
  bool whole = false;  // complete and sound as far as was looked
  bool deep = false;   // content was read, not only headers
  bool rows_counted = false;      // those of `tables`
  bool has_files_beside = false;  // a directory that may hold files of another kind too
  // Files that are one thing with it, and no results of their own.
  std::vector<std::filesystem::path> members;
  std::uint64_t size_bytes = 0;
  Timestamp modified;
  std::uint32_t uid = 0;
  Json facts = Json::object();
  std::vector<model::Finding> findings;
  std::vector<model::TableFacts> tables;
  std::vector<model::ObjectFacts> objects;
};

struct InspectOptions {
  bool deep = false;  // read the content too
  // A file in TypeQL, which must define the labels of every TypeDB export; empty: none.
  std::filesystem::path schema;
};

// A file is one result, or several that are one set, under the name of the first. A directory that
// is an export, a repository, a TypeDB database or several of these is one, beside several of these
// each file that is of a known kind is one more; of another each file in it that is of a known kind
// is one (not those in its subdirectories), or the directory itself, unknown, if none is.
// Errc::not_found naming a path that is not there. An engine's error on a file is a finding
// `inspect-failed`. Errc::corrupt if a schema is given that is none; if nothing was compared with
// it, it is one more result, which is not whole.
[[nodiscard]] std::vector<InspectedFile> inspect_paths(
    const std::vector<std::filesystem::path>& paths, const InspectOptions& options,
    std::stop_token stop);

// The rows of a table "[SCHEMA.]T" in a file, or in a set of them. Errc::unsupported if nothing
// knows the file, Errc::not_found for the table, Errc::usage for files that are no set.
void inspect_rows(const std::vector<std::filesystem::path>& files, std::string_view table,
                  model::RowSink& into, std::stop_token stop);

[[nodiscard]] Json to_json(const InspectedFile& file);

}  // namespace holdfast::job
