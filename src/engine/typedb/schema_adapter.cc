// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/schema_adapter.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "base/error.h"
#include "engine/typedb/schema_definitions.h"
#include "engine/typedb/schema_regex.h"

namespace holdfast::engine::typedb {
namespace {

using Kind = SchemaConstraint::Kind;

// Source: rust/typeql.rs, KEYWORDS; the same from 3.0.0 to 3.11.0.
constexpr std::array<std::string_view, 41> reserved{
    "with",   "match", "fetch",  "update", "define",  "undefine", "redefine",
    "insert", "put",   "delete", "end",    "entity",  "relation", "attribute",
    "role",   "asc",   "desc",   "struct", "fun",     "return",   "alias",
    "sub",    "owns",  "as",     "plays",  "relates", "iid",      "isa",
    "links",  "has",   "is",     "or",     "not",     "try",      "in",
    "true",   "false", "of",     "from",   "first",   "last"};

bool is_reserved(std::string_view label) noexcept {
  return std::find(reserved.begin(), reserved.end(), label) != reserved.end();
}

std::string_view value_type_3(std::string_view of_2) noexcept {
  if (of_2 == "long") return "integer";
  for (const std::string_view same : {"double", "string", "boolean", "datetime"})
    if (of_2 == same) return same;
  return "";
}

std::string_view kind_word(Kind kind) noexcept {
  return kind == Kind::owns ? "owns" : kind == Kind::relates ? "relates" : "plays";
}

std::string scoped(std::string_view relation, std::string_view role) {
  return fmt::format("{}:{}", relation, role);
}

// How strict an ownership is: 2.x lets a subtype say one again only to make it stricter.
int strictness(const SchemaConstraint& owns) noexcept {
  return owns.key ? 2 : owns.unique ? 1 : 0;
}

// A value for each name between a root and a type, while the types are walked.
template <typename Value>
class OnTheWay {
 public:
  void push(const std::string& name, Value value) { values_[name].push_back(value); }
  void pop(const std::string& name) { values_[name].pop_back(); }
  // The value nearest to the type; null if there is none.
  [[nodiscard]] const Value* find(const std::string& name) const {
    const auto found = values_.find(name);
    return found == values_.end() || found->second.empty() ? nullptr : &found->second.back();
  }

 private:
  std::unordered_map<std::string, std::vector<Value>> values_;
};

class Adaptation {
 public:
  explicit Adaptation(SchemaDefinitions read)
      : types_(std::move(read.types)), open_(std::move(read.open)), grown_(types_.size()) {
    for (std::size_t i = 0; i < types_.size(); ++i) places_.emplace(types_[i].label, i);
  }

  AdaptedSchema run() {
    plant();
    find_roles();
    write_all();
    for (std::size_t i = 0; i < types_.size(); ++i)
      if (grown_[i].kind == ItemKind::unknown) unrooted(types_[i]);
    std::stable_sort(open_.begin(), open_.end(),
                     [](const SchemaPlace& a, const SchemaPlace& b) { return a.line < b.line; });
    AdaptedSchema adapted;
    for (const SchemaPlace& place : open_)
      adapted.text +=
          fmt::format("# line {}: {}: {}. {}\n", place.line, place.what, place.why, place.mend);
    if (!types_.empty()) adapted.text += "define\n";
    for (const Grown& one : grown_) adapted.text += one.text;
    adapted.open = std::move(open_);
    return adapted;
  }

 private:
  // What becomes of a type.
  struct Grown {
    ItemKind kind = ItemKind::unknown;
    std::string_view value;  // of 2.x: its own, or its supertype's
    std::vector<std::size_t> subtypes;
    std::string text;
    std::vector<std::string> owns, plays;  // what it says, and so those below it need not
  };

  void place(std::uint32_t line, std::string what, std::string why, std::string_view mend) {
    add_place(open_, {line, std::move(what), std::move(why), std::string(mend)});
  }

  void plant() {
    for (std::size_t i = 0; i < types_.size(); ++i) {
      if (root_kind(types_[i].supertype) != ItemKind::unknown) {
        roots_.push_back(i);
      } else if (const SchemaType* const above = find(types_[i].supertype); above != nullptr) {
        grown_of(*above).subtypes.push_back(i);
      }
    }
  }
  [[nodiscard]] const SchemaType* find(std::string_view label) const {
    const auto found = places_.find(label);
    return found == places_.end() ? nullptr : &types_[found->second];
  }
  [[nodiscard]] Grown& grown_of(const SchemaType& type) {
    return grown_[static_cast<std::size_t>(&type - types_.data())];
  }

