// What a pod's host end says of it, and what is believed.
#include "agent/pods/link_alias.h"

#include <gtest/gtest.h>

#include "base/netlink/link.h"

namespace fairlead::agent {
namespace {

Lease Example() {
  Lease lease{.generation = 4'000'000'000,
              .state = LeaseState::kCommitted,
              .sandbox = std::string(64, 'a'),
              .if_name = "eth0",
              .pod_uid = "0c5d1d7c-58a2-4c1a-9f7e-1f4f5f6a7b8c",
              .namespace_name = "shop",
              .pod_name = "cart-0",
              .ifindex = 12,
              .mac = {2, 1, 1, 1, 1, 1},
              .host_mac = {2, 2, 2, 2, 2, 2},
              .addresses = {*IpAddress::Parse("10.244.1.2"), *IpAddress::Parse("fd00::2")},
              .port_mappings = {{.protocol = 6, .host_port = 8080, .container_port = 80},
                                {.protocol = 17,
                                 .host_port = 53,
                                 .container_port = 5353,
                                 .host_ip = *IpAddress::Parse("fd00::99")}}};
  lease.host_interface = HostInterfaceName(lease.key());
  return lease;
}

HostEnd EndOf(const Lease& lease) {
  return {.ifindex = lease.ifindex,
          .name = lease.host_interface,
          .alias = AliasOf(lease).value_or(""),
          .mac = lease.mac,
          .host_mac = lease.host_mac,
          .addresses = lease.addresses};
}

TEST(LinkAlias, GivesTheRecordBack) {
  const absl::StatusOr<Lease> lease = LeaseOf(EndOf(Example()));
  ASSERT_TRUE(lease.ok()) << lease.status();
  EXPECT_EQ(*lease, Example());
}

TEST(LinkAlias, NamesOfOrdinaryLengthFit) {
  Lease lease = Example();
  lease.port_mappings.clear();
  lease.namespace_name = std::string(63, 'n');
  lease.pod_name = std::string(63, 'p');
  EXPECT_TRUE(AliasOf(lease));
  lease.pod_name = std::string(253, 'p');
  EXPECT_FALSE(AliasOf(lease)) << "the kernel would refuse it, and the pod";
}

TEST(LinkAlias, ANameThatWouldBeReadAsTwoHasNone) {
  Lease lease = Example();
  lease.pod_name = "cart 6/1/1";
  EXPECT_FALSE(AliasOf(lease));
}

TEST(LinkAlias, IsNotBelievedWhenItIsDamagedOrAnothers) {
  const HostEnd good = EndOf(Example());
  auto expect = [&](HostEnd end, absl::StatusCode code) {
    EXPECT_EQ(LeaseOf(end).status().code(), code) << end.alias;
  };
  HostEnd end = good;
  end.alias = "";
  expect(end, absl::StatusCode::kNotFound);
  end.alias = "uplink to rack 7";
  expect(end, absl::StatusCode::kNotFound);
  end.alias = "fairlead1 7 sandbox/eth0";
  expect(end, absl::StatusCode::kDataLoss);
  end.alias = good.alias + " 6/8080";
  expect(end, absl::StatusCode::kDataLoss);
  end = good;
  end.alias[8] = '2';
  expect(end, absl::StatusCode::kDataLoss);
  end = good;
  end.name = HostInterfaceName("other/eth0");
  expect(end, absl::StatusCode::kDataLoss);
  end = good;
  end.addresses.clear();
  expect(end, absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace fairlead::agent
