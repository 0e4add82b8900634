// SPDX-License-Identifier: Apache-2.0
// Objects that can be read: backups on their way back to a server.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/part.h"

namespace holdfast::engine::sqlserver {

// Any number of threads.
class S3Offers {
 public:
  void offer(const std::string& name, model::RandomSource& source);
  // Waits until nobody reads from its source any more.
  void withdraw(std::string_view name) noexcept;

  struct Offered {
    std::string name, etag;
    std::uint64_t size_bytes = 0;
  };
  [[nodiscard]] std::optional<Offered> find(std::string_view name) const;
  [[nodiscard]] std::vector<Offered> all() const;
  // Fills `into` from there. Errc::not_found once it is withdrawn; what the source throws, which
  // raise_failure() then throws too.
  void read(std::string_view name, std::uint64_t offset_bytes, std::span<std::byte> into);
  void raise_failure(std::string_view name) const;

 private:
  struct Offer {
    Offered facts;
    model::RandomSource* source = nullptr;
    unsigned readers = 0;
    std::exception_ptr failure;
  };
  mutable std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  std::map<std::string, std::shared_ptr<Offer>, std::less<>> offers_;
};

}  // namespace holdfast::engine::sqlserver
