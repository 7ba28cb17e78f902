#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "agent/pods/lease_store.h"
#include "agent/pods/mirrored_store.h"
#include "nlohmann/json.hpp"
#include "tests/pods/world.h"

namespace fairlead::agent {
namespace {

using ::testing::HasSubstr;

Lease Example() {
  return {.generation = 7,
          .state = LeaseState::kCommitted,
          .since_ns = 1'700'000'000'000'000'001,
          .sandbox = "s1",
          .if_name = "eth0",
          .netns = "/run/netns/s1",
          .pod_uid = "u1",
          .namespace_name = "shop",
          .pod_name = "cart-0",
          .host_interface = HostInterfaceName("s1/eth0"),
          .ifindex = 12,
          .mac = {2, 0, 0, 0, 0, 1},
          .host_mac = {2, 0, 0, 0, 0, 2},
          .addresses = {*IpAddress::Parse("10.244.1.5"), *IpAddress::Parse("fd00::5")},
          .port_mappings = {{17, 53, 5353, *IpAddress::Parse("127.0.0.1")}}};
}

TEST(Lease, ReadsBackWhatItWrites) {
  absl::StatusOr<Lease> read = DecodeLease(EncodeLease(Example()));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, Example());
}

TEST(Lease, EveryMissingOrForeignFieldIsDamage) {
  const nlohmann::json whole = nlohmann::json::parse(EncodeLease(Example()));
  for (const auto& [field, value] : whole.items()) {
    nlohmann::json without = whole;
    without.erase(field);
    EXPECT_EQ(DecodeLease(without.dump()).status().code(), absl::StatusCode::kDataLoss) << field;
    nlohmann::json foreign = whole;
    foreign[field] = {{"not", "this"}};
    EXPECT_EQ(DecodeLease(foreign.dump()).status().code(), absl::StatusCode::kDataLoss) << field;
  }
}

TEST(Lease, EveryTruncationIsDamage) {
  const std::string whole = EncodeLease(Example());
  for (size_t size = 0; size + 1 < whole.size(); ++size) {
    EXPECT_FALSE(DecodeLease(whole.substr(0, size)).ok()) << size;
  }
}

TEST(Lease, NamesOfDevicesAreOursAndStable) {
  EXPECT_EQ(HostInterfaceName("s1/eth0"), HostInterfaceName("s1/eth0"));
  EXPECT_NE(HostInterfaceName("s1/eth0"), HostInterfaceName("s1/eth1"));
  EXPECT_TRUE(IsHostInterfaceName(HostInterfaceName("anything")));
  for (const char* foreign : {"eth0", "flp", "flpxyzxyzxyzxy", "flp000000000000", "flvxlan"}) {
    EXPECT_FALSE(IsHostInterfaceName(foreign)) << foreign;
  }
  EXPECT_EQ(MacFor("x")[0], 2) << "locally administered, unicast";
}

class FolderTest : public ::testing::Test {
 protected:
  FolderTest() {
    char folder[] = "/tmp/fairlead-leases-XXXXXX";
    folder_ = mkdtemp(folder);
  }
  ~FolderTest() override { std::filesystem::remove_all(folder_); }

  void Write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ + "/" + name) << text;
  }

  std::string folder_;
};

TEST_F(FolderTest, KeepsRecordsUntilTheyAreRemoved) {
  FolderLeaseStore store = *FolderLeaseStore::Open(folder_ + "/a/b");
  ASSERT_TRUE(store.Put(Example()).ok());
  EXPECT_EQ(store.Load()->leases, std::vector<Lease>{Example()});
  ASSERT_TRUE(store.Remove(7).ok());
  ASSERT_TRUE(store.Remove(7).ok()) << "twice is no error";
  EXPECT_TRUE(store.Load()->leases.empty());
}

TEST_F(FolderTest, SetsDamagedRecordsAsideAndNamesThem) {
  FolderLeaseStore store = *FolderLeaseStore::Open(folder_);
  ASSERT_TRUE(store.Put(Example()).ok());
  Write("8.json", "{\"format\": 1");
  Write("9.json", EncodeLease(Example()));  // a record under another's name
  Write("10.json.tmp", "half");             // of a write that was cut off
  absl::StatusOr<LeaseStore::Loaded> loaded = store.Load();
  ASSERT_TRUE(loaded.ok());
  EXPECT_EQ(loaded->leases.size(), 1u);
  ASSERT_EQ(loaded->damaged.size(), 2u);
  EXPECT_EQ(loaded->damaged[0].generation + loaded->damaged[1].generation, 8u + 9u);
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/8.json"));
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/10.json.tmp"));
  EXPECT_TRUE(store.Load()->damaged.empty()) << "only once";
}

