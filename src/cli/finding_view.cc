// SPDX-License-Identifier: Apache-2.0
#include "cli/finding_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "cli/text.h"

namespace holdfast::cli {

namespace {

constexpr std::size_t label_width = 8;

std::string_view word_of(const model::Finding& finding) {
  return finding.accepted ? "accepted blocker" : model::severity_name(finding.severity);
}

}  // namespace

std::vector<std::string> finding_block(const model::Finding& finding, std::size_t width) {
  std::string heading = fmt::format("{}: {}", word_of(finding), finding.code);
  if (!finding.component.empty()) heading += fmt::format(" ({})", finding.component);
  std::vector<std::string> lines{printable(heading)};
  std::string mend = finding.mend;
  if (!mend.empty() && finding.mend_class == model::MendClass::safe) {
    mend += " (`holdfast preflight --fix` does it)";
  } else if (!mend.empty() && finding.mend_class == model::MendClass::writes_source) {
    mend += fmt::format(" (`holdfast preflight --fix={}` does it; it writes to the source)",
                        finding.code);
  }
  const std::string& accepted = finding.accepted ? finding.accepted_reason : std::string();
  const std::array<std::pair<std::string_view, const std::string*>, 4> parts{
      {{"seen", &finding.seen}, {"why", &finding.why}, {"mend", &mend}, {"reason", &accepted}}};
  for (const auto& [label, text] : parts) {
    if (text->empty()) continue;
    const std::size_t room = width > label_width + 22 ? width - label_width - 2 : 0;
    // A mend may have lines to be copied, after its words.
    const std::size_t end = label == "mend" ? text->find('\n') : std::string::npos;
    const std::string shown = printable(text->substr(0, end));
    std::vector<std::string> wrapped_text{shown};
    if (room > 0) wrapped_text = wrapped(shown, room);
    for (std::size_t at = end; at < text->size();) {
      const std::size_t next = std::min(text->find('\n', at + 1), text->size());
      wrapped_text.push_back(printable(text->substr(at + 1, next - at - 1)));
      at = next;
    }
    for (std::size_t i = 0; i < wrapped_text.size(); ++i) {
      const std::string front = i == 0 ? fmt::format("{}:", label) : std::string();
      lines.push_back(fmt::format("  {:<{}}{}", front, label_width, wrapped_text[i]));
    }
  }
  return lines;
}

void print_findings(Output& output, const std::vector<model::Finding>& findings) {
  std::vector<model::Finding> sorted = findings;
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
    return std::pair(a.severity, a.accepted) < std::pair(b.severity, b.accepted);
  });
  for (const model::Finding& finding : sorted) {
    if (output.json()) {
      output.json_line(finding_line(finding));
      continue;
    }
    for (const std::string& line : finding_block(finding, output.columns())) output.line(line);
    output.line("");
  }
}

Json finding_line(const model::Finding& finding) {
  Json line = Json::object().set("message_type", "finding");
  const Json members = model::to_json(finding);
  for (const auto& [key, value] : members.as_object()) line.set(key, value);
  return line;
}

std::string count_findings(const std::vector<model::Finding>& findings) {
  std::string text;
  for (const std::string_view word : {"blocker", "accepted blocker", "warning", "note"}) {
    const auto count =
        std::count_if(findings.begin(), findings.end(),
                      [&](const model::Finding& finding) { return word_of(finding) == word; });
    if (count == 0) continue;
    text += fmt::format("{}{} {}{}", text.empty() ? "" : ", ", count, word, count == 1 ? "" : "s");
  }
  return text.empty() ? "no findings" : text;
}

}  // namespace holdfast::cli
