// SPDX-License-Identifier: Apache-2.0
// What every database engine does for a backup. One folder below per engine.
//
// An engine moves bytes between a database and a stream and vouches for their consistency. It never
// sees the repository, never ends the process, and leaves the database as it found it. Every engine
// passes tests/contract/engine_contract.h.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/secret.h"
#include "engine/file_reader.h"
#include "model/copy_check.h"
#include "model/endpoint.h"
#include "model/finding.h"
#include "model/manifest.h"
#include "model/moment.h"
#include "model/new_table.h"
#include "model/part.h"
#include "model/table_definition.h"
#include "model/value.h"

namespace holdfast::engine {

// What an engine can do at an endpoint, as found by probe(). Calling what is not declared is
// Errc::unsupported, naming the ability.
struct Abilities {
  bool rows = false;       // Engine::rows, and digests in both describe()
  bool fence = false;      // Hold::fence
  bool scratch = false;    // Engine::scratch
  bool tables = false;     // LoadOptions::tables: restore of single tables
  bool grants = false;     // Engine::grants
  bool sequences = false;  // LoadOptions::sequence: restore of a log up to a record
  bool schemas = false;    // LoadOptions::schema_file, data_only: imports of data without a schema
  // Engine::query_rows and execute, LoadOptions::statements
  bool statements = false;
};

struct Probe {
  bool exists = false;  // the database is there
  bool empty = true;    // it holds no object of the user's
  std::string version;  // of the server or library, for people and for comparison
  std::uint64_t size_bytes = 0;
  std::uint64_t scratch_bytes = 0;  // needed below HoldOptions::scratch_directory during a backup
  std::string server;       // databases with equal text are held together: one hold, one moment
  bool needs_stop = false;  // cannot be copied while written to: [quiesce] when = "needed" applies
  std::vector<std::filesystem::path>
      own_files;  // local files the copy covers: left out of file components
  // The tree parts that a hold will have: copied beforehand while the application still runs, so
  // that it is stopped only for what changes meanwhile.
  std::vector<model::Part> trees;
  Abilities abilities;
  Json facts = Json::object();  // engine's own
  std::vector<model::Finding> findings;
};

struct HoldOptions {
  std::chrono::milliseconds fence_max{500};          // limits.fence_ms
  std::chrono::milliseconds writer_stall_max{1000};  // limits.writer_stall_ms
  std::filesystem::path scratch_directory;           // exists; ours alone
  unsigned parallel = 1;
  bool stopped = false;  // the application has been stopped by [quiesce]: nobody else writes
  // Nothing will be copied nor described, only outlined: nobody is kept from writing for that.
  bool only_outline = false;
  // Other servers are captured at the same moment: what an application has written on several
  // before it commits on the first is to be on all or on none, so that a fence waits, where the
  // engine can, for transactions that have written.
  bool with_other_servers = false;
  // Gets every row that is copied, and what is described without having been copied; may be empty.
  model::RowTap row_tap;
  // Told before something is made on the server that outlives us, with the component it is for; job
  // writes it to the journal, and undoes it at the end in any case. Returns once durable. May be
  // empty.
  std::function<void(std::string_view component, std::string_view what, const Json& undo)>
      before_change;
  // Once requested, hold(), fence() and capture() end soon with Errc::cancelled and nothing held.
  std::stop_token stop;
};

// A consistent moment of one or several databases of one server. Job drives it through its stages:
//
//   hold → [fence] → capture → [unfence] → parts/copy/describe … → release
//
// Every stage is called once, fence() again only after it returned false or after unfence() before
// capture(); out of order is Errc::bug. A capture() that throws has let go of everything. The
// destructor lets go at any stage and never throws; what it cannot undo is logged. While a Hold
// lives, nothing else in this process may open the files of its databases: closing a descriptor
// drops the process's POSIX locks on the file.
class Hold {
 public:
  virtual ~Hold() = default;
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;

