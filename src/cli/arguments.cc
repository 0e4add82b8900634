// SPDX-License-Identifier: Apache-2.0
#include "cli/arguments.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <numeric>

#include "base/error.h"

namespace holdfast::cli {

namespace {

// What restic 0.19 has and we have not.
constexpr std::array<std::string_view, 4> restic_verbs{"features", "mount", "options",
                                                       "self-update"};

bool parse_bool(std::string_view text, std::string_view origin) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  if (lower == "1" || lower == "t" || lower == "true") return true;
  if (lower == "0" || lower == "f" || lower == "false") return false;
  throw Error(Errc::usage,
              fmt::format("invalid value \"{}\" of {}: neither true nor false", text, origin));
}

std::optional<std::uint64_t> parse_whole_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

const Option& Arguments::option(std::string_view name) const {
  for (const Option* candidate : options_) {
    if (candidate->name == name) return *candidate;
  }
  throw Error(Errc::bug,
              fmt::format("a rule was broken: --{} is not an option of this verb", name));
}

void Arguments::add(const Option& option, std::string value) {
  auto& values = given_[option.name];
  if (option.kind == OptionKind::value || option.kind == OptionKind::flag) values.clear();
  values.push_back(std::move(value));
}

bool Arguments::on_command_line(std::string_view name) const {
  return given_.contains(option(name).name);
}

bool Arguments::given(std::string_view name) const {
  const Option& asked = option(name);
  return given_.contains(asked.name) ||
         (!asked.variable.empty() && variables_->find(asked.variable));
}

std::string Arguments::origin(std::string_view name) const {
  const Option& asked = option(name);
  if (given_.contains(asked.name) || asked.variable.empty()) return fmt::format("--{}", name);
  return variables_->full_name(asked.variable);
}

bool Arguments::flag(std::string_view name) const {
  const auto text = value(name);
  return text && parse_bool(*text, origin(name));
}

unsigned Arguments::count(std::string_view name) const {
  const auto found = given_.find(option(name).name);
  if (found == given_.end()) return 0;
  unsigned total = 0;
  for (const std::string& text : found->second) {
    if (text.empty()) {
      ++total;
      continue;
    }
    const auto number = parse_whole_number(text);
    if (!number || *number > 1000) {
      throw Error(Errc::usage,
                  fmt::format("invalid value \"{}\" of --{}: not a whole number", text, name));
    }
    total = static_cast<unsigned>(*number);
  }
  return total;
}

std::optional<std::string> Arguments::value(std::string_view name) const {
  const Option& asked = option(name);
  const auto found = given_.find(asked.name);
  if (found != given_.end()) return found->second.back();
  if (asked.variable.empty()) return std::nullopt;
  return variables_->find(asked.variable);
}

std::string Arguments::value_or(std::string_view name, std::string_view otherwise) const {
  return value(name).value_or(std::string(otherwise));
}

std::vector<std::string> Arguments::list(std::string_view name) const {
  const Option& asked = option(name);
  const auto found = given_.find(asked.name);
  if (found != given_.end()) return found->second;
  if (asked.variable.empty()) return {};
  const auto variable = variables_->find(asked.variable);
  return variable ? std::vector<std::string>{*variable} : std::vector<std::string>{};
}

std::optional<std::uint64_t> Arguments::number(std::string_view name, std::uint64_t most) const {
  const auto text = value(name);
  if (!text) return std::nullopt;
  const auto number = parse_whole_number(*text);
  if (!number || *number > most) {
    throw Error(Errc::usage,
                fmt::format("invalid value \"{}\" of {}: not a whole number from 0 to {}", *text,
                            origin(name), most));
  }
  return number;
}

namespace {

// How many letters must be changed, added, taken out or swapped with their neighbour.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> now(b.size() + 1);
  std::iota(last.begin(), last.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    now[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
      now[j] = std::min({last[j] + 1, now[j - 1] + 1, last[j - 1] + change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        now[j] = std::min(now[j], before[j - 2] + 1);
      }
    }
    std::swap(before, last);
    std::swap(last, now);
  }
  return last[b.size()];
}

class LineParser {
 public:
  LineParser(const std::vector<std::string>& words, std::span<const Command* const> commands,
             std::span<const Option> global_options, const Variables& variables)
      : words_(words),
        commands_(commands),
        global_options_(global_options),
        variables_(variables) {}

  ParsedLine parse();

 private:
  void find_verb();
  void use_tables(const OptionTables& tables);
  // Where the next word that is no option stands, from `index` on; words_.size() if there is none.
  std::size_t next_word(std::size_t index) const;
  const Option* find(std::string_view name) const;
  const Option* find(char letter) const;
  [[noreturn]] void refuse(const std::string& message) const;
  [[noreturn]] void refuse_unknown(std::string_view name) const;
  std::size_t take_long(std::size_t index, Arguments& arguments) const;
  std::size_t take_letters(std::size_t index, Arguments& arguments) const;
  void check_form(const Arguments& arguments) const;

