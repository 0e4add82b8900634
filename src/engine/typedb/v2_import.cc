// SPDX-License-Identifier: Apache-2.0
// Databases of servers of 2.x, made out of a schema and a data file.
//
// Source: typedb/typedb, migrator/data/DataImporter.java of 2.18.0, database/DatabaseImporter.java
// of 2.29.1: it opens the file anew for each of its passes, commits 1000 things at a time, and
// compares counts only at the end; CoreDatabase.java of 2.19.0 and 2.29.1 (isEmpty: no type is
// defined; an import defines them itself, and refuses a database that has any).
#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "engine/typedb/database_export.h"
#include "engine/typedb/export_facts.h"
#include "engine/typedb/export_file.h"
#include "engine/typedb/server_job.h"
#include "engine/typedb/type_names.h"
#include "engine/typedb/v2_server.h"

namespace holdfast::engine::typedb {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds lock_wait{10};  // the server's own default

// Things of each label, for the journal.
Json counts_of(const ExportFacts& facts) {
  Json counts = Json::array();
  for (const LabelCount& one : facts.labels) {
    if (one.kind == ItemKind::unknown) continue;  // a role: its relations are counted
    counts.push(Json::object().set("label", one.label).set("count", one.count));
  }
  return counts;
}
// Whether what is there is what was loaded, or some of it: an import commits on its way.
bool is_some_of(const Json& counts, const ExportFacts& found) {
  std::map<std::string_view, std::uint64_t> loaded;
  for (const Json& one : counts.as_array())
    loaded[one.at("label").as_string()] = one.at("count").as_uint();
  return std::ranges::all_of(found.labels, [&](const LabelCount& one) {
    return one.kind == ItemKind::unknown || one.count <= loaded[one.label];
  });
}

// A server of 2.x and one of its databases.
class Target {
 public:
  Target(const ServerAccess& access, const ServerLocation& location, fs::path scratch_directory,
         const std::stop_token& stop)
      : connection_(access, stop),
        location_(location),
        scratch_directory_(std::move(scratch_directory)),
        runner_(find_runner(connection_, access, location, stop)) {}

  [[nodiscard]] Connection& connection() { return connection_; }
  [[nodiscard]] SchemaPlace place() const { return runner_.place; }
  [[nodiscard]] bool is_there() { return connection_.contains(location_.database); }

  // What it has now.
  [[nodiscard]] ExportFacts found(const std::stop_token& stop) const {
    const auto exported = begin_export(runner_, location_, scratch_directory_);
    return read_running(*exported, location_.display(), scratch_directory_, nullptr, stop);
  }
  // Ends the export as soon as it has one.
  [[nodiscard]] bool has_things(const std::stop_token& stop) const {
    const auto exported = begin_export(runner_, location_, scratch_directory_);
    exported->obey(stop);
    ExportReader reader(*exported, location_.display());
    ExportCheck check(location_.display(), scratch_directory_, nullptr);
    while (const auto piece = reader.next()) {
      check.add(piece->message);
      if (check.things() > 0) return true;
    }
    static_cast<void>(check.finish(stop));
    return false;
  }
  void make(const std::stop_token& stop) { connection_.create(location_.database, stop); }
  void define(std::string_view schema, const std::stop_token& stop) {
    if (defines_nothing(schema)) return;
    SchemaSession session(runner_.access, location_.database, lock_wait, stop);
    session.define(schema, stop);
    session.release();
  }
  void load(const JobFiles& files, const std::stop_token& stop) const {
    run(runner_, MigratorJob::imports, location_.database, files, {}, stop);
  }
  // Without things, as it was: whatever is there is removed.
  void make_empty(std::string_view schema) {
    const std::stop_token unstoppable;
    if (is_there()) connection_.remove(location_.database);
    make(unstoppable);
    if (defines_nothing(schema)) return;
    if (place() == SchemaPlace::apart) return define(schema, unstoppable);
    const ExchangeDirectory directory(find_exchange(location_, scratch_directory_), "import");
    BytesSink items;
    write_item(
        items,
        WireWriter().bytes(15, WireWriter().text(2, location_.database).message()).message());
    write_item(items, WireWriter().bytes(16, {}).message());
    load(put(directory, schema, items.bytes), unstoppable);
  }