  // Stops writers of all its databases, waiting for their locks until `deadline` at most, less the
  // share of the time that capturing needs. False, with nothing held, if a lock was not had in
  // time. Errc::unsupported without Abilities::fence, as the default says. An Error too leaves
  // nothing held.
  [[nodiscard]] virtual bool fence(std::chrono::steady_clock::time_point deadline);
  // Fixes the moment. Quick where fenced: locks are waited for until fence()'s deadline at most,
  // and no bytes are copied before unfence(). Otherwise it may take the time its engine needs. What
  // keeps writers waiting goes on in the background until HoldOptions::writer_stall_max at most.
  // Errc::not_consistent if no moment could be had within that; Errc::unavailable if the database
  // stayed locked.
  virtual void capture() = 0;
  // Lets writers go on. No error if not fenced. Quick.
  virtual void unfence() {}

  // Whether writers work undisturbed from here on while parts are copied; valid after unfence().
  // Decides how early a stopped application may be started again.
  [[nodiscard]] virtual bool lets_writers_work() const { return true; }
  // Whether nobody can write from capture() on for as long as it lives, so that its moment is that
  // of whatever is fenced meanwhile. Not so where only a stopped application stays stopped for it.
  [[nodiscard]] virtual bool keeps_writers_out() const { return !lets_writers_work(); }

  // One per endpoint, in their order. Valid from capture() (at_capture) or release() (at_release)
  // on.
  [[nodiscard]] virtual model::Moment moment(std::size_t database) const = 0;
  // Valid from capture() on.
  [[nodiscard]] virtual std::vector<model::Part> parts(std::size_t database) = 0;

  // Writes one stream part. Several parts may be copied at once, each on a thread of its own.
  // Errc::cancelled soon after a stop request.
  virtual void copy(std::size_t database, const model::Part& part, model::PartSink& into,
                    std::stop_token stop) = 0;

  // What the copy holds, for the manifest: read from the copy or the held moment itself, never from
  // the live database. Fills version, engine_facts, tables (digests where Abilities::rows),
  // objects; leaves the rest alone. Errc::not_consistent if the copy is not sound. Several
  // databases may be described at once.
  virtual void describe(std::size_t database, model::DatabaseFacts& facts,
                        std::stop_token stop = {}) = 0;

  // What of describe() a load() or check_load() needs before any part is copied: engine_facts.
  // Quick where an engine has an own answer.
  virtual void outline(std::size_t database, model::DatabaseFacts& facts,
                       std::stop_token stop = {}) {
    describe(database, facts, std::move(stop));
  }

  // Ends the hold. Errc::not_consistent if the database disowns what was copied; the caller then
  // must not write the snapshot. Every success ends here; the destructor is for failures.
  virtual void release() = 0;

