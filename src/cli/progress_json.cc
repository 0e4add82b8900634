// SPDX-License-Identifier: Apache-2.0
// Progress for programs: restic's status, verbose_status and error messages as JSON lines.
// docs/json.md.
#include "base/timestamp.h"
#include "cli/progress.h"

namespace holdfast::cli {

namespace {

class JsonProgress final : public ProgressView {
 public:
  using ProgressView::ProgressView;

  // The one stage that restic tells programs of.
  void phase(std::string_view name) override {
    if (name != "scan finished" || output_.verbosity() < 3) return;
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - begun_;
    Json line = Json::object();
    line.set("message_type", "verbose_status");
    line.set("action", "scan_finished");
    line.set("item", "");
    line.set("duration", time.count());
    line.set("data_size", bytes_total.load());
    line.set("data_size_in_repo", 0U);
    line.set("metadata_size", 0U);
    line.set("metadata_size_in_repo", 0U);
    line.set("total_files", files_total.load());
    output_.json_line(line);
  }

  void item_done(const model::ItemDone& done) override {
    ProgressView::item_done(done);
    if (output_.verbosity() < 3) return;
    Json line = Json::object();
    line.set("message_type", "verbose_status");
    line.set("action", model::item_action_name(done.action));
    std::string item(done.item);
    if (done.is_directory && shape_ == ProgressShape::backup && !item.ends_with('/')) item += '/';
    line.set("item", item);
    if (shape_ == ProgressShape::restore) {
      line.set("size", done.data_size);
    } else {
      line.set("duration", done.duration_seconds);
      line.set("data_size", done.data_size);
      line.set("data_size_in_repo", done.data_size_in_repo);
      line.set("metadata_size", done.metadata_size);
      line.set("metadata_size_in_repo", done.metadata_size_in_repo);
      line.set("total_files", 0U);
    }
    output_.json_line(line);
  }

  void item_excluded(std::string_view item) override {
    if (output_.verbosity() < 3) return;
    output_.json_line(Json::object().set("message_type", "excluded_item").set("item", item));
  }

  void item_failed(std::string_view item, std::string_view during,
                   std::string_view message) override {
    ProgressView::item_failed(item, during, message);
    Json line = Json::object();
    line.set("message_type", "error");
    line.set("error", Json::object().set("message", message));
    line.set("during", shape_ == ProgressShape::restore ? std::string_view("restore") : during);
    line.set("item", item);
    output_.json_error_line(line);
  }

  void finding(const model::Finding& finding) override {
    Json line = Json::object().set("message_type", "finding");
    const Json members = model::to_json(finding);
    for (const auto& [key, value] : members.as_object()) line.set(key, value);
    output_.json_line(line);
  }
  void warning(std::string_view text) override { output_.warning(text); }

  void show_status() override { print_status(); }
  void print_status() override {
    measure();
    if (shape_ == ProgressShape::plain) return;
    output_.json_line(shape_ == ProgressShape::backup ? backup_status() : restore_status());
  }

 private:
  static void set_unless_zero(Json& line, std::string_view key, std::uint64_t value) {
    if (value != 0) line.set(key, value);
  }

  [[nodiscard]] Json backup_status() const {
    Json line = Json::object().set("message_type", "status");
    set_unless_zero(line, "seconds_elapsed", static_cast<std::uint64_t>(elapsed().count()));
    const auto left = remaining();
    if (left) set_unless_zero(line, "seconds_remaining", static_cast<std::uint64_t>(left->count()));
    const std::uint64_t total = bytes_total.load();
    const std::uint64_t done = bytes_done.load();
    line.set("percent_done",
             total == 0 ? 0.0 : static_cast<double>(done) / static_cast<double>(total));
    set_unless_zero(line, "total_files", files_total.load());
    set_unless_zero(line, "files_done", files_done.load());
    set_unless_zero(line, "total_bytes", total);
    set_unless_zero(line, "bytes_done", done);
    set_unless_zero(line, "error_count", errors.load());
    const auto items = current_items();
    if (!items.empty()) {
      Json list = Json::array();
      for (const std::string& item : items) list.push(item);
      line.set("current_files", list);
    }
    return line;
  }

  [[nodiscard]] Json restore_status() const {
    Json line = Json::object().set("message_type", "status");
    set_unless_zero(line, "seconds_elapsed", static_cast<std::uint64_t>(elapsed().count()));
    const std::uint64_t total = bytes_total.load();
    const std::uint64_t done = bytes_done.load();
    line.set("percent_done",
             total == 0 ? 0.0 : static_cast<double>(done) / static_cast<double>(total));
    set_unless_zero(line, "total_files", files_total.load());
    set_unless_zero(line, "files_restored", files_done.load());
    set_unless_zero(line, "files_skipped", files_skipped.load());
    set_unless_zero(line, "files_deleted", files_deleted.load());
    set_unless_zero(line, "total_bytes", total);
    set_unless_zero(line, "bytes_restored", done);
    set_unless_zero(line, "bytes_skipped", bytes_skipped.load());
    return line;
  }
};

}  // namespace

std::unique_ptr<ProgressView> make_json_progress(Output& output, ProgressShape shape) {
  return std::make_unique<JsonProgress>(output, shape);
}

}  // namespace holdfast::cli
