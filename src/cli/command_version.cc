// SPDX-License-Identifier: Apache-2.0
// version: which program this is.
#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/invocation.h"
#include "cli/run.h"

namespace holdfast::cli {

namespace {

#if defined(__x86_64__)
constexpr std::string_view architecture = "amd64";
#elif defined(__aarch64__)
constexpr std::string_view architecture = "arm64";
#else
constexpr std::string_view architecture = "unknown";
#endif

void run(Invocation& invocation) {
  invocation.expect_words(0, 0, "");
  const std::string compiler = fmt::format("GCC {}", __VERSION__);
  Output& output = invocation.output();
  if (output.json()) {
    output.json_line(Json::object()
                         .set("message_type", "version")
                         .set("version", program_version())
                         .set("compiler", compiler)
                         .set("os", "linux")
                         .set("arch", architecture));
    return;
  }
  output.line(fmt::format("holdfast {} compiled with {} on linux/{}", program_version(), compiler,
                          architecture));
}

}  // namespace

constinit const Command version_command{
    .name = "version",
    .group = VerbGroup::other,
    .arguments = "[flags]",
    .summary = "Print the version",
    .description = "Prints the version of this program.",
    .run = run,
};

}  // namespace holdfast::cli
