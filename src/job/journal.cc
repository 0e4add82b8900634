// SPDX-License-Identifier: Apache-2.0
#include "job/journal.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <mutex>
#include <set>
#include <thread>

#include "base/error.h"
#include "base/fd.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/process.h"
#include "job/scratch.h"
#include "model/manifest.h"

namespace holdfast::job {
namespace {

namespace fs = std::filesystem;

std::string checksum(std::string_view text) {
  return to_hex(sha256(as_bytes(text))).substr(0, 16);
}

std::string sealed_line(const Json& record) {
  const std::string text = record.dump();
  return checksum(text) + " " + text + "\n";
}

// Waits for the journal's lock and takes it; an empty descriptor means that the journal is gone.
Fd take_lock(const fs::path& directory) {
  auto file = try_open_file(directory / "lock", O_RDWR);
  if (!file) return Fd();
  while (::flock(file->get(), LOCK_EX) != 0) {
    if (errno != EINTR) throw system_error(errno, "locking " + (directory / "lock").string());
  }
  return std::move(*file);
}

bool is_locked(const fs::path& directory) {
  const auto file = try_open_file(directory / "lock", O_RDWR);
  return file && ::flock(file->get(), LOCK_SH | LOCK_NB) != 0;
}

// Out of sight first, so that nobody finds half of it.
void remove_journal(const fs::path& directory) {
  const fs::path hidden = directory.parent_path() / ("." + directory.filename().string());
  std::error_code ignored;
  fs::rename(directory, hidden, ignored);
  fs::remove_all(ignored ? directory : hidden, ignored);
}

// Durable when it returns; a line that could not be written whole is taken back, so that the next
// one does not follow half of it.
void append_line(int entries, const std::string& path, const Json& record) {
  struct ::stat status {};
  if (::fstat(entries, &status) != 0) throw system_error(errno, "looking at " + path);
  try {
    write_all(entries, as_bytes(sealed_line(record)), path);
    fsync_file(entries, path);
  } catch (const std::exception&) {
    static_cast<void>(!::ftruncate(entries, status.st_size));
    throw;
  }
}

// `settled` of the record is the number of one entry or an array of several, which were settled as
// one.
void settle_entries(const Json& record, std::vector<JournalEntry>& entries) {
  const Json& settled = record.at("settled");
  std::set<std::uint64_t> numbers;
  if (settled.is_array()) {
    for (const Json& number : settled.as_array()) numbers.insert(number.as_uint());
  } else {
    numbers.insert(settled.as_uint());
  }
  for (JournalEntry& entry : entries) {
    if (!numbers.contains(entry.number)) continue;
    entry.settled = true;
    entry.told = record.string_or("told", "");
    entry.stays = record.bool_or("stays", false);
  }
}

// Reads what is on disk. A torn last line is an announcement that never became durable, so nothing
// was done for it.
void read_entries(const fs::path& file, FoundJournal& journal) {
  const std::string text = read_text_file(file);
  std::size_t start = 0;
  while (start < text.size()) {
    const std::size_t end = text.find('\n', start);
    if (end == std::string::npos) return;
    const std::string_view line(text.data() + start, end - start);
    const bool last = end + 1 == text.size();
    start = end + 1;
    if (line.size() < 18 || line[16] != ' ' || checksum(line.substr(17)) != line.substr(0, 16)) {
      if (last) return;
      throw Error(Errc::corrupt, "journal " + file.string() + " is damaged");
    }
    const Json record = Json::parse(line.substr(17), file.string());
    if (record.find("settled") != nullptr) {
      settle_entries(record, journal.entries);
    } else if (record.find("undoing") != nullptr) {
      journal.undoing = true;
    } else if (const Json* failed = record.find("failed")) {
      const std::uint64_t number = record.at("entry").as_uint();
      for (JournalEntry& entry : journal.entries) {
        if (entry.number == number) entry.failure = failed->as_string();
      }
    } else {
      journal.entries.push_back({record.at("entry").as_uint(), record.at("kind").as_string(),
                                 record.at("what").as_string(), record.at("undo"), false});
    }
  }
}

FoundJournal read_journal(const fs::path& directory) {
  FoundJournal journal;
  journal.directory = directory;
  try {
    const Json about = Json::parse(read_text_file(directory / "about.json"), "about.json");
    journal.instance = about.at("instance").as_string();
    journal.verb = about.at("verb").as_string();
    journal.pid = about.at("pid").as_int();
    journal.begun = parse_rfc3339(about.at("begun").as_string());
    read_entries(directory / "entries", journal);
  } catch (const Error& error) {
    journal.damage = error.message();
  }
  return journal;
}

// The order in which entries are undone: last first, leavings after all else.
std::vector<const JournalEntry*> in_undo_order(const std::vector<JournalEntry>& entries,
                                               UndoPart part) {
  std::vector<const JournalEntry*> order;
  for (const bool leavings : {false, true}) {
    if (part == (leavings ? UndoPart::changes : UndoPart::leavings)) continue;
    for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
      if (!entry->settled && entry->is_leaving() == leavings) order.push_back(&*entry);
    }
  }
  return order;
}

// Whether a restore that was done may stand: nothing of it was undone.
bool is_intact(const fs::path& directory) {
  std::error_code unknown;
  return fs::exists(directory / "intact", unknown);
}

// From now on it does not, whatever ends us. Must succeed before the first change is undone.
void break_intact(const fs::path& directory) {
  const fs::path file = directory / "intact";
  if (::unlink(file.c_str()) == 0) return fsync_directory(directory);
  if (errno != ENOENT) throw system_error(errno, "removing " + file.string());
}

bool has_changes_of_restore(const std::vector<const JournalEntry*>& entries) {
  return std::any_of(entries.begin(), entries.end(),
                     [](const JournalEntry* entry) { return entry->is_of_restore(); });
}

// The unsettled entries of a restore, as one record settles them.
Json numbers_of_restore(const std::vector<JournalEntry>& entries) {
  Json numbers = Json::array();
  for (const JournalEntry& entry : entries)
    if (!entry.settled && entry.is_of_restore()) numbers.push(entry.number);
  return numbers;
}

std::string_view undo_part_name(UndoPart part) {
  return part == UndoPart::changes ? "changes" : part == UndoPart::leavings ? "leavings" : "all";
}

// The program that undoes what a journal holds, in a session of its own. `pipe_end` < 0: it starts
// at once.
pid_t spawn_guardian(const fs::path& program, const fs::path& directory, int pipe_end,
                     UndoPart part = UndoPart::all) {
  Command command;
  command.argv = {program.string(), "resume", "--journal", directory.string()};
  if (part != UndoPart::all)
    command.argv.insert(command.argv.end(), {"--part", std::string(undo_part_name(part))});
  std::vector<int> keep_open;
  if (pipe_end >= 0) {
    command.argv.insert(command.argv.end(), {"--when-closed", std::to_string(pipe_end)});
    keep_open.push_back(pipe_end);
  }
  return spawn_detached(command, keep_open);
}

}  // namespace

