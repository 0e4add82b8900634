// SPDX-License-Identifier: Apache-2.0
// What holds make on servers (files, publications): announced in a journal before it is made, gone
// with its hold or by whoever undoes the journal.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "job/journal.h"
#include "job/preflight.h"

namespace holdfast::job {

class HoldEntries {
 public:
  HoldEntries(const Survey& survey, Journal& journal) : survey_(survey), journal_(journal) {}
  HoldEntries(const HoldEntries&) = delete;
  HoldEntries& operator=(const HoldEntries&) = delete;

  // As HoldOptions::before_change; it refers to this.
  [[nodiscard]] std::function<void(std::string_view component, std::string_view what,
                                   const Json& undo)>
  announcer();
  // Once the holds are gone. Throws what undoing the first that fails throws.
  void undo();

 private:
  const Survey& survey_;
  Journal& journal_;
  std::mutex mutex_;  // guards the next: holds work on several threads
  std::vector<std::uint64_t> entries_;
};

}  // namespace holdfast::job
