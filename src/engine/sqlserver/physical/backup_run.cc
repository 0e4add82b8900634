// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/physical/backup_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "engine/sqlserver/bak/bak_findings.h"
#include "engine/sqlserver/bak/bak_stream.h"
#include "engine/sqlserver/physical/backup_check.h"
#include "engine/sqlserver/physical/exchange.h"
#include "engine/sqlserver/server_messages.h"
#include "engine/sqlserver/session.h"

namespace holdfast::engine::sqlserver {
namespace {

// To both: into the repository, and to the reader.
class Tee final : public ByteSink {
 public:
  Tee(ByteSink& one, ByteSink& other) : one_(one), other_(other) {}
  void write(ByteView bytes) override {
    one_.write(bytes);
    other_.write(bytes);
  }

 private:
  ByteSink &one_, &other_;
};

std::string doing_of(const Location& location) {
  return fmt::format("backing up {}", location.display());
}

}  // namespace

BackupRun::BackupRun(Options options) : options_(std::move(options)) {
  stripes_.resize(options_.plan.stripes);
  const bool is_disk = options_.plan.medium == Medium::disk;
  check_rule(is_disk || options_.receiver != nullptr, "objects have a receiver");
  for (unsigned i = 0; i < options_.plan.stripes; ++i) {
    stripes_[i].name = backup_part(i, options_.plan.stripes);
    names_.push_back(new_exchange_file(".bak"));
    devices_.push_back(is_disk ? server_path(options_.location.backup_directory, names_.back())
                               : options_.receiver->url(names_.back()));
  }
}

BackupRun::~BackupRun() {
  remove_files();
  if (options_.receiver != nullptr)
    for (const std::string& name : names_) options_.receiver->withdraw(name);
}

void BackupRun::remove_files() noexcept {
  if (options_.plan.medium != Medium::disk || !is_begun_) return;
  for (const std::string& name : names_) {
    try {
      remove_exchange_file(options_.location, name);
    } catch (const std::exception& error) {
      log(LogLevel::warn, "a file of a backup was not removed",
          {{"file", name}, {"why", error.what()}});
    }
  }
}

void BackupRun::fail(Errc code, const std::string& message, const std::string& hint) {
  const std::lock_guard lock(mutex_);
  if (!failure_) failure_ = Failure{code, message, hint};
  changed_.notify_all();
}

// Waits for the backup to be written, unless it is for this thread to have it written.
bool BackupRun::is_mine_to_write(unsigned stripe, const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  ready_.insert(stripe);
  changed_.notify_all();
  const bool needs_all = options_.plan.medium == Medium::s3;
  const auto may_begin = [&] {
    return !is_begun_ && (!needs_all || ready_.size() == options_.plan.stripes);
  };
  changed_.wait(lock, stop, [&] { return failure_ || is_written_ || may_begin(); });
  if (failure_) {
    Error error(failure_->code, failure_->message);
    if (!failure_->hint.empty()) error.set_hint(failure_->hint);
    throw Error(error);
  }
  if (is_written_) return false;
  if (!may_begin())
    throw Error(Errc::cancelled, "interrupted while waiting for the server's backup");
  is_begun_ = true;
  return true;
}

void BackupRun::write(const std::stop_token& stop) {
  const Location& location = options_.location;
  if (options_.before_change && options_.plan.medium == Medium::disk) {
    Json files = Json::array();
    for (const std::string& name : names_) files.push(name);
    options_.before_change(
        fmt::format("has {} write {} into {}", location.server(), fmt::join(names_, ", "),
                    location.backup_directory),
        Json::object().set("sqlserver", "physical").set("kind", "files").set("files", files));
  }
  Session session(location, options_.password.get(), true, stop);
  BackupProgress progress;
  const Timestamp began = system_clock().now();
  const std::vector<Message> errors =
      session.try_run(backup_text({location.database, options_.set_name, devices_, options_.plan}),
                      [&](const Message& message) { progress.hear(message); });
  if (!errors.empty()) {
    // What failed here is why the server could not go on.
    if (options_.receiver != nullptr)
      for (const std::string& name : names_) options_.receiver->raise_failure(name);
    throw backup_error(errors, doing_of(location), Errc::io);
  }
  log(LogLevel::debug, "the server has written its backup",
      {{"database", location.database},
       {"pages", std::to_string(progress.pages())},
       {"messages", std::to_string(progress.messages())}});
  const std::lock_guard lock(mutex_);
  began_ = began;
  ended_ = system_clock().now();
  is_written_ = true;
  changed_.notify_all();
}

void BackupRun::copy(unsigned stripe, ByteSink& into, const std::stop_token& stop) {
  {
    const std::lock_guard lock(mutex_);
    check_rule(asked_.insert(stripe).second, "a stripe is copied once");
  }
  try {
    if (options_.plan.medium == Medium::disk) {
      take_file(stripe, into, stop);
    } else {
      take_object(stripe, into, stop);
    }
  } catch (const Error& error) {
    fail(error.code(), error.message(), error.hint());
    throw;
  } catch (const std::exception& error) {  // a bug, or no memory: others need not wait for it
    fail(Errc::bug, error.what(), {});
    throw;
  }
}

void BackupRun::take_file(unsigned stripe, ByteSink& into, const std::stop_token& stop) {
  if (is_mine_to_write(stripe, stop)) write(stop);
  BakStream reader(stop);
  Tee both(into, reader);
  fetch_exchange_file(options_.location, names_[stripe], both, stop);
  take_report(stripe, reader.finish(), stop);
}

void BackupRun::take_object(unsigned stripe, ByteSink& into, const std::stop_token& stop) {
  S3Receiver& receiver = *options_.receiver;
  const std::string& name = names_[stripe];
  BakStream reader(stop);
  Tee both(into, reader);
  receiver.expect(name, both);
  try {
    if (is_mine_to_write(stripe, stop)) write(stop);
    static_cast<void>(receiver.finish(name));
  } catch (...) {
    receiver.withdraw(name);  // it uses the sink no more
    throw;
  }
  receiver.withdraw(name);
  take_report(stripe, reader.finish(), stop);
}

void BackupRun::take_report(unsigned stripe, std::optional<BakReport> report,
                            const std::stop_token& stop) {
  if (!report)
    throw Error(Errc::not_consistent,
                fmt::format("{}: what the server has written as {} is no backup",
                            doing_of(options_.location), names_[stripe]))
        .set_hint("`backup_directory` and `exchange_directory` may not be the same directory.");
  {
    const std::lock_guard lock(mutex_);
    stripes_[stripe].report = std::move(*report);
    taken_.insert(stripe);
    if (taken_.size() < stripes_.size()) return;
  }
  compare(stop);
  remove_files();
  const std::lock_guard lock(mutex_);
  is_whole_ = true;
}

void BackupRun::compare(const std::stop_token& stop) {
  static_cast<void>(full_set(stripes_, options_.location.database));
  verified_ = "read natively";
  if (options_.plan.medium != Medium::disk) return;
  Session session(options_.location, options_.password.get(), true, stop);
  verify(session);
}

// By the server's own means, where the account may use them.
void BackupRun::verify(Session& session) {
  const std::string doing = fmt::format("verifying the backup of {}", options_.location.display());
  const BakSet& set = stripes_.front().report.sets.front();
  const auto header =
      ask_of_backup(session, header_text(Medium::disk, devices_), doing, Errc::not_consistent);
  if (!header) {
    verified_ += "; the account may not RESTORE VERIFYONLY";
    log(LogLevel::info, "the account may not ask the server about backups (CREATE DATABASE)",
        {{"database", options_.location.database}});
    return;
  }
  std::vector<std::string> differ = header_differences(set, *header);
  const auto files =
      ask_of_backup(session, files_text(Medium::disk, devices_), doing, Errc::not_consistent);
  if (files) {
    for (std::string& one : file_differences(set, *files)) differ.push_back(std::move(one));
    thumbprints_ = thumbprints_of(*files);
  }
  if (!differ.empty())
    throw Error(Errc::not_consistent,
                fmt::format("{}: the server says otherwise: {}", doing, fmt::join(differ, "; ")));
  const auto errors = session.try_run(verify_text(Medium::disk, devices_));
  if (is_denial(errors)) return;
  if (!errors.empty()) {
    const Error found = backup_error(errors, doing, Errc::not_consistent);
    throw Error(found.code() == Errc::corrupt ? Errc::not_consistent : found.code(),
                found.message());
  }
  verified_ += ", RESTORE HEADERONLY, FILELISTONLY, VERIFYONLY";
}

bool BackupRun::is_whole() const {
  const std::lock_guard lock(mutex_);
  return is_whole_;
}

const BakSet& BackupRun::set() const {
  check_rule(is_whole(), "a backup is described once it is copied");
  return stripes_.front().report.sets.front();
}

model::Moment BackupRun::moment() const {
  model::Moment moment;
  moment.kind = model::MomentKind::at_release;
  const std::lock_guard lock(mutex_);
  moment.earliest = began_;
  moment.latest = ended_;
  if (!is_whole_) return moment;
  const SetConfiguration* const known = configuration_of(stripes_.front().report.sets.front());
  if (known != nullptr && known->facts) moment.position = "lsn " + known->facts->last.text();
  return moment;
}

}  // namespace holdfast::engine::sqlserver