 protected:
  Hold() = default;
};

struct LoadOptions {
  std::vector<model::TableName> tables;  // empty: everything. A table "*" means all of its schema
  bool replace = false;                  // what exists is kept as <name>_before_<UTC time>
  std::string kept_suffix;               // "_before_20261120T105601Z"
  // The server is a throw-away of ours: what belongs to it and not to the database (roles,
  // tablespaces) may be made or left out as the copy needs.
  bool on_scratch = false;
  // New names of what the copy names, by old name. Errc::unsupported where an engine has none such.
  std::map<std::string, std::string> owners, schemas, tablespaces;
  std::filesystem::path scratch_directory;
  unsigned parallel = 1;
  // It takes the place of what was copied: what acts by itself (events) may act there again.
  bool takes_place = false;
  // A rehearsal on a server that is somebody's: what is made is one database, or schema, of a name
  // that nobody has, and stays there for its undo: LoadReport::beside. The place is neither looked
  // at nor changed, and need not be there. What differs from the facts is no error, but found.
  bool only_beside = false;
  // Load and prove, and leave it beside: LoadReport::switch_in does the rest. An engine that does
  // not know how puts it in place at once.
  bool leave_beside = false;
  // Of a copy with a log, only its records up to this number. Abilities::sequences.
  std::optional<std::uint64_t> sequence;
  // Of an import: where the text of the file's schema is. Abilities::schemas.
  std::filesystem::path schema_file;
  // Of an import: the database is there, empty, and its schema stays. Abilities::schemas.
  bool data_only = false;
  // Who will own what is loaded, on a server that keeps schemas by user (Oracle) and has none of
  // that name: the user of the target's location. Without a password nobody is made.
  struct NewUser {
    std::shared_ptr<const Secret> password;
    std::string default_tablespace, quota;  // empty: as the copy says
  };
  NewUser new_user;
  // Told before anything that exists outside is changed; job writes it to the journal. Returns once
  // durable.
  std::function<void(std::string_view what, const Json& undo)> before_change;
  // Of check_load(): whoever runs at the target is stopped before load().
  bool is_stopped_first = false;
  // Run in what was loaded, once it is proven and before it is put in its place, as one
  // transaction where there are such. Without `takes_place` one that changes rows again when it is
  // repeated is Errc::differs, where the server says so. Abilities::statements.
  std::vector<std::string> statements;
};

// What load() did, for the report.
struct LoadReport {
  std::vector<std::string>
      kept;  // what was replaced, under its new name, with the statement that drops it
  std::vector<std::string> left_out;  // what was not restored as it was, and why; each a sentence
  std::vector<std::string> notes;  // what is otherwise on purpose, or was not looked at; the same
  std::uint64_t rows = 0;
  // What the proof found before anybody else could write to it: what describe() would have said.
  // Nothing if the engine did not look, and whoever called it has to.
  std::optional<model::DatabaseFacts> found;
  // With only_beside: where it is; and how long `found` took, which is no part of a restore.
  std::optional<model::Endpoint> beside;
  std::chrono::duration<double> proof_time{0};
  // With leave_beside: puts it in its place, to be called once; lines for `kept`. If it is never
  // called, what was made stays for its undo. Empty: it is there already.
  std::function<std::vector<std::string>()> switch_in;
  // What switch_in() does cannot be put back: it comes after all that can.
  bool switches_last = false;
  // What switch_in() adds to these two; may be null.
  struct Later {
    std::vector<std::string> left_out, notes;
  };
  std::shared_ptr<Later> later;
};

// Tables of one database that are being made and filled with rows from elsewhere. Without finish()
// what was made stays for its undo. finish() comes once, when all sinks are gone; before it no
// other program can rely on anything.
class Filling {
 public:
  // Rows of one table; columns() may be called and is not listened to: values come in the order of
  // NewTable::columns. One thread at a time; without finish() none of its rows is there. Refusals
  // of the database come from row() or finish(), not for the very row.
  class Rows : public model::RowSink {
   public:
    virtual void finish() = 0;
  };
  virtual ~Filling() = default;
  Filling(const Filling&) = delete;
  Filling& operator=(const Filling&) = delete;
  // Of the tables given to fill(), by their order. Any thread; several at once, also for one table.
  // May wait until another one is gone where the database takes one writer only.
  [[nodiscard]] virtual std::unique_ptr<Rows> rows(std::size_t table) = 0;
  // Makes what follows the rows: NewTable::complete. Then everything is durable, and the database
  // is closed.
  virtual void finish() = 0;

 protected:
  Filling() = default;
};

// What of a live database goes into databases of another kind, and what does not.
struct DefinedTables {
  std::vector<model::TableDefinition> tables;
  // What else it has, by kind: "foreign keys (3)". Lines for people.
  std::vector<std::string> left;
  // Tables that are the engine's or an extension's own, and are copied with rows: they stay too.
  std::vector<model::TableName> own = {};
  // Adds to `left`, unless there is none.
  void leave(std::string_view kind, std::uint64_t count);
  // Keys on columns that have no values in rows, as computed ones, are left, and only counted.
  void keep_keys_of_rows();
};

// A throw-away database for drills, gone with the object.
class Scratch {
 public:
  virtual ~Scratch() = default;
  [[nodiscard]] virtual const model::Endpoint& endpoint() const = 0;
};

class Engine : public FileReader {
 public:
  // Checks URI and options without touching anything. Errc::usage naming what is wrong.
  virtual void check_endpoint(const model::Endpoint& endpoint) const = 0;
  // Reads, changes nothing. What is wrong is a finding, not an Error; but Errc::cancelled soon
  // after a stop request.
  [[nodiscard]] virtual Probe probe(const model::Endpoint& endpoint,
                                    std::stop_token stop = {}) const = 0;

  // Databases of one server (Probe::server equal), not yet held. The endpoints are copied.
  [[nodiscard]] virtual std::unique_ptr<Hold> hold(std::span<const model::Endpoint> endpoints,
                                                   const HoldOptions& options) const = 0;