  const std::vector<std::string>& words_;
  std::span<const Command* const> commands_;
  std::span<const Option> global_options_;
  const Variables& variables_;
  std::vector<const Option*> options_;
  const Command* command_ = nullptr;
  std::string verb_group_;
  std::size_t verb_index_ = 0;
  std::size_t second_index_ = 0;  // of "list" in "key list"; 0: none
};

const Option* LineParser::find(std::string_view name) const {
  for (const Option* option : options_) {
    if (option->name == name) return option;
  }
  return nullptr;
}

const Option* LineParser::find(char letter) const {
  for (const Option* option : options_) {
    if (option->letter == letter) return option;
  }
  return nullptr;
}

void LineParser::refuse(const std::string& message) const {
  Error error(Errc::usage, message);
  error.set_hint(command_ != nullptr ? fmt::format("See `holdfast help {}`.", command_->name)
                                     : "See `holdfast help`.");
  throw error;
}

void LineParser::refuse_unknown(std::string_view name) const {
  std::vector<std::string_view> names;
  for (const Option* option : options_) {
    if (!option->hidden) names.push_back(option->name);
  }
  const std::string near = nearest(name, names);
  Error error(Errc::usage, fmt::format("unknown flag --{}", name));
  if (!near.empty()) {
    error.set_hint(fmt::format("Did you mean --{}?", near));
  } else if (command_ != nullptr) {
    error.set_hint(fmt::format("See `holdfast help {}`.", command_->name));
  } else {
    error.set_hint("Flags of a verb come behind the verb; see `holdfast help`.");
  }
  throw error;
}

void LineParser::use_tables(const OptionTables& tables) {
  for (const auto& table : tables) {
    for (const Option& option : table) {
      if (find(option.name) == nullptr) options_.push_back(&option);
    }
  }
}

std::size_t LineParser::next_word(std::size_t index) const {
  while (index < words_.size()) {
    const std::string& word = words_[index];
    if (word == "--") return index + 1;
    if (word.size() < 2 || word[0] != '-') return index;
    bool value_follows = false;
    if (word.starts_with("--")) {
      const Option* option = find(std::string_view(word).substr(2));
      value_follows = option != nullptr && takes_value(*option);
    } else {
      for (std::size_t at = 1; at < word.size(); ++at) {
        const Option* option = find(word[at]);
        if (option == nullptr || !takes_value(*option)) continue;
        value_follows = at + 1 == word.size();
        break;
      }
    }
    index += value_follows ? 2 : 1;
  }
  return words_.size();
}

void LineParser::find_verb() {
  verb_index_ = next_word(0);
  if (verb_index_ >= words_.size()) return;
  const std::string& verb = words_[verb_index_];
  const std::string prefix = verb + " ";
  bool is_group = false;
  for (const Command* command : commands_) {
    if (command->name == verb) command_ = command;
    if (command->name.starts_with(prefix)) {
      is_group = true;
      use_tables(command->options);
    }
  }
  if (command_ == nullptr && is_group) {
    second_index_ = next_word(verb_index_ + 1);
    const std::string second = second_index_ < words_.size() ? words_[second_index_] : "";
    for (const Command* command : commands_) {
      if (command->name == prefix + second) command_ = command;
    }
    if (command_ == nullptr && second_index_ >= words_.size()) {
      verb_group_ = verb;
      second_index_ = 0;
      return;
    }
    if (command_ != nullptr) {
      options_.clear();
      for (const Option& option : global_options_) options_.push_back(&option);
    }
  }
  if (command_ != nullptr) {
    use_tables(command_->options);
    use_tables(command_->instance_options);
    return;
  }
  std::vector<std::string_view> names;
  for (const Command* command : commands_) {
    if (command->hidden) continue;
    names.push_back(is_group ? command->name : command->name.substr(0, command->name.find(' ')));
  }
  const std::string asked = is_group ? prefix + words_[second_index_] : verb;
  if (!is_group &&
      std::find(restic_verbs.begin(), restic_verbs.end(), verb) != restic_verbs.end()) {
    Error error(Errc::unsupported, fmt::format("`{}` is a verb of restic that is not here", verb));
    error.set_hint(verb == "self-update"
                       ? "Holdfast is updated as it was installed; see docs/install.md."
                       : "Run `restic " + verb + "`: it reads and writes the same repository.");
    throw error;
  }
  // The name of it in restic until 0.14.
  const std::string near = verb == "rebuild-index" ? "repair index" : nearest(asked, names);
  Error error(Errc::usage, fmt::format("unknown verb `{}`", asked));
  error.set_hint(near.empty() ? "See `holdfast help` for the list of verbs."
                              : fmt::format("Did you mean `{}`?", near));
  throw error;
}

std::size_t LineParser::take_long(std::size_t index, Arguments& arguments) const {
  const std::string_view text = std::string_view(words_[index]).substr(2);
  const std::size_t equals = text.find('=');
  const std::string_view name = text.substr(0, equals);
  const Option* option = find(name);
  if (option == nullptr) refuse_unknown(name);
  if (equals != std::string_view::npos) {
    const std::string_view value = text.substr(equals + 1);
    if (option->kind == OptionKind::count && value.empty()) {
      refuse(fmt::format("flag --{} needs a number behind the equals sign", name));
    }
    if (option->kind == OptionKind::flag)
      static_cast<void>(parse_bool(value, fmt::format("--{}", name)));
    arguments.add(*option, std::string(value));
    return index + 1;
  }
  if (!takes_value(*option)) {
    arguments.add(*option, option->kind == OptionKind::flag ? "true" : "");
    return index + 1;
  }
  if (index + 1 >= words_.size()) refuse(fmt::format("flag --{} needs a value", name));
  arguments.add(*option, words_[index + 1]);
  return index + 2;
}

std::size_t LineParser::take_letters(std::size_t index, Arguments& arguments) const {
  const std::string& word = words_[index];
  for (std::size_t at = 1; at < word.size(); ++at) {
    const Option* option = find(word[at]);
    if (option == nullptr) refuse(fmt::format("unknown flag -{} in {}", word[at], word));
    std::string_view rest = std::string_view(word).substr(at + 1);
    if (!takes_value(*option)) {
      if (!rest.starts_with('=')) {
        arguments.add(*option, option->kind == OptionKind::flag ? "true" : "");
        continue;
      }
      if (option->kind == OptionKind::flag) {
        static_cast<void>(parse_bool(rest.substr(1), fmt::format("-{}", word[at])));
      }
      arguments.add(*option, std::string(rest.substr(1)));
      return index + 1;
    }
    if (rest.empty()) {
      if (index + 1 >= words_.size()) refuse(fmt::format("flag -{} needs a value", word[at]));
      arguments.add(*option, words_[index + 1]);
      return index + 2;
    }
    if (rest.starts_with('=')) rest.remove_prefix(1);
    arguments.add(*option, std::string(rest));
    return index + 1;
  }
  return index + 1;
}

// With -I only options of the instance form are taken, without it only those of the plain form.
void LineParser::check_form(const Arguments& arguments) const {
  if (command_ == nullptr || command_->run_instance == nullptr || command_->run == nullptr) return;
  const bool with_instance = is_instance_form(*command_, arguments);
  const OptionTables& allowed = with_instance ? command_->instance_options : command_->options;
  for (const auto& [name, values] : arguments.all_given()) {
    bool found = false;
    for (const Option& option : global_options_) found = found || option.name == name;
    for (const auto& table : allowed) {
      for (const Option& option : table) found = found || option.name == name;
    }
    if (found) continue;
    refuse(with_instance ? fmt::format("flag --{} cannot be used together with --instance", name)
                         : fmt::format("flag --{} works only together with --instance", name));
  }
}

ParsedLine LineParser::parse() {
  for (const Option& option : global_options_) options_.push_back(&option);
  find_verb();
  ParsedLine line{command_, verb_group_, Arguments(options_, variables_), false};
  bool options_ended = false;
  for (std::size_t index = 0; index < words_.size();) {
    const std::string& word = words_[index];
    if (options_ended || word.size() < 2 || word[0] != '-') {
      const bool is_verb = (command_ != nullptr || !verb_group_.empty()) &&
                           (index == verb_index_ || (second_index_ != 0 && index == second_index_));
      if (!is_verb) line.arguments.add_word(word);
      ++index;
    } else if (word == "--") {
      options_ended = true;
      ++index;
    } else if (word.starts_with("--")) {
      index = take_long(index, line.arguments);
    } else {
      index = take_letters(index, line.arguments);
    }
  }
  line.help = line.arguments.flag("help");
  if (!line.help) check_form(line.arguments);
  return line;
}

}  // namespace

std::string nearest(std::string_view text, const std::vector<std::string_view>& candidates) {
  std::string_view best;
  std::size_t best_distance = std::max<std::size_t>(1, text.size() / 3) + 1;
  for (const std::string_view candidate : candidates) {
    const std::size_t here = distance(text, candidate);
    if (here < best_distance) {
      best = candidate;
      best_distance = here;
    }
  }
  return std::string(best);
}

bool is_instance_form(const Command& command, const Arguments& arguments) {
  if (command.run_instance == nullptr || command.run == nullptr) {
    return command.run_instance != nullptr;
  }
  const auto& given = arguments.all_given();
  return given.contains("instance") && !given.contains(command.plain_sign);
}

ParsedLine parse_command_line(const std::vector<std::string>& words,
                              std::span<const Command* const> commands,
                              std::span<const Option> global_options, const Variables& variables) {
  return LineParser(words, commands, global_options, variables).parse();
}

}  // namespace holdfast::cli
