// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/typedb.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/process.h"
#include "engine/typedb/export_facts.h"
#include "engine/typedb/facts.h"
#include "engine/typedb/hold.h"
#include "engine/typedb/inspect.h"
#include "engine/typedb/installed.h"
#include "engine/typedb/load.h"
#include "engine/typedb/location.h"
#include "engine/typedb/probe.h"
#include "engine/typedb/server_endpoint.h"
#include "engine/typedb/server_load.h"
#include "engine/typedb/server_probe.h"
#include "engine/typedb/switch.h"
#include "engine/typedb/target.h"

namespace holdfast::engine::typedb {
namespace {

[[noreturn]] void refuse(std::string_view what, std::string_view hint) {
  throw Error(Errc::unsupported, fmt::format("the typedb engine {}", what)).set_hint(hint);
}

// A data directory that no server has; whoever gave the directory removes it.
class ScratchDirectory final : public Scratch {
 public:
  explicit ScratchDirectory(const std::filesystem::path& directory) {
    const std::filesystem::path data = directory / "data";
    if (::mkdir(data.c_str(), 0700) != 0)
      throw system_error(errno, fmt::format("making {}", data.native()));
    endpoint_.component = "scratch";
    endpoint_.engine = "typedb";
    endpoint_.uri = fmt::format("typedb:{}", (data / "scratch").native());
  }
  [[nodiscard]] const model::Endpoint& endpoint() const override { return endpoint_; }

 private:
  model::Endpoint endpoint_;
};

// Of a scratch directory nothing stays.
bool is_of_scratch(const Json& undo) {
  return undo.find("scratch") != nullptr;
}

class TypedbEngine final : public Engine {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "typedb"; }

  void check_endpoint(const model::Endpoint& endpoint) const override {
    if (names_server(endpoint)) {
      static_cast<void>(server_location_of(endpoint));
    } else {
      static_cast<void>(location_of(endpoint));
    }
  }
  [[nodiscard]] Probe probe(const model::Endpoint& endpoint, std::stop_token stop) const override {
    return names_server(endpoint) ? probe_on_server(endpoint, stop)
                                  : probe_database(endpoint, stop);
  }
  [[nodiscard]] std::unique_ptr<Hold> hold(std::span<const model::Endpoint> endpoints,
                                           const HoldOptions& options) const override {
    check_rule(!endpoints.empty(), "a hold has databases");
    return names_server(endpoints.front()) ? hold_on_server(endpoints, options)
                                           : make_hold(endpoints, options);
  }

  LoadReport load(const model::PartSource& parts, const model::DatabaseFacts& facts,
                  const model::Endpoint& into, const LoadOptions& options,
                  std::stop_token stop) const override {
    return names_server(into) ? load_into_server(parts, facts, into, options, stop)
                              : load_database(parts, facts, location_of(into), options, stop);
  }
  [[nodiscard]] std::vector<model::Finding> check_load(const model::DatabaseFacts& facts,
                                                       const model::Endpoint& into,
                                                       const LoadOptions& options,
                                                       std::stop_token stop) const override {
    std::vector<model::Finding> findings = names_server(into)
                                               ? check_load_on_server(facts, into, options, stop)
                                               : check_target(facts, location_of(into), options);
    for (model::Finding& one : findings) one.component = into.component;
    return findings;
  }
  [[nodiscard]] std::vector<std::string> fit_beside(const model::DatabaseFacts& facts,
                                                    model::Endpoint& into, LoadOptions& options,
                                                    std::stop_token stop) const override {
    return fit_beside_on_server(facts, into, options, stop);
  }
  void harmonize(model::DatabaseFacts& expected, model::DatabaseFacts& found,
                 const LoadOptions& options) const override;
  std::string undo(const Json& undo, const model::Endpoint& into) const override {
    if (is_of_scratch(undo)) return {};
    if (is_undo_on_server(undo)) return undo_on_server(undo, into);
    undo_switch(undo);
    return {};
  }
  [[nodiscard]] bool stands(const Json& undo, const model::Endpoint& /*into*/) const override {
    return !is_of_scratch(undo) && !is_undo_on_server(undo) && switch_stands(undo);
  }
  void check_undo(const Json& undo, const model::Endpoint& into) const override {
    if (is_of_scratch(undo)) return;
    if (is_undo_on_server(undo)) return check_undo_on_server(into);
    check_switch_undo(undo);
  }

  void describe(const model::Endpoint& endpoint, model::DatabaseFacts& facts,
                std::stop_token stop) const override {
    if (names_server(endpoint)) return describe_on_server(endpoint, facts, stop);
    describe_directory(location_of(endpoint).database, false, facts, stop);
  }
  void rows(const model::Endpoint& /*endpoint*/, const model::TableName& /*table*/,
            model::RowSink& /*into*/, std::stop_token /*stop*/) const override {
    refuse("has no rows", "Things of TypeDB are no rows of tables: export them.");
  }
  [[nodiscard]] std::string query_one(const model::Endpoint& /*endpoint*/,
                                      std::string_view /*sql*/) const override {
    refuse("answers no queries", "Ask the server itself.");
  }
  // Of copies of directories, which load() proves to the last record.
  [[nodiscard]] std::unique_ptr<Scratch> scratch(
      const Probe& probe, const std::filesystem::path& directory) const override {
    if (!probe.abilities.scratch)
      refuse("starts no server", "Lend a drill a server: [[drill.endpoint]].");
    return std::make_unique<ScratchDirectory>(directory);
  }

