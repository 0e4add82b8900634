// SPDX-License-Identifier: Apache-2.0
// A stand-in that replays the documented traffic of BACKUP and RESTORE, through the receiver into a
// repository and back. HOLDFAST_RECEIVER_BYTES: how much; 64 MiB unless told, 1 GiB in soak.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <thread>

#include "archive/stream_saver.h"
#include "archive/tree_walk.h"
#include "format/chunker.h"
#include "repo/blob_writer.h"
#include "repo/open.h"
#include "tests/contract/engine/receiver_fixture.h"

namespace holdfast::engine::sqlserver {
namespace {

constexpr std::uint64_t mib = std::uint64_t{1} << 20U;
const std::string stand_in =
    std::string(HOLDFAST_SOURCES) + "/tests/contract/engine/sqlserver_backup_client.py";

std::uint64_t wanted_bytes() {
  const char* const told = std::getenv("HOLDFAST_RECEIVER_BYTES");
  if (told != nullptr) return std::strtoull(told, nullptr, 10);
  return (test::is_soak() ? 1024 : 64) * mib;
}

// Anonymous memory of this process, MiB.
std::uint64_t anonymous_mib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("RssAnon:", 0) == 0) return std::strtoull(line.c_str() + 8, nullptr, 10) / 1024;
  }
  return 0;
}

// CPU time of this process, of all its threads and without its children, in seconds.
double cpu_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

// The most anonymous memory, and the CPU time, while it lives.
class Watch {
 public:
  Watch()
      : thread_([this](const std::stop_token& stop) {
          while (!stop.stop_requested()) {
            most_ = std::max(most_.load(), anonymous_mib());
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
          }
        }) {}
  [[nodiscard]] std::uint64_t most() const { return most_; }
  [[nodiscard]] double cpu() const { return cpu_seconds() - begun_; }

 private:
  const double begun_ = cpu_seconds();
  std::atomic<std::uint64_t> most_ = 0;
  std::jthread thread_;
};

Json orders_of(ReceiverPlace& place, const std::string& what, std::uint64_t size_bytes) {
  Json made = Json::object();
  made.set("do", what);
  made.set("url", place.receiver().url("shop.bak"));
  made.set("credential", std::string(place.receiver().credential_secret().reveal()));
  made.set("ca", place.certificate());
  made.set("size_bytes", size_bytes);
  return made;
}

void report(const char* what, const Json& said, const Watch& watch) {
  const double seconds = said.at("seconds").as_double();
  const double size = said.at("size_bytes").as_double() / static_cast<double>(mib);
  std::printf(
      "%s: %.0f MiB in %.1f s, %.0f MiB/s, %.1f s of CPU; anonymous memory at most %llu MiB\n",
      what, size, seconds, size / seconds, watch.cpu(),
      static_cast<unsigned long long>(watch.most()));
}

TEST(SqlServerReceiverRepository, TakesABackupInAndGivesItBack) {
  const std::uint64_t size_bytes = wanted_bytes();
  ReceiverPlace place;
  repo::Repository::InitOptions cheap;
  cheap.cost = format::ScryptCost{.n = 2, .r = 1, .p = 1};
  repo::Location location;
  location.url = place.file("repository").string();
  const auto repository = repo::init(location, Secret(std::string("test")), cheap);
  format::Node node;
  std::string sha256_in;
  std::uint64_t most_in = 0;
  {
    repo::BlobWriter writer(*repository, repo::WriterOptions{}, nullptr);
    archive::StreamSaver saver(*repository, writer, format::restic_chunks, 2);
    const Watch watch;
    place.receiver().expect("shop.bak", saver);
    const test::Outcome outcome =
        place.start_script(stand_in, orders_of(place, "backup", size_bytes)).wait();
    ASSERT_EQ(outcome.exit_code, 0) << outcome.text();
    const auto received = place.receiver().finish("shop.bak");
    EXPECT_EQ(received.size_bytes, size_bytes);
    const archive::SavedStream saved = saver.finish();
    writer.finish();
    EXPECT_EQ(saved.size_bytes, size_bytes);
    node.content = saved.content;
    node.size_bytes = saved.size_bytes;
    node.type = format::NodeType::file;
    sha256_in = outcome.document().at("sha256").as_string();
    report("in", outcome.document(), watch);
    std::printf("parts that waited on disk: %llu bytes\n",
                static_cast<unsigned long long>(received.on_disk_bytes));
    most_in = watch.most();
  }
  const auto source = archive::open_file_random(*repository, node);
  place.receiver().offer("shop.bak", *source);
  const Watch watch;
  const test::Outcome outcome = place.start_script(stand_in, orders_of(place, "restore", 0)).wait();
  place.receiver().withdraw("shop.bak");
  ASSERT_EQ(outcome.exit_code, 0) << outcome.text();
  EXPECT_EQ(outcome.document().at("sha256").as_string(), sha256_in);
  report("out", outcome.document(), watch);
  // Bounded, whatever the size: the receiver's 64 MiB, the repository's packs, this program.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_LT(most_in, 400U);
  EXPECT_LT(watch.most(), 400U);
#else
  static_cast<void>(most_in);
#endif
}

}  // namespace
}  // namespace holdfast::engine::sqlserver
