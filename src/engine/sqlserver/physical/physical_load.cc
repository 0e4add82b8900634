// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/physical/physical_load.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <algorithm>
#include <chrono>
#include <utility>

#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "engine/sqlserver/bak/bak_findings.h"
#include "engine/sqlserver/bak/disk_file.h"
#include "engine/sqlserver/database_place.h"
#include "engine/sqlserver/physical/backup_check.h"
#include "engine/sqlserver/physical/backup_offer.h"
#include "engine/sqlserver/physical/exchange.h"
#include "engine/sqlserver/physical/physical_target.h"
#include "engine/sqlserver/physical/restored_database.h"
#include "engine/sqlserver/row_counts.h"
#include "engine/sqlserver/server_messages.h"

namespace holdfast::engine::sqlserver {
namespace {

// A file on disk as a stream of its own.
class FileStream final : public ByteSource {
 public:
  explicit FileStream(const std::filesystem::path& path)
      : fd_(open_file(path, O_RDONLY)), source_(fd_.get(), path.native()) {}
  [[nodiscard]] std::size_t read(std::span<std::byte> into) override { return source_.read(into); }

 private:
  Fd fd_;
  FdSource source_;
};

// What is restored: files of a backup, which set of them, and what is known of it.
struct Backup {
  std::vector<BackupContent> files;
  unsigned set = 1;
  Json facts;                     // engine_facts
  model::DatabaseFacts expected;  // what is promised of it
};

class Loader {
 public:
  Loader(const model::Endpoint& into, const LoadOptions& options, std::stop_token stop)
      : into_(into),
        location_(location_of(into)),
        options_(options),
        stop_(std::move(stop)),
        admin_(location_, into.password.get(), false, stop_),
        server_(read_server(admin_)),
        later_(std::make_shared<LoadReport::Later>()) {
    report_.later = later_;
  }

  LoadReport run(Backup backup) {
    look_at_place();
    const TargetNeeds needs = needs_of(backup.facts);
    refuse_problems(target_problems(admin_, location_, needs, options_));
    try {
      restore(backup);
      finish(backup);
    } catch (...) {
      give_up();
      throw;
    }
    return std::move(report_);
  }

 private:
  void announce(std::string_view what, Json undo) const {
    undo.set("sqlserver", "physical");
    if (options_.before_change) options_.before_change(what, undo);
  }

  [[nodiscard]] Session session_in(const std::string& database) const {
    Location there = location_;
    there.database = database;
    return Session(there, into_.password.get(), true, stop_);
  }

  static void refuse_content(const model::Endpoint& into, const Location& location) {
    Session look(location, into.password.get(), true);
    if (holds_anything(look))
      throw Error(Errc::exists, fmt::format("{} exists and is not empty", location.display()))
          .set_hint("Give --replace: it is then kept under a new name.");
  }

  void look_at_place() {
    if (options_.only_beside || options_.replace) return;
    if (database_id(admin_, location_.database)) refuse_content(into_, location_);
  }

  void restore(const Backup& backup) {
    const BackupOffer offer({location_, medium_to_restore(location_, server_),
                             options_.scratch_directory, options_.before_change},
                            admin_, backup.files, stop_);
    const std::string doing = fmt::format("restoring {}", location_.display());
    const auto named = ask_of_backup(
        admin_,
        fmt::format("{} WITH FILE = {}", files_text(offer.medium(), offer.devices()), backup.set),
        doing, Errc::corrupt);
    if (!named)
      throw Error(Errc::denied, fmt::format("{}: the account may not restore", doing))
          .set_hint("`holdfast grants restore` has the statements.");
    RestoreStatement statement;
    statement.medium = offer.medium();
    statement.devices = offer.devices();
    statement.set = backup.set;
    statement.files = restored_files(*named);
    statement.has_checksums = backup.facts.bool_or("checksums", true);
    beside_ = name_beside(admin_, location_.database);
    statement.database = beside_;
    const auto [data, log] = directories_of(admin_, location_);
    place_files(statement.files, beside_, data, log);
    refuse_problems(space_problems(admin_, statement.files));
    announce(fmt::format("restored database {}", beside_),
             Json::object().set("kind", "created").set("database", beside_));
    is_made_ = true;
    BackupProgress progress;
    const auto errors = admin_.try_run(restore_text(statement),
                                       [&](const Message& message) { progress.hear(message); });
    if (errors.empty()) return;
    offer.raise_failure();
    throw backup_error(errors, doing, Errc::io);
  }

