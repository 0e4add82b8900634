// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/vendor_program.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/process.h"
#include "engine/typedb/releases.h"

namespace holdfast::engine::typedb {
namespace {

constexpr std::size_t output_bytes_max = 1U << 20U;  // of progress, redrawn ten times a second
constexpr std::size_t said_lines_max = 5;

// Passes over an escape sequence: ESC [ parameters letter, or ESC and one more.
std::size_t after_escape(std::string_view text, std::size_t at) noexcept {
  ++at;
  if (at >= text.size() || text[at] != '[') return std::min(at + 1, text.size());
  ++at;
  while (at < text.size() && (text[at] < '@' || text[at] > '~')) ++at;
  return std::min(at + 1, text.size());
}

}  // namespace

std::optional<CommandShape> command_shape(std::string_view release) {
  const std::optional<std::size_t> range = range_of(release);
  if (!range) return std::nullopt;
  const ReleaseRange& found = release_ranges.at(*range);
  if (found.encoding == Encoding::v3_a || found.encoding == Encoding::v3_b) return std::nullopt;
  if (found.with_schema) return CommandShape::schema_and_data;
  return found.encoding == Encoding::v2_0 ? CommandShape::positional : CommandShape::file;
}

SchemaPlace schema_place(CommandShape shape) noexcept {
  return shape == CommandShape::schema_and_data ? SchemaPlace::beside : SchemaPlace::apart;
}

std::vector<std::string> vendor_command(const VendorProgram& vendor, MigratorJob job,
                                        const std::string& database, const JobFiles& files) {
  const std::string verb = job == MigratorJob::exports ? "export" : "import";
  const std::string port = fmt::format("--port={}", vendor.port);
  const std::string program = vendor.program.native();
  switch (vendor.shape) {
    case CommandShape::positional:
      return {program, "server", port, verb, database, files.data};
    case CommandShape::file:
      return {program, "server", verb, "--database=" + database, "--file=" + files.data, port};
    case CommandShape::schema_and_data:
      break;
  }
  return {program,
          "server",
          verb,
          "--database=" + database,
          "--schema=" + files.schema,
          "--data=" + files.data,
          port};
}

void run_vendor(const VendorProgram& vendor, MigratorJob job, const std::string& database,
                const JobFiles& files, const std::stop_token& stop) {
  const Command command{.argv = vendor_command(vendor, job, database, files)};
  const ProcessResult result = run_process(command, {}, stop, output_bytes_max);
  if (result.exit_code == 0) return;
  std::string said = last_lines(result.errors, said_lines_max);
  if (said.empty()) said = last_lines(result.output, said_lines_max);
  throw Error(
      Errc::failed_child,
      fmt::format("{} ended with {}: {}", holdfast::display(command.argv), result.exit_code, said));
}

std::string last_lines(std::string_view output, std::size_t lines_max) {
  std::vector<std::string> lines(1);
  for (std::size_t at = 0; at < output.size();) {
    const char c = output[at];
    if (c == '\x1b') {
      at = after_escape(output, at);
      continue;
    }
    ++at;
    if (c == '\n') {
      if (!lines.back().empty()) lines.emplace_back();
    } else if (c == '\r') {
      // The end of a line, or the beginning of the same once more.
      if (at < output.size() && output[at] != '\n') lines.back().clear();
    } else if (static_cast<unsigned char>(c) >= ' ' || c == '\t') {
      lines.back() += c;
    }
  }
  if (lines.back().empty()) lines.pop_back();
  std::string text;
  const std::size_t first = lines.size() > lines_max ? lines.size() - lines_max : 0;
  for (std::size_t i = first; i < lines.size(); ++i) text += (text.empty() ? "" : "; ") + lines[i];
  return text;
}

}  // namespace holdfast::engine::typedb
