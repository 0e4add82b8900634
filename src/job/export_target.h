// SPDX-License-Identifier: Apache-2.0
// Whether an export can be put where it is to go, found out before anything is copied or stopped;
// and where it grows until then.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>

#include "job/environment.h"
#include "job/journal.h"
#include "job/preflight.h"

namespace holdfast::job {

// The place under its own name: absolute, and no link in the way to it. Its parent, in which the
// export grows before it is renamed, is there and may be written to; it itself is not there, or is
// an empty directory that can be replaced. Errc::usage, not_found, exists or denied naming what is
// in the way.
[[nodiscard]] std::filesystem::path check_export_target(const std::filesystem::path& target);

// Errc::usage if the target, as of check_export_target(), lies in what is to be copied, or that in
// the target. What is excluded from the copy is no part of it.
void check_export_apart(const std::filesystem::path& target, const Survey& survey);

// Where an export grows, beside its target: under a name of its own until it is whole, so that
// nobody takes a part for the whole. Announced in the journal: it goes with this object or,
// whatever ends the process, by its guardian or the next `resume`.
class GrowingExport {
 public:
  GrowingExport(const Environment& environment, std::string_view instance,
                const std::filesystem::path& target);
  ~GrowingExport();
  GrowingExport(const GrowingExport&) = delete;
  GrowingExport& operator=(const GrowingExport&) = delete;

  // Not made yet. Renamed to the target in the end.
  [[nodiscard]] std::filesystem::path copy() const { return path_ / "copy"; }

 private:
  std::unique_ptr<Journal> journal_;
  std::uint64_t entry_ = 0;
  std::filesystem::path path_;
};

}  // namespace holdfast::job
