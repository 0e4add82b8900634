// SPDX-License-Identifier: Apache-2.0
// The durable list of what a job has changed outside the repository and how to put it back.
//
// A directory per job: <state>/journals/<run id>/. Entries are lines of JSON, each with its own
// checksum, fsynced before the change they announce is made. A lock on the directory says that the
// job lives. The guardian
// (`holdfast resume --journal DIR --when-closed FD`, started before the first change) undoes them
// if the job dies.
//
// The lines: {"entry", "kind", "what", "undo"} announces; {"settled": N} or {"settled": [N, …]}
// settles, several as one, with "told": text if something is left to look at, and "stays": true if
// they were not undone; {"undoing": true} is written by whoever begins to undo, {"failed": text,
// "entry": N} by whoever could not. Each is preceded by 16 hex digits of its SHA-256 and a space. A
// torn last line counts as not written.
//
// An entry is undone once: the process that undoes it holds the lock and is none of the job's, so
// killing the job or a `resume` neither repeats nor loses one. Only if that process itself is
// killed between an undo and its record is the undo made again; undos must bear that.
//
// The changes of a restore stand or fall together. Entries of engines marked "last" are of the
// change after which all is in its place: if the last of them stands, the restore was done,
// whatever ended it, and nothing of it is undone. That holds only while the file `intact` lies in
// the directory: it goes before the first change is undone, for which a full disk has room, too.
// And nothing is undone as long as some of it cannot be; what fails all the same ends it.
#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/json.h"
#include "base/timestamp.h"
#include "model/instance.h"

namespace holdfast::job {

struct JournalEntry {
  std::uint64_t number = 0;
  // Who undoes it: "start" (argv), "engine" (engine name + its undo), "statement" (of a database),
  // "rename", "remove", "rmdir"; "scratch": what lies beside and is in nobody's way.
  std::string kind;
  std::string what;  // for people: "stopped the application"
  Json undo;
  bool settled = false;
  std::string failure = {};  // why it could not be undone, when that was tried last
  std::string told = {};     // what undoing it left for somebody to look at
  bool stays = false;        // settled without being undone, by whoever was to undo it

  // Undone after all others, as that may take long and nobody waits for it: what was written and
  // came to nothing. Other undos do not depend on these, which are announced before what needs
  // them.
  [[nodiscard]] bool is_leaving() const noexcept {
    return kind == "remove" || kind == "rmdir" || kind == "scratch";
  }
  // Of a restore: stands or falls with the others.
  [[nodiscard]] bool is_of_restore() const;
  // Hinders no other job if it cannot be undone.
  [[nodiscard]] bool is_harmless() const noexcept { return kind == "scratch"; }
};

class Journal {
 public:
  // Makes the directory and takes its lock. Errc::denied etc. naming the state directory if that
  // fails.
  [[nodiscard]] static std::unique_ptr<Journal> begin(const std::filesystem::path& state_directory,
                                                      std::string_view instance,
                                                      std::string_view verb,
                                                      const std::filesystem::path& program);
  ~Journal();  // unsettled entries stay for the guardian or the next `resume`

  // Durable when it returns, with a living guardian: the first call starts it, a later one replaces
  // it if it died. Throws if that cannot be: the change must then not be made.
  std::uint64_t announce(std::string_view kind, std::string_view what, const Json& undo);
  // The change is undone, or permanent on purpose. Durable when it returns.
  void settle(std::uint64_t entry);
  // All of them as one: whatever ends us, either all are settled or none is.
  void settle(std::span<const std::uint64_t> entries);
  // Undoes one entry now (as the guardian would) and settles it. Returns what perform_undo() says.
  std::string undo(std::uint64_t entry);
  // Undoes everything unsettled, last first, but leavings after all else; goes on after a failure,
  // though not with what is of a restore, and throws the first. Hands what each says to `tell`.
  void undo_all(const std::function<void(const std::string&)>& tell = {});

  [[nodiscard]] bool is_settled() const;  // all of it
  // All settled: dismisses the guardian and removes the directory.
  void close();
  [[nodiscard]] const std::filesystem::path& directory() const noexcept;
  [[nodiscard]] std::string run_id()
      const;  // name of the directory; in the environment of children as HOLDFAST_RUN

