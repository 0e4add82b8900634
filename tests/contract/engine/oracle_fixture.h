// SPDX-License-Identifier: Apache-2.0
// Copies of schemas, made and loaded through stand-ins of Oracle's programs.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "base/error.h"
#include "base/fd.h"
#include "engine/engine.h"
#include "engine/oracle/oracle.h"
#include "harness/memory_parts.h"
#include "harness/oracle_home.h"

namespace holdfast::test {

struct OracleCopy {
  MemoryPartSource parts;
  model::DatabaseFacts facts;
};

// Who wants the rows of one table while it is copied.
class RowsOfOne {
 public:
  explicit RowsOfOne(std::string table) : table_(std::move(table)) {}
  [[nodiscard]] model::RowTap tap() {
    return [this](std::string_view component, const model::TableName& table) {
      EXPECT_EQ(component, "mc");
      EXPECT_EQ(table.schema, "");
      return table.table == table_ ? std::make_unique<Sink>(*this) : nullptr;
    };
  }
  std::vector<std::string> columns;
  std::vector<model::Row> rows;

 private:
  class Sink final : public model::RowSink {
   public:
    explicit Sink(RowsOfOne& all) : all_(all) {}
    void columns(const std::vector<model::Column>& told) override {
      all_.columns.clear();
      for (const model::Column& one : told) all_.columns.push_back(one.name + " " + one.type);
    }
    void row(const model::Row& row) override { all_.rows.push_back(row); }

   private:
    RowsOfOne& all_;
  };
  std::string table_;
};

class OracleReplay : public testing::Test {
 protected:
  static const engine::Engine& engine() { return engine::oracle::engine(); }
  [[nodiscard]] std::unique_ptr<OracleCopy> copy(const model::Endpoint& endpoint,
                                                 const engine::HoldOptions& given = {}) const {
    auto made = std::make_unique<OracleCopy>();
    engine::HoldOptions options = given;
    options.scratch_directory = scratch_.path();
    const auto held = engine().hold({&endpoint, 1}, options);
    held->capture();
    held->unfence();
    for (const model::Part& part : held->parts(0)) {
      MemoryPartSink sink;
      held->copy(0, part, sink, {});
      made->parts.put(part.path, sink.content());
    }
    made->facts.name = "mc";
    made->facts.directory = "databases/mc";
    held->describe(0, made->facts);
    made->facts.moment = held->moment(0);
    held->release();
    return made;
  }
  // What ends a copy.
  [[nodiscard]] Error refusal(const model::Endpoint& endpoint) const {
    try {
      static_cast<void>(copy(endpoint));
    } catch (const Error& error) {
      return error;
    }
    return Error(Errc::bug, "nothing was refused");
  }
  [[nodiscard]] engine::LoadOptions load_options() const {
    engine::LoadOptions options;
    options.scratch_directory = scratch_.path();
    options.kept_suffix = "_before_20261122T050000Z";
    return options;
  }
  [[nodiscard]] static const model::Finding* find(const engine::Probe& probe,
                                                  std::string_view code) {
    const auto found = std::find_if(probe.findings.begin(), probe.findings.end(),
                                    [&](const model::Finding& one) { return one.code == code; });
    return found == probe.findings.end() ? nullptr : &*found;
  }
  TemporaryDirectory scratch_{"holdfast-oracle-scratch"};
};

}  // namespace holdfast::test