  // What the stored copy of an endpoint holds, read from its parts, where these are trees that a
  // hold cannot look into: adds to `facts`, which describe() has filled, and gives rows to
  // options.row_tap. The application runs again by then. Errc::not_consistent if the copy is not
  // sound. Nothing unless an engine has such parts.
  virtual void describe_copy(const model::PartSource& parts, const model::Endpoint& endpoint,
                             const HoldOptions& options, model::DatabaseFacts& facts,
                             std::stop_token stop) const;

  // Loads a component's parts into `into`, which does not exist or is empty, else Errc::exists
  // unless options.replace. Loads beside, proves (row counts and digests of `facts`), then
  // switches.
  virtual LoadReport load(const model::PartSource& parts, const model::DatabaseFacts& facts,
                          const model::Endpoint& into, const LoadOptions& options,
                          std::stop_token stop) const = 0;
  // Makes these tables, none of which may be there (Errc::exists), in a database that is there, or
  // for embedded engines is made if it is not. Of LoadOptions: scratch_directory, parallel,
  // before_change, of which the undo takes away what was made and nothing else. Memory: a row and
  // what a connection buffers, for each of the sinks. Errc::denied naming the right that is
  // missing, Errc::unsupported unless an engine can.
  [[nodiscard]] virtual std::unique_ptr<Filling> fill(const model::Endpoint& into,
                                                      std::span<const model::NewTable> tables,
                                                      const LoadOptions& options,
                                                      std::stop_token stop) const;
  // What stands in the way of load() with a copy of these facts: what the target lacks, beyond what
  // probe() says of it. Reads, changes nothing. Nothing unless an engine knows of something.
  [[nodiscard]] virtual std::vector<model::Finding> check_load(const model::DatabaseFacts& facts,
                                                               const model::Endpoint& into,
                                                               const LoadOptions& options,
                                                               std::stop_token stop = {}) const;
  // Makes a load into an only_beside one: maps in `into` and `options` what of the copy that server
  // has not, or does not lend us. What is not made and not compared there, therefore, as lines.
  // Errc::unsupported for an engine without servers. Reads, changes nothing.
  [[nodiscard]] virtual std::vector<std::string> fit_beside(const model::DatabaseFacts& facts,
                                                            model::Endpoint& into,
                                                            LoadOptions& options,
                                                            std::stop_token stop = {}) const;
  // Before a copy's facts are compared with what describe() says after load() with these options:
  // takes out of both what load() changes by itself, as mapped names, or what another version of
  // the server words differently. Changes nothing unless an engine knows of such.
  virtual void harmonize(model::DatabaseFacts& expected, model::DatabaseFacts& found,
                         const LoadOptions& options) const;
  // Puts back what an interrupted load() announced through before_change. No error if nothing is
  // left to do, so that a repetition does no harm; entries are undone last first.
  // `into` is the endpoint of that load(), made anew: an undo holds no password. Returns what is
  // left for somebody to look at, as lines for people, with their names; empty: nothing.
  virtual std::string undo(const Json& undo, const model::Endpoint& into) const = 0;
  // Whether that change was made and stands, which ends a load() whose last it was. Changes
  // nothing.
  [[nodiscard]] virtual bool stands(const Json& undo, const model::Endpoint& into) const;
  // Throws what undo() would, if it is to be foreseen: nothing of a run is undone if some of it
  // cannot be. Changes nothing.
  virtual void check_undo(const Json& undo, const model::Endpoint& into) const;

  // Applies the mend of a finding of probe() whose class is safe or writes_source. Returns what was
  // done, a line. Errc::unsupported naming the code if this engine has no such mend.
  virtual std::string mend(const model::Endpoint& endpoint, std::string_view code) const;

  // What a live (or scratch) database holds, as Hold::describe says it of a copy: for drills,
  // restores and comparisons. Abilities::rows, else tables without digests.
  virtual void describe(const model::Endpoint& endpoint, model::DatabaseFacts& facts,
                        std::stop_token stop = {}) const = 0;
  // The rows of one table of a live or scratch database. Abilities::rows. Errc::not_found naming
  // the table.
  virtual void rows(const model::Endpoint& endpoint, const model::TableName& table,
                    model::RowSink& into, std::stop_token stop) const = 0;
  // One value as text, for [[drill.query]]; null is the empty text. Errc::usage if the statement
  // yields no single value or would write.
  [[nodiscard]] virtual std::string query_one(const model::Endpoint& endpoint,
                                              std::string_view sql) const = 0;

