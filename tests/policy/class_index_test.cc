// The index after any changes is the index of a fresh start, and what it says to have changed is all.
#include "policy/class_index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <random>

#include "absl/strings/str_cat.h"

namespace fairlead::policy {
namespace {

const std::vector<const char*> kPrefixes = {
    "0.0.0.0/0",     "10.0.0.0/8",  "10.0.0.0/24", "10.0.0.0/31",  "10.0.0.0/32", "10.0.0.1/32",
    "10.1.0.0/16",   "10.1.2.3/32", "128.0.0.0/1", "255.0.0.0/32", "::/0",        "::/64",
    "::f800:0:0/85", "fd00::/16",   "fd00::1/128", "fd00::/128",   "8000::/1"};

uint32_t Seed() {
  const char* given = std::getenv("FAIRLEAD_TEST_SEED");
  const uint32_t seed =
      given != nullptr ? static_cast<uint32_t>(std::strtoul(given, nullptr, 10)) : std::random_device{}();
  std::printf("seed %u (FAIRLEAD_TEST_SEED repeats it)\n", seed);
  return seed;
}

AddressGroup AnyGroup(std::mt19937& random) {
  AddressGroup group;
  for (const char* text : kPrefixes) {
    const uint32_t fate = random() % 8;
    if (fate < 2) group.members.push_back(*IpPrefix::Parse(text));
    if (fate == 2) group.exceptions.push_back(*IpPrefix::Parse(text));
  }
  std::sort(group.members.begin(), group.members.end());
  std::sort(group.exceptions.begin(), group.exceptions.end());
  return group;
}

// In the 128-bit space that both families share, as the kernel looks it up.
bool Covers(const IpPrefix& prefix, const IpAddress& address) {
  for (int bit = 0; bit < prefix.length128(); ++bit) {
    const int byte = bit / 8, mask = 0x80 >> bit % 8;
    if (((prefix.address().bytes()[byte] ^ address.bytes()[byte]) & mask) != 0) return false;
  }
  return true;
}

// The class of one address, by the longest entry that covers it.
AddressClass ClassIn(const std::map<IpPrefix, AddressClass>& entries, const IpAddress& address) {
  int longest = -1;
  AddressClass result;
  for (const auto& [prefix, entry] : entries) {
    if (prefix.length128() <= longest || !Covers(prefix, address)) continue;
    longest = prefix.length128();
    result = entry;
  }
  return result;
}

TEST(ClassIndex, AnyChangesLeaveWhatAFreshStartGives) {
  std::mt19937 random(Seed());
  for (int round = 0; round < 50; ++round) {
    ClassIndex index;
    std::map<std::string, AddressGroup> groups;
    std::map<IpPrefix, AddressClass> told;
    for (int step = 0; step < 40; ++step) {
      for (uint32_t changes = 1 + random() % 2; changes > 0; --changes) {
        const std::string name = absl::StrCat("g", random() % 5);
        if (random() % 4 == 0) {
          index.Erase(name);
          groups.erase(name);
        } else {
          groups[name] = AnyGroup(random);
          index.Put(name, groups[name]);
        }
      }
      for (const auto& [prefix, entry] : index.TakeChanges()) {
        if (entry) {
          told[prefix] = *entry;
        } else {
          told.erase(prefix);
        }
      }
      ClassIndex fresh;
      for (const auto& [name, group] : groups) fresh.Put(name, group);
      ASSERT_EQ(told, fresh.All()) << "round " << round << " step " << step;
      ASSERT_EQ(index.All(), fresh.All()) << "round " << round << " step " << step;
      for (const char* text : kPrefixes) {
        const IpAddress address = IpPrefix::Parse(text)->address();
        AddressClass wanted;
        for (const auto& [name, group] : groups) {
          if (group.Contains(address)) wanted.push_back(name);
        }
        ASSERT_EQ(ClassIn(told, address), wanted) << address.ToString();
      }
    }
  }
}

TEST(ClassIndex, AChangeOfOneHostTouchesItsEntryAlone) {
  ClassIndex index;
  AddressGroup group;
  for (uint32_t i = 0; i < 1000; ++i)
    group.members.push_back(IpPrefix::Host(IpAddress::FromV4(0x0a000000u + i)));
  index.Put("pods", group);
  index.ForgetChanges();
  group.members.pop_back();
  index.Put("pods", group);
  EXPECT_EQ(index.TakeChanges().size(), 1u);
  EXPECT_FALSE(index.HasChanges());
}

}  // namespace
}  // namespace fairlead::policy
