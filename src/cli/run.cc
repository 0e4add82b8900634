// SPDX-License-Identifier: Apache-2.0
#include "cli/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>

#include "base/error.h"
#include "base/log.h"
#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/help.h"
#include "cli/invocation.h"
#include "cli/text.h"

namespace holdfast::cli {

namespace {

constexpr int password_tries = 3;

// Asked before the line is parsed, because errors of parsing are JSON too.
bool wants_json(const std::vector<std::string>& words) {
  const auto end = std::find(words.begin(), words.end(), "--");
  return std::any_of(words.begin(), end, [](const std::string& word) {
    return word == "--json" || word == "--json=true";
  });
}

OutputSettings settings_of(const Arguments& arguments, const Environment& environment) {
  const unsigned verbose = arguments.count("verbose");
  const bool quiet = arguments.flag("quiet");
  if (quiet && verbose > 0)
    throw Error(Errc::usage, "--quiet and --verbose cannot be used together");
  OutputSettings settings;
  settings.json = arguments.flag("json");
  settings.verbosity = quiet ? 0 : 1 + std::min(verbose, 2U);
  settings.is_terminal = environment.output_is_terminal;
  settings.columns = environment.columns;
  return settings;
}

// What an error means at the end of a run. A cancellation that nobody asked for is a lost
// repository lock.
Error final_error(const Error& error, const Environment& environment) {
  if (error.code() != Errc::cancelled) return error;
  if (environment.interrupted.load()) return Error(Errc::cancelled, "interrupted");
  Error lost(Errc::locked, "the lock on the repository was lost, so the run was stopped");
  lost.set_hint("Run it again; nothing that is stored was harmed.");
  return lost;
}

// The next step where the error itself names none: what its name says in general, docs/errors.md.
std::string_view usual_hint(Errc code) {
  switch (code) {
    case Errc::not_found:
      return "Check that the name is right.";
    case Errc::exists:
      return "Choose another name, or move away what is there.";
    case Errc::incomplete:
      return "What is missing is listed above; the rest is whole.";
    case Errc::unavailable:
      return "Try again in a while.";
    case Errc::denied:
      return "Check who runs holdfast and what that user may do there. Where a repository may only "
             "be read, --no-lock helps.";
    case Errc::no_space:
      return "Make room, then run it again; what was stored before is whole.";
    case Errc::io:
      return "Run it again; if it fails again, look into the system's log.";
    case Errc::corrupt:
      return "`holdfast check --read-data` tells what else is damaged.";
    case Errc::failed_child:
      return "Run that program by itself to see why it fails.";
    case Errc::locked:
      return "`--retry-lock 5m` waits; `holdfast unlock` removes locks that nobody holds any more.";
    case Errc::wrong_password:
      return "Check where the password comes from: --password-file, --password-command, "
             "$HOLDFAST_PASSWORD or $RESTIC_PASSWORD.";
    case Errc::no_repository:
      return "Run `holdfast init` to make one, or check the location.";
    default:
      return {};
  }
}

// The verb among the words, as far as one can tell without parsing them; empty if there is none.
std::string_view verb_among(const std::vector<std::string>& words) {
  for (std::size_t i = 0; i < words.size() && words[i] != "--"; ++i) {
    const std::string both = words[i] + " " + (i + 1 < words.size() ? words[i + 1] : "");
    for (const Command* command : all_commands()) {
      if (command->name == words[i] || command->name == both) return command->name;
    }
  }
  return {};
}

std::string next_step(const Error& error, const std::vector<std::string>& words) {
  if (!error.hint().empty()) return error.hint();
  if (error.code() != Errc::usage) return std::string(usual_hint(error.code()));
  const std::string_view verb = verb_among(words);
  return fmt::format("See `holdfast help{}{}`.", verb.empty() ? "" : " ", verb);
}

void print_error(const Error& error, const std::string& hint, bool json, TextStream& errors) {
  const int code = exit_code(error.code());
  std::string text;
  if (json) {
    Json line = Json::object();
    line.set("message_type", "exit_error");
    line.set("code", code);
    line.set("message", error.message());
    line.set("name", errc_name(error.code()));
    if (!hint.empty()) line.set("hint", hint);
    text = line.dump() + "\n";
  } else {
    text = fmt::format("{}: {}\n", error.code() == Errc::incomplete ? "warning" : "error",
                       printable(error.message()));
    if (!hint.empty()) text += printable(hint) + "\n";
    if (error.code() == Errc::bug) {
      text += fmt::format("This is a bug of holdfast {} ({}:{}). Please report it.\n",
                          program_version(), error.where().file_name(), error.where().line());
    }
  }
  static_cast<void>(errors.write(text));
}

// Whether the words ask for help alone; then it is printed.
bool answer_help(const std::vector<std::string>& words, Environment& environment) {
  const auto print = [&](const std::string& text) {
    if (!environment.output->write(text)) throw Error(Errc::io, "cannot write to standard output");
    return true;
  };
  if (words.empty()) return print(help_overview(all_commands()));
  std::vector<std::string> asked = words;
  if (words.front() == "help") {
    asked.erase(asked.begin());
    if (asked.empty()) return print(help_overview(all_commands()));
    asked.emplace_back("--help");
  }
  const ParsedLine line =
      parse_command_line(asked, all_commands(), global_options(), environment.variables);
  if (!line.help && !(line.command == nullptr && !line.verb_group.empty())) return false;
  if (line.command != nullptr) {
    const unsigned columns = environment.columns ? environment.columns() : 0;
    return print(help_verb(*line.command, global_options(), columns == 0 ? 80 : columns));
  }
  if (!line.verb_group.empty()) return print(help_verb_group(all_commands(), line.verb_group));
  return print(help_overview(all_commands()));
}

// True: the password was wrong, was typed, and may be typed again.
bool run_verb(const ParsedLine& line, Environment& environment, Output& output,
              bool may_try_again) {
  Invocation invocation(*line.command, line.arguments, environment, output);
  try {
    if (is_instance_form(*line.command, line.arguments)) {
      line.command->run_instance(invocation);
    } else {
      line.command->run(invocation);
    }
  } catch (const Error& error) {
    if (error.code() != Errc::wrong_password || !may_try_again || !invocation.password_was_typed())
      throw;
    output.error_line("wrong password, try again");
    return true;
  }
  return false;
}

void run_line(std::vector<std::string> words, Environment& environment) {
  if (words == std::vector<std::string>{"--version"}) words = {"version"};
  if (answer_help(words, environment)) return;
  const ParsedLine line =
      parse_command_line(words, all_commands(), global_options(), environment.variables);
  if (line.command == nullptr) {
    Error error(Errc::usage, "no verb is given");
    error.set_hint("See `holdfast help`.");
    throw error;
  }
  Output output(*environment.output, *environment.errors, settings_of(line.arguments, environment));
  set_log_level(output.verbosity() >= 3   ? LogLevel::debug
                : output.verbosity() == 2 ? LogLevel::info
                                          : LogLevel::warn);
  int tries_left = password_tries;
  while (run_verb(line, environment, output, --tries_left > 0)) {
  }
  if (output.lost()) throw Error(Errc::io, "cannot write to standard output");
}

}  // namespace

int run(const std::vector<std::string>& words, Environment& environment) noexcept {
  try {
    run_line(words, environment);
    return exit_done;
  } catch (const Error& error) {
    return report_error(final_error(error, environment), words, *environment.errors);
  } catch (const std::bad_alloc&) {
    return report_error(Error(Errc::io, "out of memory"), words, *environment.errors);
  } catch (const std::exception& error) {
    return report_error(Error(Errc::bug, error.what()), words, *environment.errors);
  }
}

int report_error(const Error& error, const std::vector<std::string>& words, TextStream& errors) {
  print_error(error, next_step(error, words), wants_json(words), errors);
  return exit_code(error.code());
}

std::string program_version() {
  return HOLDFAST_VERSION;
}

}  // namespace holdfast::cli
