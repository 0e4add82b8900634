// SPDX-License-Identifier: Apache-2.0
// Shows how far a job is, about ten times a second, from a thread of its own: text on a terminal,
// JSON lines with --json, nothing in pipes unless PROGRESS_FPS asks for it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>

#include "base/json.h"
#include "cli/environment.h"
#include "cli/output.h"
#include "model/progress.h"

namespace holdfast::cli {

// Which words and JSON members a verb's progress has: restic's for files that are saved or
// restored, ours for the rest.
enum class ProgressShape : std::uint8_t {
  backup,
  restore,
  plain,  // counters without bytes; stages are told as lines; no status messages with --json
};

// Bytes per second over the last half minute. One thread.
class RateMeter {
 public:
  void add(std::chrono::steady_clock::time_point now, std::uint64_t bytes_done);
  // 0 while unknown.
  [[nodiscard]] double bytes_per_second() const noexcept;
  // What is left at that rate; nothing while unknown.
  [[nodiscard]] std::optional<std::chrono::seconds> remaining(
      std::uint64_t bytes_left) const noexcept;

 private:
  std::deque<std::pair<std::chrono::steady_clock::time_point, std::uint64_t>> samples_;
};

// What every kind of progress keeps: the items in work and the rate.
class ProgressView : public model::Observer {
 public:
  ProgressView(Output& output, ProgressShape shape)
      : output_(output), shape_(shape), begun_(std::chrono::steady_clock::now()) {}

  void item_begun(std::string_view item) override;
  void item_done(const model::ItemDone& done) override;
  void item_left(std::string_view item) override;
  void item_failed(std::string_view item, std::string_view during,
                   std::string_view message) override;

  virtual void show_status() = 0;   // in its place, from the ticking thread
  virtual void print_status() = 0;  // as a line that stays: PROGRESS_FPS in a pipe, SIGUSR1
  virtual void clear_status() {}

 protected:
  [[nodiscard]] std::vector<std::string> current_items() const;
  [[nodiscard]] std::chrono::seconds elapsed() const;
  void measure();
  [[nodiscard]] std::optional<std::chrono::seconds> remaining() const;

  Output& output_;
  const ProgressShape shape_;
  const std::chrono::steady_clock::time_point begun_;
  mutable std::mutex mutex_;  // guards all below
  std::set<std::string, std::less<>> items_;
  RateMeter rate_;
};

[[nodiscard]] std::unique_ptr<ProgressView> make_text_progress(Output& output, ProgressShape shape);
[[nodiscard]] std::unique_ptr<ProgressView> make_json_progress(Output& output, ProgressShape shape);

// Ticks a view until it is destroyed.
class Progress {
 public:
  // `every` zero: no ticks, only answers to requests. `in_place`: redraw the status line instead of
  // printing lines.
  Progress(std::unique_ptr<ProgressView> view, std::chrono::milliseconds every, bool in_place,
           StatusRequests& requests);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  [[nodiscard]] model::Observer& observer() noexcept { return *view_; }
  // Takes the status away, so that results can be printed; the observer stays usable.
  void finish();

 private:
  std::unique_ptr<ProgressView> view_;
  StatusRequests& requests_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread ticker_;
};

// For verbs whose output is data: trouble is told, progress is not.
class TroubleObserver final : public model::Observer {
 public:
  explicit TroubleObserver(Output& output) : output_(output) {}
  void warning(std::string_view text) override;

 private:
  Output& output_;
};

// How often to tick, from PROGRESS_FPS and the kind of output; zero: never. Errc::usage for a value
// that is no number above zero.
[[nodiscard]] std::chrono::milliseconds tick_interval(const Variables& variables,
                                                      const Output& output);

}  // namespace holdfast::cli
