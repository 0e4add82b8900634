// SPDX-License-Identifier: Apache-2.0
// A private MariaDB server with a schema `shop`, copies of it in memory, and loads of these, with a
// journal of what they announce.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "engine/registry.h"
#include "harness/mariadb_server.h"
#include "harness/memory_parts.h"

namespace holdfast::test {

struct Copy {
  MemoryPartSource parts;
  model::DatabaseFacts facts;
};

class MariadbLoad : public testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = std::make_unique<MariadbServer>(); }
  static void TearDownTestSuite() { server_.reset(); }
  void SetUp() override { server_->run("CREATE DATABASE shop"); }
  void TearDown() override {
    for (const std::string& schema :
         server_->rows("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME NOT "
                       "IN ('mysql', 'sys', 'information_schema', 'performance_schema')"))
      server_->run("SET STATEMENT foreign_key_checks=0 FOR DROP DATABASE `" + schema + "`");
  }

  static const engine::Engine& engine() { return *engine::find_engine("mariadb"); }
  std::unique_ptr<Copy> back_up(const std::string& schema = "shop",
                                const MariadbServer* other = nullptr) {
    const model::Endpoint endpoint = (other == nullptr ? *server_ : *other).endpoint(schema);
    engine::HoldOptions options;
    options.scratch_directory = scratch_.path();
    options.parallel = 2;
    const auto held = engine().hold({&endpoint, 1}, options);
    held->capture();
    held->unfence();
    auto copy = std::make_unique<Copy>();
    copy->facts.name = schema;
    for (const model::Part& part : held->parts(0)) {
      MemoryPartSink sink;
      held->copy(0, part, sink, {});
      copy->parts.put(part.path, sink.content());
    }
    held->describe(0, copy->facts);
    held->release();
    return copy;
  }
  engine::LoadReport load(const Copy& copy, const std::string& into, bool replace = false,
                          std::vector<model::TableName> tables = {}) {
    engine::LoadOptions options;
    options.replace = replace;
    options.tables = std::move(tables);
    options.takes_place = takes_place_;
    options.kept_suffix = "_before_x";
    options.scratch_directory = scratch_.path();
    options.parallel = 2;
    options.leave_beside = leave_beside_;
    options.before_change = [&](std::string_view, const Json& undo) {
      journal_.push_back(undo);
      if (undo.at("kind").as_string() == killed_at_) throw Error(Errc::cancelled, "killed here");
    };
    model::Endpoint endpoint = server_->endpoint(into);
    endpoint.options = endpoint_options_;
    return engine().load(copy.parts, copy.facts, endpoint, options, {});
  }
  // What is told of it.
  std::string undo(const std::string& into) {
    std::string told;
    for (auto entry = journal_.rbegin(); entry != journal_.rend(); ++entry)
      told += engine().undo(*entry, server_->endpoint(into)) + "\n";
    return told;
  }
  static std::string shown(const std::string& sql) {
    const std::string row = server_->rows(sql).at(0);
    return row.substr(row.find('\t') + 1);
  }
  static bool says(const std::vector<std::string>& lines, std::string_view words) {
    return std::any_of(lines.begin(), lines.end(), [&](const std::string& line) {
      return line.find(words) != std::string::npos;
    });
  }

  static inline std::unique_ptr<MariadbServer> server_;
  TemporaryDirectory scratch_{"holdfast-contract"};
  std::vector<Json> journal_;
  bool takes_place_ = false;
  bool leave_beside_ = false;
  std::string killed_at_;  // the kind of the announcement after which nothing is done
  std::map<std::string, std::string> endpoint_options_;
};

}  // namespace holdfast::test
