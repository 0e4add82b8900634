// SPDX-License-Identifier: Apache-2.0
#include "cli/progress.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "cli/test_world.h"

namespace holdfast::cli {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

struct Screen {
  explicit Screen(OutputSettings settings = {}) : output(out, err, std::move(settings)) {}
  CapturedStream out, err;
  Output output;
};

OutputSettings terminal_of(unsigned width) {
  OutputSettings settings;
  settings.is_terminal = true;
  settings.columns = [width] { return width; };
  return settings;
}

OutputSettings json_of(unsigned verbosity) {
  OutputSettings settings;
  settings.json = true;
  settings.verbosity = verbosity;
  return settings;
}

TEST(RateMeter, MeasuresTheLastHalfMinute) {
  RateMeter meter;
  const steady_clock::time_point start;
  EXPECT_EQ(meter.bytes_per_second(), 0);
  meter.add(start, 0);
  EXPECT_FALSE(meter.remaining(1));
  meter.add(start + seconds(10), 1000);
  EXPECT_DOUBLE_EQ(meter.bytes_per_second(), 100);
  EXPECT_EQ(meter.remaining(500), seconds(5));
  for (int i = 11; i <= 100; ++i)
    meter.add(start + seconds(i), 1000 + 10 * static_cast<unsigned>(i));
  EXPECT_DOUBLE_EQ(meter.bytes_per_second(), 10);
}

TEST(TextProgress, FitsTheTerminalInOneLine) {
  for (const unsigned width : {20U, 60U, 120U, 200U}) {
    Screen screen(terminal_of(width));
    const auto view = make_text_progress(screen.output, ProgressShape::backup);
    view->files_total = 10;
    view->bytes_total = 1U << 20U;
    view->files_done = 3;
    view->bytes_done = 1U << 18U;
    view->totals_known = true;
    view->item_begun("/srv/日本語/" + std::string(300, 'x') + "\n/file");
    view->show_status();
    ASSERT_TRUE(screen.out.text.starts_with("\r\x1b[2K"));
    const std::string shown = screen.out.text.substr(5);
    EXPECT_LT(display_width(shown), width);
    EXPECT_EQ(shown.find('\n'), std::string::npos);
    if (width >= 60) {
      EXPECT_NE(shown.find("25.00%, 3 of 10 files"), std::string::npos) << shown;
    }
    if (width >= 120) {
      EXPECT_TRUE(shown.ends_with("/file")) << shown;
    }
  }
}

TEST(TextProgress, EscapesNamesInStages) {
  for (const ProgressShape shape : {ProgressShape::plain, ProgressShape::backup}) {
    OutputSettings settings = terminal_of(80);
    settings.verbosity = 2;
    Screen screen(std::move(settings));
    const auto view = make_text_progress(screen.output, shape);
    view->phase("copying \x1b]0;owned\x07\nerror: forged");
    view->show_status();
    EXPECT_NE(screen.out.text.find("copying \\x1b]0;owned\\x07\\nerror: forged"), std::string::npos)
        << screen.out.text;
    EXPECT_EQ(screen.out.text.find("\x1b]"), std::string::npos);
  }
}

TEST(TextProgress, NamesWhatIsExcluded) {
  OutputSettings settings;
  settings.verbosity = 3;
  Screen screen(std::move(settings));
  make_text_progress(screen.output, ProgressShape::backup)->item_excluded("/a\nb");
  EXPECT_EQ(screen.out.text, "excluded  /a\\nb\n");
}

TEST(JsonProgress, NamesWhatIsExcluded) {
  for (const unsigned verbosity : {2U, 3U}) {
    Screen screen(json_of(verbosity));
    make_json_progress(screen.output, ProgressShape::backup)->item_excluded("/a");
    EXPECT_EQ(screen.out.text,
              verbosity == 3 ? "{\"message_type\":\"excluded_item\",\"item\":\"/a\"}\n" : "");
  }
}

TEST(TextProgress, ForgetsItemsThatFailedUnderAnotherName) {
  Screen screen(terminal_of(80));
  const auto view = make_text_progress(screen.output, ProgressShape::backup);
  view->item_begun("/a");
  view->item_failed("/srv/a", "archival", "permission denied");
  view->item_left("/a");
  screen.out.text.clear();
  view->show_status();
  EXPECT_EQ(screen.out.text.find("/a"), std::string::npos) << screen.out.text;
}

TEST(TextProgress, EscapesNamesInErrors) {
  Screen screen;
  const auto view = make_text_progress(screen.output, ProgressShape::backup);
  view->item_failed("/a\nb", "archival", "open /a\nb: permission denied");
  view->item_failed("/c", "archival", "permission denied");
  EXPECT_EQ(screen.err.text,
            "error: open /a\\nb: permission denied\nerror: /c: permission denied\n");
}

TEST(TextProgress, NamesItemsOnlyWhenAskedTwice) {
  for (const unsigned verbosity : {1U, 2U, 3U}) {
    OutputSettings settings;
    settings.verbosity = verbosity;
    Screen screen(settings);
    const auto view = make_text_progress(screen.output, ProgressShape::backup);
    view->item_done({.item = "/a", .action = model::ItemAction::unchanged});
    EXPECT_EQ(screen.out.text.empty(), verbosity < 3);
  }
}

TEST(JsonProgress, WritesResticsBackupStatus) {
  Screen screen(json_of(1));
  const auto view = make_json_progress(screen.output, ProgressShape::backup);
  view->print_status();
  EXPECT_EQ(screen.out.text, "{\"message_type\":\"status\",\"percent_done\":0}\n");
  screen.out.text.clear();
  view->files_total = 4;
  view->files_done = 1;
  view->bytes_total = 400;
  view->bytes_done = 100;
  view->errors = 2;
  view->item_begun("/b");
  view->item_begun("/a");
  view->print_status();
  EXPECT_EQ(screen.out.text,
            "{\"message_type\":\"status\",\"percent_done\":0.25,\"total_files\":4,\"files_done\":1,"
            "\"total_bytes\":400,\"bytes_done\":100,\"error_count\":2,\"current_files\":[\"/a\",\"/"
            "b\"]}\n");
}

TEST(JsonProgress, WritesResticsRestoreStatus) {
  Screen screen(json_of(1));
  const auto view = make_json_progress(screen.output, ProgressShape::restore);
  view->files_total = 4;
  view->files_done = 1;
  view->bytes_total = 400;
  view->bytes_done = 100;
  view->files_skipped = 1;
  view->bytes_skipped = 50;
  view->files_deleted = 1;
  view->print_status();
  EXPECT_EQ(
      screen.out.text,
      "{\"message_type\":\"status\",\"percent_done\":0.25,\"total_files\":4,\"files_restored\":1,"
      "\"files_skipped\":1,\"files_deleted\":1,\"total_bytes\":400,\"bytes_restored\":100,"
      "\"bytes_skipped\":50}\n");
}

TEST(JsonProgress, WritesItemsAndErrorsAsRestic) {
  Screen screen(json_of(3));
  const auto view = make_json_progress(screen.output, ProgressShape::backup);
  view->item_done({.item = "/d/",
                   .action = model::ItemAction::added,
                   .is_directory = true,
                   .metadata_size = 7});
  EXPECT_EQ(
      screen.out.text,
      "{\"message_type\":\"verbose_status\",\"action\":\"new\",\"item\":\"/d/\",\"duration\":0,"
      "\"data_size\":0,\"data_size_in_repo\":0,\"metadata_size\":7,\"metadata_size_in_repo\":0,"
      "\"total_files\":0}\n");
  view->item_failed("/x", "archival", "denied");
  EXPECT_EQ(
      screen.err.text,
      "{\"message_type\":\"error\",\"error\":{\"message\":\"denied\"},\"during\":\"archival\","
      "\"item\":\"/x\"}\n");
}

TEST(JsonProgress, TellsWhatTheScanFound) {
  Screen screen(json_of(3));
  const auto view = make_json_progress(screen.output, ProgressShape::backup);
  view->files_total = 3;
  view->bytes_total = 70;
  view->phase("load index files");
  EXPECT_EQ(screen.out.text, "");
  view->phase("scan finished");
  const Json line = Json::parse(screen.out.text, "line");
  EXPECT_EQ(line.at("action").as_string(), "scan_finished");
  EXPECT_EQ(line.at("total_files").as_uint(), 3U);
  EXPECT_EQ(line.at("data_size").as_uint(), 70U);
}

TEST(Progress, AnswersARequestAndTicks) {
  Screen screen(json_of(1));
  StatusRequests requests;
  {
    Progress progress(make_json_progress(screen.output, ProgressShape::backup), {}, false,
                      requests);
    requests.fire();
    EXPECT_EQ(lines_of(screen.out.text).size(), 1U);
    progress.finish();
    requests.fire();
    EXPECT_EQ(lines_of(screen.out.text).size(), 1U);
  }
  screen.out.text.clear();
  {
    const Progress ticking(make_json_progress(screen.output, ProgressShape::backup),
                           std::chrono::milliseconds(1), false, requests);
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
  EXPECT_FALSE(screen.out.text.empty());
}

TEST(TickInterval, FollowsTheOutputAndTheVariable) {
  Variables variables;
  Screen pipe;
  Screen terminal(terminal_of(80));
  Screen json(json_of(1));
  Screen quiet_json(json_of(0));
  EXPECT_EQ(tick_interval(variables, pipe.output).count(), 0);
  EXPECT_EQ(tick_interval(variables, terminal.output).count(), 100);
  EXPECT_EQ(tick_interval(variables, json.output).count(), 100);
  EXPECT_EQ(tick_interval(variables, quiet_json.output).count(), 0);
  variables.set("RESTIC_PROGRESS_FPS", "0.5");
  EXPECT_EQ(tick_interval(variables, pipe.output).count(), 2000);
  EXPECT_EQ(tick_interval(variables, quiet_json.output).count(), 2000);
  for (const char* wrong : {"0", "-1", "fast", "nan", "inf", "1x"}) {
    variables.set("RESTIC_PROGRESS_FPS", wrong);
    EXPECT_THROW(static_cast<void>(tick_interval(variables, pipe.output)), Error) << wrong;
  }
}

}  // namespace
}  // namespace holdfast::cli
