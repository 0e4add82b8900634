// SPDX-License-Identifier: Apache-2.0
#include "engine/oracle/hold.h"

#include <fmt/format.h>

#include <mutex>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/timestamp.h"
#include "engine/oracle/prerequisite_script.h"
#include "engine/oracle/probe.h"

namespace holdfast::engine::oracle {
namespace {

constexpr std::size_t lines_told_max = 10;

struct Held {
  Access access;
  std::string component;
  Server server;
  Catalog catalog;
  Json prerequisites;
  std::string script;
  bool may_look_back = true;  // exp may be told of the number
  std::mutex mutex;           // guards all below
  std::optional<std::map<std::string, std::uint64_t>> rows;
  std::vector<TooLong> too_long;
  std::optional<Exported> exported;
};

// Gives bytes to a segment of a part.
class SegmentSink final : public ByteSink {
 public:
  explicit SegmentSink(model::PartSink::Segment& segment) : segment_(segment) {}
  void write(ByteView bytes) override { segment_.write(bytes); }

 private:
  model::PartSink::Segment& segment_;
};

void tell_catalog(const Held& held, model::DatabaseFacts& facts) {
  const Location& location = held.access.location;
  facts.version = held.server.version;
  Json& told = facts.engine_facts;
  told = Json::object();
  told.set("schema", location.schema);
  told.set("product", held.server.product);
  told.set("database", held.server.database);
  told.set("container", held.server.container);
  told.set("character_set", held.server.character_set);
  told.set("national_character_set", held.server.national_character_set);
  told.set("nls_lang", nls_lang(held.server.character_set));
  told.set("method", method_name(method_for(location)));
  Json invalid = Json::array();
  for (const std::string& object : held.catalog.invalid) invalid.push(object);
  told.set("invalid_objects", std::move(invalid));
  Json sequences = Json::object();
  for (const auto& [name, next] : held.catalog.sequences) sequences.set(name, next);
  told.set("sequences", std::move(sequences));
  Json deferred = Json::array();
  for (const Deferred& object : held.catalog.deferred) deferred.push(object.display());
  told.set("deferred_segments", std::move(deferred));
  told.set("prerequisites", held.prerequisites);
}

void tell_rows(const Held& held, model::DatabaseFacts& facts) {
  facts.tables.clear();
  for (const auto& [table, rows] : *held.rows) facts.tables.push_back({"", table, rows, ""});
  facts.objects = held.catalog.objects;
  Json too_long = Json::array();
  for (const TooLong& column : held.too_long) {
    Json item = Json::object();
    item.set("column", column.column);
    item.set("declared_bytes", column.declared_bytes).set("longest_bytes", column.longest_bytes);
    too_long.push(std::move(item));
  }
  facts.engine_facts.set("too_long_in_utf8", std::move(too_long));
  if (!held.exported) return;
  facts.engine_facts.set("program_release", held.exported->release);
  facts.engine_facts.set("dump_of_dba", held.exported->dump.is_of_dba);
  Json messages = Json::array();
  for (const LogMessage& message : held.exported->report.messages) {
    Json item = Json::object();
    item.set("code", message.code).set("verdict", verdict_name(message.verdict));
    messages.push(item.set("said", message.line));
  }
  facts.engine_facts.set("messages", std::move(messages));
}

class SchemaHold final : public Hold {
 public:
  SchemaHold(std::span<const model::Endpoint> endpoints, const HoldOptions& options)
      : options_(options) {
    for (const model::Endpoint& endpoint : endpoints) {
      auto held = std::make_unique<Held>();
      held->access = access_to(endpoint);
      held->component = endpoint.component;
      databases_.push_back(std::move(held));
    }
  }

  void capture() override;
  [[nodiscard]] model::Moment moment(std::size_t /*database*/) const override { return moment_; }
  [[nodiscard]] std::vector<model::Part> parts(std::size_t database) override;
  void copy(std::size_t database, const model::Part& part, model::PartSink& into,
            std::stop_token stop) override;
  void describe(std::size_t database, model::DatabaseFacts& facts, std::stop_token stop) override;
  void outline(std::size_t database, model::DatabaseFacts& facts,
               std::stop_token /*stop*/) override {
    tell_catalog(captured(database), facts);
    facts.engine_facts.set("scn", scn_);
  }
  void release() override {
    check_rule(is_captured_, "a hold is released after it was captured");
    is_captured_ = false;
  }

 private:
  Held& captured(std::size_t database) const {
    check_rule(is_captured_, "a hold is read while it is captured");
    return *databases_.at(database);
  }
  void count(Held& held, Session& session) const;
  void copy_dump(Held& held, model::PartSink::Segment& segment, const std::stop_token& stop);

