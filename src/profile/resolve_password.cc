// SPDX-License-Identifier: Apache-2.0
// Gets passwords from where an instance file says that they are.
#include <cctype>

#include "base/error.h"
#include "base/fd.h"
#include "base/process.h"
#include "profile/instance_file.h"

namespace holdfast::profile {

std::shared_ptr<const Secret> resolve_password(const model::PasswordSource& source,
                                               std::string_view whose, std::stop_token stop) {
  const auto trimmed = [](std::string text) {
    const auto space = [](char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; };
    while (!text.empty() && space(text.back())) text.pop_back();
    std::size_t first = 0;
    while (first < text.size() && space(text[first])) ++first;
    std::string result = text.substr(first);
    wipe(text.data(), text.size());
    return std::make_shared<const Secret>(std::move(result));
  };
  if (source.known) return source.known;
  if (!source.file.empty()) {
    return in_context("reading the password of " + std::string(whose),
                      [&] { return trimmed(read_text_file(source.file, 64U * 1024)); });
  }
  if (source.command.empty()) return nullptr;
  Command command{.argv = source.command,
                  .environment = {},
                  .directory = {},
                  .timeout = std::chrono::seconds(60),
                  .fetches_password = true};
  ProcessResult result = run_process(command, {}, std::move(stop));
  if (result.timed_out || result.exit_code != 0) {
    wipe(result.output.data(), result.output.size());
    throw Error(Errc::failed_child,
                "password_command of " + std::string(whose) + " failed: " + source.command.front() +
                    ": " +
                    (result.timed_out ? "no end after 60 s"
                                      : "exit code " + std::to_string(result.exit_code)));
  }
  return trimmed(std::move(result.output));
}

}  // namespace holdfast::profile
