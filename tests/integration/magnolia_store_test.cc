// SPDX-License-Identifier: Apache-2.0
// Large instances: many records in the data store, of which a second backup opens none; and nodes
// that are large, which pass the proof in bounded memory.
#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <set>

#include "base/bytes.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/hash.h"
#include "integration/magnolia_run.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;

// Which of these files were opened by anybody since.
class OpenedFiles {
 public:
  explicit OpenedFiles(const std::vector<fs::path>& files)
      : fd_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
    for (const fs::path& file : files) {
      if (::inotify_add_watch(fd_.get(), file.c_str(), IN_OPEN) < 0)
        throw system_error(errno, "watching " + file.string());
    }
  }
  // Runs it to its end, and looks meanwhile, as the kernel keeps no more than so many.
  Outcome follow(Started job) {
    while (!job.has_ended()) {
      struct ::pollfd waiting {
        fd_.get(), POLLIN, 0
      };
      ::poll(&waiting, 1, 20);
      take();
    }
    take();
    return job.wait();
  }
  [[nodiscard]] std::size_t count() const noexcept { return opened_.size(); }
  void forget() { opened_.clear(); }

 private:
  void take() {
    alignas(struct ::inotify_event) std::array<char, 65536> events{};
    for (ssize_t size = 0; (size = ::read(fd_.get(), events.data(), events.size())) > 0;) {
      for (const char* at = events.data(); at < events.data() + size;) {
        struct ::inotify_event event {};
        std::memcpy(&event, at, sizeof event);
        EXPECT_EQ(event.mask & IN_Q_OVERFLOW, 0U) << "opens were not counted";
        opened_.insert(event.wd);
        at += sizeof event + event.len;
      }
    }
  }

  Fd fd_;
  std::set<int> opened_;
};

// Records that no node names, as a clean-up has not come yet: the first `count` of them, where they
// are not there.
void add_records(const MagnoliaLab& lab, unsigned count) {
  for (unsigned number = 0; number < count; ++number) {
    const std::string content = "record " + std::to_string(number) + "\n";
    const std::string name = to_hex(ByteView(sha256(as_bytes(content))));
    const fs::path directory =
        lab.data_store() / name.substr(0, 2) / name.substr(2, 2) / name.substr(4, 2);
    if (fs::exists(directory / name)) continue;
    fs::create_directories(directory);
    write_text(directory / name, content);
  }
}

class MagnoliaStore : public MagnoliaRun {};

TEST_F(MagnoliaStore, OfTwentyThousandRecordsTheSecondBackupOpensNone) {
  constexpr unsigned wanted = 20'000;
  const MagnoliaLab source = lab(MagnoliaVariant::pg);
  source.create();
  add_records(source, wanted - static_cast<unsigned>(source.records().size()));
  const std::vector<fs::path> records = source.records();
  ASSERT_EQ(records.size(), wanted);
  const std::string instance = discovered(source);
  const Outcome first = back_up(instance);
  ASSERT_EQ(first.exit_code, 0) << first.text();

  OpenedFiles opened(records);
  const Outcome second = opened.follow(place_.start({"backup", "-I", instance, "--json"}));
  ASSERT_EQ(second.exit_code, 0) << second.text();
  EXPECT_EQ(opened.count(), 0U);
  const Json summary = second.lines().back();
  EXPECT_EQ(summary.at("files_new").as_uint() + summary.at("files_changed").as_uint(), 0U);
  EXPECT_GE(summary.at("files_unmodified").as_uint(), wanted);

  // A few more: they alone are opened.
  add_records(source, wanted);
  ASSERT_GT(source.records().size(), wanted);
  const Outcome third = opened.follow(place_.start({"backup", "-I", instance, "--json"}));
  ASSERT_EQ(third.exit_code, 0) << third.text();
  EXPECT_EQ(opened.count(), 0U);
  EXPECT_EQ(third.lines().back().at("files_new").as_uint(), source.records().size() - wanted);

  // A bit that size and times do not show.
  const fs::path damaged = records.at(wanted / 2);
  const auto time = fs::last_write_time(damaged);
  flip_file(damaged);
  fs::last_write_time(damaged, time);
  opened.forget();
  const Outcome scrubbed =
      opened.follow(place_.start({"backup", "-I", instance, "--scrub", "--json"}));
  EXPECT_EQ(scrubbed.exit_code, 22) << scrubbed.errors;
  EXPECT_TRUE(scrubbed.says("magnolia-record-damaged")) << scrubbed.errors;
  EXPECT_TRUE(scrubbed.says(damaged.filename().string())) << scrubbed.errors;
  EXPECT_EQ(opened.count(), wanted);
  EXPECT_EQ(snapshots(), 3U);
}

