// SPDX-License-Identifier: Apache-2.0
// What a verb is to the command line: a constant table entry. Parser, help, the list of verbs,
// completions and man pages are all made from it.
//
// To add a verb:
//   1. Write the job in src/job (options and result structs, no printing).
//   2. Write src/cli/command_<verb>.cc: a constant array of Option, a `void run(Invocation&)` that
//   turns
//      arguments into the job's options, calls it and prints the result, and
//      `constinit const Command <verb>_command{…}`.
//   3. Declare it in commands.h and add it to the list in commands.cc. Add the .cc to
//   CMakeLists.txt.
//   4. Say what its words and values may be (`words`, `values`), for completions.
//   5. Describe its JSON in docs/json.md and new error names in docs/errors.md (tests compare).
// Every verb takes -I FILE.toml, which says where the repository is. A verb that exists in a plain
// form and for instances (`backup`, `restore`) is one Command: with -I the instance_… members
// count, and options of the other form are refused.
//
// run() returns when the work is done. Everything else is thrown: the code of the Error decides the
// exit code (exit_code.h). A result that is printed but incomplete ends with `throw
// Error(Errc::incomplete, …)`.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace holdfast::cli {

class Invocation;

enum class OptionKind : std::uint8_t {
  flag,   // --name, --name=false
  count,  // -vv, --name=2
  value,  // --name VALUE, --name=VALUE, -nVALUE; the last one counts
  list,   // the same, but every one counts
  word,   // a value that may be left out: --name or --name=VALUE; every one counts, "" where left
          // out
};

struct Option {
  std::string_view name;  // without dashes
  char letter = 0;        // -l; 0: none
  OptionKind kind = OptionKind::flag;
  std::string_view value_name = {};  // "file"; what help calls the value
  std::string_view help = {};        // a phrase without full stop; help adds the variable
  // Name of the environment variable that stands in for the option, without prefix: HOLDFAST_ is
  // tried first, then RESTIC_. Empty: none.
  std::string_view variable = {};
  bool hidden = false;  // accepted, but not in the help
  // What completions offer as a value: known values, parted by spaces, or FILE or DIRECTORY for the
  // names of such. Left empty, a value_name of "file" or "directory" says the latter.
  std::string_view values = {};
};

// Whether a value is a word of its own behind --name or -n.
[[nodiscard]] constexpr bool takes_value(const Option& option) noexcept {
  return option.kind == OptionKind::value || option.kind == OptionKind::list;
}

// Tables that together are the options of one verb; unused places stay empty.
using OptionTables = std::array<std::span<const Option>, 4>;

enum class VerbGroup : std::uint8_t { instances, snapshots, repository, other };

struct Command {
  std::string_view name;  // "backup"; two words for a verb with sub-verbs: "key list"
  VerbGroup group = VerbGroup::other;
  std::string_view arguments = {};    // what follows the name: "[flags] [FILE|DIR]..."
  std::string_view summary = {};      // one line for the list of verbs
  std::string_view description = {};  // paragraphs separated by an empty line; wrapped by help
  OptionTables options = {};
  void (*run)(Invocation& invocation) = nullptr;  // null: only with -I

  // The form with -I FILE.toml; null if there is none.
  void (*run_instance)(Invocation& invocation) = nullptr;
  std::string_view instance_arguments = {};
  OptionTables instance_options = {};
  // An option of the plain form that means this form although -I is there; empty: none.
  std::string_view plain_sign = {};

  bool hidden = false;          // runs, but is not in the help: for programs that call us back
  std::string_view words = {};  // what completions offer besides flags; as values of Option
};

}  // namespace holdfast::cli