 private:
  Journal();
  struct State;
  std::unique_ptr<State> state_;
};

// Only one job at a time works on an instance of this machine: two would stop and start it under
// each other.
class InstanceLock {
 public:
  // Errc::locked if another job has it.
  InstanceLock(const std::filesystem::path& state_directory, std::string_view instance);

 private:
  Fd file_;
};

// A journal found on disk.
struct FoundJournal {
  std::filesystem::path directory;
  std::string instance, verb;
  std::int64_t pid = 0;
  Timestamp begun;
  bool alive = false;    // its job, or whoever undoes it, still runs: the lock is held
  bool undoing = false;  // somebody has begun to undo it
  std::vector<JournalEntry> entries;
  std::string damage;  // why the journal cannot be read; empty if it can
};
[[nodiscard]] std::vector<FoundJournal> find_journals(const std::filesystem::path& state_directory);

struct ResumeReport {
  std::vector<std::string> undone;  // "started the application: systemctl start shop", or what was
                                    // found done and stays
  std::vector<std::string> failed;  // with reasons; their entries stay
  std::vector<std::string> left;    // the same of what is in nobody's way
  std::vector<std::string> alive;   // journals of jobs that still run, left alone
};

// Puts back what interrupted jobs left, those of `instance` only unless it is empty: first what
// they changed, of all of them, then their leavings. The work is done by processes of its own, so
// that killing this one does not repeat or lose an entry. A stop request ends it with
// Errc::cancelled; what is being undone then goes on, and the next resume tells of it.
[[nodiscard]] ResumeReport resume(const std::filesystem::path& state_directory,
                                  std::string_view instance, const std::filesystem::path& program,
                                  const std::stop_token& stop = {});

// Under which names an instance's drills and migrations keep their journals, beside its own: they
// may be at work at the same time as a job under that.
[[nodiscard]] std::string drill_journal(std::string_view instance);
[[nodiscard]] std::string migration_journal(std::string_view instance);

// Which entries of a journal are undone.
enum class UndoPart : std::uint8_t { all, changes, leavings };

// The guardian's own main: waits until `fd` closes (unless -1), takes the journal's lock and undoes
// what is unsettled, as undo_all() does. False if something could not be undone; it stays in the
// journal.
bool guard(int fd, const std::filesystem::path& journal_directory, UndoPart part = UndoPart::all);
// As it stands on a guardian's command line: "all", "changes", "leavings". Errc::usage.
[[nodiscard]] UndoPart parse_undo_part(std::string_view text);

// What an entry of kind "engine" holds, or "statement", whose undo is one: the engine's undo, and
// how to reach the database again. No password: where it comes from. `last`: with it everything of
// the restore is in its place.
[[nodiscard]] Json engine_undo(const model::DatabaseSettings& database, const Json& undo,
                               bool last = false);

// Undoes one entry. Returns what is left for somebody to look at; empty: nothing. Errors say what
// failed; nothing is recorded. A statement whose database does not answer, or whose rows somebody
// has locked, is tried until `give_up`.
std::string perform_undo(const JournalEntry& entry, std::string_view run_id,
                         std::string_view instance,
                         std::chrono::steady_clock::time_point give_up = {});

// What is to be known before the first entry of a restore is undone.
struct UndoOutlook {
  bool done = false;  // all was in its place: it stays
  // Why nothing of it can be undone now, by entry.
  std::vector<std::pair<const JournalEntry*, std::string>> obstacles;
};
// `may_stand`: nothing of it was undone yet, and nobody calls it failed.
[[nodiscard]] UndoOutlook look_before_undo(std::span<const JournalEntry> entries, bool may_stand);

// What a destructor can still say of what it could not put back; a line that cannot be written is
// lost.
void log_failure(const std::exception& failure) noexcept;

// HOLDFAST_STATE_DIR, else /var/lib/holdfast for root, else $XDG_STATE_HOME/holdfast or
// ~/.local/state/holdfast. Empty if none of these is set: whatever needs a journal is then
// Errc::usage.
[[nodiscard]] std::filesystem::path default_state_directory();
void check_state_directory(const std::filesystem::path& state_directory);

}  // namespace holdfast::job