constexpr std::uint64_t mib = 1U << 20U;

class MagnoliaLargeNodes : public MagnoliaRun, public testing::WithParamInterface<MagnoliaVariant> {
 protected:
  // In the place of its reference to a record, of so many nodes of `dam`, the binary itself.
  static void inflate(const MagnoliaLab& lab, unsigned nodes, std::uint64_t size_bytes) {
    if (lab.variant() == MagnoliaVariant::pg) {
      lab.servers().postgres().psql(
          lab.database(),
          fmt::format(
              "UPDATE pm_dam_bundle SET bundle_data = substring(bundle_data from 1 for at - 6) || "
              "int4send({0}) || convert_to(repeat('A', {0}), 'UTF8') || substring(bundle_data from "
              "at + get_byte(bundle_data, at - 2)) FROM (SELECT ctid AS row, "
              "position('dataStore:'::bytea in bundle_data) AS at FROM pm_dam_bundle WHERE "
              "position('dataStore:'::bytea in bundle_data) > 0 ORDER BY node_id_hi LIMIT {1}) AS "
              "one WHERE pm_dam_bundle.ctid = one.row",
              size_bytes, nodes));
      return;
    }
    MariadbServer& server = lab.servers().mariadb();
    server.run("SET GLOBAL max_allowed_packet = 1073741824");
    const auto connection = server.connect();
    server.run(fmt::format(
        "UPDATE {2}.PM_DAM_BUNDLE SET BUNDLE_DATA = CONCAT(SUBSTRING(BUNDLE_DATA, 1, "
        "LOCATE('dataStore:', BUNDLE_DATA) - 6), UNHEX(LPAD(HEX({0}), 8, '0')), REPEAT('A', {0}), "
        "SUBSTRING(BUNDLE_DATA, LOCATE('dataStore:', BUNDLE_DATA) + ORD(SUBSTRING(BUNDLE_DATA, "
        "LOCATE('dataStore:', BUNDLE_DATA) - 1, 1)))) WHERE LOCATE('dataStore:', BUNDLE_DATA) > 0 "
        "ORDER BY NODE_ID LIMIT {1}",
        size_bytes, nodes, lab.database()));
  }
};

// Of a row as large as the server takes one a few copies are held, of several no more.
TEST_P(MagnoliaLargeNodes, PassTheProofInBoundedMemory) {
  const std::uint64_t size_bytes = (is_soak() ? 300 : 64) * mib;
  const MagnoliaLab source = lab(GetParam());
  source.create();
  const std::string instance = discovered(source);
  std::uint64_t before = 0;
  for (const unsigned nodes : {0U, 1U, 3U}) {
    if (nodes > 0) inflate(source, nodes, size_bytes);
    const auto [outcome, most_mib] = measured(place_.start({"backup", "-I", instance}));
    const std::uint64_t peak = most_mib * mib;
    ASSERT_EQ(outcome.exit_code, 0) << outcome.text();
    if (nodes == 0) before = peak;
    EXPECT_LT(peak, before + 10 * size_bytes) << nodes << " large nodes";
    RecordProperty("peak_mib_" + std::to_string(nodes), std::to_string(peak / mib));
  }
}

INSTANTIATE_TEST_SUITE_P(OnServers, MagnoliaLargeNodes,
                         testing::Values(MagnoliaVariant::pg, MagnoliaVariant::mariadb),
                         [](const auto& one) { return std::string(variant_name(one.param)); });

}  // namespace
}  // namespace holdfast::test
