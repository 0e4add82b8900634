// SPDX-License-Identifier: Apache-2.0
// One backup of one database on its way: written by the server, taken by us stripe by stripe, read
// natively while it passes, compared with the server's word, and gone from the server.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "base/secret.h"
#include "base/timestamp.h"
#include "engine/sqlserver/bak/bak_inspect.h"
#include "engine/sqlserver/location.h"
#include "engine/sqlserver/physical/backup_statement.h"
#include "engine/sqlserver/receiver/s3_receiver.h"
#include "model/moment.h"
#include "model/part.h"

namespace holdfast::engine::sqlserver {

class BackupRun {
 public:
  struct Options {
    Location location;
    std::shared_ptr<const Secret> password;
    std::string set_name;
    BackupPlan plan;
    S3Receiver* receiver = nullptr;  // of Medium::s3
    // Told before files are made; may be empty.
    std::function<void(std::string_view what, const Json& undo)> before_change;
  };
  explicit BackupRun(Options options);
  ~BackupRun();  // takes away what is left on the server; never throws
  BackupRun(const BackupRun&) = delete;
  BackupRun& operator=(const BackupRun&) = delete;

  // Writes one stripe. The server begins when the first of them is asked for; of an S3 receiver
  // when all are, as it writes to all at once. One thread for each. The last one to be whole
  // compares. Errc::not_consistent if the backup is not to be believed.
  void copy(unsigned stripe, ByteSink& into, const std::stop_token& stop);

  // Once all stripes are copied.
  [[nodiscard]] bool is_whole() const;
  [[nodiscard]] const BakSet& set() const;  // Errc::bug before
  [[nodiscard]] const std::vector<Stripe>& stripes() const noexcept { return stripes_; }
  [[nodiscard]] model::Moment moment() const;
  // What the server was asked and what it said: "read natively, RESTORE VERIFYONLY", …
  [[nodiscard]] const std::string& verified() const noexcept { return verified_; }
  [[nodiscard]] const std::vector<std::string>& thumbprints() const noexcept {
    return thumbprints_;
  }

 private:
  [[nodiscard]] bool is_mine_to_write(unsigned stripe, const std::stop_token& stop);
  void write(const std::stop_token& stop);
  void take_file(unsigned stripe, ByteSink& into, const std::stop_token& stop);
  void take_object(unsigned stripe, ByteSink& into, const std::stop_token& stop);
  void take_report(unsigned stripe, std::optional<BakReport> report, const std::stop_token& stop);
  void compare(const std::stop_token& stop);
  void verify(Session& session);
  void fail(Errc code, const std::string& message, const std::string& hint);
  void remove_files() noexcept;

  const Options options_;
  std::vector<std::string> names_, devices_;  // one for each stripe
  mutable std::mutex mutex_;                  // guards all below
  std::condition_variable_any changed_;
  std::set<unsigned> asked_, ready_, taken_;
  bool is_begun_ = false, is_written_ = false, is_whole_ = false;
  // The first, in words: each thread throws an Error of its own, as whoever unwinds adds to it.
  struct Failure {
    Errc code;
    std::string message, hint;
  };
  std::optional<Failure> failure_;
  Timestamp began_, ended_;
  std::vector<Stripe> stripes_;
  std::string verified_;
  std::vector<std::string> thumbprints_;
};

}  // namespace holdfast::engine::sqlserver
