// SPDX-License-Identifier: Apache-2.0
#include "profile/magnolia/bundle.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <fstream>

#include "base/error.h"
#include "profile/magnolia/bundle_fixture.h"

namespace holdfast::profile::magnolia {
namespace {

using fixture::mgnl_uri;
using fixture::Node;

const NodeId here{0x1111111111111111ULL, 0x2222222222222222ULL};
const NodeId there{0x3333333333333333ULL, 0x4444444444444444ULL};

// Writes down what it is told, a line each.
class Scribe final : public BundleVisitor {
 public:
  std::string lines;

  void uri(std::string_view uri) override { lines += fmt::format("uri {}\n", uri); }
  void node(const Name& type, const std::optional<NodeId>& parent, bool referenceable) override {
    lines += fmt::format("node {} below {}{}\n", type.display(), parent ? parent->text() : "none",
                         referenceable ? " referenceable" : "");
  }
  void mixin(const Name& type) override { lines += fmt::format("mixin {}\n", type.display()); }
  void property(const Name& name, PropertyType type, bool multiple, std::uint32_t values) override {
    lines += fmt::format("property {} type {} {}{}\n", name.display(), static_cast<int>(type),
                         values, multiple ? " multiple" : "");
  }
  void value(const PropertyValue& value) override {
    lines += fmt::format("  text `{}` name {} id {} number {} real {} place {}\n", value.text,
                         value.name.display(), value.id.text(), value.number, value.real,
                         static_cast<int>(value.place));
  }
  void child(const Name& name, const NodeId& id) override {
    lines += fmt::format("child {} {}\n", name.display(), id.text());
  }
  void shared_parent(const NodeId& parent) override {
    lines += fmt::format("shared {}\n", parent.text());
  }
};

std::string read(std::string_view bytes) {
  Scribe scribe;
  read_bundle(here, as_bytes(bytes), scribe);
  return scribe.lines;
}

std::string error_of(std::string_view bytes, Errc code = Errc::corrupt) {
  try {
    static_cast<void>(read(bytes));
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    return error.message();
  }
  return "no error";
}

Node with(PropertyType type, PropertyValue value) {
  Node node;
  node.parent = there;
  node.properties.push_back({{"", "p"}, type, false, {value}});
  return node;
}

std::string value_line(const Node& node) {
  const std::string lines = read(node.bytes());
  return lines.substr(lines.find("  text"));
}

TEST(Bundle, OfARootHasNoParent) {
  Node root;
  root.type = {"internal", "root"};
  root.referenceable = false;
  root.children = {{{std::string(jcr_uri), "system"}, system_id}};
  EXPECT_EQ(read(root.bytes()),
            "node rep:root below none\nchild jcr:system deadbeef-cafe-babe-cafe-babecafebabe\n");
}

TEST(Bundle, TellsItsNamespacesOnceEach) {
  Node node;
  node.parent = there;
  node.mixins = {{std::string(mix_uri), "versionable"}, {std::string(mgnl_uri), "renderable"}};
  node.children = {{{std::string(mgnl_uri), "a-name-that-is-longer-than-sixteen-bytes"}, there}};
  EXPECT_EQ(read(node.bytes()),
            "uri http://www.magnolia.info/jcr/mgnl\n"
            "node {http://www.magnolia.info/jcr/mgnl}content below "
            "33333333-3333-3333-4444-444444444444 referenceable\n"
            "mixin mix:versionable\n"
            "mixin {http://www.magnolia.info/jcr/mgnl}renderable\n"
            "child {http://www.magnolia.info/jcr/mgnl}a-name-that-is-longer-than-sixteen-bytes "
            "33333333-3333-3333-4444-444444444444\n");
}

TEST(Bundle, GivesEveryTypeOfValue) {
  const std::string nil = "00000000-0000-0000-0000-000000000000";
  const auto line = [&](std::string_view text, std::string_view name, std::string_view id,
                        std::int64_t number, std::string_view real, int place) {
    return fmt::format("  text `{}` name {} id {} number {} real {} place {}\n", text, name, id,
                       number, real, place);
  };
  PropertyValue value;
  value.text = "Seite \xc3\xa4";
  for (const auto type : {PropertyType::string, PropertyType::path, PropertyType::uri,
                          PropertyType::decimal, PropertyType::binary})
    EXPECT_EQ(value_line(with(type, value)), line(value.text, "", nil, 0, "0", 0));
  value.place = BinaryPlace::data_store;
  EXPECT_EQ(value_line(with(PropertyType::binary, value)), line(value.text, "", nil, 0, "0", 1));
  value.place = BinaryPlace::binval;
  EXPECT_EQ(value_line(with(PropertyType::binary, value)), line(value.text, "", nil, 0, "0", 2));
  for (const std::int64_t number :
       {std::int64_t{0}, std::int64_t{-1}, std::int64_t{63}, std::int64_t{64},
        std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::int64_t>::min()}) {
    value = {};
    value.number = number;
    EXPECT_EQ(value_line(with(PropertyType::long_number, value)),
              line("", "", nil, number, "0", 0));
    EXPECT_EQ(value_line(with(PropertyType::date, value)), line("", "", nil, number, "0", 0));
  }
  value = {};
  value.number = 1;
  EXPECT_EQ(value_line(with(PropertyType::boolean, value)), line("", "", nil, 1, "0", 0));
  value = {};
  value.real = -1.5;
  EXPECT_EQ(value_line(with(PropertyType::double_number, value)), line("", "", nil, 0, "-1.5", 0));
  value = {};
  value.name = {nt_uri, "file"};
  EXPECT_EQ(value_line(with(PropertyType::name, value)), line("", "nt:file", nil, 0, "0", 0));
  value = {};
  value.id = there;
  EXPECT_EQ(value_line(with(PropertyType::reference, value)),
            line("", "", there.text(), 0, "0", 0));
  EXPECT_EQ(value_line(with(PropertyType::weak_reference, value)),
            line("", "", there.text(), 0, "0", 0));
}

TEST(Bundle, ADecimalMayBeNone) {
  fixture::Writer to;
  to.byte(3);
  to.name({"internal", "root"});
  to.id(no_parent_id);
  to.varint(0);
  to.byte(0x10);
  to.name({"", "p"});
  to.byte(12);
  to.varint(0);
  to.byte(0);
  EXPECT_NE(read(to.bytes).find("  text ``"), std::string::npos);
}

TEST(Bundle, CountsOfEveryLengthComeBack) {
  for (const std::size_t count : {0U, 1U, 2U, 3U, 4U, 6U, 7U, 8U, 13U, 14U, 15U, 16U, 200U}) {
    Node node;
    node.parent = there;
    node.mod_count = 0xffff8000U;  // counts are 16 bits with a sign, written as 32
    fixture::Property property{{"", "p"}, PropertyType::boolean, true, {}};
    property.values.resize(count);
    node.properties.assign(count, property);
    node.mixins.assign(count, {std::string(mgnl_uri), "m"});
    node.children.assign(count, {{"", std::string(count + 1, 'c')}, there});
    node.shared.assign(count, here);
    const std::string lines = read(node.bytes());
    const auto occurrences = [&](std::string_view what) {
      std::size_t n = 0;
      for (std::size_t at = lines.find(what); at != std::string::npos;
           at = lines.find(what, at + 1))
        ++n;
      return n;
    };
    EXPECT_EQ(occurrences("mixin "), count);
    EXPECT_EQ(occurrences(fmt::format("property p type 6 {} multiple\n", count)), count);
    EXPECT_EQ(occurrences("  text"), count * count);
    EXPECT_EQ(occurrences(fmt::format("child {} ", std::string(count + 1, 'c'))), count);
    EXPECT_EQ(occurrences("shared "), count);
  }
}

TEST(Bundle, NamesOfAnEighthNamespaceAreWrittenOut) {
  Node node;
  node.parent = there;
  for (int i = 0; i < 20; ++i) node.mixins.push_back({fmt::format("urn:{}", i % 10), "m"});
  const std::string lines = read(node.bytes());
  for (int i = 0; i < 10; ++i) {
    EXPECT_NE(lines.find(fmt::format("mixin {{urn:{}}}m\n", i)), std::string::npos) << lines;
  }
}

TEST(Bundle, OfAnOlderFormatIsRefusedByName) {
  for (const char format : {'\0', '\1', '\2', '\4'}) {
    EXPECT_EQ(error_of(std::string(1, format) + "whatever", Errc::unsupported),
              fmt::format("bundle of node {} is in format {}", here.text(), int{format}));
  }
}

TEST(Bundle, CutAnywhereIsCorrupt) {
  Node node = with(PropertyType::string, {});
  node.properties.push_back({{"", "b"}, PropertyType::binary, true, {{}, {}}});
  node.mixins = {{std::string(mgnl_uri), "a-name-that-is-longer-than-sixteen-bytes"}};
  node.children = {{{"", "c"}, there}};
  node.shared = {there};
  const std::string whole = node.bytes();
  EXPECT_NO_THROW(static_cast<void>(read(whole)));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const std::string message = error_of(whole.substr(0, size));
    EXPECT_NE(message.find("bundle of node " + here.text()), std::string::npos) << size;
    EXPECT_NE(message.find("at offset"), std::string::npos) << message;
  }
  EXPECT_EQ(error_of(whole + "x"),
            fmt::format("bundle of node {}: 1 bytes are left over at offset {}", here.text(),
                        whole.size()));
}

// A bundle's first bytes, up to and with the byte of flags.
std::string head(unsigned flags) {
  fixture::Writer to;
  to.byte(3);
  to.name({"internal", "root"});
  to.id(no_parent_id);
  to.varint(0);
  to.byte(flags);
  return to.bytes;
}

TEST(Bundle, AbsurdLengthsAndCountsAreCorruptAndCostNothing) {
  const std::string most = "\xff\xff\xff\xff\x07";  // 2^31 - 1
  EXPECT_NE(error_of(head(0x80) + most).find("a count of 2147483648 with 0 bytes left"),
            std::string::npos);
  EXPECT_NE(error_of(head(0x70) + most).find("a count of"), std::string::npos);
  EXPECT_NE(error_of(head(0x0c) + most).find("a count of"), std::string::npos);
  EXPECT_NE(error_of(head(0x02) + most).find("a count of"), std::string::npos);
  EXPECT_NE(error_of(head(0x10) + "\x80p\xf6" + most).find("a count of"), std::string::npos);
  EXPECT_NE(error_of(head(0x10) + std::string("\x80p\x01\x00", 4) + most).find("a text of"),
            std::string::npos);
  EXPECT_NE(error_of(head(0x10) + "\x8f" + most).find("a name of 2147483663 bytes"),
            std::string::npos);
  EXPECT_NE(error_of(head(0x10) + std::string("\x80p\x02\x00\x7f\xff\xff\xff", 8)).find("a binary"),
            std::string::npos);
  EXPECT_NE(error_of(head(0x10) + std::string("\x80p\x02\x00\xff\xff\xff\xfd", 8)).find("-3 bytes"),
            std::string::npos);
  EXPECT_NE(error_of(head(0x80) + "\xff\xff\xff\xff\x08").find("a negative length"),
            std::string::npos);
  EXPECT_NE(error_of(head(0x80) + "\xff\xff\xff\xff\x7f").find("more than 32 bits"),
            std::string::npos);
  EXPECT_NE(error_of(head(0x10) + std::string("\x80p\x03\x00", 4) + std::string(20, '\xff'))
                .find("more than 64 bits"),
            std::string::npos);
}

// How long the values were.
class Measurer final : public BundleVisitor {
 public:
  std::size_t size_bytes = 0;
  void value(const PropertyValue& value) override { size_bytes += value.text.size(); }
};

std::size_t resident_pages() {
  std::size_t all = 0;
  std::size_t resident = 0;
  std::ifstream("/proc/self/statm") >> all >> resident;
  return resident;
}

// As large as a bundle can be: its bytes are pages that nobody has touched, and nobody does.
TEST(Bundle, OfTwoGibibytesIsReadWithoutACopyAndOneByteLessIsOneError) {
  constexpr std::size_t value_bytes = 0x7fffffff;
  const std::string begin = head(0x10) + std::string("\x80p\x02\x00\x7f\xff\xff\xff", 8);
  const std::size_t size_bytes = begin.size() + value_bytes;
  void* const pages = ::mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ASSERT_NE(pages, MAP_FAILED);
  std::copy(begin.begin(), begin.end(), static_cast<char*>(pages));
  const ByteView bytes = as_bytes({static_cast<const char*>(pages), size_bytes});
  const std::size_t before = resident_pages();
  Measurer whole;
  read_bundle(here, bytes, whole);
  EXPECT_EQ(whole.size_bytes, value_bytes);
  Measurer cut;
  try {
    read_bundle(here, bytes.first(size_bytes - 1), cut);
    ADD_FAILURE() << "a bundle that is cut was read";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::corrupt);
    EXPECT_NE(error.message().find("a binary of 2147483647 bytes"), std::string::npos)
        << error.message();
  }
  EXPECT_EQ(cut.size_bytes, 0U);
  EXPECT_LT(resident_pages(), before + 4096);
  ::munmap(pages, size_bytes);
}

TEST(Bundle, ValuesOutsideTheFormatAreCorrupt) {
  EXPECT_NE(error_of(head(0x80) + std::string("\x00\x7e", 2)).find("common name number 126"),
            std::string::npos);
  EXPECT_NE(error_of(head(0x10) + std::string("\x80p\x00\x00", 4)).find("property type 0"),
            std::string::npos);
  EXPECT_NE(error_of(head(0x10) + std::string("\x80p\x0d\x00", 4)).find("property type 13"),
            std::string::npos);
  EXPECT_NE(error_of(head(0x10) + std::string("\x80p\x06\x00\x02", 5)).find("neither true"),
            std::string::npos);
}

}  // namespace
}  // namespace holdfast::profile::magnolia