TEST_F(FolderTest, ADamagedOrLostRecordIsTakenFromItsCopy) {
  FolderLeaseStore first = *FolderLeaseStore::Open(folder_ + "/first");
  FolderLeaseStore copy = *FolderLeaseStore::Open(folder_ + "/copy");
  MirroredLeaseStore store(&first, &copy);
  Lease other = Example();
  other.generation = 8;
  ASSERT_TRUE(store.Put(Example()).ok());
  ASSERT_TRUE(store.Put(other).ok());
  Write("first/7.json", "{\"format\": 1");
  std::filesystem::remove(folder_ + "/first/8.json");
  absl::StatusOr<LeaseStore::Loaded> loaded = store.Load();
  ASSERT_TRUE(loaded.ok());
  EXPECT_THAT(loaded->leases, ::testing::UnorderedElementsAre(Example(), other));
  EXPECT_TRUE(loaded->damaged.empty());
  EXPECT_EQ(first.Load()->leases.size(), 2u) << "both hold it again";
}

TEST_F(FolderTest, TheFirstDecidesAndItsCopyFollows) {
  FolderLeaseStore first = *FolderLeaseStore::Open(folder_ + "/first");
  FolderLeaseStore copy = *FolderLeaseStore::Open(folder_ + "/copy");
  MirroredLeaseStore store(&first, &copy);
  ASSERT_TRUE(store.Put(Example()).ok());
  Lease newer = Example();
  newer.state = LeaseState::kReleasing;
  ASSERT_TRUE(first.Put(newer).ok());  // killed before the copy
  EXPECT_EQ(store.Load()->leases, std::vector<Lease>{newer});
  EXPECT_EQ(copy.Load()->leases, std::vector<Lease>{newer});
  ASSERT_TRUE(store.Remove(7).ok());
  EXPECT_TRUE(store.Load()->leases.empty()) << "nothing brings it back";
}

TEST_F(FolderTest, WithoutACopyADamagedRecordIsNamed) {
  FolderLeaseStore first = *FolderLeaseStore::Open(folder_ + "/first");
  FolderLeaseStore copy = *FolderLeaseStore::Open(folder_ + "/copy");
  MirroredLeaseStore store(&first, &copy);
  Write("first/7.json", "half");
  Write("copy/7.json", "half");
  absl::StatusOr<LeaseStore::Loaded> loaded = store.Load();
  ASSERT_TRUE(loaded.ok());
  ASSERT_EQ(loaded->damaged.size(), 1u);
  EXPECT_THAT(loaded->damaged[0].reason, HasSubstr("first/7.json.damaged-1"));
}

TEST_F(FolderTest, AFullPlaceForCopiesKeepsNoPodFromStarting) {
  FolderLeaseStore first = *FolderLeaseStore::Open(folder_ + "/first");
  FolderLeaseStore copy = *FolderLeaseStore::Open(folder_ + "/copy");
  std::filesystem::create_directories(folder_ + "/copy/7.json/in the way");
  MirroredLeaseStore store(&first, &copy);
  ASSERT_FALSE(copy.Put(Example()).ok());
  EXPECT_TRUE(store.Put(Example()).ok());
  EXPECT_EQ(first.Load()->leases.size(), 1u);
}

TEST_F(FolderTest, AFailedWriteNamesTheFile) {
  FolderLeaseStore store = *FolderLeaseStore::Open(folder_ + "/gone");
  std::filesystem::remove(folder_ + "/gone");
  Write("gone", "a file in its place");
  EXPECT_THAT(std::string(store.Put(Example()).message()), HasSubstr("/gone/7.json"));
}

TEST_F(FolderTest, AFolderThatSomebodyRemovesIsMadeAgain) {
  FolderLeaseStore store = *FolderLeaseStore::Open(folder_ + "/state/pods");
  std::filesystem::remove_all(folder_ + "/state");
  ASSERT_TRUE(store.Put(Example()).ok());
  EXPECT_EQ(store.Load()->leases, std::vector<Lease>{Example()});
}

}  // namespace
}  // namespace fairlead::agent
