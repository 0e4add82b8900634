// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/import_export.h"

#include <fmt/format.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "base/error.h"
#include "base/log.h"
#include "engine/typedb/database_export.h"
#include "engine/typedb/database_import.h"
#include "engine/typedb/export_facts.h"
#include "engine/typedb/export_file.h"
#include "engine/typedb/type_names.h"

namespace holdfast::engine::typedb {
namespace {

constexpr std::string_view made_kind = "database_made", emptied_kind = "database_emptied";

constexpr std::chrono::seconds let_go_max{30};
constexpr std::chrono::milliseconds let_go_look{100};

// A server finds out late that nobody listens to it any more. Until then it has the database of an
// export in use, and keeps the name of one that is imported: an import that was told to be done it
// even ends first. Does what it refuses for that once more, until it has let go.
//
// Source: typedb/typedb, database/database.rs of 3.4.0 and 3.12.3 (DatabaseCreateError
// IsBeingImported, DatabaseDeleteError InUse), import_service.rs (what is said is done before the
// end of the call is looked at).
template <typename Action>
void until_let_go(const Action& action) {
  const auto until = std::chrono::steady_clock::now() + let_go_max;
  for (;;) {
    try {
      return action();
    } catch (const Error& error) {
      const bool is_kept =
          error.message().find("since it is being imported") != std::string::npos ||
          error.message().find("since it is in use") != std::string::npos;
      if (!is_kept || std::chrono::steady_clock::now() >= until) throw;
    }
    std::this_thread::sleep_for(let_go_look);
  }
}

std::string name_of(const std::string& database) {
  return fmt::format("database {}", database);
}

ExportFacts content_of(Connection& connection, const std::string& database,
                       const std::filesystem::path& scratch_directory,
                       const std::stop_token& stop) {
  DatabaseExport exported(connection, database, stop);
  return read_export(exported, name_of(database), scratch_directory, nullptr, stop);
}

// A database without things.
void make_empty(Connection& connection, const std::string& database, std::string_view schema) {
  until_let_go([&] {
    const std::stop_token unstoppable;
    if (defines_nothing(schema)) return connection.create(database, unstoppable);
    DatabaseImport emptied(connection, database, schema, unstoppable);
    emptied.add(WireWriter().bytes(15, WireWriter().text(2, database).message()).message());
    emptied.add(WireWriter().bytes(16, {}).message());
    emptied.finish();
  });
}

void remove(Connection& connection, const std::string& database) {
  until_let_go([&] { connection.remove(database); });
}

// Whether it is there once no import of that name is under way any more. What asks is an import
// that the server must refuse: a database that is none's would appear for a moment else.
bool is_there_at_last(Connection& connection, const std::string& database) {
  if (connection.contains(database)) return true;
  try {
    until_let_go([&] { DatabaseImport(connection, database, "", {}).finish(let_go_max); });
  } catch (const Error& error) {
    log(LogLevel::debug, "nothing of that name is imported", {{"why", error.what()}});
  }
  return connection.contains(database);
}

class Import {
 public:
  Import(Connection& connection, const std::string& database, const ImportOptions& options,
         const std::stop_token& stop)
      : connection_(connection), database_(database), options_(options), stop_(stop) {}

  ExportFacts run(std::string_view schema, ByteSource& data) {
    if (options_.data_only || connection_.contains(database_, stop_)) kept_ = schema_of_empty();
    if (options_.data_only) schema = *kept_;
    TypeNames names;
    if (!defines_nothing(schema))
      names = in_context("reading the schema", [&] { return scan_schema(schema); });
    try {
      if (kept_) {
        announce(fmt::format("empty database {} at {} is removed", database_, address()),
                 Json::object().set("kind", emptied_kind).set("schema", *kept_));
        remove(connection_, database_);
      }
      load(schema, names, data);
      if (options_.before_proof) options_.before_proof();
      ExportFacts found = content_of(connection_, database_, options_.scratch_directory, stop_);
      const std::string differs = difference(loaded_, found);
      if (differs.empty()) return found;
      throw Error(Errc::differs, fmt::format("database {} was loaded, but {}", database_, differs));
    } catch (...) {
      put_back();
      throw;
    }
  }

 private:
  [[nodiscard]] const std::string& address() const { return connection_.address(); }

  std::string schema_of_empty() {
    DatabaseExport exported(connection_, database_, stop_);
    const auto refuse = [&](std::string_view what, std::string_view hint) {
      throw Error(Errc::exists, fmt::format("database {} at {} {}", database_, address(), what))
          .set_hint(hint);
    };
    if (!options_.data_only && !defines_nothing(exported.schema()))
      refuse("is there already", fmt::format("Servers of TypeDB rename no database: choose another "
                                             "name, or remove it first with the console, `database "
                                             "delete {}`.",
                                             database_));
    ExportCheck check(name_of(database_), options_.scratch_directory, nullptr);
    for (;;) {
      const std::vector<ByteView>& items = exported.next();
      if (items.empty()) break;
      for (const ByteView item : items) check.add(item);
      if (check.things() > 0) refuse("is not empty", "Only an empty database takes data alone.");
    }
    static_cast<void>(check.finish(stop_));
    return exported.schema();
  }

