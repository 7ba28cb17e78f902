#include "policy/classifier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fairlead::policy {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

IpPrefix P(const char* text) {
  return *IpPrefix::Parse(text);
}

AddressGroup Group(std::vector<IpPrefix> members, std::vector<IpPrefix> exceptions = {}) {
  return {.members = std::move(members), .exceptions = std::move(exceptions)};
}

PolicySet SetOf(std::vector<Rule> rules) {
  return {.rules = std::move(rules)};
}

Rule PortRule(std::vector<PortRange> ports) {
  return {.any_peer = true, .ports = std::move(ports)};
}

Row RowOfPort(const PolicySet& set, Protocol protocol, uint16_t port) {
  Row row = AnyPortRow(set);
  int longest = -1;
  for (const auto& [block, bits] : PortRows(set)) {
    const bool covers = block.length == 0 || (block.first ^ port) >> (16 - block.length) == 0;
    if (block.protocol == protocol && covers && block.length > longest) {
      longest = block.length;
      row = bits;
    }
  }
  return row;
}

TEST(ClassifyAddresses, GivesInnerPrefixesTheGroupsThatCoverThem) {
  const auto classes =
      ClassifyAddresses({{"pods", Group({P("10.0.0.5/32")})}, {"wide", Group({P("10.0.0.0/8")})}});
  EXPECT_THAT(classes, ElementsAre(Pair(P("10.0.0.0/8"), ElementsAre("wide")),
                                   Pair(P("10.0.0.5/32"), ElementsAre("pods", "wide"))));
}

TEST(ClassifyAddresses, LeavesTheExceptionOutOfItsOwnGroupOnly) {
  const auto classes = ClassifyAddresses({{"a", Group({P("10.0.0.0/8")}, {P("10.1.0.0/16")})},
                                          {"b", Group({P("10.1.0.0/16"), P("10.1.2.0/24")})}});
  EXPECT_THAT(classes,
              ElementsAre(Pair(P("10.0.0.0/8"), ElementsAre("a")), Pair(P("10.1.0.0/16"), ElementsAre("b"))));
}

TEST(ClassifyAddresses, EmptiesAnExceptedRange) {
  const auto classes = ClassifyAddresses({{"a", Group({P("10.0.0.0/8")}, {P("10.1.0.0/16")})}});
  EXPECT_THAT(classes,
              ElementsAre(Pair(P("10.0.0.0/8"), ElementsAre("a")), Pair(P("10.1.0.0/16"), IsEmpty())));
}

TEST(ClassifyAddresses, KeepsIpv4OutOfWideIpv6Prefixes) {
  const auto classes = ClassifyAddresses({{"six", Group({P("::/0")})}, {"four", Group({P("10.0.0.0/8")})}});
  EXPECT_THAT(classes, ElementsAre(Pair(P("::/0"), ElementsAre("six")), Pair(P("0.0.0.0/0"), IsEmpty()),
                                   Pair(P("10.0.0.0/8"), ElementsAre("four"))));
}

TEST(PortRows, TakeTheBitsOfEveryBlockThatCovers) {
  const PolicySet set =
      SetOf({PortRule({{Protocol::kTcp, 8080, 8080}}), PortRule({{Protocol::kTcp, 8000, 8999}}),
             PortRule({{Protocol::kTcp, 0, 65535}}), PortRule({{Protocol::kUdp, 53, 53}}),
             Rule{.any_peer = true, .any_port = true}});
  EXPECT_THAT(RowOfPort(set, Protocol::kTcp, 8080), ElementsAre(0b10111));
  EXPECT_THAT(RowOfPort(set, Protocol::kTcp, 8000), ElementsAre(0b10110));
  EXPECT_THAT(RowOfPort(set, Protocol::kTcp, 8999), ElementsAre(0b10110));
  EXPECT_THAT(RowOfPort(set, Protocol::kTcp, 7999), ElementsAre(0b10100));
  EXPECT_THAT(RowOfPort(set, Protocol::kTcp, 9000), ElementsAre(0b10100));
  EXPECT_THAT(RowOfPort(set, Protocol::kUdp, 53), ElementsAre(0b11000));
  EXPECT_THAT(RowOfPort(set, Protocol::kSctp, 53), ElementsAre(0b10000));
}

TEST(PortRows, HoldAtBothEndsOfThePortSpace) {
  const PolicySet set =
      SetOf({PortRule({{Protocol::kTcp, 0, 0}}), PortRule({{Protocol::kTcp, 65535, 65535}})});
  EXPECT_THAT(RowOfPort(set, Protocol::kTcp, 0), ElementsAre(0b01));
  EXPECT_THAT(RowOfPort(set, Protocol::kTcp, 65535), ElementsAre(0b10));
  EXPECT_THAT(RowOfPort(set, Protocol::kTcp, 1), ElementsAre(0));
}

TEST(PeerRow, NeedsOneOfTheRulesGroups) {
  const PolicySet set = SetOf({Rule{.peers = {"a", "b"}}, Rule{.peers = {"c"}}, Rule{.any_peer = true}});
  EXPECT_THAT(PeerRow(set, {"b", "d"}), ElementsAre(0b101));
  EXPECT_THAT(PeerRow(set, {}), ElementsAre(0b100));
}

TEST(FirstMatch, FindsTheLowestCommonBitInAnyWord) {
  EXPECT_EQ(FirstMatch({0b0110, 0}, {0b1100, 0}), 2);
  EXPECT_EQ(FirstMatch({0, 1}, {1, 1}), 64);
  EXPECT_EQ(FirstMatch({1, 2}, {2, 1}), -1);
}

}  // namespace
}  // namespace fairlead::policy
