// SPDX-License-Identifier: Apache-2.0
#include "profile/magnolia/java_command.h"

#include <algorithm>
#include <array>

namespace holdfast::profile::magnolia {
namespace {

constexpr std::size_t words_max = 100'000;

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> pieces;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    if (end > 0) pieces.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return pieces;
}

// Options that take the next word and mean nothing here.
bool takes_a_word(std::string_view option) {
  constexpr std::array<std::string_view, 9> options{
      "--module-path", "-p",          "--upgrade-module-path", "--add-modules", "--add-exports",
      "--add-opens",   "--add-reads", "--limit-modules",       "--patch-module"};
  return std::find(options.begin(), options.end(), option) != options.end();
}

void take_property(std::string_view word, const std::string& where, JavaCommand& command) {
  word.remove_prefix(2);
  const std::size_t equals = std::min(word.find('='), word.size());
  if (equals == 0) return;
  command.system_properties.set(
      std::string(word.substr(0, equals)),
      std::string(equals < word.size() ? word.substr(equals + 1) : std::string_view()), where);
}

void take_options(const std::vector<std::string>& words, JavaCommand& command) {
  const std::string where = "the command line of the process";
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    const bool has_next = i + 1 < words.size();
    if (word.starts_with("-D")) {
      take_property(word, where, command);
    } else if (word == "-cp" || word == "-classpath" || word == "--class-path") {
      if (has_next) command.class_path = split(words[++i], ':');
    } else if (word.starts_with("--class-path=")) {
      command.class_path = split(std::string_view(word).substr(13), ':');
    } else if (word == "-jar" || word == "-m" || word == "--module") {
      if (has_next) command.main_class = words[++i];
      if (word == "-jar") command.class_path = {command.main_class};
      return;
    } else if (takes_a_word(word)) {
      ++i;
    } else if (!word.starts_with("-")) {
      command.main_class = word;
      return;
    }
  }
}

// The words of the command line with those of the argument files in their places.
std::vector<std::string> whole_words(const std::vector<std::string>& argv,
                                     const ReadText& read_text) {
  std::vector<std::string> words;
  bool takes_files = true, is_main_known = false;
  for (std::size_t i = 1; i < argv.size() && words.size() < words_max; ++i) {
    const std::string& word = argv[i];
    if (word == "--disable-@files") takes_files = false;
    if (takes_files && !is_main_known && word.size() > 1 && word[0] == '@' && word[1] != '@') {
      for (std::string& more : argument_file_words(read_text(word.substr(1))))
        words.push_back(std::move(more));
      continue;
    }
    words.push_back(word);
    const bool is_value = i > 1 && (argv[i - 1] == "-cp" || argv[i - 1] == "-classpath" ||
                                    argv[i - 1] == "--class-path" || takes_a_word(argv[i - 1]));
    if (!word.starts_with("-") && !is_value) is_main_known = true;
  }
  return words;
}

}  // namespace

std::vector<std::string> argument_file_words(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  bool is_open = false;
  char quote = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote != 0 && c == '\\' && i + 1 < text.size()) {
      const char escaped = text[++i];
      if (escaped == '\n' || escaped == '\r') {
        while (i + 1 < text.size() && (text[i + 1] == ' ' || text[i + 1] == '\t' ||
                                       text[i + 1] == '\n' || text[i + 1] == '\f'))
          ++i;
      } else {
        word += escaped == 'n' ? '\n' : escaped == 't' ? '\t' : escaped == 'r' ? '\r' : escaped;
      }
    } else if (quote != 0) {
      if (c == quote) {
        quote = 0;
      } else {
        word += c;
      }
    } else if (c == '"' || c == '\'') {
      quote = c;
      is_open = true;
    } else if (c == '#' && !is_open) {
      i = std::min(text.find('\n', i), text.size());
    } else if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f') {
      if (is_open) words.push_back(std::move(word));
      word.clear();
      is_open = false;
    } else {
      word += c;
      is_open = true;
    }
    if (words.size() >= words_max) return words;
  }
  if (is_open) words.push_back(std::move(word));
  return words;
}

std::string_view environment_value(const std::vector<std::string>& environ,
                                   std::string_view name) noexcept {
  for (const std::string& entry : environ) {
    const std::string_view view = entry;
    if (view.size() > name.size() && view.starts_with(name) && view[name.size()] == '=')
      return view.substr(name.size() + 1);
  }
  return {};
}

JavaCommand read_java_command(const std::vector<std::string>& argv,
                              const std::vector<std::string>& environ, const ReadText& read_text) {
  JavaCommand command;
  if (argv.empty()) return command;
  const std::string_view program = std::string_view(argv[0]).substr(argv[0].rfind('/') + 1);
  command.is_java = program == "java" || program == "jsvc" || program == "javaw";
  for (const char* name : {"JAVA_OPTS", "CATALINA_OPTS", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS"}) {
    for (const std::string& word : argument_file_words(environment_value(environ, name))) {
      if (word.starts_with("-D"))
        take_property(word, std::string(name) + " of the process", command);
    }
  }
  take_options(whole_words(argv, read_text), command);
  return command;
}

}  // namespace holdfast::profile::magnolia
