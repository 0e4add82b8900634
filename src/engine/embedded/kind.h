// SPDX-License-Identifier: Apache-2.0
// What one kind of embedded database adds to what all of them share: an application opens files of
// its own machine and keeps everybody else out of them, so that they are copied while it is
// stopped.
#pragma once

#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "engine/embedded/file_lock.h"
#include "model/finding.h"
#include "model/manifest.h"

namespace holdfast::engine::embedded {

enum class Depth : std::uint8_t {
  front,  // what is right while an application writes
  rest,   // what is quick; the database is at rest
  whole,  // everything that has a checksum or must fit; the database is at rest
};

// What was read of a database, without its engine.
struct Examination {
  bool known = false;    // it is of this kind at all, though perhaps damaged
  std::string version;   // of the format or of the engine that made it: "10.14", "format 2"
  std::string position;  // of the newest state, the engine's own text
  std::uint64_t size_bytes = 0;
  Json facts = Json::object();
  // Blockers among them: damaged, or nothing that could be copied. `component` is left empty.
  std::vector<model::Finding> findings;
};

class Kind {
 public:
  virtual ~Kind() = default;
  Kind(const Kind&) = delete;
  Kind& operator=(const Kind&) = delete;

  [[nodiscard]] virtual std::string_view name() const noexcept = 0;   // "derby": of the engine
  [[nodiscard]] virtual std::string_view title() const noexcept = 0;  // "Derby database"
  // How an endpoint is written, a sentence for hints.
  [[nodiscard]] virtual std::string_view uri_hint() const noexcept = 0;
  [[nodiscard]] virtual bool is_directory() const noexcept = 0;  // else one regular file
  // What else its path must end in; empty: nothing.
  [[nodiscard]] virtual std::string_view path_suffix() const noexcept = 0;

  // The file whose lock an application holds while it has the database open, as it is to be taken.
  [[nodiscard]] virtual FileLock::Wanted lock_of(const std::filesystem::path& place) const = 0;
  // Names below a directory that are no part of the database: lock files, scratch.
  [[nodiscard]] virtual std::vector<std::string> passing_files() const = 0;
  // Of these, what a program leaves behind that was kept out by us, or died.
  [[nodiscard]] virtual std::vector<std::string> lock_files() const = 0;

  // What is wrong is a finding. Errors only for what the system refuses, and Errc::cancelled.
  [[nodiscard]] virtual Examination examine(const std::filesystem::path& place, Depth depth,
                                            const std::stop_token& stop) const = 0;
  // A text that differs after anybody has written. The database is at rest.
  [[nodiscard]] virtual std::string state_of(const std::filesystem::path& place) const = 0;
  // What the driver at `jar` would make of it, by the version in the file's name.
  [[nodiscard]] virtual std::vector<model::Finding> compare_driver(
      const Examination& found, const std::filesystem::path& jar) const = 0;

  // Databases found at or below, in order.
  [[nodiscard]] virtual bool looks_like_one(const std::filesystem::path& place) const = 0;
  // The JDBC URL of a database that is there, or is made by whoever opens it.
  [[nodiscard]] virtual std::string driver_url(const std::filesystem::path& place,
                                               bool create) const = 0;
  // Asks for the schema in which tables are made that name none.
  [[nodiscard]] virtual std::string schema_query() const = 0;
  // Lines for RESTORE.md on looking at the restored `place` and exporting it as SQL.
  [[nodiscard]] virtual std::string tool_lines(const model::DatabaseFacts& facts,
                                               const std::string& place) const = 0;

 protected:
  Kind() = default;
};

// A finding of an examination.
[[nodiscard]] inline model::Finding finding(std::string code, model::Severity severity,
                                            std::string seen, std::string why, std::string mend,
                                            model::MendClass mend_class) {
  return {std::move(code), severity, "", std::move(seen), std::move(why), std::move(mend),
          mend_class,      false,    ""};
}

}  // namespace holdfast::engine::embedded
