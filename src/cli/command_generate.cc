// SPDX-License-Identifier: Apache-2.0
// generate: completions and man pages, from the same tables as the help.
#include <fmt/format.h>

#include <array>
#include <filesystem>

#include "base/error.h"
#include "base/fd.h"
#include "cli/commands.h"
#include "cli/completion.h"
#include "cli/invocation.h"
#include "cli/man_page.h"
#include "cli/run.h"
#include "cli/text.h"
#include "job/scratch.h"

namespace holdfast::cli {

namespace {

namespace fs = std::filesystem;

constexpr std::array options{
    Option{.name = "bash-completion",
           .kind = OptionKind::value,
           .value_name = "file",
           .help = "write the completion for bash; - is standard output, here and below"},
    Option{.name = "fish-completion",
           .kind = OptionKind::value,
           .value_name = "file",
           .help = "write the completion for fish"},
    Option{.name = "zsh-completion",
           .kind = OptionKind::value,
           .value_name = "file",
           .help = "write the completion for zsh"},
    Option{.name = "man",
           .kind = OptionKind::value,
           .value_name = "directory",
           .help = "write the man pages, one for each verb; made if it is missing"},
};

struct Script {
  std::string_view option;
  std::string_view shell;
  std::string (*make)(std::span<const Command* const>, std::span<const Option>);
};

constexpr std::array scripts{
    Script{"bash-completion", "bash", bash_completion},
    Script{"fish-completion", "fish", fish_completion},
    Script{"zsh-completion", "zsh", zsh_completion},
};

void write_text(const fs::path& path, std::string_view text) {
  in_context("writing " + path.string(), [&] { write_file_durably(path, as_bytes(text), 0644); });
}

// Before anything is written: whether the values can be what is meant.
void check_values(const Arguments& arguments) {
  bool is_any_given = false;
  int on_output = 0;
  for (const Option& option : options) {
    const auto value = arguments.value(option.name);
    if (!value) continue;
    is_any_given = true;
    if (value->empty()) throw Error(Errc::usage, fmt::format("--{} names no file", option.name));
    if (*value != "-") continue;
    if (option.name == "man") throw Error(Errc::usage, "--man names a directory, and - is none");
    ++on_output;
  }
  if (!is_any_given) {
    throw Error(Errc::usage, "nothing is to be generated")
        .set_hint("Name at least one file: see `holdfast help generate`.");
  }
  if (on_output > 1)
    throw Error(Errc::usage, "only one completion can be written to standard output");
}

void run(Invocation& invocation) {
  invocation.expect_words(0, 0, "");
  const Arguments& arguments = invocation.arguments();
  Output& output = invocation.output();
  check_values(arguments);
  for (const Script& script : scripts) {
    const auto file = arguments.value(script.option);
    if (!file) continue;
    const std::string text = script.make(all_commands(), global_options());
    if (*file == "-") {
      output.raw().write(as_bytes(text));
      continue;
    }
    write_text(*file, text);
    output.detail(fmt::format("wrote the completion for {} to {}", script.shell, printable(*file)));
  }
  if (const auto directory = arguments.value("man")) {
    job::make_directories(*directory);
    const std::vector<ManPage> pages =
        man_pages(all_commands(), global_options(), program_version());
    for (const ManPage& page : pages) write_text(fs::path(*directory) / page.file_name, page.text);
    output.detail(
        fmt::format("wrote {} to {}", counted(pages.size(), "man page"), printable(*directory)));
  }
}

}  // namespace

constinit const Command generate_command{
    .name = "generate",
    .group = VerbGroup::other,
    .arguments = "[flags]",
    .summary = "Write completions for shells, and man pages",
    .description =
        "Writes completions for bash, fish and zsh and the man pages of this program. They are "
        "made from what `holdfast help` prints, so that they always fit the program. Files that "
        "are there are replaced. An installed Holdfast has them in place.",
    .options = {options},
    .run = run,
};

}  // namespace holdfast::cli