struct Journal::State {
  fs::path directory;
  fs::path program;
  std::string instance;
  Fd lock;
  Fd entries_file;
  Fd pipe_end;  // the guardian waits for its closing
  pid_t guardian = -1;
  std::mutex mutex;  // guards all below and the writing of entries
  std::vector<JournalEntry> entries;

  void append(const Json& record) {
    append_line(entries_file.get(), (directory / "entries").string(), record);
  }

  [[nodiscard]] bool guardian_alive() {
    if (guardian < 0) return false;
    const pid_t ended = ::waitpid(guardian, nullptr, WNOHANG);
    if (ended == 0) return true;
    guardian = -1;
    return false;
  }

  void ensure_guardian() {
    if (guardian_alive()) return;
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw system_error(errno, "making a pipe for the guardian");
    const Fd read_end(ends[0]);
    pipe_end.reset(ends[1]);
    guardian = spawn_guardian(program, directory, read_end.get());
  }
};

Journal::Journal() : state_(std::make_unique<State>()) {}

std::unique_ptr<Journal> Journal::begin(const fs::path& state_directory, std::string_view instance,
                                        std::string_view verb, const fs::path& program) {
  check_state_directory(state_directory);
  auto journal = std::unique_ptr<Journal>(new Journal());
  State& state = *journal->state_;
  return in_context("beginning a journal below " + state_directory.string(), [&] {
    const Timestamp now = system_clock().now();
    const CalendarTime utc = calendar({now.seconds, now.nanoseconds, 0});
    std::byte noise[4];
    fill_random(noise);
    char stamp[32];
    std::snprintf(stamp, sizeof stamp, "%04d%02d%02dT%02d%02d%02dZ", utc.year, utc.month, utc.day,
                  utc.hour, utc.minute, utc.second);
    const std::string name = std::string(stamp) + "-" + model::escape_name(instance) + "-" +
                             std::to_string(::getpid()) + "-" + to_hex(noise);
    state.program = program.empty() ? own_executable() : program;
    state.instance = instance;
    const fs::path parent = state_directory / "journals";
    for (const fs::path& directory : {state_directory, parent}) {
      make_directories(directory);
    }
    ::chmod(parent.c_str(), 0700);
    // Made under a name that find_journals() passes over, so that nobody sees it before it is
    // locked and complete.
    const fs::path made = parent / ("." + name);
    if (::mkdir(made.c_str(), 0700) != 0) throw system_error(errno, "making " + made.string());
    state.lock = open_file(made / "lock", O_RDWR | O_CREAT | O_EXCL, 0600);
    if (::flock(state.lock.get(), LOCK_EX | LOCK_NB) != 0)
      throw system_error(errno, "locking " + made.string());
    Json about;
    about.set("instance", instance)
        .set("verb", verb)
        .set("pid", ::getpid())
        .set("begun", to_rfc3339(now));
    write_file_durably(made / "about.json", as_bytes(about.dump()));
    state.entries_file = open_file(made / "entries", O_WRONLY | O_CREAT | O_EXCL | O_APPEND, 0600);
    open_file(made / "intact", O_WRONLY | O_CREAT | O_EXCL, 0600).reset();
    fsync_directory(made);
    state.directory = parent / name;
    if (::rename(made.c_str(), state.directory.c_str()) != 0) {
      throw system_error(errno, "renaming " + made.string());
    }
    fsync_directory(parent);
    return std::move(journal);
  });
}

