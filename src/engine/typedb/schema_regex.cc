// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/schema_regex.h"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast::engine::typedb {
namespace {

constexpr std::string_view meta = "\\.+*?()|[]{}^$#&-~";

bool is_letter_or_digit(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// Java's are of ASCII, Rust's of Unicode; as a class in brackets both are the same.
std::string_view class_of(char c) noexcept {
  switch (c) {
    case 'd':
      return "[0-9]";
    case 'D':
      return "[^0-9]";
    case 'w':
      return "[a-zA-Z0-9_]";
    case 'W':
      return "[^a-zA-Z0-9_]";
    case 's':
      return "[ \\t\\n\\x0B\\f\\r]";
    case 'S':
      return "[^ \\t\\n\\x0B\\f\\r]";
    default:
      return "";
  }
}

class Adapter {
 public:
  explicit Adapter(std::string_view regex) noexcept : rest_(regex) {}

  // Empty if it could be done.
  std::string run(std::string& out) {
    bool has_alternatives = false;
    const bool begins = rest_.starts_with('^');
    bool ends = false;
    while (!rest_.empty() && why_.empty()) {
      const char c = rest_.front();
      ends = c == '$';
      if (c == '|') has_alternatives = true;
      if (c == '\\') {
        escape(out);
      } else if (classes_ > 0) {
        in_class(out);
      } else {
        outside(out);
      }
    }
    if (why_.empty() && (classes_ > 0 || groups_ != 0)) why_ = "its brackets do not match";
    // matches() of Java is the whole value.
    if (!begins || !ends || has_alternatives) out = "^(?:" + out + ")$";
    return why_;
  }

 private:
  void take(std::string& out, std::size_t size) {
    out += rest_.substr(0, size);
    rest_.remove_prefix(std::min(size, rest_.size()));
  }
  void put(std::string& out, std::string_view text, std::size_t instead_of) {
    out += text;
    rest_.remove_prefix(instead_of);
  }

  void escape(std::string& out) {
    if (rest_.size() < 2) {
      why_ = "it ends with a backslash";
      return;
    }
    const char c = rest_[1];
    if (const std::string_view same = class_of(c); !same.empty()) {
      put(out, same, 2);
    } else if (c == 'p' || c == 'P') {
      property(out);
    } else if (std::string_view("tnrfxu").find(c) != std::string_view::npos) {
      take(out, 2);
    } else if (is_letter_or_digit(c)) {
      why_ = fmt::format("\\{} of Java is not in Rust's", c);
    } else if (c == '"' || meta.find(c) != std::string_view::npos) {
      take(out, 2);
    } else {
      put(out, rest_.substr(1, 1), 2);  // Rust has no such escape
    }
  }
  // Only general categories are named alike.
  void property(std::string& out) {
    const std::string_view named = rest_.substr(2);
    std::string_view name = named.substr(0, 1);
    std::size_t size = 3;
    if (name == "{") {
      name = named.substr(1, named.find('}') - 1);
      size = name.size() + 4;
    }
    const bool is_category = !name.empty() && name.size() <= 2 &&
                             std::string_view("LMNPSZC").find(name[0]) != std::string_view::npos &&
                             (name.size() == 1 || (name[1] >= 'a' && name[1] <= 'z'));
    if (is_category && size <= rest_.size()) {
      take(out, size);
    } else {
      why_ = "it has a property that is no general category";
    }
  }

  void in_class(std::string& out) {
    const char c = rest_.front();
    if (rest_.starts_with("--") || rest_.starts_with("~~")) {
      why_ = fmt::format("{}{} in a class means something else in Rust's", c, c);
      return;
    }
    if (c == '[') ++classes_;
    if (c == ']') --classes_;
    plain(out);
  }
  void outside(std::string& out) {
    const char c = rest_.front();
    if (rest_.starts_with("(?")) {
      if (rest_.starts_with("(?:") || rest_.starts_with("(?i)")) {
        groups_ += rest_[2] == ':' ? 1 : 0;
        take(out, rest_[2] == ':' ? 3 : 4);
      } else {
        why_ = "it looks ahead or behind, or sets flags";
      }
      return;
    }
    if (rest_.size() > 1 && rest_[1] == '+' && (c == '*' || c == '+' || c == '?' || c == '}')) {
      why_ = "it has a possessive quantifier";
      return;
    }
    if (c == '[') ++classes_;
    if (c == '(') ++groups_;
    if (c == ')' && --groups_ < 0) why_ = "its brackets do not match";
    plain(out);
  }
  void plain(std::string& out) {
    if (rest_.front() == '"') out += '\\';
    take(out, 1);
  }

  std::string_view rest_;
  int classes_ = 0, groups_ = 0;
  std::string why_;
};

}  // namespace

AdaptedRegex adapt_regex(std::string_view regex) {
  AdaptedRegex adapted;
  adapted.why = Adapter(regex).run(adapted.text);
  if (!adapted.why.empty()) adapted.text = regex;
  return adapted;
}

}  // namespace holdfast::engine::typedb
