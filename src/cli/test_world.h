// SPDX-License-Identifier: Apache-2.0
// For tests only: a world to run verbs in, with a temporary directory, captured streams and keys
// that cost nothing.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/stream.h"
#include "cli/run.h"
#include "cli/text.h"

namespace holdfast::cli {

class CapturedStream final : public TextStream {
 public:
  [[nodiscard]] bool write(std::string_view more) noexcept override {
    if (broken) return false;
    text += more;
    return true;
  }
  std::string text;
  bool broken = false;
};

struct Outcome {
  int exit_code = 0;
  std::string output, errors;

  [[nodiscard]] std::vector<Json> json_lines() const { return parse(output); }
  [[nodiscard]] std::vector<Json> json_errors() const { return parse(errors); }
  // The last line of the output with this message_type.
  [[nodiscard]] Json message(std::string_view type) const {
    Json found;
    for (const Json& line : json_lines()) {
      if (line.is_object() && line.string_or("message_type", "") == type) found = line;
    }
    return found;
  }

 private:
  static std::vector<Json> parse(const std::string& text) {
    std::vector<Json> lines;
    for (const std::string& line : lines_of(text))
      lines.push_back(Json::parse(line, "a line of output"));
    return lines;
  }
};

class World {
 public:
  // In memory where there is such a place: what tests store need not outlive a crash, and disks are
  // slow.
  World()
      : directory_("holdfast-cli-test",
                   std::filesystem::is_directory("/dev/shm") ? "/dev/shm" : "") {
    variables.set("RESTIC_REPOSITORY", path("repository"));
    variables.set_secret("RESTIC_PASSWORD", Secret("sesame"));
  }

  [[nodiscard]] std::string path(std::string_view name) const {
    return (directory_.path() / name).string();
  }
  // Makes a file with its directories; returns its path.
  std::string write(std::string_view name, std::string_view content) const {
    const std::filesystem::path at = directory_.path() / name;
    std::filesystem::create_directories(at.parent_path());
    const Fd file = open_file(at, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    write_all(file.get(), as_bytes(content), at.string());
    return at.string();
  }
  [[nodiscard]] std::string read(std::string_view name) const {
    return read_text_file(directory_.path() / name);
  }

  // Runs one command line; `input` is its standard input.
  Outcome run(const std::vector<std::string>& words, std::string_view input = {}) {
    CapturedStream output, errors;
    BytesSource source(as_bytes(input));
    auto environment = std::make_unique<Environment>();
    environment->variables = std::move(variables);
    environment->output = &output;
    environment->errors = &errors;
    environment->input = &source;
    environment->output_is_terminal = columns != 0;
    environment->columns = [this] { return columns; };
    environment->job.hostname = "testhost";
    environment->job.username = "tester";
    if (has_state) environment->job.state_directory = directory_.path() / "state";
    environment->job.program = "/bin/true";  // as guardian; this program would run its tests
    environment->key_cost = format::ScryptCost{16, 1, 1};
    environment->ask_secret = ask_secret;
    output.broken = output_is_broken;
    if (stopped) {
      environment->interrupted.store(true);
      environment->stop.request_stop();
    }
    const int code = cli::run(words, *environment);
    variables = std::move(environment->variables);
    return {code, output.text, errors.text};
  }
  // The same, which must succeed.
  Outcome done(const std::vector<std::string>& words, std::string_view input = {}) {
    Outcome outcome = run(words, input);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
    return outcome;
  }

  Variables variables;
  unsigned columns = 0;  // of the terminal; 0: output is a pipe
  bool stopped = false;  // the stop comes before the verb begins
  bool output_is_broken = false;
  bool has_state = true;  // a state directory is known
  std::function<Secret(std::string_view, std::stop_token)> ask_secret;

 private:
  TemporaryDirectory directory_;
};

}  // namespace holdfast::cli