  // Each type behind its supertype; `leave` when all below it are through. Types that descend from
  // no root are not visited.
  template <typename Enter, typename Leave>
  void walk(Enter&& enter, Leave&& leave) {
    std::vector<std::pair<std::size_t, bool>> way;
    for (const std::size_t root : roots_) {
      way.emplace_back(root, false);
      while (!way.empty()) {
        const auto [at, was_entered] = way.back();
        if (was_entered) {
          way.pop_back();
          leave(types_[at], grown_[at]);
          continue;
        }
        way.back().second = true;
        enter(types_[at], grown_[at]);
        for (const std::size_t below : grown_[at].subtypes) way.emplace_back(below, false);
      }
    }
  }

  // What kind each type is of, and which relation declares each role that is played: 2.x may name
  // one below that.
  void find_roles() {
    std::unordered_map<std::string_view, std::vector<SchemaConstraint*>> asked;
    for (SchemaType& type : types_)
      for (SchemaConstraint& one : type.constraints)
        if (one.kind == Kind::plays) asked[one.scope].push_back(&one);
    OnTheWay<const SchemaType*> roles;
    walk(
        [&](SchemaType& type, Grown& grown) {
          const SchemaType* const above = find(type.supertype);
          grown.kind = above == nullptr ? root_kind(type.supertype) : grown_of(*above).kind;
          for (const SchemaConstraint& one : type.constraints) {
            if (one.kind != Kind::relates || one.is_repeated) continue;
            const std::string name(one.name);
            if (const auto* const has = roles.find(name))
              place(one.line, fmt::format("{} relates {}", type.label, one.name),
                    fmt::format("{} has a role of that name, and TypeDB 3 takes no second one "
                                "below it",
                                (*has)->label),
                    rename);
            roles.push(name, &type);
          }
          for (SchemaConstraint* const plays : asked[type.label])
            if (const auto* const declarer = roles.find(std::string(plays->name))) {
              plays->scope = (*declarer)->label;
              known_roles_.insert(plays);
            }
        },
        [&](const SchemaType& type, const Grown&) {
          for (const SchemaConstraint& one : type.constraints)
            if (one.kind == Kind::relates && !one.is_repeated) roles.pop(std::string(one.name));
        });
  }

  void write_all() {
    OnTheWay<int> owned, played;
    walk(
        [&](const SchemaType& type, Grown& grown) {
          std::vector<std::string> parts{head(type, grown)};
          if (root_kind(type.supertype) == ItemKind::unknown)
            parts.push_back(fmt::format("sub {}", type.supertype));
          write_value(type, grown, parts);
          for (const SchemaConstraint& one : type.constraints) {
            if (one.is_repeated || !is_possible(type, grown, one)) continue;
            if (one.kind == Kind::owns) {
              write_owns(one, owned, grown, parts);
            } else if (one.kind == Kind::plays) {
              write_plays(one, played, grown, parts);
            } else {
              parts.push_back(relates(one));
            }
          }
          grown.text = fmt::format("\n{};\n", fmt::join(parts, ",\n  "));
        },
        [&](const SchemaType&, const Grown& grown) {
          for (const std::string& name : grown.owns) owned.pop(name);
          for (const std::string& role : grown.plays) played.pop(role);
        });
  }

  std::string head(const SchemaType& type, const Grown& grown) {
    if (is_reserved(type.label)) reserved_label(type.line, std::string(type.label), type.label);
    std::string text = fmt::format("{} {}", item_kind_name(grown.kind), type.label);
    const SchemaType* const above = find(type.supertype);
    if (type.is_abstract && above != nullptr && !above->is_abstract) {
      place(type.line, fmt::format("{} is abstract", type.label),
            fmt::format("{} above it is not, as it must be in TypeDB 3", above->label),
            "Leave it concrete, or make the other abstract.");
    } else if (type.is_abstract) {
      text += " @abstract";
    }
    if (grown.kind == ItemKind::attribute && above == nullptr) text += " @independent";
    return text;
  }

