#include "base/ip.h"

#include <gtest/gtest.h>

#include "base/address_port.h"

namespace fairlead {
namespace {

TEST(IpAddress, RoundTripsBothFamilies) {
  for (const char* text : {"10.244.1.5", "255.255.255.255", "0.0.0.0", "::", "fd00:10:244:1::5", "::1"}) {
    auto address = IpAddress::Parse(text);
    ASSERT_TRUE(address.ok()) << address.status();
    EXPECT_EQ(address->ToString(), text);
    EXPECT_EQ(*IpAddress::FromBytes(address->ToBytes()), *address);
  }
}

TEST(WithPort, PutsBracketsAroundIpv6Alone) {
  EXPECT_EQ(WithPort(*IpAddress::Parse("10.0.0.1"), 80), "10.0.0.1:80");
  EXPECT_EQ(WithPort(*IpAddress::Parse("fd00::1"), 65535), "[fd00::1]:65535");
}

TEST(IpAddress, RefusesWhatIsNone) {
  for (absl::string_view text : {absl::string_view("10.244.1"), absl::string_view("01.2.3.4"),
                                 absl::string_view(""), absl::string_view("1.2.3.4 "),
                                 absl::string_view("fe80::1%eth0"), absl::string_view("10.0.0.1\0x", 10)}) {
    EXPECT_FALSE(IpAddress::Parse(text).ok()) << text;
  }
  EXPECT_FALSE(IpAddress::FromBytes("12345").ok());
}

TEST(IpAddress, MappedTextIsThatIpv4Address) {
  EXPECT_EQ(*IpAddress::Parse("::ffff:1.2.3.4"), *IpAddress::Parse("1.2.3.4"));
  EXPECT_EQ(IpAddress::FromV4(0x01020304).ToString(), "1.2.3.4");
  EXPECT_EQ(IpAddress::Parse("1.2.3.4")->v4(), 0x01020304u);
}

TEST(IpPrefix, ContainsItsAddressesOnly) {
  auto prefix = IpPrefix::Parse("10.244.0.0/15");
  ASSERT_TRUE(prefix.ok());
  EXPECT_TRUE(prefix->Contains(*IpAddress::Parse("10.244.0.0")));
  EXPECT_TRUE(prefix->Contains(*IpAddress::Parse("10.245.255.255")));
  EXPECT_FALSE(prefix->Contains(*IpAddress::Parse("10.246.0.0")));
  EXPECT_TRUE(prefix->Contains(*IpPrefix::Parse("10.245.0.0/16")));
  EXPECT_FALSE(prefix->Contains(*IpPrefix::Parse("10.0.0.0/8")));
}

TEST(IpPrefix, IsOfOneFamily) {
  EXPECT_FALSE(IpPrefix::Parse("::/0")->Contains(*IpAddress::Parse("1.2.3.4")));
  EXPECT_FALSE(IpPrefix::Parse("0.0.0.0/0")->Contains(*IpAddress::Parse("::1")));
  EXPECT_TRUE(IpPrefix::Parse("0.0.0.0/0")->Contains(*IpAddress::Parse("1.2.3.4")));
}

TEST(IpPrefix, ClearsHostBits) {
  EXPECT_EQ(IpPrefix::Parse("10.1.2.3/8")->ToString(), "10.0.0.0/8");
  EXPECT_EQ(IpPrefix::Parse("fd00::1/63")->ToString(), "fd00::/63");
}

TEST(IpPrefix, RefusesMalformedLengths) {
  for (const char* text :
       {"10.0.0.0", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "10.0.0.0/8x", "::/129", "/8"}) {
    EXPECT_FALSE(IpPrefix::Parse(text).ok()) << text;
  }
}

}  // namespace
}  // namespace fairlead
