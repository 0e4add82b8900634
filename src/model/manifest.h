// SPDX-License-Identifier: Apache-2.0
// holdfast.json: everything needed to judge and restore an instance snapshot. docs/manifest.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "model/finding.h"
#include "model/moment.h"

namespace holdfast::model {

inline constexpr unsigned manifest_schema_version = 1;

struct TableFacts {
  std::string schema, table;
  std::uint64_t rows = 0;
  std::string digest;  // 64 hex digits; empty where the engine has no rows
};

// An index, view, trigger … with a hash of its definition, so that a drill misses none.
struct ObjectFacts {
  std::string kind;  // "index", "view", "trigger", "table", …
  std::string name;
  std::string definition_sha256;
};

struct PartFacts {
  std::string path;  // below databases/<name>/, unescaped: relative and clean
  std::uint64_t size_bytes = 0;
  // A file or directory that is copied as files are: `path` is where it lay, without the leading
  // slash. Else a stream.
  bool is_tree = false;
  std::string content_sha256 = {};  // trees: as of FilesFacts
};

struct DatabaseFacts {
  std::string name;       // component
  std::string directory;  // its place in the snapshot: "databases/orders"
  std::string engine;
  std::string uri;      // without password
  std::string version;  // of the server or library
  Moment moment;
  Json engine_facts;  // the engine's own: page size, encoding, …; handed back to it at restore
  std::vector<PartFacts> parts;
  std::vector<TableFacts> tables;
  std::vector<ObjectFacts> objects;
};

struct PathFacts {
  std::string source;  // absolute, clean path as it was: "/srv/app/files"
  std::string place;   // in the snapshot: "files/uploads/srv/app/files"
};

struct FilesFacts {
  std::string name;
  std::string directory;  // "files/uploads"
  std::vector<PathFacts> paths;
  std::vector<std::string> exclude;
  std::uint64_t files = 0, directories = 0, bytes = 0;
  std::string content_sha256;  // of the listing of docs/manifest.md; equal for equal trees,
                               // metadata included
  Timestamp earliest, latest;  // when the first was read and the last
  std::vector<std::string> unreadable;
};

struct Manifest {
  unsigned schema_version = manifest_schema_version;
  std::string program_version;
  std::string instance;
  std::string profile;
  std::string home;  // empty if the instance file names none
  std::string hostname;
  Timestamp started, ended;
  bool fenced = false;                 // all moments are one moment
  std::uint64_t moments_apart_ms = 0;  // else their distance
  std::uint64_t fence_held_ms = 0;
  bool quiesced = false;
  bool complete = true;  // false: items are missing, listed in `findings`
  std::vector<DatabaseFacts> databases;
  std::vector<FilesFacts> files;
  std::vector<Finding> findings;        // warnings and accepted blockers
  Json profile_facts = Json::object();  // the profile's own: Plan::facts
};

[[nodiscard]] Json to_json(const Manifest& manifest);
// Errc::corrupt for anything malformed; Errc::unsupported, naming the version, for a newer schema.
// Whoever reads a manifest may join its paths to directories: places and paths of parts are
// relative, sources absolute, and none has an empty component, `.`, `..` or a NUL.
[[nodiscard]] Manifest parse_manifest(std::string_view json);

// A component's or part's name as a file name: bytes outside [A-Za-z0-9._-] become %XX, `.` and
// `..` too; over 200 bytes: cut to 183 at most, plus `-` and 16 hex digits of the name's SHA-256.
// The empty name is `%`.
[[nodiscard]] std::string escape_name(std::string_view name);
// Whether a name is written as escape_name() writes names, so that it stands for itself.
[[nodiscard]] bool is_escaped_name(std::string_view name) noexcept;

}  // namespace holdfast::model
