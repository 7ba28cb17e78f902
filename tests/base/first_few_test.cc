// How many names of many a line spells out.
#include "base/first_few.h"

#include <gtest/gtest.h>

namespace fairlead {
namespace {

TEST(FirstFew, SpellsOutWhatIsShort) {
  EXPECT_EQ(FirstFew({}), "");
  EXPECT_EQ(FirstFew({"a"}), "a");
  EXPECT_EQ(FirstFew({"a", "b", "c"}), "a, b, c");
}

TEST(FirstFew, CountsTheRest) {
  EXPECT_EQ(FirstFew({"a", "b", "c", "d"}), "a, b, c, and 1 more");
  EXPECT_EQ(FirstFew(std::vector<std::string>(10'000, "x"), "; "), "x; x; x; and 9997 more");
}

}  // namespace
}  // namespace fairlead
