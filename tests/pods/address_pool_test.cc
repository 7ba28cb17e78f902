#include "agent/pods/address_pool.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace fairlead::agent {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kCooldown = 30 * kSecond;

AddressPool Pool(const char* prefix) {
  return AddressPool(*IpPrefix::Parse(prefix), kCooldown);
}
std::string TakeFrom(AddressPool& pool, int64_t now = 0) {
  auto address = pool.Take(now);
  return address.ok() ? address->ToString() : "";
}
IpAddress Ip(const char* text) {
  return *IpAddress::Parse(text);
}

TEST(AddressPool, GivesFreshAddressesInOrder) {
  AddressPool pool = Pool("10.244.1.0/24");
  EXPECT_EQ(TakeFrom(pool), "10.244.1.1");
  EXPECT_EQ(TakeFrom(pool), "10.244.1.2");
  AddressPool v6 = Pool("fd00::/64");
  EXPECT_EQ(TakeFrom(v6), "fd00::1");
}

TEST(AddressPool, LeavesOutTheNetworkAndTheBroadcastAddress) {
  AddressPool pool = Pool("10.0.0.0/30");
  EXPECT_EQ(TakeFrom(pool), "10.0.0.1");
  EXPECT_EQ(TakeFrom(pool), "10.0.0.2");
  EXPECT_EQ(TakeFrom(pool), "");
  EXPECT_FALSE(pool.TakeThis(Ip("10.0.0.0"), 0).ok());
  EXPECT_FALSE(pool.TakeThis(Ip("10.0.0.3"), 0).ok());
}

TEST(AddressPool, TheSmallestRangesHaveNoSuchAddresses) {
  AddressPool one = Pool("10.0.0.7/32");
  EXPECT_EQ(TakeFrom(one), "10.0.0.7");
  EXPECT_EQ(TakeFrom(one), "");
  AddressPool two = Pool("10.0.0.6/31");
  EXPECT_EQ(TakeFrom(two), "10.0.0.6");
  EXPECT_EQ(TakeFrom(two), "10.0.0.7");
  EXPECT_EQ(Pool("fd00::/128").Count(0).size, 1u);
}

TEST(AddressPool, CountsInAHugeRangeStayFinite) {
  EXPECT_EQ(Pool("fd00::/64").Count(0).size, AddressPool::kMaxSize - 1);
  EXPECT_EQ(Pool("10.0.0.0/8").Count(0).size, AddressPool::kMaxSize - 1);
}

TEST(AddressPool, TheOldestComesBackFirstAndNotBeforeItHasCooledDown) {
  AddressPool pool = Pool("10.0.0.0/30");
  TakeFrom(pool);
  TakeFrom(pool);
  pool.GiveBack(Ip("10.0.0.2"), 1 * kSecond);
  pool.GiveBack(Ip("10.0.0.1"), 2 * kSecond);
  EXPECT_EQ(TakeFrom(pool, 30 * kSecond), "");
  EXPECT_EQ(pool.Count(30 * kSecond).cooling, 2u);
  EXPECT_EQ(TakeFrom(pool, 32 * kSecond), "10.0.0.2");
  EXPECT_EQ(TakeFrom(pool, 32 * kSecond), "10.0.0.1");
}

TEST(AddressPool, ARequestedAddressIsHonouredIfItIsFree) {
  AddressPool pool = Pool("10.244.1.0/24");
  EXPECT_TRUE(pool.TakeThis(Ip("10.244.1.9"), 0).ok());
  EXPECT_EQ(pool.TakeThis(Ip("10.244.1.9"), 0).code(), absl::StatusCode::kAlreadyExists);
  pool.GiveBack(Ip("10.244.1.9"), 0);
  EXPECT_EQ(pool.TakeThis(Ip("10.244.1.9"), kCooldown - 1).code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(pool.TakeThis(Ip("10.244.1.9"), kCooldown).ok());
  EXPECT_EQ(pool.TakeThis(Ip("10.244.2.1"), 0).code(), absl::StatusCode::kOutOfRange);
}

TEST(AddressPool, NoAddressIsEverHeldTwiceOrTooEarly) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  AddressPool pool = Pool("10.0.0.0/28");
  std::map<IpAddress, int64_t> held, returned;
  int64_t now = 0;
  for (int i = 0; i < 20'000; ++i) {
    now += std::uniform_int_distribution<int64_t>(0, 5 * kSecond)(random);
    if (random() % 2 == 0) {
      absl::StatusOr<IpAddress> address = pool.Take(now);
      int64_t cooled = 0;
      for (const auto& [other, since] : returned) cooled += since + kCooldown <= now && !held.contains(other);
      const auto counts = pool.Count(now);
      if (!address.ok()) {
        EXPECT_EQ(cooled, 0) << "an address was free";
        EXPECT_EQ(counts.used + counts.cooling, counts.size);
        continue;
      }
      EXPECT_TRUE(held.emplace(*address, now).second) << address->ToString() << " was in use";
      auto before = returned.find(*address);
      if (before != returned.end()) {
        EXPECT_LE(before->second + kCooldown, now);
        returned.erase(before);
      }
    } else if (!held.empty()) {
      auto victim = std::next(held.begin(), random() % held.size());
      pool.GiveBack(victim->first, now);
      returned[victim->first] = now;
      held.erase(victim);
    }
    ASSERT_EQ(pool.Count(now).used, held.size());
  }
}

}  // namespace
}  // namespace fairlead::agent