  void announce(const std::string& what, Json undo) const {
    if (!options_.before_change) return;
    undo.set("address", address()).set("database", database_);
    options_.before_change(what, undo);
  }

  void load(std::string_view schema, const TypeNames& names, ByteSource& data) {
    // A schema that defines nothing is no text that a server takes; nor are there things then.
    if (defines_nothing(schema)) {
      loaded_ = take(names, data, nullptr);
      announce_made();
      // No error if somebody else has made it meanwhile.
      placed_ = Placed::maybe;
      connection_.create(database_, stop_);
      return;
    }
    DatabaseImport imported(connection_, database_, schema, stop_);
    // Before the server puts it in its place.
    loaded_ = take(names, data, &imported);
    announce_made();
    // Refused or without an answer: what has the name then tells.
    placed_ = Placed::maybe;
    imported.finish();
    placed_ = Placed::surely;
  }

  ExportFacts take(const TypeNames& names, ByteSource& data, DatabaseImport* imported) const {
    const std::string name = fmt::format("the export for database {}", database_);
    ExportReader reader(data, name);
    ExportCheck check(name, options_.scratch_directory, &names);
    while (const auto piece = reader.next()) {
      if (stop_.stop_requested()) throw Error(Errc::cancelled, "interrupted while importing");
      check.add(piece->message);
      if (imported != nullptr) imported->add(piece->message);
    }
    return check.finish(stop_);
  }

  void announce_made() const {
    announce(fmt::format("database {} at {} is made", database_, address()),
             Json::object().set("kind", made_kind).set("content", content_digest(loaded_)));
  }

  // Whether what has the name now is what was made here: the server keeps the name for an import
  // while it goes on, but another one may have had it before.
  bool is_ours() {
    const std::stop_token unstoppable;
    if (placed_ == Placed::no) return false;
    if (!is_there_at_last(connection_, database_)) return false;
    if (placed_ == Placed::surely) return true;
    const auto found = content_of(connection_, database_, options_.scratch_directory, unstoppable);
    if (difference(loaded_, found).empty()) return true;
    throw Error(Errc::exists, "what is there now is not what was loaded");
  }

  // What was made is removed, and the empty database that was there is there again. On the way out
  // of an error: what cannot be undone is said, and the journal has it.
  void put_back() noexcept {
    const std::stop_token unstoppable;
    try {
      if (is_ours()) remove(connection_, database_);
      if (kept_ && !connection_.contains(database_, unstoppable))
        make_empty(connection_, database_, *kept_);
    } catch (const std::exception& failure) {
      log(LogLevel::warn, "a database could not be put back as it was",
          {{"database", database_}, {"server", address()}, {"why", failure.what()}});
    }
  }

  enum class Placed : std::uint8_t { no, maybe, surely };

  Connection& connection_;
  const std::string& database_;
  const ImportOptions& options_;
  const std::stop_token& stop_;
  std::optional<std::string> kept_;  // the schema of an empty one that was there
  ExportFacts loaded_;
  Placed placed_ = Placed::no;
};

}  // namespace

ExportFacts import_export(Connection& connection, const std::string& database,
                          std::string_view schema, ByteSource& data, const ImportOptions& options,
                          const std::stop_token& stop) {
  return Import(connection, database, options, stop).run(schema, data);
}

bool is_import_undo(const Json& undo) {
  const std::string_view kind = undo.at("kind").as_string();
  return kind == made_kind || kind == emptied_kind;
}

std::string undo_import(Connection& connection, const Json& undo) {
  const std::string& database = undo.at("database").as_string();
  const std::stop_token unstoppable;
  if (!is_import_undo(undo))
    throw Error(Errc::corrupt, "the undo is none of an import into TypeDB");
  const bool is_there = is_there_at_last(connection, database);
  if (undo.at("kind").as_string() == emptied_kind) {
    if (!is_there) make_empty(connection, database, undo.at("schema").as_string());
    return {};
  }
  if (!is_there) return {};
  const bool is_ours = undo.bool_or("beside", false) ||
                       content_digest(content_of(connection, database, {}, unstoppable)) ==
                           undo.at("content").as_string();
  if (is_ours) {
    remove(connection, database);
    return {};
  }
  return fmt::format("database {} at {} is not what was loaded into it, and stays as it is\n",
                     database, connection.address());
}

}  // namespace holdfast::engine::typedb