  [[nodiscard]] static JobFiles put(const ExchangeDirectory& directory, std::string_view schema,
                                    ByteView data) {
    const fs::path data_file = directory.path() / "data.typedb";
    write_file_durably(data_file, data);
    directory.let_read(data_file);
    return {data_file.native(), put_schema(directory, schema)};
  }
  [[nodiscard]] static std::string put_schema(const ExchangeDirectory& directory,
                                              std::string_view schema) {
    const fs::path file = directory.path() / "schema.tql";
    write_file_durably(file, as_bytes(schema));
    directory.let_read(file);
    return file.native();
  }

 private:
  Connection connection_;
  const ServerLocation& location_;
  const fs::path scratch_directory_;
  const JobRunner runner_;
};

class V2Import {
 public:
  V2Import(const ServerAccess& access, const ServerLocation& into, const LoadOptions& options,
           const std::function<void()>& before_proof, const std::stop_token& stop)
      : target_(access, into, options.scratch_directory, stop),
        into_(into),
        options_(options),
        before_proof_(before_proof),
        stop_(stop) {}

  ExportFacts run(std::string_view schema, ByteSource& data, std::uint64_t data_bytes) {
    look_at_target();
    const std::string text = options_.data_only ? kept_ : std::string(schema);
    TypeNames names;
    if (!defines_nothing(text))
      names = in_context("reading the schema", [&] { return scan_schema(text); });
    const Exchange exchange = find_exchange(into_, options_.scratch_directory);
    const ExchangeDirectory directory(exchange, "import");
    tell(fmt::format("{} gets files to be loaded", directory.path().native()),
         Json::object().set("directory", directory.path().native()));
    check_room(directory.path(), data_bytes);
    const JobFiles files{write_data(directory, data, names), Target::put_schema(directory, text)};
    look_again();
    Json undo = Json::object();
    undo.set("database", into_.database).set("address", into_.address());
    undo.set("loaded", counts_of(loaded_));
    if (was_there_) undo.set("schema", kept_);
    tell(fmt::format("{} is made", into_.display()), std::move(undo));
    try {
      return load(text, files);
    } catch (...) {
      put_back();
      throw;
    }
  }

 private:
  void tell(const std::string& what, Json undo) const {
    undo.set("engine", "typedb").set("server", "2.x");
    if (options_.before_change) options_.before_change(what, undo);
  }

  void look_at_target() {
    was_there_ = target_.connection().contains(into_.database, stop_);
    if (!was_there_) {
      if (options_.data_only)
        throw Error(Errc::not_found, fmt::format("there is no {}", into_.display()));
      return;
    }
    kept_ = target_.connection().schema(into_.database, stop_);
    // Without a type there is no thing.
    if (defines_nothing(kept_) || (options_.data_only && !target_.has_things(stop_))) return;
    throw Error(Errc::exists, fmt::format("{} is not empty", into_.display()))
        .set_hint(options_.data_only ? "Only a database without things takes data alone."
                                     : "Choose another name, or remove it first.");
  }

  // To read the data takes its time: what somebody has made or filled meanwhile is his.
  void look_again() {
    const auto before = std::pair(was_there_, kept_);
    look_at_target();
    if (std::pair(was_there_, kept_) == before) return;
    throw Error(Errc::exists,
                fmt::format("{} was changed while the data were read", into_.display()))
        .set_hint("Load them again while nobody else works with it.");
  }

