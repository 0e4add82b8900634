// SPDX-License-Identifier: Apache-2.0
// Backup files where the server can read them for RESTORE: put into the directory that both see, or
// offered by an S3 receiver of ours; and gone with the object.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/stream.h"
#include "engine/sqlserver/location.h"
#include "engine/sqlserver/physical/backup_statement.h"
#include "engine/sqlserver/receiver/s3_receiver.h"
#include "engine/sqlserver/session.h"
#include "model/part.h"

namespace holdfast::engine::sqlserver {

// One file of a backup. Of several each `stream` is read in a thread of its own.
struct BackupContent {
  std::uint64_t size_bytes = 0;
  std::function<std::unique_ptr<ByteSource>()> stream;
  std::function<std::unique_ptr<model::RandomSource>()> random;
};

// How a server reads backups of ours: from the directory where there is one, else from a receiver
// (2022 and later). Errc::usage if the location has neither.
[[nodiscard]] Medium medium_to_restore(const Location& location, const ServerInfo& server);

class BackupOffer {
 public:
  struct Options {
    Location location;
    Medium medium = Medium::disk;
    std::filesystem::path scratch_directory;
    std::function<void(std::string_view what, const Json& undo)> before_change;
  };
  // Copies the files to the directory, or begins to offer them; `session` makes the credential, and
  // outlives this.
  BackupOffer(Options options, Session& session, std::vector<BackupContent> files,
              const std::stop_token& stop);
  ~BackupOffer();  // never throws
  BackupOffer(const BackupOffer&) = delete;
  BackupOffer& operator=(const BackupOffer&) = delete;

  [[nodiscard]] Medium medium() const noexcept { return options_.medium; }
  [[nodiscard]] const std::vector<std::string>& devices() const noexcept { return devices_; }
  // Throws what failed on our side while the server read.
  void raise_failure() const;

 private:
  void put(const std::stop_token& stop);
  void offer(const std::stop_token& stop);
  void announce(std::string_view what, Json undo) const;
  void take_away() noexcept;

  const Options options_;
  Session& session_;
  const std::vector<BackupContent> files_;
  std::vector<std::string> names_, devices_;
  std::vector<std::unique_ptr<model::RandomSource>>
      sources_;  // before the receiver that reads them
  std::unique_ptr<S3Receiver> receiver_;
  std::string credential_;  // empty: none was made
};

}  // namespace holdfast::engine::sqlserver