Journal::~Journal() {
  if (!state_ || state_->directory.empty()) return;
  state_->lock.reset();      // first the lock, so that the guardian need not wait for us,
  state_->pipe_end.reset();  // then the sign for it to begin
}

std::uint64_t Journal::announce(std::string_view kind, std::string_view what, const Json& undo) {
  const std::lock_guard guard(state_->mutex);
  state_->ensure_guardian();
  JournalEntry entry{state_->entries.size() + 1, std::string(kind), std::string(what), undo, false};
  Json record;
  record.set("entry", entry.number)
      .set("kind", entry.kind)
      .set("what", entry.what)
      .set("undo", undo);
  state_->append(record);
  state_->entries.push_back(std::move(entry));
  return state_->entries.size();
}

void Journal::settle(std::uint64_t entry) {
  const std::lock_guard guard(state_->mutex);
  check_rule(entry >= 1 && entry <= state_->entries.size(), "a settled journal entry exists");
  Json record;
  record.set("settled", entry);
  state_->append(record);
  state_->entries[entry - 1].settled = true;
}

void Journal::settle(std::span<const std::uint64_t> entries) {
  if (entries.empty()) return;
  const std::lock_guard guard(state_->mutex);
  Json numbers = Json::array();
  for (const std::uint64_t entry : entries) {
    check_rule(entry >= 1 && entry <= state_->entries.size(), "a settled journal entry exists");
    numbers.push(entry);
  }
  Json record;
  record.set("settled", std::move(numbers));
  state_->append(record);
  for (const std::uint64_t entry : entries) state_->entries[entry - 1].settled = true;
}