  void write_value(const SchemaType& type, Grown& grown, std::vector<std::string>& parts) {
    const bool is_attribute = grown.kind == ItemKind::attribute;
    const SchemaType* const above = find(type.supertype);
    const bool is_inherited = above != nullptr && !grown_of(*above).value.empty();
    const std::string_view value = grown.value =
        type.value.empty() && above != nullptr ? grown_of(*above).value : type.value;
    if (!is_attribute) {
      if (!value.empty() || type.has_regex)
        place(type.line, std::string(type.label), "it is no attribute, yet has a value",
              "Take the value out.");
      return;
    }
    if (value.empty() && !type.is_abstract)
      place(type.line, fmt::format("attribute {}", type.label), "it has no value type",
            "Say one, or make it abstract.");
    const std::string_view value_3 = value_type_3(value);
    if (!value.empty() && value_3.empty())
      place(type.line, fmt::format("attribute {}", type.label),
            fmt::format("TypeDB 2 has no value type \"{}\"", value), "Say which it is.");
    const std::string regex = type.is_abstract ? "" : regex_of(type, value);
    if (value_3.empty() || (is_inherited && regex.empty())) return;
    parts.push_back(fmt::format("value {}{}", value_3, regex));
  }
  std::string regex_of(const SchemaType& type, std::string_view value) {
    if (!type.has_regex) return "";
    const AdaptedRegex made = adapt_regex(type.regex);
    const std::string what = fmt::format("regex of {}", type.label);
    if (value != "string") {
      place(type.line, what, "only strings have one", "Take it out.");
      return "";
    }
    if (!made.why.empty()) {
      place(type.line, what, made.why,
            "Say it in the syntax of Rust's crate regex, or leave it out.");
      return "";
    }
    return fmt::format(" @regex(\"{}\")", made.text);
  }

  // Whether TypeDB 3 has such a thing at all.
  bool is_possible(const SchemaType& type, const Grown& grown, const SchemaConstraint& one) {
    const std::string what =
        fmt::format("{} {} {}", type.label, kind_word(one.kind),
                    one.kind == Kind::plays ? scoped(one.scope, one.name) : std::string(one.name));
    if (one.kind == Kind::relates) {
      if (is_reserved(one.name)) reserved_label(one.line, what, one.name);
      if (grown.kind == ItemKind::relation) return true;
      place(one.line, what, "it is no relation", "Take it out.");
      return false;
    }
    if (grown.kind == ItemKind::attribute) {
      place(one.line, what,
            fmt::format("attributes of TypeDB 3 {}",
                        one.kind == Kind::owns ? "own nothing" : "play no role"),
            "Where data uses it, put an entity in the attribute's place before the export.");
      return false;
    }
    const SchemaType* const attribute = one.kind == Kind::owns ? find(one.name) : nullptr;
    const bool is_known =
        one.kind == Kind::owns
            ? attribute != nullptr && grown_of(*attribute).kind == ItemKind::attribute
            : known_roles_.count(&one) > 0;
    if (!is_known)
      place(one.line, what,
            one.kind == Kind::owns ? "no such attribute is defined here"
                                   : "no such role is defined here",
            "Define it, or take the line out.");
    return is_known;
  }

  static void write_owns(const SchemaConstraint& one, OnTheWay<int>& owned, Grown& grown,
                         std::vector<std::string>& parts) {
    const std::string name(one.name);
    const int* const above = owned.find(name);
    if (above != nullptr && *above >= strictness(one)) return;
    owned.push(name, strictness(one));
    grown.owns.push_back(name);
    parts.push_back(fmt::format("owns {}{}", name,
                                one.key      ? " @key"
                                : one.unique ? " @unique @card(0..)"
                                             : " @card(0..)"));
  }
  static void write_plays(const SchemaConstraint& one, OnTheWay<int>& played, Grown& grown,
                          std::vector<std::string>& parts) {
    const std::string role = scoped(one.scope, one.name);
    if (played.find(role) != nullptr) return;
    played.push(role, 0);
    grown.plays.push_back(role);
    parts.push_back(fmt::format("plays {}", role));
  }
  static std::string relates(const SchemaConstraint& one) {
    const std::string as = one.overridden.empty() ? "" : fmt::format(" as {}", one.overridden);
    return fmt::format("relates {}{} @card(0..)", one.name, as);
  }

  void reserved_label(std::uint32_t line, std::string what, std::string_view label) {
    place(line, std::move(what), fmt::format("\"{}\" is a reserved word of TypeQL 3", label),
          rename);
  }
  void unrooted(const SchemaType& type) {
    std::string why = "nothing here says what it is";
    if (!type.supertype.empty())
      why = find(type.supertype) == nullptr
                ? fmt::format("its supertype {} is not defined here", type.supertype)
                : fmt::format("its supertype {} leads to no entity, relation or attribute",
                              type.supertype);
    place(type.line, std::string(type.label), std::move(why), "Define it, or take it out.");
  }

  static constexpr std::string_view rename =
      "Give it another name in TypeDB 2 and export again: data names it too.";

  std::vector<SchemaType> types_;
  std::unordered_map<std::string_view, std::size_t> places_;
  std::vector<SchemaPlace> open_;
  std::vector<Grown> grown_;
  std::vector<std::size_t> roots_;
  std::unordered_set<const SchemaConstraint*> known_roles_;
};

}  // namespace

AdaptedSchema adapt_schema(std::string_view typeql_2, const std::stop_token& stop) {
  return Adaptation(read_definitions(typeql_2, stop)).run();
}

}  // namespace holdfast::engine::typedb
