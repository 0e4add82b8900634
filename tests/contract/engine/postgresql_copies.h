// SPDX-License-Identifier: Apache-2.0
// What tests of copies of PostgreSQL databases share: making one, and asking PostgreSQL's own
// programs what is in a database.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "engine/registry.h"
#include "harness/memory_parts.h"
#include "harness/postgres_server.h"

namespace holdfast::test {

class PostgresqlCopies : public testing::Test {
 protected:
  struct Copy {
    model::DatabaseFacts facts;
    MemoryPartSource parts;
  };

  static PostgresServer& server() { return PostgresServer::shared(); }
  static const engine::Engine& engine() { return *engine::find_engine("postgresql"); }
  static void drop(const std::string& name) { server().drop_database(name); }

  [[nodiscard]] engine::LoadOptions options() const {
    engine::LoadOptions options;
    options.scratch_directory = scratch_.path();
    options.kept_suffix = "_before_20261120T105601Z";
    options.parallel = 3;
    return options;
  }
  std::unique_ptr<Copy> back_up(const std::string& name) {
    engine::HoldOptions options;
    options.scratch_directory = scratch_.path();
    options.parallel = 2;
    const model::Endpoint endpoint = server().endpoint(name);
    const auto hold = engine().hold({&endpoint, 1}, options);
    hold->capture();
    auto copy = std::make_unique<Copy>();
    copy->facts.name = name;
    for (const model::Part& part : hold->parts(0)) {
      MemoryPartSink sink;
      hold->copy(0, part, sink, {});
      copy->parts.put(part.path, sink.content());
    }
    hold->describe(0, copy->facts);
    hold->release();
    return copy;
  }
  // Everything pg_dump says of a database, but what is new each time.
  static std::string dump(const std::string& name, const std::vector<std::string>& more = {}) {
    std::vector<std::string> argv{"pg_dump"};
    argv.insert(argv.end(), more.begin(), more.end());
    argv.push_back(name);
    const std::string text = server().program(argv);
    std::string kept;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = std::min(text.find('\n', at), text.size());
      const std::string_view line = std::string_view(text).substr(at, end - at);
      if (!line.starts_with("\\restrict") && !line.starts_with("\\unrestrict"))
        kept.append(line).append("\n");
      at = end + 1;
    }
    return kept;
  }
  // What belongs to the database as such.
  static std::string settings(const std::string& name) {
    return server().psql(
        name,
        "SELECT pg_get_userbyid(datdba), encoding, datcollate, datctype, datconnlimit,"
        " shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = "
        "current_database();"
        "SELECT a::text FROM pg_database, unnest(datacl) a WHERE datname = current_database()"
        " ORDER BY 1;"
        "SELECT coalesce(r.rolname, ''), unnest(s.setconfig) FROM pg_db_role_setting s"
        " JOIN pg_database d ON d.oid = s.setdatabase LEFT JOIN pg_roles r ON r.oid = s.setrole"
        " WHERE d.datname = current_database() ORDER BY 1, 2;"
        "SELECT md5(string_agg(md5(lo_get(oid)), '' ORDER BY oid)) FROM pg_largeobject_metadata;");
  }
  static void expect_equal(const std::string& a, const std::string& b) {
    if (a == b) return;
    const auto [x, y] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
    const auto at = static_cast<std::size_t>(x - a.begin());
    const std::size_t start = at > 100 ? at - 100 : 0;
    ADD_FAILURE() << "they differ at byte " << at << ":\n"
                  << a.substr(start, 300) << "\n--- and ---\n"
                  << b.substr(start, 300);
  }
  static std::string error_of(const std::function<void()>& body) {
    try {
      body();
    } catch (const Error& error) {
      return std::string(errc_name(error.code())) + ": " + error.what();
    }
    return "";
  }

  TemporaryDirectory scratch_{"hf-load", "/tmp"};
};

}  // namespace holdfast::test
