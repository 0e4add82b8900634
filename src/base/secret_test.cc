// SPDX-License-Identifier: Apache-2.0
#include "base/secret.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <type_traits>

namespace holdfast {
namespace {

static_assert(!std::is_copy_constructible_v<Secret>);
static_assert(!std::is_copy_assignable_v<Secret>);
static_assert(!std::is_convertible_v<Secret, std::string>);
static_assert(!std::is_convertible_v<Secret, std::string_view>);

constexpr std::string_view short_text = "geheim";  // fits into the string object itself

// Memory in which a string object lives, to be searched after the string is gone.
class Cell {
 public:
  template <typename T, typename... Args>
  T* make(Args&&... args) {
    static_assert(sizeof(T) <= sizeof memory_);
    return new (memory_.data()) T(std::forward<Args>(args)...);
  }
  [[nodiscard]] bool holds(std::string_view text) const {
    const std::string_view all(reinterpret_cast<const char*>(memory_.data()), memory_.size());
    return all.find(text) != std::string_view::npos;
  }

 private:
  alignas(std::max_align_t) std::array<std::byte, 64> memory_{};
};

TEST(Secret, RevealsOnlyOnRequest) {
  const Secret secret(std::string("geheim"));
  EXPECT_EQ(secret.reveal(), "geheim");
  EXPECT_FALSE(secret.empty());
  EXPECT_TRUE(Secret().empty());
  EXPECT_EQ(secret.clone().reveal(), "geheim");
}

TEST(Secret, WipesTheShortTextItWasMadeFrom) {
  Cell cell;
  auto* text = cell.make<std::string>(short_text);
  ASSERT_TRUE(cell.holds(short_text));
  const Secret secret(std::move(*text));
  EXPECT_FALSE(cell.holds(short_text));
  EXPECT_EQ(secret.reveal(), short_text);
  std::destroy_at(text);
}

TEST(Secret, CopiesFromATextThatStaysTheCallers) {
  const std::string text("geheim");
  const Secret secret(text);
  EXPECT_EQ(secret.reveal(), "geheim");
  EXPECT_EQ(text, "geheim");
}

TEST(Secret, WipesWhatItWasMovedFrom) {
  Cell cell;
  auto* first = cell.make<Secret>(std::string(short_text));
  Secret second(std::move(*first));
  EXPECT_FALSE(cell.holds(short_text));
  EXPECT_EQ(second.reveal(), short_text);
  *first = std::move(second);
  EXPECT_TRUE(cell.holds(short_text));
  Secret third;
  third = std::move(*first);
  EXPECT_FALSE(cell.holds(short_text));
  EXPECT_EQ(third.reveal(), short_text);
  std::destroy_at(first);
}

TEST(Secret, SurvivesAssignmentToItself) {
  Secret secret(std::string("geheim"));
  Secret& same = secret;
  secret = std::move(same);
  EXPECT_EQ(secret.reveal(), "geheim");
}

TEST(Secret, WipesAtTheEndOfItsLife) {
  Cell cell;
  auto* secret = cell.make<Secret>(std::string(short_text));
  ASSERT_TRUE(cell.holds(short_text));
  std::destroy_at(secret);
  EXPECT_FALSE(cell.holds(short_text));
}

TEST(Wipe, OverwritesAllOfABuffer) {
  std::string text(100, 'x');
  text.resize(50);
  const char* buffer = text.data();
  wipe(text);
  EXPECT_TRUE(text.empty());
  text.reserve(0);
  ASSERT_EQ(text.data(), buffer);
  text.resize(text.capacity());
  EXPECT_EQ(std::count(text.begin(), text.end(), 'x'), 0);
}

TEST(ForbidCoreFiles, TurnsThemOff) {
  EXPECT_EXIT(
      {
        forbid_core_files();
        struct rlimit limit {};
        ::getrlimit(RLIMIT_CORE, &limit);
        const bool is_off =
            limit.rlim_cur == 0 && limit.rlim_max == 0 && ::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0;
        std::_Exit(is_off ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

TEST(Secret, WipesNothingWhereNothingIs) {
  wipe(nullptr, 0);  // undefined behaviour before, as UBSan said
  SUCCEED();
}

}  // namespace
}  // namespace holdfast
