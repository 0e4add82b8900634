// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlite/clone.h"

#include <fcntl.h>

#include "engine/sqlite/test_database.h"

namespace holdfast::engine::sqlite {
namespace {

using Clone = SqliteTest;

TEST_F(Clone, CopiesAllBytes) {
  const std::string content(3'000'000, 'x');
  write_file_durably(path("a"), as_bytes(content));
  const Fd source = open_file(path("a"), O_RDONLY);
  const Fd target = open_file(path("b"), O_RDWR | O_CREAT, 0600);
  EXPECT_TRUE(copy_bytes(source.get(), target.get(), "a", std::nullopt, {}));
  EXPECT_EQ(read_text_file(path("b")), content);
}

TEST_F(Clone, GivesUpAtTheDeadlineOrWhenStopped) {
  write_file_durably(path("a"), as_bytes(std::string(3'000'000, 'x')));
  const Fd source = open_file(path("a"), O_RDONLY);
  const Fd target = open_file(path("b"), O_RDWR | O_CREAT, 0600);
  EXPECT_FALSE(copy_bytes(source.get(), target.get(), "a", std::chrono::steady_clock::now(), {}));
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(code_of([&] {
              static_cast<void>(
                  copy_bytes(source.get(), target.get(), "a", std::nullopt, stop.get_token()));
            }),
            Errc::cancelled);
}

TEST_F(Clone, SharesBytesOrSaysItCannot) {
  write_file_durably(path("a"), as_bytes("content"));
  const Fd source = open_file(path("a"), O_RDONLY);
  const Fd target = open_file(path("b"), O_RDWR | O_CREAT, 0600);
  const bool shared = clone_file(source.get(), target.get());
  EXPECT_EQ(read_text_file(path("b")), shared ? "content" : "");
}

TEST_F(Clone, NamelessFilesLeaveNoName) {
  const std::optional<Fd> file = nameless_file(home_.path());
  if (file) write_all(file->get(), as_bytes("x"), "nameless");
  EXPECT_TRUE(names().empty());
  EXPECT_FALSE(nameless_file("/no/such/directory"));
}

TEST_F(Clone, MeasuresARate) {
  write_file_durably(path("a"), as_bytes(std::string(4 << 20, 'x')));
  const Fd source = open_file(path("a"), O_RDONLY);
  EXPECT_GT(copying_rate(source.get(), home_.path(), {}), 0);
  write_file_durably(path("small"), as_bytes("x"));
  const Fd small = open_file(path("small"), O_RDONLY);
  EXPECT_GT(copying_rate(small.get(), home_.path(), {}), 0);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(code_of([&] {
              static_cast<void>(copying_rate(source.get(), home_.path(), stop.get_token()));
            }),
            Errc::cancelled);
}

}  // namespace
}  // namespace holdfast::engine::sqlite
