// Runs in network namespaces of its own that nobody else can see: they end with the process.
#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <iterator>

#include "base/netlink/address.h"
#include "base/netlink/filter.h"
#include "base/netlink/link.h"
#include "base/netlink/route.h"
#include "base/netlink/rule.h"
#include "tests/base/private_netns.h"

namespace fairlead::netlink {
namespace {

constexpr MacAddress kMac = {0x02, 0, 0, 0, 0, 0x17};

class NetlinkTest : public ::testing::Test {
 protected:
  void SetUp() override {
    host_fd_ = NewPrivateNetns();
    pod_fd_ = NewPrivateNetns();
    host_ = std::make_unique<Socket>(*Socket::OpenIn(host_fd_.get()));
    pod_ = std::make_unique<Socket>(*Socket::OpenIn(pod_fd_.get()));
  }

  // A pair, both ends up.
  void MakePair() {
    absl::Status made = CreateVeth(*host_, {.name = "host0",
                                            .peer_name = "eth0",
                                            .peer_mac = kMac,
                                            .peer_netns_fd = pod_fd_.get(),
                                            .mtu = 1400});
    ASSERT_TRUE(made.ok()) << made;
    host_index_ = FindLink(*host_, "host0")->ifindex;
    pod_index_ = FindLink(*pod_, "eth0")->ifindex;
    ASSERT_TRUE(ChangeLink(*host_, host_index_, {.up = true}).ok());
    ASSERT_TRUE(ChangeLink(*pod_, pod_index_, {.up = true}).ok());
  }

