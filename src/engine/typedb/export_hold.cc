// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/export_hold.h"

#include <fmt/format.h>

#include <mutex>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/timestamp.h"
#include "engine/typedb/database_export.h"
#include "engine/typedb/export_facts.h"

namespace holdfast::engine::typedb {
namespace {

class ExportHold final : public Hold {
 public:
  ExportHold(const ServerAccess& access, std::vector<std::string> databases,
             const HoldOptions& options)
      : options_(options), connection_(access, options.stop) {
    for (std::string& name : databases)
      databases_.push_back(std::make_unique<Held>(std::move(name), options.stop));
  }

  void capture() override {
    check_rule(stage_ == Stage::held, "a hold is captured once");
    moment_.earliest = system_clock().now();
    try {
      for (const auto& held : databases_)
        held->exported.emplace(connection_, held->name, held->ending.get_token());
    } catch (...) {
      for (const auto& held : databases_) held->exported.reset();
      throw;
    }
    moment_.latest = system_clock().now();
    stage_ = Stage::captured;
  }

  [[nodiscard]] model::Moment moment(std::size_t /*database*/) const override { return moment_; }
  [[nodiscard]] std::vector<model::Part> parts(std::size_t database) override {
    return export_parts(captured(database).exported->schema().size());
  }

  void copy(std::size_t database, const model::Part& part, model::PartSink& into,
            std::stop_token stop) override {
    Held& held = captured(database);
    const std::unique_ptr<model::PartSink::Segment> segment = into.segment(0);
    if (part.path == schema_part) {
      segment->write(as_bytes(held.exported->schema()));
    } else {
      check_rule(part.path == data_part, "an export has two parts");
      read(held, segment.get(), stop);
    }
    segment->finish();
  }

  void describe(std::size_t database, model::DatabaseFacts& facts, std::stop_token stop) override {
    Held& held = captured(database);
    outline(database, facts, stop);
    {
      const std::lock_guard lock(held.mutex);
      if (!held.begun) read_locked(held, nullptr, stop);
      check_rule(held.facts.has_value(), "an export is described after it was copied");
    }
    tell_things(*held.facts, facts);
  }
  void outline(std::size_t database, model::DatabaseFacts& facts,
               std::stop_token /*stop*/) override {
    const Held& held = captured(database);
    tell_schema(held.name, held.exported->schema(), facts);
    facts.version = connection_.release();
  }

  void release() override {
    check_rule(stage_ == Stage::captured, "a hold is released after it was captured");
    stage_ = Stage::released;
    // What was not read to its end ends here.
    for (const auto& held : databases_) held->exported.reset();
  }

 private:
  enum class Stage : std::uint8_t { held, captured, released };
  struct End {
    std::stop_source source;
    void operator()() noexcept { source.request_stop(); }
  };
  struct Held {
    Held(std::string named, const std::stop_token& stop)
        : name(std::move(named)), on_stop(stop, End{ending}) {}
    std::string name;
    // What is waited for ends with a stop of the hold, and of whoever reads.
    std::stop_source ending;
    std::stop_callback<End> on_stop;
    std::optional<DatabaseExport> exported;
    std::mutex mutex;  // guards all below, and reading
    bool begun = false;
    std::optional<ExportFacts> facts;  // once it was read to its end
  };

  Held& captured(std::size_t database) {
    check_rule(stage_ == Stage::captured, "a hold is read while it is captured");
    return *databases_.at(database);
  }
  void read(Held& held, ByteSink* into, const std::stop_token& stop) {
    const std::lock_guard lock(held.mutex);
    read_locked(held, into, stop);
  }
  void read_locked(Held& held, ByteSink* into, const std::stop_token& stop) {
    check_rule(!held.begun, "an export is read once");
    held.begun = true;
    const std::stop_callback<End> on_stop(stop, End{held.ending});
    held.facts = read_export(*held.exported, fmt::format("the export of {}", held.name),
                             options_.scratch_directory, into, stop);
  }

  const HoldOptions options_;
  Connection connection_;  // used by one thread: until capture() returns
  std::vector<std::unique_ptr<Held>> databases_;
  Stage stage_ = Stage::held;
  model::Moment moment_;
};

}  // namespace

std::vector<model::Part> export_parts(std::uint64_t schema_bytes) {
  return {{model::PartKind::stream, std::string(schema_part), schema_bytes, {}, {}},
          {model::PartKind::stream, std::string(data_part), 0, {}, {}}};
}

std::unique_ptr<Hold> hold_exports(const ServerAccess& access, std::vector<std::string> databases,
                                   const HoldOptions& options) {
  return std::make_unique<ExportHold>(access, std::move(databases), options);
}

}  // namespace holdfast::engine::typedb