  void finish(const Backup& backup) {
    const Json* const remembered = backup.facts.find("options");
    const auto began = std::chrono::steady_clock::now();
    {
      Session session = session_in(beside_);
      if (remembered != nullptr) mend_database(session, *remembered, report_);
      prove(session, backup);
      report_.proof_time = std::chrono::steady_clock::now() - began;
      run_statements(session);
    }
    if (stop_.stop_requested())
      throw Error(Errc::cancelled, fmt::format("{}: stopped", location_.display()));
    if (options_.only_beside) {
      report_.beside = into_;
      report_.beside->uri = uri_of(location_, beside_);
      report_.later = nullptr;
      return;
    }
    const auto switch_in = [into = into_, location = location_, options = options_,
                            beside = beside_, later = later_,
                            remembered = remembered == nullptr ? Json::object() : *remembered] {
      return put_in_place(into, location, options, beside, remembered, *later);
    };
    if (options_.leave_beside) {
      report_.switch_in = switch_in;
      return;
    }
    report_.kept = switch_in();
    for (std::string& line : later_->left_out) report_.left_out.push_back(std::move(line));
    for (std::string& line : later_->notes) report_.notes.push_back(std::move(line));
    report_.later = nullptr;
  }

  void prove(Session& session, const Backup& backup) {
    prove_database(session, beside_);
    model::DatabaseFacts& found = report_.found.emplace();
    found.version = server_.version;
    found.engine_facts = Json::object();
    found.engine_facts.set("method", "physical").set("database", beside_);
    found.engine_facts.set("server_version", server_.version);
    const RowCounts counts = count_rows(session);
    for (const auto& [table, rows] : counts) report_.rows += rows;
    found.objects = restored_objects(session, counts, backup.expected.objects);
    const Json* const tables = backup.facts.find("tables");
    if (tables != nullptr)
      for (std::string& line : differences(*tables, counts))
        report_.notes.push_back(std::move(line));
    if (options_.only_beside) return;
    for (const model::ObjectFacts& one : backup.expected.objects) {
      const bool is_there = std::ranges::any_of(found.objects, [&](const auto& other) {
        return other.kind == one.kind && other.name == one.name &&
               other.definition_sha256 == one.definition_sha256;
      });
      if (!is_there)
        throw Error(Errc::differs, fmt::format("{} is not what was copied: {} {} is missing or "
                                               "another one",
                                               location_.display(), one.kind, one.name))
            .set_hint("Run `holdfast check --read-data` on the repository.");
    }
  }

  // Nobody else sees the database yet.
  void run_statements(Session& session) {
    if (options_.statements.empty()) return;
    in_context("changing what was restored", [&] {
      session.run("BEGIN TRANSACTION");
      for (const std::string& statement : options_.statements)
        static_cast<void>(session.change(statement));
      if (!options_.takes_place) {
        for (const std::string& statement : options_.statements) {
          if (session.change(statement).value_or(0) == 0) continue;
          throw Error(Errc::differs, "what was set there did not stay: " + statement)
              .set_hint("Look for triggers of its tables; nothing was put in place.");
        }
      }
      session.run("COMMIT TRANSACTION");
    });
  }

  static std::vector<std::string> put_in_place(const model::Endpoint& into,
                                               const Location& location, const LoadOptions& options,
                                               const std::string& beside, const Json& remembered,
                                               LoadReport::Later& later) {
    Session admin(location, into.password.get(), false);
    const DatabaseSwitch change =
        plan_switch(admin, location.database, beside, options.kept_suffix);
    // An application may have begun to use an empty database meanwhile.
    if (!options.replace && !change.kept.empty()) refuse_content(into, location);
    if (options.before_change)
      options.before_change(
          fmt::format("put the restored database in the place of {}", location.database),
          to_json(change).set("sqlserver", "physical").set("kind", "switched"));
    // Away while it can still be entered; else last, which a kill in between leaves undone.
    const bool enters_all =
        admin.value("SELECT HAS_PERMS_BY_NAME(NULL, NULL, 'CONNECT ANY DATABASE')") == "1";
    if (enters_all) mend_owner(admin, beside, remembered, later);
    make_switch(admin, change);
    if (!enters_all) mend_owner(admin, location.database, remembered, later);
    if (options.takes_place)
      wake_database(admin, location.database, remembered, !change.kept.empty(), later);
    if (change.kept.empty()) return {};
    return {fmt::format("database {0}; drop it with: DROP DATABASE {0};", identifier(change.kept))};
  }

  void give_up() noexcept {
    if (!is_made_) return;
    try {
      admin_.stop_with({});
      remove_database(admin_, beside_);
    } catch (const std::exception& error) {
      log(LogLevel::warn, "what a restore made could not be removed",
          {{"database", beside_}, {"why", error.what()}});
    }
  }

