// SPDX-License-Identifier: Apache-2.0
// A storage that misbehaves on demand: fails, tears, loses or damages a chosen call's file, runs
// out of space, or kills the process. Also records every call, for tests that count them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "storage/storage.h"

namespace holdfast::test {

enum class CallKind : std::uint8_t { create, put, replace_config, read, size_bytes, list, remove };
[[nodiscard]] std::string_view call_kind_name(CallKind kind) noexcept;  // "replace_config"

// One call to a FaultStorage, recorded before it is performed. For create() `file` is empty, for
// list() it has only a kind.
struct Call {
  CallKind kind = CallKind::create;
  storage::FileRef file;
  std::uint64_t size_bytes = 0;  // of the content put or asked for
};

enum class FaultKind : std::uint8_t {
  fail,        // throws `code` instead of performing the call
  fail_after,  // performs the call, then throws `code`: a success that was not seen
  tear,        // put, replace_config: stores the first half and reports success
  drop,  // put, replace_config, remove: does nothing and reports success; read: Errc::corrupt;
         // size_bytes: nothing; list: an empty listing
  flip,  // one bit of the content is turned: of what is stored (put) or of what is handed out
         // (read)
  kill_before,  // SIGKILL to this process instead of performing the call
  kill_after,   // performs the call, then SIGKILL to this process
};

// A fault at the calls that match. Calls are counted per fault, from 1, over those that match
// `call` and `file_kind`.
struct Fault {
  FaultKind kind = FaultKind::fail;
  std::optional<CallKind> call = {};                // none: every kind of call
  std::optional<storage::FileKind> file_kind = {};  // none: every kind of file
  std::uint64_t at = 1;                             // the first matching call that suffers
  std::uint64_t count = 1;        // how many in a row suffer; 0: all from there on
  Errc code = Errc::unavailable;  // of fail and fail_after
};

// What is planned and what has happened. Shared by the test, which keeps it, and any number of
// FaultStorages (of reopened repositories). Safe from all threads.
class FaultPlan {
 public:
  void add(const Fault& fault);
  // ENOSPC from the k-th put (of any kind of file) on.
  void no_space_from(std::uint64_t put_number);
  // Faults count and happen only while `condition` holds; asked before every call, outside of any
  // lock.
  void set_condition(std::function<bool()> condition);
  // Takes all faults back; what was recorded stays.
  void clear_faults();
  void clear_calls();

  // Called before every call, on its thread, outside of any lock; e.g. to look at fsync counters.
  void set_observer(std::function<void(const Call&)> observer);

  [[nodiscard]] std::vector<Call> calls() const;
  // How many calls there were, of a kind, of a kind of file.
  [[nodiscard]] std::uint64_t count(std::optional<CallKind> call = {},
                                    std::optional<storage::FileKind> file_kind = {}) const;

  // Adds a fault given as text, so that a test can hand it to a program it starts:
  //   KIND[:call=CALL][:file=FILEKIND][:at=N][:count=N][:code=ERRC]
  // e.g. "kill_before:call=put:file=pack:at=3". Errc::usage for anything else.
  void add(std::string_view text);

  // For FaultStorage: records the call and says which fault it suffers, if any.
  [[nodiscard]] std::optional<Fault> meet(const Call& call);

 private:
  struct Planned {
    Fault fault;
    std::uint64_t matched = 0;
  };
  mutable std::mutex mutex_;  // guards all below
  std::vector<Planned> faults_;
  std::vector<Call> calls_;
  std::function<void(const Call&)> observer_;
  std::function<bool()> condition_;
};

// The wrapper. Below it stands a storage that outlives it, so that a test can open the same files
// again after a fault; without faults it passes everything through.
class FaultStorage final : public storage::Storage {
 public:
  FaultStorage(std::shared_ptr<storage::Storage> below, std::shared_ptr<FaultPlan> plan);

  void create() override;
  void put(const storage::FileRef& file, ByteView content) override;
  void replace_config(ByteView content) override;
  void read(const storage::FileRef& file, std::uint64_t offset_bytes,
            std::span<std::byte> out) override;
  [[nodiscard]] std::optional<std::uint64_t> size_bytes(const storage::FileRef& file) override;
  void list(storage::FileKind kind,
            const std::function<void(const storage::FoundFile&)>& visit) override;
  void remove(const storage::FileRef& file) override;
  storage::Leftovers remove_leftovers(std::chrono::seconds age_min, bool dry_run) override;
  void distrust_copies() override;
  [[nodiscard]] unsigned connections_max() const noexcept override;
  [[nodiscard]] std::string location() const override;

 private:
  // Performs `body` or what the plan has for this call; `body` gets the fault that changes content.
  void perform(const Call& call, const std::function<void(std::optional<FaultKind>)>& body);

  const std::shared_ptr<storage::Storage> below_;
  const std::shared_ptr<FaultPlan> plan_;
};

// `content` as a tear or a flip leaves it; unchanged for every other fault.
[[nodiscard]] Bytes damaged(ByteView content, FaultKind fault);

}  // namespace holdfast::test
