// SPDX-License-Identifier: Apache-2.0
// A place for objects that a SQL Server of 2022 or later writes its backups to and reads them from,
// inside this process: BACKUP … TO URL = 's3://host:port/bucket/name', RESTORE … FROM URL.
//
// It speaks of S3 over HTTPS what those need and what an S3 client asks for around it, takes one
// key that is made for it, and forgets everything with itself. What is written goes to a sink while
// it is written: nothing but parts that come before their turn is kept on disk, and no longer than
// until their turn.
//
// Sources: SQL Server documentation, "SQL Server backup to URL for S3-compatible object storage"
// (HTTPS alone, parts of 5 to 20 MiB and 10 unless told, at most 10,000 of them, keys of letters
// and digits, URLs of at most 254 characters); Amazon S3 API Reference. Never seen talking to a
// SQL Server.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/secret.h"
#include "base/stream.h"
#include "model/part.h"

namespace holdfast::engine::sqlserver {

class S3Receiver {
 public:
  struct Options {
    // Where the server finds us, "backup.example:9443" or "[2001:db8::7]:9443": Location::receiver.
    // All addresses of this machine are listened at, at that port; 0 takes a free one.
    std::string address;
    std::filesystem::path certificate, key;   // PEM; the chain in order, the key without a password
    std::filesystem::path scratch_directory;  // exists; for parts that come long before their turn
    // Of parts that are being received or wait for their turn. What is beyond it waits for the
    // sink, or where the sink waits itself, goes to a file without a name in the scratch directory.
    std::size_t memory_bytes_max = std::size_t{64} << 20U;
    unsigned connections_max = 64;         // each has a thread
    std::chrono::seconds silence_max{60};  // a client that says nothing for so long is gone
  };

  // Listens. Errc::usage for an address that is none, what keeps the files from being read,
  // Errc::corrupt if they are no certificate and key that belong together, Errc::unavailable if the
  // port is taken. After a stop request every wait ends and every request is refused.
  explicit S3Receiver(const Options& options, std::stop_token stop = {});
  // Ends all connections. What was not finished is dropped.
  ~S3Receiver();
  S3Receiver(const S3Receiver&) = delete;
  S3Receiver& operator=(const S3Receiver&) = delete;

  // What CREATE CREDENTIAL wants: its name, "s3://backup.example:9443/holdfast-4c1f…", and beside
  // IDENTITY = 'S3 Access Key' its SECRET, "key:secret" of letters and digits. Both are new for
  // every receiver.
  [[nodiscard]] std::string credential_name() const;
  [[nodiscard]] Secret credential_secret() const;
  // What BACKUP and RESTORE want. Errc::usage beyond the 254 characters that SQL Server takes.
  [[nodiscard]] std::string url(std::string_view name) const;
  [[nodiscard]] unsigned port() const noexcept;

  // From now on one object of that name, of letters, digits and "-._", can be written, and its
  // bytes are given to `sink` in order on a thread of the receiver's own, each part once its
  // checksums are proven. The sink stays until finish() or withdraw() of that name has returned.
  // Errc::bug if the name is in use.
  void expect(const std::string& name, ByteSink& sink);

  // What was written under an expected name.
  struct Received {
    std::uint64_t size_bytes = 0;
    unsigned parts = 0;
    std::uint64_t on_disk_bytes = 0;  // of it, what had to wait in the scratch directory
  };
  // To be called when the server says that it is done; the name is then free again. The upload was
  // completed and the sink has all of it, or this throws: what the sink threw, Errc::cancelled
  // after a stop request, Errc::not_consistent for a part that came again with other content,
  // Errc::incomplete if the server did not complete its upload.
  Received finish(std::string_view name);
  // Throws what has failed on our side under this name since, so that it can be told instead of
  // what the server makes of it: of the sink, of the source, of the scratch directory. Otherwise
  // nothing.
  void raise_failure(std::string_view name) const;

  // From now on an object of that name can be read. `source` stays until withdraw() has returned.
  // Errc::bug if the name is in use.
  void offer(const std::string& name, model::RandomSource& source);

  // Forgets an expected or offered name, and whatever was written under it; waits until nobody uses
  // its sink or source any more. No error if there is none.
  void withdraw(std::string_view name) noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast::engine::sqlserver
