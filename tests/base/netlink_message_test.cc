// What is written into a netlink message is read out of it again; what is not there is empty.
#include <gtest/gtest.h>

#include "base/netlink/message.h"

namespace fairlead::netlink {
namespace {

TEST(NetlinkMessage, AttributesAreReadAsTheyWereWritten) {
  Message message(RTM_NEWLINK, 0, ifinfomsg{.ifi_index = 3});
  message.PutString(IFLA_IFNAME, "eth0");
  message.PutBytes(IFLA_IFALIAS, "cart", 4);  // without a zero
  message.Put(IFLA_MTU, uint32_t{1450});
  const auto read = Attributes::Of<ifinfomsg>(message.Finish());
  EXPECT_EQ(read.String(IFLA_IFNAME), "eth0");
  EXPECT_EQ(read.String(IFLA_IFALIAS), "cart");
  EXPECT_EQ(read.Get<uint32_t>(IFLA_MTU), 1450u);
}

TEST(NetlinkMessage, AnAttributeThatIsAbsentIsEmpty) {
  Message message(RTM_NEWLINK, 0, ifinfomsg{.ifi_index = 3});
  const auto read = Attributes::Of<ifinfomsg>(message.Finish());
  EXPECT_FALSE(read.Has(IFLA_IFALIAS));
  EXPECT_EQ(read.String(IFLA_IFALIAS), "");
  EXPECT_EQ(read.Get<uint32_t>(IFLA_MTU), 0u);
  EXPECT_EQ(read.Nested(IFLA_LINKINFO).String(IFLA_INFO_KIND), "");
}

}  // namespace
}  // namespace fairlead::netlink
