// SPDX-License-Identifier: Apache-2.0
// What every engine promises. The tests are in engine/engine_contract.cc; engine_contract_test.cc
// instantiates them with fixtures for each engine of the registry; embedded_test.cc holds those of
// embedded databases to what applies to them.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "engine/engine.h"
#include "harness/memory_parts.h"

namespace holdfast::test {

// What only somebody who knows the engine can do. Everything it makes goes with it.
class EngineFixture {
 public:
  virtual ~EngineFixture() = default;
  EngineFixture(const EngineFixture&) = delete;
  EngineFixture& operator=(const EngineFixture&) = delete;

  [[nodiscard]] virtual const engine::Engine& engine() const = 0;
  // A database with the tables `items` (200 rows) and `notes` (3 rows), an index, a view and a
  // trigger.
  [[nodiscard]] virtual model::Endpoint make_full(const std::string& name) = 0;
  [[nodiscard]] virtual model::Endpoint make_empty(const std::string& name) = 0;
  [[nodiscard]] virtual model::Endpoint absent(const std::string& name) = 0;
  // Endpoints that check_endpoint() must refuse.
  [[nodiscard]] virtual std::vector<model::Endpoint> refused() const = 0;
  // Adds one row to `notes`, now: false if that was refused because of a lock.
  [[nodiscard]] virtual bool write_now(const model::Endpoint& endpoint) = 0;
  // An application that writes until the object is gone.
  class Writer {
   public:
    virtual ~Writer() = default;
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;
    struct Outcome {
      long commits, refusals;
    };
    virtual Outcome stop() = 0;

   protected:
    Writer() = default;
  };
  [[nodiscard]] virtual std::unique_ptr<Writer> start_writer(const model::Endpoint& endpoint) = 0;
  // Somebody who holds a writer's lock until the object is gone.
  [[nodiscard]] virtual std::unique_ptr<Writer> start_locker(const model::Endpoint& endpoint) = 0;
  // A file of the engine's that holds what make_full() makes, for inspect() and import_file();
  // empty if it has none.
  [[nodiscard]] virtual std::filesystem::path foreign_file() = 0;
  // Everything that stands where databases are kept, to see that nothing is left behind.
  [[nodiscard]] virtual std::vector<std::string> litter() const = 0;
  [[nodiscard]] virtual std::string count_query(const std::string& table) const = 0;

 protected:
  EngineFixture() = default;
};

struct EngineCase {
  std::string name;
  std::function<std::unique_ptr<EngineFixture>()> make;
};
inline void PrintTo(const EngineCase& tested, std::ostream* out) {
  *out << tested.name;
}

class EngineContract : public testing::TestWithParam<EngineCase> {
 protected:
  using SteadyClock = std::chrono::steady_clock;

  void SetUp() override { fixture_ = GetParam().make(); }

  [[nodiscard]] EngineFixture& fixture() { return *fixture_; }
  [[nodiscard]] const engine::Engine& engine() { return fixture_->engine(); }
  [[nodiscard]] engine::HoldOptions options() const {
    engine::HoldOptions options;
    options.scratch_directory = scratch_.path();
    // A server ends by itself the fence of whoever is silent for three times that.
    options.fence_max = std::chrono::seconds(5);
    return options;
  }
  [[nodiscard]] static SteadyClock::time_point soon() {
    return SteadyClock::now() + std::chrono::milliseconds(500);
  }
  [[nodiscard]] std::unique_ptr<engine::Hold> hold(const model::Endpoint& endpoint) {
    return engine().hold({&endpoint, 1}, options());
  }
  [[nodiscard]] engine::LoadOptions load_options() const {
    engine::LoadOptions options;
    options.scratch_directory = scratch_.path();
    options.kept_suffix = "_before_20261120T105601Z";
    return options;
  }

  struct Copy {
    model::DatabaseFacts facts;
    MemoryPartSource parts;
  };
  // Drives a captured hold to its end.
  std::unique_ptr<Copy> take(engine::Hold& hold) {
    auto copy = std::make_unique<Copy>();
    copy->facts.name = "copied";
    for (const model::Part& part : hold.parts(0)) {
      MemoryPartSink sink;
      hold.copy(0, part, sink, {});
      copy->facts.parts.push_back({part.path, sink.content().size()});
      copy->parts.put(part.path, sink.content());
    }
    hold.describe(0, copy->facts);
    hold.release();
    copy->facts.moment = hold.moment(0);
    return copy;
  }
  std::unique_ptr<Copy> back_up(const model::Endpoint& endpoint) {
    const auto held = hold(endpoint);
    held->capture();
    return take(*held);
  }
  model::DatabaseFacts describe(const model::Endpoint& endpoint) {
    model::DatabaseFacts facts;
    engine().describe(endpoint, facts);
    return facts;
  }
  static std::string content(const model::DatabaseFacts& facts) {
    std::string text;
    for (const auto& table : facts.tables)
      text += table.table + " " + std::to_string(table.rows) + " " + table.digest + "\n";
    for (const auto& object : facts.objects)
      text += object.kind + " " + object.name + " " + object.definition_sha256 + "\n";
    return text;
  }
  static std::uint64_t rows_of(const model::DatabaseFacts& facts, const std::string& table) {
    for (const auto& one : facts.tables) {
      if (one.table == table) return one.rows;
    }
    ADD_FAILURE() << "no table " << table;
    return 0;
  }
  template <typename Body>
  static Errc code_of(Body&& body) {
    try {
      body();
    } catch (const Error& error) {
      EXPECT_FALSE(error.message().empty());
      return error.code();
    }
    ADD_FAILURE() << "nothing was thrown";
    return Errc::bug;
  }

 private:
  std::unique_ptr<EngineFixture> fixture_;
  TemporaryDirectory scratch_{"holdfast-contract"};
};

}  // namespace holdfast::test
