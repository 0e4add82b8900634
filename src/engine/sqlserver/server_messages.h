// SPDX-License-Identifier: Apache-2.0
// What a server says of BACKUP, RESTORE and DBCC CHECKDB, told by numbers alone (server_numbers.h).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "engine/sqlserver/session.h"

namespace holdfast::engine::sqlserver {

// What passes while a statement runs; nothing of it is kept but this.
class BackupProgress {
 public:
  // As a Hear of Session.
  void hear(const Message& message);

  [[nodiscard]] unsigned percent() const noexcept { return percent_; }   // 3211
  [[nodiscard]] std::uint64_t pages() const noexcept { return pages_; }  // all of 4035
  [[nodiscard]] bool is_done() const noexcept { return is_done_; }       // 3014
  [[nodiscard]] std::uint64_t messages() const noexcept { return messages_; }

 private:
  unsigned percent_ = 0;
  std::uint64_t pages_ = 0, messages_ = 0;
  bool is_done_ = false;
};

// What went wrong, and what to do; `doing` as "backing up shop at db1:1433". Of several errors the
// first that is more than "terminated abnormally" (3013) counts. Errc::denied, not_found, no_space,
// exists, unsupported, unavailable, cancelled, not_consistent, corrupt, else `otherwise`.
[[nodiscard]] Error backup_error(std::span<const Message> errors, std::string_view doing,
                                 Errc otherwise);

// Whether the account may not do that at all: RESTORE VERIFYONLY and the like without CREATE
// DATABASE.
[[nodiscard]] bool is_denial(std::span<const Message> errors) noexcept;

}  // namespace holdfast::engine::sqlserver
