// SPDX-License-Identifier: Apache-2.0
// Matching calls with planned faults, and carrying the faults out.
#include "harness/fault_storage.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace holdfast::test {
namespace {

using storage::FileKind;
using storage::FileRef;

constexpr std::array call_names{
    std::pair{CallKind::create, std::string_view("create")},
    std::pair{CallKind::put, std::string_view("put")},
    std::pair{CallKind::replace_config, std::string_view("replace_config")},
    std::pair{CallKind::read, std::string_view("read")},
    std::pair{CallKind::size_bytes, std::string_view("size_bytes")},
    std::pair{CallKind::list, std::string_view("list")},
    std::pair{CallKind::remove, std::string_view("remove")},
};

constexpr std::array fault_names{
    std::pair{FaultKind::fail, std::string_view("fail")},
    std::pair{FaultKind::fail_after, std::string_view("fail_after")},
    std::pair{FaultKind::tear, std::string_view("tear")},
    std::pair{FaultKind::drop, std::string_view("drop")},
    std::pair{FaultKind::flip, std::string_view("flip")},
    std::pair{FaultKind::kill_before, std::string_view("kill_before")},
    std::pair{FaultKind::kill_after, std::string_view("kill_after")},
};

[[noreturn]] void refuse(std::string_view text) {
  throw Error(Errc::usage, fmt::format("not a fault: {}", text));
}

template <typename Kind>
Kind kind_of(std::string_view name, std::span<const std::pair<Kind, std::string_view>> names) {
  for (const auto& [kind, known] : names) {
    if (known == name) return kind;
  }
  refuse(name);
}

FileKind file_kind_of(std::string_view name) {
  for (const FileKind kind : storage::all_file_kinds()) {
    if (storage::file_kind_name(kind) == name) return kind;
  }
  refuse(name);
}

Errc code_of(std::string_view name) {
  for (const Errc code : all_errc()) {
    if (errc_name(code) == name) return code;
  }
  refuse(name);
}

std::uint64_t number_of(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) refuse(text);
  return number;
}

bool matches(const Call& call, std::optional<CallKind> kind, std::optional<FileKind> file_kind) {
  if (kind && call.kind != *kind) return false;
  if (file_kind && (call.kind == CallKind::create || call.file.kind != *file_kind)) return false;
  return true;
}

[[noreturn]] void kill_this_process() {
  ::kill(::getpid(), SIGKILL);
  for (;;) ::pause();
}

}  // namespace

std::string_view call_kind_name(CallKind kind) noexcept {
  return call_names[static_cast<std::size_t>(kind)].second;
}

Bytes damaged(ByteView content, FaultKind fault) {
  Bytes changed(content.begin(), content.end());
  if (fault == FaultKind::tear) changed.resize(changed.size() / 2);
  if (fault == FaultKind::flip && !changed.empty()) changed[changed.size() / 2] ^= std::byte{0x10};
  return changed;
}

void FaultPlan::add(const Fault& fault) {
  std::lock_guard lock(mutex_);
  faults_.push_back({fault, 0});
}

void FaultPlan::add(std::string_view text) {
  Fault fault;
  const auto next_word = [&text] {
    const std::string_view word = text.substr(0, text.find(':'));
    text.remove_prefix(std::min(word.size() + 1, text.size()));
    return word;
  };
  fault.kind = kind_of<FaultKind>(next_word(), fault_names);
  while (!text.empty()) {
    const std::string_view word = next_word();
    const std::size_t equals = word.find('=');
    if (equals == std::string_view::npos) refuse(word);
    const std::string_view key = word.substr(0, equals);
    const std::string_view value = word.substr(equals + 1);
    if (key == "call") {
      fault.call = kind_of<CallKind>(value, call_names);
    } else if (key == "file") {
      fault.file_kind = file_kind_of(value);
    } else if (key == "at") {
      fault.at = number_of(value);
    } else if (key == "count") {
      fault.count = number_of(value);
    } else if (key == "code") {
      fault.code = code_of(value);
    } else {
      refuse(word);
    }
  }
  add(fault);
}

void FaultPlan::no_space_from(std::uint64_t put_number) {
  add({.kind = FaultKind::fail,
       .call = CallKind::put,
       .file_kind = {},
       .at = put_number,
       .count = 0,
       .code = Errc::no_space});
}

void FaultPlan::clear_faults() {
  std::lock_guard lock(mutex_);
  faults_.clear();
}

void FaultPlan::clear_calls() {
  std::lock_guard lock(mutex_);
  calls_.clear();
}

void FaultPlan::set_observer(std::function<void(const Call&)> observer) {
  std::lock_guard lock(mutex_);
  observer_ = std::move(observer);
}

void FaultPlan::set_condition(std::function<bool()> condition) {
  std::lock_guard lock(mutex_);
  condition_ = std::move(condition);
}

std::vector<Call> FaultPlan::calls() const {
  std::lock_guard lock(mutex_);
  return calls_;
}