  // All of it is checked before the server is asked to do anything.
  std::string write_data(const ExchangeDirectory& directory, ByteSource& data,
                         const TypeNames& names) {
    const fs::path path = directory.path() / "data.typedb";
    const std::string name = fmt::format("the export for {}", into_.display());
    Fd file = open_file(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW);
    FdSink sink(file.get(), path.native());
    ExportReader reader(data, name);
    ExportCheck check(name, options_.scratch_directory, &names);
    constexpr std::size_t gathered_bytes = 1U << 20U;
    BytesSink items;
    while (const auto piece = reader.next()) {
      if (stop_.stop_requested()) throw Error(Errc::cancelled, "interrupted while importing");
      check.add(piece->message);
      write_item(items, piece->message);
      if (items.bytes.size() < gathered_bytes) continue;
      sink.write(items.bytes);
      items.bytes.clear();
    }
    sink.write(items.bytes);
    file.close(path.native());
    loaded_ = check.finish(stop_);
    directory.let_read(path);
    return path.native();
  }

  ExportFacts load(const std::string& schema, const JobFiles& files) {
    const bool stays = options_.data_only && target_.place() == SchemaPlace::apart;
    if (was_there_ && !stays) {
      is_changed_ = true;
      target_.connection().remove(into_.database, stop_);
    }
    if (!stays) {
      // Not by the import itself: of what is made here nobody else has had the name.
      target_.make(stop_);
      is_changed_ = true;
      if (target_.place() == SchemaPlace::apart) target_.define(schema, stop_);
    }
    is_changed_ = true;
    // A schema that defines nothing is no text that a server takes; nor are there things then.
    if (!defines_nothing(schema)) target_.load(files, stop_);
    if (before_proof_) before_proof_();
    ExportFacts found = target_.found(stop_);
    const std::string differs = difference(loaded_, found);
    if (differs.empty()) return found;
    throw Error(Errc::differs, fmt::format("{} was loaded, but {}", into_.display(), differs));
  }

  // On the way out of an error: what cannot be undone is said, and the journal has it.
  void put_back() noexcept {
    if (!is_changed_) return;
    try {
      if (was_there_) {
        target_.make_empty(kept_);
      } else if (target_.is_there()) {
        target_.connection().remove(into_.database);
      }
    } catch (const std::exception& failure) {
      log(LogLevel::warn, "a database could not be put back as it was",
          {{"database", into_.display()}, {"why", failure.what()}});
    }
  }

  Target target_;
  const ServerLocation& into_;
  const LoadOptions& options_;
  const std::function<void()>& before_proof_;
  const std::stop_token& stop_;
  bool was_there_ = false, is_changed_ = false;
  std::string kept_;  // its schema
  ExportFacts loaded_;
};

}  // namespace

ExportFacts import_v2(const ServerAccess& access, const ServerLocation& into,
                      std::string_view schema, ByteSource& data, const LoadOptions& options,
                      const std::stop_token& stop, std::uint64_t data_bytes,
                      const std::function<void()>& before_proof) {
  return V2Import(access, into, options, before_proof, stop).run(schema, data, data_bytes);
}

std::string undo_v2(const Json& undo, const ServerAccess& access, const ServerLocation& into) {
  if (const Json* const directory = undo.find("directory")) {
    const fs::path path = directory->as_string();
    if (!path.is_absolute() || !is_exchange_directory(path))
      throw Error(Errc::corrupt, fmt::format("{} is no directory of an import", path.native()));
    erase_tree(path);
    return {};
  }
  if (undo.at("database").as_string() != into.database ||
      undo.at("address").as_string() != into.address())
    throw Error(Errc::corrupt,
                fmt::format("what is to be undone was not done to {}", into.display()));
  const Json* const schema = undo.find("schema");
  Connection connection(access);
  const bool is_there = connection.contains(into.database);
  if (!is_there && schema == nullptr) return {};
  if (undo.bool_or("beside", false)) {
    connection.remove(into.database);
    return {};
  }
  Target target(access, into, {}, {});
  if (is_there) {
    const ExportFacts found = target.found({});
    if (!is_some_of(undo.at("loaded"), found))
      return fmt::format("{} is not what was loaded into it, and stays as it is\n", into.display());
    if (schema == nullptr) {
      connection.remove(into.database);
      return {};
    }
    if (found.labels.empty() && connection.schema(into.database) == schema->as_string()) return {};
  }
  target.make_empty(schema->as_string());
  return {};
}

}  // namespace holdfast::engine::typedb
