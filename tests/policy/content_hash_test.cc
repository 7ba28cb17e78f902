#include "policy/content_hash.h"

#include <gtest/gtest.h>

namespace fairlead::policy {
namespace {

std::string HashOf(const std::string& bytes) {
  ContentHash hash;
  hash.AddRaw(bytes.data(), bytes.size());
  return hash.Hex();
}

// Digests from `b2sum -l 128`.
TEST(ContentHash, IsBlake2bOf128Bits) {
  EXPECT_EQ(HashOf(""), "cae66941d9efbd404e4d88758ea67670");
  EXPECT_EQ(HashOf("abc"), "cf4ab791c62b8d2b2109c90275287816");
  EXPECT_EQ(HashOf(std::string(128, 'x')), "874acca82a22239ec64a3e70c3ae494e");
  EXPECT_EQ(HashOf(std::string(1000, 'x')), "c9b2bd4ff487864c29fb41fab3e8187e");
}

TEST(ContentHash, IsTheSameHoweverTheBytesArrive) {
  ContentHash pieces;
  for (int i = 0; i < 1000; ++i) pieces.AddRaw("x", 1);
  EXPECT_EQ(pieces.Hex(), HashOf(std::string(1000, 'x')));
}

TEST(ContentHash, KeepsNeighbouringTextsApart) {
  ContentHash one;
  ContentHash other;
  EXPECT_NE(one.Add("ab").Add("c").Hex(), other.Add("a").Add("bc").Hex());
}

}  // namespace
}  // namespace fairlead::policy
