// SPDX-License-Identifier: Apache-2.0
// Copies of a database by the server's own BACKUP, made and restored through the scripted driver.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "engine/sqlserver/physical/physical_hold.h"
#include "engine/sqlserver/physical/physical_load.h"
#include "harness/memory_parts.h"
#include "harness/scripted_server.h"

namespace holdfast::test {

struct SqlServerCopy {
  MemoryPartSource parts;
  model::DatabaseFacts facts;
};

inline bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// What ends `body`; Errc::bug if nothing does.
inline Error refusal_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) {
    return error;
  }
  return Error(Errc::bug, "nothing was refused");
}

class SqlServerReplay : public testing::Test {
 protected:
  [[nodiscard]] engine::HoldOptions hold_options() {
    engine::HoldOptions options;
    options.scratch_directory = scratch_.path();
    options.parallel = 4;
    options.before_change = [this](std::string_view component, std::string_view, const Json& undo) {
      EXPECT_EQ(component, "shop");
      announced_.push_back(undo);
    };
    return options;
  }
  // All parts at once; `between` is called in front of each but the first.
  [[nodiscard]] std::unique_ptr<SqlServerCopy> copy(const model::Endpoint& endpoint,
                                                    std::stop_token stop = {},
                                                    const std::function<void()>& between = {}) {
    auto made = std::make_unique<SqlServerCopy>();
    const auto held = engine::sqlserver::make_physical_hold({&endpoint, 1}, hold_options());
    held->capture();
    held->unfence();
    const std::vector<model::Part> parts = held->parts(0);
    std::vector<MemoryPartSink> sinks(parts.size());
    std::vector<std::future<void>> copies;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if (i > 0 && between) between();
      copies.push_back(std::async(std::launch::async, [&, i] {
        in_context("copying " + parts[i].path, [&] { held->copy(0, parts[i], sinks[i], stop); });
      }));
    }
    for (std::future<void>& one : copies) one.get();
    for (std::size_t i = 0; i < parts.size(); ++i)
      made->parts.put(parts[i].path, sinks[i].content());
    made->facts.name = "shop";
    made->facts.engine = "sqlserver";
    held->describe(0, made->facts);
    held->release();
    made->facts.moment = held->moment(0);
    return made;
  }
  [[nodiscard]] Error refusal(const ScriptedServer& server) {
    return refusal_of([&] { static_cast<void>(copy(server.endpoint())); });
  }
  [[nodiscard]] engine::LoadOptions load_options() {
    engine::LoadOptions options;
    options.scratch_directory = scratch_.path();
    options.kept_suffix = "_before_20261122T050000Z";
    options.before_change = [this](std::string_view, const Json& undo) {
      announced_.push_back(undo);
    };
    return options;
  }
  [[nodiscard]] engine::LoadReport load(const SqlServerCopy& made, const ScriptedServer& into,
                                        const engine::LoadOptions& options) {
    return engine::sqlserver::load_physical(made.parts, made.facts, into.endpoint(), options, {});
  }
  [[nodiscard]] Error load_refusal(const SqlServerCopy& made, const ScriptedServer& into) {
    return refusal_of([&] { static_cast<void>(load(made, into, load_options())); });
  }
  // As the journal does, the last first.
  std::string undo_all(const ScriptedServer& server) {
    std::string told;
    for (auto one = announced_.rbegin(); one != announced_.rend(); ++one)
      told += engine::sqlserver::undo_physical(*one, server.endpoint());
    return told;
  }

  TemporaryDirectory scratch_{"holdfast-sqlserver-scratch"};
  std::vector<Json> announced_;
};

// Runs `body` in a process of its own. The signal that ended it, or 0.
int signal_of(const std::function<void()>& body);

}  // namespace holdfast::test