  const HoldOptions options_;
  std::vector<std::unique_ptr<Held>> databases_;
  std::string scn_;
  model::Moment moment_;
  bool is_captured_ = false;
};

// The number comes first: whatever is asked afterwards can be asked as of it.
void SchemaHold::capture() {
  check_rule(!is_captured_, "a hold is captured once");
  for (const auto& held : databases_) {
    Session session(held->access, options_.stop);
    if (scn_.empty()) {
      moment_.earliest = system_clock().now();
      scn_ = current_scn(session);
      moment_.latest = system_clock().now();
      moment_.position = "scn " + scn_;
    }
    const std::string& schema = held->access.location.schema;
    if (!has_schema(session, schema))
      throw Error(Errc::not_found, fmt::format("there is no {}", held->access.location.display()));
    held->server = read_server(session);
    held->catalog = read_catalog(session, held->server, schema);
    held->may_look_back = may_call_flashback(session);
    held->prerequisites = read_prerequisites(session, held->server, schema);
    held->script = prerequisite_script(held->prerequisites, schema, {}) +
                   job_definitions(session, held->catalog, schema);
  }
  is_captured_ = true;
}

std::vector<model::Part> SchemaHold::parts(std::size_t database) {
  const Held& held = captured(database);
  model::Part dump;
  dump.path = dump_part;
  dump.bytes_estimate = held.catalog.size_bytes;
  model::Part script;
  script.path = prerequisites_part;
  script.bytes_estimate = held.script.size();
  return {dump, script};
}

void SchemaHold::count(Held& held, Session& session) const {
  const std::string& schema = held.access.location.schema;
  held.rows = count_rows(session, schema, held.catalog, scn_);
  held.too_long = find_too_long(session, held.server, schema, held.catalog, scn_);
}

void SchemaHold::copy(std::size_t database, const model::Part& part, model::PartSink& into,
                      std::stop_token stop) {
  Held& held = captured(database);
  const std::unique_ptr<model::PartSink::Segment> segment = into.segment(0);
  if (part.path == prerequisites_part) {
    segment->write(as_bytes(held.script));
  } else {
    check_rule(part.path == dump_part, "a copy of a schema has two parts");
    const std::lock_guard lock(held.mutex);
    copy_dump(held, *segment, stop);
  }
  segment->finish();
}

// Rows are counted first, as long as the undo of the moment is young.
void SchemaHold::copy_dump(Held& held, model::PartSink::Segment& segment,
                           const std::stop_token& stop) {
  check_rule(!held.exported, "a dump is copied once");
  const Location& location = held.access.location;
  PartitionRows partitions;
  {
    Session session(held.access, stop);
    count(held, session);
    partitions = count_partitions(session, location.schema, held.catalog, scn_);
  }
  // Without the right to look back exp reads all in one transaction of its own. What was written
  // since the moment is then in the dump, and found to be.
  const bool is_exp = method_for(location) == Method::exp;
  ExportJob job{is_exp && !held.may_look_back ? std::string() : scn_,
                held.server.character_set,
                options_.scratch_directory,
                {},
                {}};
  if (options_.before_change)
    job.before_change = [this, &held](std::string_view what, const Json& undo) {
      options_.before_change(held.component, what, undo);
    };
  if (options_.row_tap)
    job.row_tap = [this, &held](std::string_view, const model::TableName& table) {
      return table.schema == held.access.location.schema
                 ? options_.row_tap(held.component, {"", table.table})
                 : nullptr;
    };
  SegmentSink sink(segment);
  held.exported = export_schema(held.access, job, sink, stop);
  std::vector<std::string> missing = compare_dump(held.exported->dump, held.server, location.schema,
                                                  held.catalog, *held.rows, partitions);
  Session session(held.access, stop);
  if (last_change(session, held.server, location.schema) != held.catalog.changed)
    missing.push_back("tables or sequences were made, altered or dropped while it was copied");
  if (missing.empty()) return;
  std::string text;
  for (std::size_t i = 0; i < std::min(missing.size(), lines_told_max); ++i)
    text += (i == 0 ? "" : "; ") + missing[i];
  if (missing.size() > lines_told_max)
    text += fmt::format("; and {} more", missing.size() - lines_told_max);
  throw Error(Errc::not_consistent,
              fmt::format("the copy of {} is not complete: {}", location.display(), text))
      .set_hint(is_exp ? "Copy with Data Pump, `method = \"datapump\"` and `directory`, or mend "
                         "what preflight finds."
                       : "Look at the privileges of the exporting user.");
}

void SchemaHold::describe(std::size_t database, model::DatabaseFacts& facts, std::stop_token stop) {
  Held& held = captured(database);
  const std::lock_guard lock(held.mutex);
  tell_catalog(held, facts);
  facts.engine_facts.set("scn", scn_);
  if (!held.rows) {
    Session session(held.access, stop);
    count(held, session);
  }
  tell_rows(held, facts);
}

}  // namespace

std::unique_ptr<Hold> make_hold(std::span<const model::Endpoint> endpoints,
                                const HoldOptions& options) {
  check_rule(!endpoints.empty(), "a hold has databases");
  return std::make_unique<SchemaHold>(endpoints, options);
}

void describe_schema(const model::Endpoint& endpoint, model::DatabaseFacts& facts,
                     const std::stop_token& stop) {
  Held held;
  held.access = access_to(endpoint);
  const std::string& schema = held.access.location.schema;
  Session session(held.access, stop);
  if (!has_schema(session, schema))
    throw Error(Errc::not_found, fmt::format("there is no {}", held.access.location.display()));
  held.server = read_server(session);
  held.catalog = read_catalog(session, held.server, schema);
  held.prerequisites = read_prerequisites(session, held.server, schema);
  tell_catalog(held, facts);
  held.rows = count_rows(session, schema, held.catalog, {});
  tell_rows(held, facts);
}

}  // namespace holdfast::engine::oracle