  const model::Endpoint into_;
  const Location location_;
  const LoadOptions options_;
  const std::stop_token stop_;
  Session admin_;
  const ServerInfo server_;
  std::shared_ptr<LoadReport::Later> later_;
  std::string beside_;
  bool is_made_ = false;
  LoadReport report_;
};

Session admin_of(const model::Endpoint& into) {
  return Session(location_of(into), into.password.get(), false);
}

void refuse_tables(const LoadOptions& options) {
  if (!options.tables.empty())
    throw Error(Errc::unsupported,
                "a backup of SQL Server is restored as a whole: ability `tables`")
        .set_hint("Restore it under another name, and copy the tables from there.");
}

std::string what_of(const Json& undo) {
  return undo.at("kind").as_string();
}

}  // namespace

LoadReport load_physical(const model::PartSource& parts, const model::DatabaseFacts& facts,
                         const model::Endpoint& into, const LoadOptions& options,
                         const std::stop_token& stop) {
  refuse_tables(options);
  Backup backup;
  backup.facts = facts.engine_facts;
  backup.expected = facts;
  const auto entries = parts.list();
  const auto stripes = static_cast<unsigned>(facts.engine_facts.uint_or("stripes", 1));
  for (unsigned i = 0; i < stripes; ++i) {
    const std::string path = backup_part(i, stripes);
    const auto entry = std::ranges::find(entries, path, &model::PartSource::Entry::path);
    if (entry == entries.end())
      throw Error(Errc::corrupt, fmt::format("the copy of {} has no part {}", facts.name, path));
    backup.files.push_back({entry->size_bytes, [&parts, path] { return parts.open(path); },
                            [&parts, path] { return parts.open_random(path); }});
  }
  return Loader(into, options, stop).run(std::move(backup));
}

LoadReport import_backup(const std::filesystem::path& file, const model::Endpoint& into,
                         const LoadOptions& options, const std::stop_token& stop) {
  refuse_tables(options);
  DiskFile source(file);
  const auto report = read_bak(source, false, stop);
  if (!report)
    throw Error(Errc::unsupported, fmt::format("{} is no backup of SQL Server", file.native()));
  if (report->is_stripe())
    throw Error(Errc::unsupported, fmt::format("{} is stripe {} of {}", file.native(),
                                               report->stripe(), report->media->families))
        .set_hint("Restore it with SQL Server, naming all its files.");
  for (const model::Finding& one : report->findings)
    if (one.severity == model::Severity::blocker)
      throw Error(Errc::corrupt, fmt::format("{}: {}", file.native(), one.seen));
  const BakSet* const full = last_full_set(*report);
  if (full == nullptr)
    throw Error(Errc::unsupported, fmt::format("{} holds no full backup", file.native()));
  const SetConfiguration* const known = configuration_of(*full);
  constexpr std::uint32_t flag_checksums = 16;
  Backup backup;
  backup.set = full->block.number;
  backup.facts = Json::object();
  backup.facts.set("database_version", known->facts->database_version);
  backup.facts.set("checksums", (known->facts->flags & flag_checksums) != 0);
  backup.files.push_back({report->size_bytes, [file] { return std::make_unique<FileStream>(file); },
                          [file] { return std::make_unique<DiskFile>(file); }});
  return Loader(into, options, stop).run(std::move(backup));
}

std::vector<model::Finding> check_physical_target(const model::DatabaseFacts& facts,
                                                  const model::Endpoint& into,
                                                  const LoadOptions& options,
                                                  const std::stop_token& stop) {
  const Location location = location_of(into);
  Session admin(location, into.password.get(), false, stop);
  std::vector<model::Finding> findings =
      target_problems(admin, location, needs_of(facts.engine_facts), options);
  for (model::Finding& one : place_problems(admin, location.database, options))
    findings.push_back(std::move(one));
  return findings;
}

std::string undo_physical(const Json& undo, const model::Endpoint& into) {
  const std::string kind = what_of(undo);
  if (kind == "files") {
    const Location location = location_of(into);
    std::vector<std::string> files;
    for (const Json& file : undo.at("files").as_array()) files.push_back(file.as_string());
    remove_exchange_files(location, files);
    return {};
  }
  Session admin = admin_of(into);
  if (kind == "credential") {
    const std::string& name = undo.at("name").as_string();
    admin.run(
        fmt::format("IF EXISTS (SELECT 1 FROM sys.credentials WHERE name = {}) DROP "
                    "CREDENTIAL {}",
                    literal(name), identifier(name)));
    return {};
  }
  if (kind == "created") {
    remove_database(admin, undo.at("database").as_string());
    return {};
  }
  if (kind == "switched") return undo_switch(admin, parse_switch(undo));
  throw Error(Errc::unsupported, "an undo of unknown kind \"" + kind + "\"");
}

bool physical_stands(const Json& undo, const model::Endpoint& into) {
  if (what_of(undo) != "switched") return false;
  Session admin = admin_of(into);
  return switch_stands(admin, parse_switch(undo));
}

void check_undo_physical(const Json& undo, const model::Endpoint& into) {
  if (what_of(undo) != "switched") return;
  Session admin = admin_of(into);
  check_switch_undo(admin, parse_switch(undo));
}

}  // namespace holdfast::engine::sqlserver