  UniqueFd host_fd_, pod_fd_;
  std::unique_ptr<Socket> host_, pod_;
  uint32_t host_index_ = 0, pod_index_ = 0;
};

TEST_F(NetlinkTest, MakesAVethPairWithItsPeerInAnotherNamespace) {
  MakePair();
  auto peer = FindLink(*pod_, "eth0");
  ASSERT_TRUE(peer.ok()) << peer.status();
  EXPECT_EQ(peer->mac, kMac);
  EXPECT_EQ(peer->mtu, 1400u);
  EXPECT_EQ(peer->kind, "veth");
  EXPECT_TRUE(peer->up);
  EXPECT_EQ(FindLink(*host_, "eth0").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(NetlinkTest, AnAliasOfAnyLengthThatTheKernelTakesReadsBack) {
  MakePair();
  EXPECT_EQ(FindLink(*host_, host_index_)->alias, "");
  for (const std::string& alias : {std::string("shop/cart-0"), std::string(kMaxAliasBytes, 'x')}) {
    const absl::Status changed = ChangeLink(*host_, host_index_, {.up = true, .alias = alias});
    ASSERT_TRUE(changed.ok()) << changed;
    EXPECT_EQ(FindLink(*host_, host_index_)->alias, alias);
  }
  EXPECT_FALSE(ChangeLink(*host_, host_index_, {.alias = std::string(kMaxAliasBytes + 1, 'x')}).ok());
}

TEST_F(NetlinkTest, RefusesATakenNameInTheKernelsWords) {
  MakePair();
  absl::Status again = CreateVeth(*host_, {.name = "host0", .peer_name = "other"});
  EXPECT_EQ(again.code(), absl::StatusCode::kAlreadyExists) << again;
}

TEST_F(NetlinkTest, DeletingALinkTwiceIsNotFound) {
  MakePair();
  EXPECT_TRUE(DeleteLink(*host_, host_index_).ok());
  EXPECT_EQ(DeleteLink(*host_, host_index_).code(), absl::StatusCode::kNotFound);
}

TEST_F(NetlinkTest, AddressesAreUsableAtOnce) {
  MakePair();
  const IpAddress v4 = *IpAddress::Parse("10.9.0.2");
  const IpAddress v6 = *IpAddress::Parse("fd00:9::2");
  ASSERT_TRUE(AddAddress(*pod_, pod_index_, v4, 32).ok());
  ASSERT_TRUE(AddAddress(*pod_, pod_index_, v6, 128).ok());
  ASSERT_TRUE(AddAddress(*pod_, pod_index_, v6, 128).ok()) << "adding twice is no error";
  auto addresses = Addresses(*pod_);
  ASSERT_TRUE(addresses.ok());
  int found = 0;
  for (const InterfaceAddress& a : *addresses) {
    if (a.address != v4 && a.address != v6) continue;
    ++found;
    EXPECT_EQ(a.prefix_length, a.address.is_v4() ? 32 : 128);
    EXPECT_FALSE(a.tentative);
  }
  EXPECT_EQ(found, 2);
  EXPECT_TRUE(DeleteAddress(*pod_, pod_index_, v6, 128).ok());
}

TEST_F(NetlinkTest, RoutesAndNeighboursReadBackAsWritten) {
  MakePair();
  ASSERT_TRUE(AddAddress(*pod_, pod_index_, *IpAddress::Parse("10.9.0.2"), 32).ok());
  for (const char* gateway : {"169.254.1.1", "fe80::1"}) {
    const IpAddress address = *IpAddress::Parse(gateway);
    const Route link{
        .destination = IpPrefix::Host(address), .ifindex = pod_index_, .protocol = kFairleadProtocol};
    ASSERT_TRUE(ReplaceRoute(*pod_, link).ok());
    const Route route{.destination = *IpPrefix::Parse(address.is_v4() ? "0.0.0.0/0" : "::/0"),
                      .gateway = address,
                      .ifindex = pod_index_,
                      .mtu = 1350,
                      .protocol = kFairleadProtocol};
    absl::Status written = ReplaceRoute(*pod_, route);
    ASSERT_TRUE(written.ok()) << written;
    ASSERT_TRUE(ReplaceNeighbour(*pod_, {.ifindex = pod_index_, .address = address, .mac = kMac}).ok());
    auto routes = Routes(*pod_);
    ASSERT_TRUE(routes.ok());
    EXPECT_NE(std::find(routes->begin(), routes->end(), link), routes->end());
    EXPECT_NE(std::find(routes->begin(), routes->end(), route), routes->end());
    const Neighbour expected{.ifindex = pod_index_, .address = address, .mac = kMac};
    auto neighbours = PermanentNeighbours(*pod_);
    ASSERT_TRUE(neighbours.ok());
    EXPECT_NE(std::find(neighbours->begin(), neighbours->end(), expected), neighbours->end());
    EXPECT_TRUE(DeleteNeighbour(*pod_, pod_index_, address).ok());
    EXPECT_TRUE(DeleteRoute(*pod_, route).ok());
    EXPECT_EQ(DeleteRoute(*pod_, route).code(), absl::StatusCode::kNotFound);
  }
}

// A program that lets every packet go on.
UniqueFd LoadProgram() {
  const bpf_insn instructions[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
                                   {.code = BPF_JMP | BPF_EXIT}};
  const char license[] = "GPL";
  bpf_attr attributes{};
  attributes.prog_type = BPF_PROG_TYPE_SCHED_CLS;
  attributes.insns = reinterpret_cast<uint64_t>(instructions);
  attributes.insn_cnt = std::size(instructions);
  attributes.license = reinterpret_cast<uint64_t>(license);
  return UniqueFd(static_cast<int>(syscall(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof(attributes))));
}

TEST_F(NetlinkTest, FiltersRunInOrderAndAreReplacedInPlace) {
  MakePair();
  const UniqueFd first = LoadProgram(), second = LoadProgram();
  ASSERT_TRUE(first.valid() && second.valid());
  constexpr FilterId kFirst{.priority = 1, .handle = 0xfa1}, kLater{.priority = 2, .handle = 7};
  ASSERT_TRUE(EnsureClsact(*host_, host_index_).ok());
  ASSERT_TRUE(EnsureClsact(*host_, host_index_).ok()) << "a second time";
  for (const bool ingress : {true, false}) {
    const FilterPoint at{.ifindex = host_index_, .ingress = ingress};
    ASSERT_TRUE(ReplaceFilter(*host_, at, kLater, first.get(), "others").ok());
    ASSERT_TRUE(ReplaceFilter(*host_, at, kFirst, first.get(), "ours").ok());
    auto before = Filters(*host_, at);
    ASSERT_TRUE(before.ok()) << before.status();
    ASSERT_EQ(before->size(), 2u);
    EXPECT_EQ(before->at(0).id, kFirst);
    EXPECT_EQ(before->at(0).name, "ours");
    EXPECT_EQ(before->at(1).id, kLater);
    ASSERT_TRUE(ReplaceFilter(*host_, at, kFirst, second.get(), "ours").ok());
    auto after = Filters(*host_, at);
    ASSERT_TRUE(after.ok() && after->size() == 2);
    EXPECT_NE(after->at(0).program_id, before->at(0).program_id);
    EXPECT_EQ(after->at(1).program_id, before->at(1).program_id);
    EXPECT_TRUE(DeleteFilter(*host_, at, kFirst).ok());
    EXPECT_EQ(DeleteFilter(*host_, at, kFirst).code(), absl::StatusCode::kNotFound);
    EXPECT_EQ(Filters(*host_, at)->size(), 1u);
  }
}

TEST_F(NetlinkTest, ADeviceWithoutClsactHasNoFilters) {
  MakePair();
  auto filters = Filters(*host_, {.ifindex = host_index_, .ingress = true});
  ASSERT_TRUE(filters.ok()) << filters.status();
  EXPECT_TRUE(filters->empty());
  EXPECT_EQ(DeleteFilter(*host_, {.ifindex = host_index_}, {.priority = 1, .handle = 1}).code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(NetlinkTest, MakesAnExternalVxlanDevice) {
  absl::Status made =
      CreateExternalVxlan(*host_, {.name = "flvxlan", .mac = kMac, .port = 8472, .mtu = 1430});
  ASSERT_TRUE(made.ok()) << made;
  auto link = FindLink(*host_, "flvxlan");
  ASSERT_TRUE(link.ok());
  EXPECT_EQ(link->kind, "vxlan");
  EXPECT_EQ(link->mtu, 1430u);
  EXPECT_EQ(link->mac, kMac);
}

TEST_F(NetlinkTest, RulesLeadToATableOfTheirOwn) {
  MakePair();
  constexpr uint32_t kTable = 0xf1000007;
  for (const char* text : {"10.244.1.5", "fd00:10:244:1::5"}) {
    const IpAddress source = *IpAddress::Parse(text);
    ASSERT_TRUE(AddAddress(*pod_, pod_index_, source, source.is_v4() ? 32 : 128).ok());
    const Rule rule{.source = source, .table = kTable, .priority = 1000};
    ASSERT_TRUE(AddRule(*pod_, rule).ok());
    EXPECT_TRUE(AddRule(*pod_, rule).ok()) << "a second time";
    const IpAddress other = *IpAddress::Parse(source.is_v4() ? "192.0.2.1" : "2001:db8::1");
    const Route route{.destination = IpPrefix::Host(other), .ifindex = pod_index_, .table = kTable};
    ASSERT_TRUE(ReplaceRoute(*pod_, route).ok());
  }
  EXPECT_EQ(Rules(*pod_)->size(), 2U);
  EXPECT_EQ(Routes(*pod_, kTable)->size(), 2U);
  const std::vector<Route> main_routes = *Routes(*pod_);
  for (const Route& route : main_routes) EXPECT_EQ(route.table, kMainTable);
  const std::vector<Rule> rules = *Rules(*pod_);
  for (const Rule& rule : rules) EXPECT_TRUE(DeleteRule(*pod_, rule).ok());
  EXPECT_TRUE(Rules(*pod_)->empty());
}

}  // namespace
}  // namespace fairlead::netlink
