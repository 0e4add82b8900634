// SPDX-License-Identifier: Apache-2.0
#include "cli/progress.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "base/error.h"
#include "cli/text.h"

namespace holdfast::cli {

namespace {
constexpr std::chrono::seconds rate_window{30};
constexpr std::chrono::milliseconds usual_interval{100};
constexpr double per_second_max = 60;
}  // namespace

void RateMeter::add(std::chrono::steady_clock::time_point now, std::uint64_t bytes_done) {
  samples_.emplace_back(now, bytes_done);
  while (samples_.size() > 2 && now - samples_[1].first >= rate_window) samples_.pop_front();
}

double RateMeter::bytes_per_second() const noexcept {
  if (samples_.size() < 2) return 0;
  const std::chrono::duration<double> time = samples_.back().first - samples_.front().first;
  if (time.count() <= 0 || samples_.back().second <= samples_.front().second) return 0;
  return static_cast<double>(samples_.back().second - samples_.front().second) / time.count();
}

std::optional<std::chrono::seconds> RateMeter::remaining(std::uint64_t bytes_left) const noexcept {
  const double rate = bytes_per_second();
  if (rate <= 0) return std::nullopt;
  const double seconds = static_cast<double>(bytes_left) / rate;
  if (seconds > 1e9) return std::nullopt;
  return std::chrono::seconds(static_cast<std::int64_t>(seconds));
}

void ProgressView::item_begun(std::string_view item) {
  const std::lock_guard lock(mutex_);
  items_.emplace(item);
}

void ProgressView::item_done(const model::ItemDone& done) {
  const std::lock_guard lock(mutex_);
  if (const auto found = items_.find(done.item); found != items_.end()) items_.erase(found);
}

void ProgressView::item_left(std::string_view item) {
  const std::lock_guard lock(mutex_);
  if (const auto found = items_.find(item); found != items_.end()) items_.erase(found);
}

void ProgressView::item_failed(std::string_view item, std::string_view /*during*/,
                               std::string_view /*message*/) {
  item_left(item);
}

std::vector<std::string> ProgressView::current_items() const {
  const std::lock_guard lock(mutex_);
  return {items_.begin(), items_.end()};
}

std::chrono::seconds ProgressView::elapsed() const {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() -
                                                          begun_);
}

void ProgressView::measure() {
  const std::lock_guard lock(mutex_);
  rate_.add(std::chrono::steady_clock::now(), bytes_done.load());
}

std::optional<std::chrono::seconds> ProgressView::remaining() const {
  const std::uint64_t total = bytes_total.load();
  const std::uint64_t done = bytes_done.load();
  if (!totals_known.load() || done >= total) return std::nullopt;
  const std::lock_guard lock(mutex_);
  return rate_.remaining(total - done);
}

Progress::Progress(std::unique_ptr<ProgressView> view, std::chrono::milliseconds every,
                   bool in_place, StatusRequests& requests)
    : view_(std::move(view)), requests_(requests) {
  requests_.set([this] { view_->print_status(); });
  if (every.count() == 0) return;
  ticker_ = std::jthread([this, every, in_place](const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, stop, every, [&] { return stop.stop_requested(); })) {
      if (in_place) {
        view_->show_status();
      } else {
        view_->print_status();
      }
    }
  });
}

Progress::~Progress() {
  finish();
}

void Progress::finish() {
  requests_.set({});
  ticker_.request_stop();
  if (ticker_.joinable()) ticker_.join();
  view_->clear_status();
}

void TroubleObserver::warning(std::string_view text) {
  output_.warning(printable(text));
}

std::chrono::milliseconds tick_interval(const Variables& variables, const Output& output) {
  const auto text = variables.find("PROGRESS_FPS");
  if (!text) {
    if (output.verbosity() == 0) return {};
    return output.json() || output.is_terminal() ? usual_interval : std::chrono::milliseconds{};
  }
  double per_second = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), per_second);
  if (error != std::errc() || end != text->data() + text->size() || !std::isfinite(per_second) ||
      per_second <= 0) {
    throw Error(Errc::usage, fmt::format("invalid value \"{}\" of {}: not a number above 0", *text,
                                         variables.full_name("PROGRESS_FPS")));
  }
  per_second = std::min(std::max(per_second, 1e-6), per_second_max);
  return std::chrono::milliseconds(static_cast<std::int64_t>(1000.0 / per_second));
}

}  // namespace holdfast::cli