  [[nodiscard]] std::string grants(const model::Endpoint& endpoint,
                                   std::string_view purpose) const override;
  [[nodiscard]] std::optional<Inspection> inspect(const std::filesystem::path& file,
                                                  const InspectOptions& options,
                                                  std::stop_token stop) const override {
    return inspect_place(file, options, stop);
  }
  void check_schema(const std::filesystem::path& file, std::stop_token stop) const override {
    static_cast<void>(read_schema(file, stop));
  }
  void inspect_rows(const std::filesystem::path& /*file*/,
                    std::span<const std::filesystem::path> /*others*/,
                    const model::TableName& /*table*/, model::RowSink& /*into*/,
                    std::stop_token /*stop*/) const override {
    refuse("has no rows", "Things of TypeDB are no rows of tables: export them.");
  }
  LoadReport import_file(const std::filesystem::path& file, const model::Endpoint& into,
                         const LoadOptions& options, std::stop_token stop) const override;
  [[nodiscard]] std::string restore_instructions(const model::DatabaseFacts& facts) const override;
  [[nodiscard]] std::vector<Discovered> discover(const std::filesystem::path& directory,
                                                 std::stop_token stop) const override {
    return discover_databases(directory, stop);
  }
  [[nodiscard]] std::optional<Installed> installed(
      const std::filesystem::path& place) const override {
    return find_installed(place);
  }
};

void TypedbEngine::harmonize(model::DatabaseFacts& expected, model::DatabaseFacts& found,
                             const LoadOptions& options) const {
  // Another release may word the same schema differently; and it may be another one on purpose.
  const bool is_comparable = !expected.objects.empty() && expected.version == found.version &&
                             options.schema_file.empty() && !options.data_only;
  if (is_comparable) return;
  expected.objects.clear();
  found.objects.clear();
}

LoadReport TypedbEngine::import_file(const std::filesystem::path& file, const model::Endpoint& into,
                                     const LoadOptions& options, std::stop_token stop) const {
  if (names_server(into)) return import_into_server(file, into, options, stop);
  throw Error(Errc::unsupported, fmt::format("{}: only a server makes a directory of {}",
                                             into.component, file.native()))
      .set_hint("Start a server on that directory, and name it: typedb://HOST:1729/NAME.");
}

std::string TypedbEngine::grants(const model::Endpoint& endpoint, std::string_view purpose) const {
  constexpr std::array purposes{std::string_view("backup"), std::string_view("restore"),
                                std::string_view("application")};
  if (std::ranges::find(purposes, purpose) == purposes.end())
    throw Error(Errc::usage, fmt::format("there are no grants for `{}`", purpose))
        .set_hint("Purposes are backup, restore and application.");
  if (names_server(endpoint)) return grants_on_server(server_location_of(endpoint), purpose);
  const Location location = location_of(endpoint);
  if (purpose == "restore")
    return fmt::format(
        "-- Whoever restores needs write permission on {} and on the directory above it, and must "
        "be root to give files to another user.\n",
        shell_quote(location.data_directory.native()));
  return fmt::format("-- {} needs read{} permission on {} and everything in it.\n", purpose,
                     purpose == "backup" ? "" : " and write",
                     shell_quote(location.database.native()));
}

std::string TypedbEngine::restore_instructions(const model::DatabaseFacts& facts) const {
  if (is_export_copy(facts.engine_facts)) return restore_paragraphs_of_export(facts);
  constexpr std::string_view scheme = "typedb:";
  const std::string place =
      facts.uri.starts_with(scheme) ? facts.uri.substr(scheme.size()) : facts.uri;
  // A tree lies where links led to, which the uri need not say.
  const auto tree =
      std::find_if(facts.parts.begin(), facts.parts.end(), [](const auto& p) { return p.is_tree; });
  const std::string copy =
      shell_quote(facts.directory + (tree == facts.parts.end() ? "" : "/" + tree->path));
  const std::string quoted = shell_quote(place);
  std::string text = fmt::format(
      "{0} is the directory of a database of TypeDB {4}, which only those releases open. Stop the\n"
      "server, and put it in its place:\n\n"
      "    mv -- {1} {2}     # if there is one; never within the data directory\n"
      "    mkdir -p -- {3}\n"
      "    cp -a -- {0} {1}\n",
      copy, quoted,
      shell_quote(std::filesystem::path(place).parent_path().native() + ".old." +
                  std::filesystem::path(place).filename().native()),
      shell_quote(std::filesystem::path(place).parent_path().native()), facts.version);
  if (facts.engine_facts.is_object() && facts.engine_facts.find("file_uid") != nullptr)
    text += fmt::format("    chown -R {}:{} -- {}\n", facts.engine_facts.uint_or("file_uid", 0),
                        facts.engine_facts.uint_or("file_gid", 0), quoted);
  return text +
         "\nOf TypeDB 3 the directory `checkpoint` may be left out: the server then reads all of "
         "`wal`.\n";
}

}  // namespace

const Engine& engine() noexcept {
  static const TypedbEngine engine;
  return engine;
}

}  // namespace holdfast::engine::typedb