  // The rows of one statement that only reads, as texts, null as the empty one: of catalogs and
  // small tables. Abilities::statements. Errc::usage if it would write, Errc::unsupported for more
  // than `queried_rows_max`.
  static constexpr std::size_t queried_rows_max = 10'000;
  [[nodiscard]] virtual std::vector<std::vector<std::string>> query_rows(
      const model::Endpoint& endpoint, std::string_view sql, std::stop_token stop = {}) const;
  // Runs one statement that changes something; committed when it returns. The rows it changed;
  // nothing where the server does not count them, as of a block or a call. Waits half a minute for
  // a lock. Abilities::statements. Errc::denied, not_found, usage or unsupported if the server
  // refused it, so that nothing is changed; Errc::cancelled, and nothing said of whether it is.
  virtual std::optional<std::uint64_t> execute(const model::Endpoint& endpoint,
                                               std::string_view sql, std::stop_token stop) const;

  // Abilities::scratch. `directory` is empty and ours alone; a server that refuses root runs as its
  // owner, or if that is root too, as a user of the engine's choice. Should this process die,
  // undo({"scratch": directory}) removes what is left. Errc::unsupported if nothing is installed
  // that could be started.
  [[nodiscard]] virtual std::unique_ptr<Scratch> scratch(
      const Probe& probe, const std::filesystem::path& directory) const = 0;

  // Statements that give a role exactly what `purpose` ("backup", "restore", "application") needs;
  // Errc::usage for another purpose. Engines without users say so in a comment.
  [[nodiscard]] virtual std::string grants(const model::Endpoint& endpoint,
                                           std::string_view purpose) const = 0;

  // Statements that make such tables here, for fill() with the rows of inspect_rows() as
  // NewTable::held has them; names are kept but for their schema, which `into` decides.
  // Errc::unsupported naming all that has no exact counterpart here: each such column with its
  // type and why, names that are too long or fall together. May ask the server what it is.
  [[nodiscard]] virtual std::vector<model::NewTable> design(
      const model::Endpoint& into, std::span<const model::TableDefinition> tables) const;
  // Loads a file that the vendor's tools or other programs made, under load()'s rules.
  // Errc::unsupported where it cannot be imported.
  virtual LoadReport import_file(const std::filesystem::path& file, const model::Endpoint& into,
                                 const LoadOptions& options, std::stop_token stop) const = 0;

  // Paragraphs for RESTORE.md: how to restore this component from its plain files with the engine's
  // own tools.
  [[nodiscard]] virtual std::string restore_instructions(
      const model::DatabaseFacts& facts) const = 0;

  // Databases found at or below a directory, as endpoints with a comment where each fact was read.
  // Errc::cancelled soon after a stop request.
  struct Discovered {
    model::Endpoint endpoint;
    std::string comment;
  };
  [[nodiscard]] virtual std::vector<Discovered> discover(const std::filesystem::path& directory,
                                                         std::stop_token stop = {}) const = 0;

  // A server on this machine that keeps its databases in one directory, told by what is installed
  // and what runs; nobody is asked.
  struct Installed {
    std::filesystem::path home;                  // where it is found again; empty: nowhere
    std::filesystem::path databases;             // their directory; empty: it cannot be told
    std::map<std::string, std::string> options;  // of their endpoints
    std::string comment;                         // where each fact was read: lines for people
    std::vector<model::Finding> findings;        // of no component
  };
  // The one at `place`: a directory, or that of a process in /proc. Nothing if none is there, or
  // unless an engine has such.
  [[nodiscard]] virtual std::optional<Installed> installed(
      const std::filesystem::path& place) const;

  // The tables of a live database, under the names and with the kinds of values that a hold's
  // row_tap gives: what another database needs to make them. Reads, changes nothing; not while it
  // is held. Errc::unsupported where a hold of this endpoint would give no rows, and unless an
  // engine can.
  [[nodiscard]] virtual DefinedTables define_database(const model::Endpoint& endpoint,
                                                      std::stop_token stop = {}) const;
};

}  // namespace holdfast::engine
