// SPDX-License-Identifier: Apache-2.0
// Oracle's client programs: where they are, what environment they get, and the four that copy.
//
// No password is in argv, in the environment or in a file: it is answered on standard input, which
// all of them read when it is no terminal.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/process.h"
#include "base/secret.h"
#include "engine/oracle/location.h"
#include "engine/oracle/messages.h"

namespace holdfast::engine::oracle {

struct Access {
  Location location;
  std::shared_ptr<const Secret> password;  // nullptr: a wallet
};
// Errc::usage as location_of(), and for a password that cannot be one.
[[nodiscard]] Access access_to(const model::Endpoint& endpoint);

// argv[0] of a program: in `home`/bin, in `home`, else its name for PATH. Nothing if it is not
// there.
[[nodiscard]] std::optional<std::string> find_program(const Location& location,
                                                      std::string_view name);
// The same words in a shell that first forgets what would win over NLS_LANG.
[[nodiscard]] std::vector<std::string> client_command(std::vector<std::string> words);
// TWO_TASK, ORACLE_HOME, LD_LIBRARY_PATH, TNS_ADMIN and NLS_LANG. Nobody's login.sql is read.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> client_environment(
    const Location& location, std::string_view character_set);
// "AMERICAN_AMERICA.AL32UTF8"
[[nodiscard]] std::string nls_lang(std::string_view character_set);

// The release a program says it is of, "19.0.0.0.0"; empty if it does not.
[[nodiscard]] std::string program_release(const Location& location, std::string_view name,
                                          const std::stop_token& stop);

// exp, imp, expdp or impdp.
struct ToolJob {
  std::string program;                                          // its name
  std::string character_set;                                    // of NLS_LANG
  std::vector<std::pair<std::string, std::string>> parameters;  // of the PARFILE
  std::filesystem::path scratch_directory;                      // for the PARFILE, 0600
};
struct ToolResult {
  int exit_code = 0;
  std::string log;  // all it said, without what it asked
  LogReport report;
};
// "was ended by signal 9 (out of memory? see the kernel's log)"; empty for an exit code that is of
// no signal.
[[nodiscard]] std::string signal_words(int exit_code);
// Runs it to its end; what its log says is a value. Errc::not_found without the program;
// cancelled.
[[nodiscard]] ToolResult run_tool(const Access& access, const ToolJob& job,
                                  const std::stop_token& stop);

}  // namespace holdfast::engine::oracle
