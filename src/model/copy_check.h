// SPDX-License-Identifier: Apache-2.0
// What a profile asks of the rows and files of a copy while they pass, and what it makes of them
// before the copy counts. Room profile implements it, job runs it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/stream.h"
#include "model/finding.h"
#include "model/value.h"

namespace holdfast::model {

// Is asked for a sink for the rows of a table of a component: see CopyCheck::rows().
using RowTap =
    std::function<std::unique_ptr<RowSink>(std::string_view component, const TableName& table)>;

class CopyCheck {
 public:
  virtual ~CopyCheck() = default;
  CopyCheck(const CopyCheck&) = delete;
  CopyCheck& operator=(const CopyCheck&) = delete;

  // Takes rows of a table of a component on one thread; a table may come in several pieces, each
  // with a sink of its own, several at once. nullptr: nobody asks for them. Called from any thread.
  [[nodiscard]] virtual std::unique_ptr<RowSink> rows(std::string_view component,
                                                      const TableName& table) = 0;

  // Takes the bytes of a regular file while it is read; `path` is where it lies. Files that are
  // unchanged since the last copy are not read. nullptr: nobody asks. Called from any thread.
  // What is wrong with the bytes is no Error of the sink: see findings().
  [[nodiscard]] virtual std::unique_ptr<ByteSink> passing(const std::string& path) = 0;

  // Each regular file that is in the copy, read or not, by the path where it lay. One thread.
  // True: stored() wants its bytes too, as they were stored.
  [[nodiscard]] virtual bool has_file(const std::string& path, std::uint64_t size_bytes) = 0;
  virtual void stored(const std::string& path, ByteView content) = 0;

  // All has passed. A blocker among them that nobody accepted means that there is no copy.
  [[nodiscard]] virtual std::vector<Finding> findings() = 0;

 protected:
  CopyCheck() = default;
};

}  // namespace holdfast::model