std::string Journal::undo(std::uint64_t entry) {
  JournalEntry copy;
  {
    const std::lock_guard guard(state_->mutex);
    check_rule(entry >= 1 && entry <= state_->entries.size(), "an undone journal entry exists");
    copy = state_->entries[entry - 1];
  }
  if (copy.settled) return {};
  std::string told = perform_undo(copy, run_id(), state_->instance);
  settle(entry);
  return told;
}

void Journal::undo_all(const std::function<void(const std::string&)>& tell) {
  std::exception_ptr first;
  bool restore_ended = false;
  const auto fail = [&](bool is_of_restore) {
    restore_ended = restore_ended || is_of_restore;
    if (!first) first = std::current_exception();
  };
  const std::vector<const JournalEntry*> order = in_undo_order(state_->entries, UndoPart::all);
  try {
    // Whoever calls this calls the job failed: what is done is undone too.
    const UndoOutlook outlook = look_before_undo(state_->entries, false);
    if (!outlook.obstacles.empty()) throw Error(Errc::blocked, outlook.obstacles.front().second);
    if (has_changes_of_restore(order)) break_intact(state_->directory);
  } catch (const std::exception&) {
    fail(true);
  }
  for (const JournalEntry* entry : order) {
    const bool is_of_restore = entry->is_of_restore();
    if (restore_ended && is_of_restore) continue;
    try {
      const std::string told = undo(entry->number);
      if (tell && !told.empty()) tell(told);
    } catch (const std::exception& error) {
      log(LogLevel::error, error.what());
      fail(is_of_restore);
    }
  }
  if (first) std::rethrow_exception(first);
}

bool Journal::is_settled() const {
  const std::lock_guard guard(state_->mutex);
  return std::all_of(state_->entries.begin(), state_->entries.end(),
                     [](const JournalEntry& entry) { return entry.settled; });
}

