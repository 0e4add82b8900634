// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/physical/backup_offer.h"

#include <fmt/format.h>

#include <utility>

#include "base/crew.h"
#include "base/error.h"
#include "base/log.h"
#include "engine/sqlserver/physical/exchange.h"

namespace holdfast::engine::sqlserver {
Medium medium_to_restore(const Location& location, const ServerInfo& server) {
  const bool has_directory =
      !location.backup_directory.empty() && !location.exchange_directory.empty();
  if (!has_directory && !location.receiver.empty() && has_objects(server)) return Medium::s3;
  need_exchange(location, "a restore by the server");
  return Medium::disk;
}

BackupOffer::BackupOffer(Options options, Session& session, std::vector<BackupContent> files,
                         const std::stop_token& stop)
    : options_(std::move(options)), session_(session), files_(std::move(files)) {
  for (std::size_t i = 0; i < files_.size(); ++i) names_.push_back(new_exchange_file(".bak"));
  try {
    if (options_.medium == Medium::disk) {
      put(stop);
    } else {
      offer(stop);
    }
  } catch (...) {
    take_away();
    throw;
  }
}

BackupOffer::~BackupOffer() {
  take_away();
}

void BackupOffer::announce(std::string_view what, Json undo) const {
  undo.set("sqlserver", "physical");
  if (options_.before_change) options_.before_change(what, undo);
}

void BackupOffer::put(const std::stop_token& stop) {
  const Location& location = options_.location;
  std::uint64_t needed_bytes = 0;
  for (const BackupContent& file : files_) needed_bytes += file.size_bytes;
  if (const std::uint64_t free = exchange_free_bytes(location); free < needed_bytes)
    throw Error(Errc::no_space,
                fmt::format("{} has {} MiB free, and the backup has {} MiB",
                            location.exchange_directory.native(), free >> 20U, needed_bytes >> 20U))
        .set_hint("Make room there, or let a server of 2022 or later read from a `receiver`.");
  Json list = Json::array();
  for (const std::string& name : names_) list.push(name);
  announce(
      fmt::format("put {} into {}", fmt::join(names_, ", "), location.exchange_directory.native()),
      Json::object().set("kind", "files").set("files", std::move(list)));
  for (const std::string& name : names_)
    devices_.push_back(server_path(location.backup_directory, name));
  // All at once: a server that is just writing them to a receiver waits for none of them.
  Crew crew;
  const std::stop_callback forward(stop, [&] { crew.request_stop(); });
  for (std::size_t i = 0; i < files_.size(); ++i) {
    crew.start([&, i](const std::stop_token& of_all) {
      const auto content = files_[i].stream();
      put_exchange_file(location, names_[i], *content, of_all);
    });
  }
  crew.join();
}

void BackupOffer::offer(const std::stop_token& stop) {
  const Location& location = options_.location;
  S3Receiver::Options options;
  options.address = location.receiver;
  options.certificate = location.receiver_certificate;
  options.key = location.receiver_key;
  options.scratch_directory = options_.scratch_directory;
  receiver_ = std::make_unique<S3Receiver>(options, stop);
  for (std::size_t i = 0; i < files_.size(); ++i) {
    sources_.push_back(files_[i].random());
    receiver_->offer(names_[i], *sources_.back());
    devices_.push_back(receiver_->url(names_[i]));
  }
  const std::string name = receiver_->credential_name();
  announce(fmt::format("made credential {} on {}", name, location.server()),
           Json::object().set("kind", "credential").set("name", name));
  const Secret secret = receiver_->credential_secret();
  std::string sql = fmt::format("CREATE CREDENTIAL {} WITH IDENTITY = 'S3 Access Key', SECRET = {}",
                                identifier(name), literal(secret.reveal()));
  const auto errors = session_.try_run(sql);
  wipe(sql);
  if (!errors.empty())
    session_.raise(errors, fmt::format("making credential {} (ALTER ANY CREDENTIAL)", name));
  credential_ = name;
}

void BackupOffer::raise_failure() const {
  if (receiver_)
    for (const std::string& name : names_) receiver_->raise_failure(name);
}

void BackupOffer::take_away() noexcept {
  const auto attempt = [](const auto& body) {
    try {
      body();
    } catch (const std::exception& error) {
      log(LogLevel::warn, "what a restore needed on the server was not all taken away",
          {{"why", error.what()}});
    }
  };
  if (receiver_)
    for (const std::string& name : names_) receiver_->withdraw(name);
  if (options_.medium == Medium::disk)
    attempt([&] { remove_exchange_files(options_.location, names_); });
  if (!credential_.empty())
    attempt([&] {
      session_.stop_with({});
      session_.run("DROP CREDENTIAL " + identifier(std::exchange(credential_, {})));
    });
}

}  // namespace holdfast::engine::sqlserver
