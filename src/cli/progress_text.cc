// SPDX-License-Identifier: Apache-2.0
// Progress for people: one status line on a terminal, and a line for each item with -vv.
#include <fmt/format.h>

#include "base/units.h"
#include "cli/finding_view.h"
#include "cli/progress.h"
#include "cli/text.h"

namespace holdfast::cli {

namespace {

class TextProgress final : public ProgressView {
 public:
  using ProgressView::ProgressView;

  void phase(std::string_view name) override {
    const std::string shown = printable(name);  // some name what they are about
    {
      const std::lock_guard lock(mutex_);
      phase_ = shown;
    }
    if (shape_ == ProgressShape::plain) {
      output_.message(shown);
    } else {
      output_.detail(shown);
    }
  }

  void item_done(const model::ItemDone& done) override {
    ProgressView::item_done(done);
    if (output_.verbosity() < 3) return;
    const std::string_view action = model::item_action_name(done.action);
    std::string line = fmt::format("{:<9} {}", action, printable(done.item));
    const bool saved =
        done.action == model::ItemAction::added || done.action == model::ItemAction::changed;
    if (saved && shape_ != ProgressShape::restore) {
      line += fmt::format(", saved in {:.3f}s ({} added, {} stored", done.duration_seconds,
                          format_bytes(done.data_size), format_bytes(done.data_size_in_repo));
      if (done.is_directory)
        line += fmt::format(", {} metadata", format_bytes(done.metadata_size_in_repo));
      line += ')';
    } else if (shape_ == ProgressShape::restore && !done.is_directory &&
               done.action != model::ItemAction::deleted) {
      line += fmt::format(" with size {}", format_bytes(done.data_size));
    }
    output_.trace(line);
  }

  void item_excluded(std::string_view item) override {
    if (output_.verbosity() >= 3) output_.trace("excluded  " + printable(item));
  }

  void item_failed(std::string_view item, std::string_view during,
                   std::string_view message) override {
    ProgressView::item_failed(item, during, message);
    const std::string shown = printable(item);
    const std::string reason = printable(message);
    // Most messages name their item already.
    output_.error_line(reason.find(shown) != std::string::npos
                           ? fmt::format("error: {}", reason)
                           : fmt::format("error: {}: {}", shown, reason));
  }

  void finding(const model::Finding& finding) override {
    if (finding.severity == model::Severity::note) {
      return output_.detail(
          fmt::format("note: {}: {}", printable(finding.code), printable(finding.seen)));
    }
    for (const std::string& line : finding_block(finding, output_.columns())) output_.message(line);
  }
  void note(std::string_view text) override { output_.message(printable(text)); }
  void warning(std::string_view text) override { output_.warning(printable(text)); }

  void show_status() override {
    measure();
    const unsigned width = output_.columns();
    output_.status(status_line(width == 0 ? 79 : width - 1));
  }
  void print_status() override {
    measure();
    output_.line(status_line(0));
  }
  void clear_status() override { output_.status(""); }

 private:
  // `width` 0: without limit.
  [[nodiscard]] std::string status_line(unsigned width) const {
    std::string text = fmt::format("[{}] ", format_duration(elapsed()));
    switch (shape_) {
      case ProgressShape::backup:
        text += backup_status();
        break;
      case ProgressShape::restore:
        text += restore_status();
        break;
      case ProgressShape::plain:
        text += plain_status();
        break;
    }
    for (const std::string& item : current_items()) {
      const std::string shown = printable(item);
      if (width == 0) {
        text += "  " + shown;
        continue;
      }
      const std::size_t used = display_width(text) + 2;
      if (used + 8 <= width) text += "  " + shortened_front(shown, width - used);
      break;
    }
    return text;
  }

  [[nodiscard]] std::string rate() const {
    const std::lock_guard lock(mutex_);
    const double bytes = rate_.bytes_per_second();
    return bytes > 0 ? fmt::format(", {}/s", format_bytes(static_cast<std::uint64_t>(bytes))) : "";
  }

  [[nodiscard]] std::string eta() const {
    const auto left = remaining();
    return left ? fmt::format(", ETA {}", format_duration(*left)) : "";
  }

  [[nodiscard]] static std::string percent(std::uint64_t part, std::uint64_t whole) {
    return whole == 0 ? "0.00%" : format_percent(part, whole);
  }

  [[nodiscard]] std::string failures() const {
    return errors.load() > 0 ? fmt::format(", {} errors", errors.load()) : "";
  }

  // What tells most comes first: the end may be cut off.
  [[nodiscard]] std::string backup_status() const {
    const std::string done = format_bytes(bytes_done.load());
    if (!totals_known.load()) {
      return fmt::format("{} files, {}{}{}", files_done.load(), done, rate(), failures());
    }
    const std::uint64_t total = bytes_total.load();
    return fmt::format("{}{}, {} of {} files, {} of {}{}{}", percent(bytes_done.load(), total),
                       eta(), files_done.load(), files_total.load(), done, format_bytes(total),
                       rate(), failures());
  }

  [[nodiscard]] std::string restore_status() const {
    const std::uint64_t total = bytes_total.load();
    std::string text = fmt::format("{}{}, {} of {} files/dirs, {} of {}",
                                   percent(bytes_done.load() + bytes_skipped.load(), total), eta(),
                                   files_done.load(), files_total.load(),
                                   format_bytes(bytes_done.load()), format_bytes(total));
    if (files_skipped.load() > 0) {
      text += fmt::format(", skipped {} files/dirs {}", files_skipped.load(),
                          format_bytes(bytes_skipped.load()));
    }
    if (files_deleted.load() > 0)
      text += fmt::format(", deleted {} files/dirs", files_deleted.load());
    return text + rate() + failures();
  }

  [[nodiscard]] std::string plain_status() const {
    std::string stage;
    {
      const std::lock_guard lock(mutex_);
      stage = phase_;
    }
    if (files_total.load() > 0) {
      return fmt::format("{}  {} / {}  {}", format_percent(files_done.load(), files_total.load()),
                         files_done.load(), files_total.load(), stage);
    }
    if (bytes_total.load() > 0) {
      return fmt::format("{}  {} / {}  {}{}", format_percent(bytes_done.load(), bytes_total.load()),
                         format_bytes(bytes_done.load()), format_bytes(bytes_total.load()), stage,
                         rate());
    }
    return stage;
  }

  std::string phase_;  // guarded by mutex_
};

}  // namespace

std::unique_ptr<ProgressView> make_text_progress(Output& output, ProgressShape shape) {
  return std::make_unique<TextProgress>(output, shape);
}

}  // namespace holdfast::cli
