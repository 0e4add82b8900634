// SPDX-License-Identifier: Apache-2.0
// The statements of pg_dump's schema scripts: what each one is, so that it can be run at its time,
// and with other names for roles and tablespaces. DDL is never made here.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/stream.h"
#include "model/value.h"

namespace holdfast::engine::postgresql {

// New names by old; "*" stands for all that are not listed.
struct NameMapping {
  std::map<std::string, std::string> owners, tablespaces;
  bool no_tablespaces = false;  // everything goes to the default one
  // Of extensions that are to be made in this version, which pg_dump does not say.
  std::map<std::string, std::string> versions;
  [[nodiscard]] std::string owner(const std::string& name) const;
  [[nodiscard]] std::string tablespace(const std::string& name) const;
  [[nodiscard]] bool empty() const noexcept {
    return owners.empty() && tablespaces.empty() && !no_tablespaces && versions.empty();
  }
};

// When a statement of post-data may run.
enum class StatementKind : std::uint8_t {
  setting,  // SET …, SELECT pg_catalog.set_config(…): for the session
  index,    // CREATE INDEX; PRIMARY KEY, UNIQUE, EXCLUDE: of one table, in any order
  attach,   // ALTER INDEX … ATTACH PARTITION
  foreign_key,
  other,          // in the order of the script
  event_trigger,  // at the very end
};

struct SchemaStatement {
  std::string text;
  StatementKind kind = StatementKind::other;
  std::vector<model::TableName> tables;  // that it locks; for index and foreign_key
  std::string tablespace;  // the `SET default_tablespace` in force; empty: none was said
  std::uint64_t offset = 0;
};

// `\restrict` and its like are left out. Errc::corrupt for a script that is cut off;
// Errc::unsupported for COPY data in it.
[[nodiscard]] std::vector<SchemaStatement> read_schema_script(ByteSource& script,
                                                              const NameMapping& mapping);

// One statement with names mapped.
[[nodiscard]] std::string rewrite(std::string_view statement, const NameMapping& mapping);
[[nodiscard]] SchemaStatement classify(std::string text);

// The relation that a statement makes, changes or describes, if it is that kind of statement:
// CREATE TABLE s.t, ALTER TABLE ONLY s.t, CREATE INDEX … ON s.t, COMMENT ON TABLE s.t, GRANT … ON
// TABLE s.t, CREATE TRIGGER … ON s.t. Empty otherwise.
struct Subject {
  std::string kind;  // "table", "sequence", "view", "materialized view", "index", "trigger", …
  model::TableName name;
  bool creates = false;     // CREATE …
  model::TableName object;  // the index or statistics that it makes for the relation
};
[[nodiscard]] Subject subject_of(std::string_view statement);

}  // namespace holdfast::engine::postgresql