void Journal::close() {
  State& state = *state_;
  check_rule(is_settled(), "a journal is closed only when every entry is settled");
  // Any byte dismisses the guardian.
  if (state.guardian_alive()) {
    const char dismissal = 'd';
    static_cast<void>(!::write(state.pipe_end.get(), &dismissal, 1));
    state.pipe_end.reset();
    while (::waitpid(state.guardian, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  remove_journal(state.directory);
  state.directory.clear();
  state.lock.reset();
}

const fs::path& Journal::directory() const noexcept {
  return state_->directory;
}

std::string Journal::run_id() const {
  return state_->directory.filename().string();
}

namespace {

constexpr std::chrono::minutes guardian_patience{5};
constexpr std::chrono::milliseconds between_looks{10};
constexpr int looks_max = 1000;

FoundJournal look_at(const fs::path& directory) {
  const bool alive = is_locked(directory);
  FoundJournal journal = read_journal(directory);
  journal.alive = alive;
  return journal;
}

bool is_taken_over_silently(const FoundJournal& journal) {
  if (!journal.alive || journal.undoing || !journal.damage.empty()) return false;
  return ::kill(static_cast<pid_t>(journal.pid), 0) != 0 && errno == ESRCH;
}

}  // namespace

std::vector<FoundJournal> find_journals(const fs::path& state_directory) {
  check_state_directory(state_directory);
  std::vector<FoundJournal> found;
  std::error_code failure;
  for (const auto& item : fs::directory_iterator(state_directory / "journals", failure)) {
    if (item.path().filename().string().starts_with(".")) continue;
    FoundJournal journal = look_at(item.path());
    // Who takes over from a job that was killed has its lock a moment before he says so.
    for (int looks = 0; is_taken_over_silently(journal) && looks < looks_max; ++looks) {
      std::this_thread::sleep_for(between_looks);
      journal = look_at(item.path());
    }
    std::error_code unknown;
    if (!fs::exists(item.path(), unknown)) continue;  // settled and removed meanwhile
    found.push_back(std::move(journal));
  }
  if (failure && failure != std::errc::no_such_file_or_directory) {
    throw system_error(failure.value(), "reading " + (state_directory / "journals").string());
  }
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return a.directory < b.directory; });
  return found;
}

namespace {

// Waits for a process that puts something back. It outlives us at a stop request.
void wait_for(pid_t worker, const std::stop_token& stop) {
  pid_t ended = 0;
  while ((ended = ::waitpid(worker, nullptr, WNOHANG)) == 0 || (ended < 0 && errno == EINTR)) {
    if (stop.stop_requested()) throw Error(Errc::cancelled, "interrupted");
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

std::string title_of(const FoundJournal& journal) {
  return journal.verb + " of " + journal.instance + " begun " + to_display(journal.begun);
}

// What has become of a journal that was undone; it is removed if nothing is left in it.
void report_undone(const FoundJournal& journal, ResumeReport& report) {
  const Fd lock = take_lock(journal.directory);
  if (!lock) return;  // another resume has done it
  const FoundJournal after = read_journal(journal.directory);
  const std::string title = title_of(journal);
  if (!after.damage.empty()) return report.failed.push_back(title + ": " + after.damage);
  bool all_settled = true;
  std::string failure;
  for (const JournalEntry& entry : after.entries) {
    if (entry.settled) {
      report.undone.push_back(entry.what + " (" + title +
                              (entry.stays ? "): was done, and stays" : "): put back") +
                              (entry.told.empty() ? "" : "; " + entry.told));
      continue;
    }
    all_settled = false;
    const std::string why = entry.failure.empty() ? "the guardian could not be run" : entry.failure;
    if (!entry.is_harmless()) {
      if (failure.empty() || !entry.failure.empty()) failure = why;
    } else {
      report.left.push_back(title + ": " + why + "; if it is gone for good, remove " +
                            journal.directory.string());
    }
  }
  if (!failure.empty()) {
    report.failed.push_back(title + ": " + failure + "; if all shall stay as it is now, remove " +
                            journal.directory.string());
  }
  if (all_settled) remove_journal(journal.directory);
}

}  // namespace

ResumeReport resume(const fs::path& state_directory, std::string_view instance,
                    const fs::path& program, const std::stop_token& stop) {
  ResumeReport report;
  const fs::path runs_as = program.empty() ? own_executable() : program;
  std::vector<FoundJournal> journals;
  for (FoundJournal& journal : find_journals(state_directory)) {
    if (!instance.empty() && !journal.instance.empty() && journal.instance != instance) continue;
    if (!journal.damage.empty()) {
      report.failed.push_back(journal.damage + "; look at " + journal.directory.string() +
                              ", put back by hand what it names, then remove it");
    } else if (journal.alive && !journal.undoing) {
      report.alive.push_back(title_of(journal) + " (pid " + std::to_string(journal.pid) + ")");
    } else {
      journals.push_back(std::move(journal));
    }
  }
  // Who is being undone by another already is waited for last.
  std::stable_partition(journals.begin(), journals.end(),
                        [](const FoundJournal& journal) { return !journal.alive; });
  const auto undo = [&](const FoundJournal& journal, UndoPart part) {
    if (stop.stop_requested()) throw Error(Errc::cancelled, "interrupted");
    if (in_undo_order(journal.entries, part).empty()) return;
    wait_for(spawn_guardian(runs_as, journal.directory, -1, part), stop);
  };
  for (const FoundJournal& journal : journals) {
    if (!journal.alive) undo(journal, UndoPart::changes);
  }
  for (const FoundJournal& journal : journals) {
    undo(journal, journal.alive ? UndoPart::all : UndoPart::leavings);
    report_undone(journal, report);
  }
  return report;
}

UndoPart parse_undo_part(std::string_view text) {
  for (const UndoPart part : {UndoPart::all, UndoPart::changes, UndoPart::leavings}) {
    if (text == undo_part_name(part)) return part;
  }
  throw Error(Errc::usage, "no part of a journal is called \"" + std::string(text) + "\"");
}

bool guard(int fd, const fs::path& directory, UndoPart part) {
  // The terminal's interrupt and the hang-up are meant for the job, not for who puts things back
  // after it.
  for (const int number : {SIGINT, SIGHUP, SIGTERM, SIGPIPE}) ::signal(number, SIG_IGN);
  if (fd >= 0) {
    char byte = 0;
    const Fd pipe_end(fd);
    ssize_t count = 0;
    while ((count = ::read(fd, &byte, 1)) < 0 && errno == EINTR) {
    }
    if (count == 1) return true;
  }
  const Fd lock = take_lock(directory);
  if (!lock) return true;  // another has done it and removed the journal
  FoundJournal journal = read_journal(directory);
  if (!journal.damage.empty()) {
    log(LogLevel::error, journal.damage);
    return false;
  }
  const std::string path = (directory / "entries").string();
  const Fd entries_file = open_file(path, O_WRONLY | O_APPEND);
  // A torn last line would swallow the next one.
  const std::string text = read_text_file(path);
  if (!text.empty() && text.back() != '\n') {
    const std::size_t whole = text.rfind('\n') == std::string::npos ? 0 : text.rfind('\n') + 1;
    if (::ftruncate(entries_file.get(), static_cast<off_t>(whole)) != 0)
      throw system_error(errno, "mending " + path);
  }
  // After a job that died nobody waits, and a server that is restarted comes back.
  const auto give_up =
      std::chrono::steady_clock::now() + (fd >= 0 ? guardian_patience : std::chrono::minutes(0));
  bool all = true;
  // What cannot be recorded, on a full disk, is put back all the same.
  const auto append = [&](const Json& record) {
    try {
      append_line(entries_file.get(), path, record);
    } catch (const std::exception& error) {
      log(LogLevel::error, error.what());
      all = false;
    }
  };
  if (!journal.undoing) append(Json().set("undoing", true));
  const auto fail = [&](const JournalEntry& entry, const std::string& why) {
    all = false;
    log(LogLevel::error, why);
    if (why == entry.failure) return;  // a journal that stays for long need not grow
    append(Json().set("failed", why).set("entry", entry.number));
  };
  // Leavings are in nobody's way; those of a restore go when all its changes are undone.
  const UndoOutlook outlook = part == UndoPart::leavings
                                  ? UndoOutlook{}
                                  : look_before_undo(journal.entries, is_intact(directory));
  if (outlook.done)
    append(Json().set("settled", numbers_of_restore(journal.entries)).set("stays", true));
  for (const auto& [entry, why] : outlook.obstacles) fail(*entry, why);
  const std::vector<const JournalEntry*> order = in_undo_order(journal.entries, part);
  bool restore_ended = outlook.done || !outlook.obstacles.empty();
  if (part == UndoPart::leavings)
    restore_ended = has_changes_of_restore(in_undo_order(journal.entries, UndoPart::changes));
  try {
    if (!restore_ended && has_changes_of_restore(order)) break_intact(directory);
  } catch (const std::exception& error) {
    restore_ended = true;
    all = false;
    log(LogLevel::error, error.what());
  }
  for (const JournalEntry* entry : order) {
    if (restore_ended && entry->is_of_restore()) continue;
    try {
      Json record;
      const std::string told =
          perform_undo(*entry, directory.filename().string(), journal.instance, give_up);
      record.set("settled", entry->number);
      if (!told.empty()) record.set("told", told);
      append(record);
    } catch (const std::exception& error) {
      restore_ended = restore_ended || entry->is_of_restore();
      fail(*entry, entry->what + ": " + error.what());
    }
  }
  return all;
}

std::string drill_journal(std::string_view instance) {
  return "drill of " + std::string(instance);
}

std::string migration_journal(std::string_view instance) {
  return "migration of " + std::string(instance);
}

void log_failure(const std::exception& failure) noexcept {
  try {
    log(LogLevel::error, failure.what());
  } catch (const std::exception&) {
    return;
  }
}

}  // namespace holdfast::job