std::uint64_t FaultPlan::count(std::optional<CallKind> call,
                               std::optional<FileKind> file_kind) const {
  std::lock_guard lock(mutex_);
  return static_cast<std::uint64_t>(
      std::count_if(calls_.begin(), calls_.end(),
                    [&](const Call& made) { return matches(made, call, file_kind); }));
}

std::optional<Fault> FaultPlan::meet(const Call& call) {
  std::function<void(const Call&)> observer;
  std::function<bool()> condition;
  {
    std::lock_guard lock(mutex_);
    condition = condition_;
  }
  const bool is_armed = !condition || condition();
  std::optional<Fault> met;
  {
    std::lock_guard lock(mutex_);
    calls_.push_back(call);
    observer = observer_;
    for (Planned& planned : faults_) {
      if (!is_armed) break;
      const Fault& fault = planned.fault;
      if (!matches(call, fault.call, fault.file_kind)) continue;
      ++planned.matched;
      if (planned.matched < fault.at) continue;
      if (fault.count != 0 && planned.matched - fault.at >= fault.count) continue;
      if (!met) met = fault;
    }
  }
  if (observer) observer(call);
  return met;
}

FaultStorage::FaultStorage(std::shared_ptr<storage::Storage> below, std::shared_ptr<FaultPlan> plan)
    : below_(std::move(below)), plan_(std::move(plan)) {}

void FaultStorage::perform(const Call& call,
                           const std::function<void(std::optional<FaultKind>)>& body) {
  const std::optional<Fault> fault = plan_->meet(call);
  if (!fault) {
    body(std::nullopt);
    return;
  }
  switch (fault->kind) {
    case FaultKind::kill_before:
      kill_this_process();
    case FaultKind::kill_after:
      body(std::nullopt);
      kill_this_process();
    case FaultKind::fail_after:
      body(std::nullopt);
      [[fallthrough]];
    case FaultKind::fail:
      throw Error(fault->code, fmt::format("a planned fault at {} of {}", call_kind_name(call.kind),
                                           storage::display(call.file)));
    case FaultKind::tear:
    case FaultKind::drop:
    case FaultKind::flip:
      body(fault->kind);
  }
}

void FaultStorage::create() {
  perform({.kind = CallKind::create, .file = {}, .size_bytes = 0}, [&](auto) { below_->create(); });
}

void FaultStorage::put(const FileRef& file, ByteView content) {
  perform({.kind = CallKind::put, .file = file, .size_bytes = content.size()}, [&](auto fault) {
    if (fault == FaultKind::drop) return;
    if (fault) {
      below_->put(file, damaged(content, *fault));
    } else {
      below_->put(file, content);
    }
  });
}

void FaultStorage::replace_config(ByteView content) {
  perform({.kind = CallKind::replace_config, .file = {}, .size_bytes = content.size()},
          [&](auto fault) {
            if (fault == FaultKind::drop) return;
            if (fault) {
              below_->replace_config(damaged(content, *fault));
            } else {
              below_->replace_config(content);
            }
          });
}

void FaultStorage::read(const FileRef& file, std::uint64_t offset_bytes, std::span<std::byte> out) {
  perform({.kind = CallKind::read, .file = file, .size_bytes = out.size()}, [&](auto fault) {
    if (fault == FaultKind::drop) {
      throw Error(Errc::corrupt, fmt::format("{} is not there", storage::display(file)));
    }
    below_->read(file, offset_bytes, out);
    if (fault == FaultKind::flip) {
      const Bytes changed = damaged(out, FaultKind::flip);
      std::copy(changed.begin(), changed.end(), out.begin());
    }
  });
}

std::optional<std::uint64_t> FaultStorage::size_bytes(const FileRef& file) {
  std::optional<std::uint64_t> size;
  perform({.kind = CallKind::size_bytes, .file = file, .size_bytes = 0}, [&](auto fault) {
    if (fault != FaultKind::drop) size = below_->size_bytes(file);
  });
  return size;
}

void FaultStorage::list(FileKind kind,
                        const std::function<void(const storage::FoundFile&)>& visit) {
  perform({.kind = CallKind::list, .file = {kind, {}}, .size_bytes = 0}, [&](auto fault) {
    if (fault != FaultKind::drop) below_->list(kind, visit);
  });
}

void FaultStorage::remove(const FileRef& file) {
  perform({.kind = CallKind::remove, .file = file, .size_bytes = 0}, [&](auto fault) {
    if (fault != FaultKind::drop) below_->remove(file);
  });
}

storage::Leftovers FaultStorage::remove_leftovers(std::chrono::seconds age_min, bool dry_run) {
  return below_->remove_leftovers(age_min, dry_run);
}

void FaultStorage::distrust_copies() {
  below_->distrust_copies();
}

unsigned FaultStorage::connections_max() const noexcept {
  return below_->connections_max();
}

std::string FaultStorage::location() const {
  return below_->location();
}

}  // namespace holdfast::test
