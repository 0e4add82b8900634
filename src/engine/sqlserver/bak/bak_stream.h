// SPDX-License-Identifier: Apache-2.0
// A backup that is read while it passes, by a thread of its own, with every checksum that it has.
#pragma once

#include <exception>
#include <memory>
#include <optional>
#include <stop_token>
#include <thread>

#include "base/stream.h"
#include "engine/sqlserver/bak/bak_reader.h"

namespace holdfast::engine::sqlserver {

// Takes the bytes of one backup file in order, on one thread at a time; whoever gives them waits
// where the reader is behind. Memory: 8 MiB, and what read_bak() has.
class BakStream final : public ByteSink {
 public:
  explicit BakStream(const std::stop_token& stop = {});
  ~BakStream() override;  // gives up what was not finished

  void write(ByteView bytes) override;
  // That was all. What the file is; nothing if it is no backup. Errc::cancelled.
  [[nodiscard]] std::optional<BakReport> finish();

 private:
  class Passing;
  std::shared_ptr<Passing> passing_;
  std::optional<BakReport> report_;
  std::exception_ptr failure_;
  std::jthread reader_;  // last: it uses the others
};

}  // namespace holdfast::engine::sqlserver
