// Tables, colours and JSON as they are printed.
#include <gtest/gtest.h>

#include "api/introspect.pb.h"
#include "cli/text/flow_text.h"
#include "cli/text/proto_json.h"
#include "cli/text/style.h"
#include "cli/text/table.h"

namespace fairlead::cli {
namespace {

TEST(TableTest, AlignsColumnsAndLeavesNoBlanksAtLineEnds) {
  Table table({"POD", {"N", Align::kRight}, "STATE"});
  table.AddRow({"shop/cart-0", "7", {"ready", Tone::kGood}});
  table.AddRow({"a", "1200"});
  EXPECT_EQ(table.Render(Style(false)),
            "POD             N  STATE\n"
            "shop/cart-0     7  ready\n"
            "a            1200\n");
}

TEST(TableTest, CountsCodePointsNotBytesNorColours) {
  Table table({{"A", Align::kCentre}, "B"});
  table.AddRow({{"✓", Tone::kGood}, "x"});
  table.AddRow({"long", "y"});
  EXPECT_EQ(table.Render(Style(false)), " A    B\n ✓    x\nlong  y\n");
  EXPECT_NE(table.Render(Style(true)).find(" \033[32m✓\033[0m    x"), std::string::npos);
}

TEST(TableTest, TitlesMayTakeSeveralLines) {
  Table table({"from", "shop\ncart\n80"});
  table.AddRow({"a", "ok"});
  EXPECT_EQ(table.Render(Style(false)), "from  shop\n      cart\n      80\na     ok\n");
}

TEST(StyleTest, PaintsOnlyWhenColoured) {
  EXPECT_EQ(Style(false).Paint(Tone::kBad, "x"), "x");
  EXPECT_EQ(Style(true).Paint(Tone::kBad, "x"), "\033[31mx\033[0m");
  EXPECT_EQ(Style(true).Paint(Tone::kPlain, "x"), "x");
}

TEST(StyleTest, NoColorAndNoTerminalMeanNoColours) {
  ::setenv("CLICOLOR_FORCE", "1", 1);
  EXPECT_TRUE(Style::For(1, false).coloured());
  EXPECT_FALSE(Style::For(1, true).coloured());
  ::setenv("NO_COLOR", "1", 1);
  EXPECT_FALSE(Style::For(1, false).coloured());
  ::unsetenv("NO_COLOR");
  ::unsetenv("CLICOLOR_FORCE");
}

TEST(ProtoJsonTest, ShowsAddressesMacsAndEveryField) {
  introspect::v1::EndpointState endpoint;
  endpoint.set_namespace_("shop");
  endpoint.add_addresses(std::string("\x0a\xf4\x01\x05", 4));
  endpoint.add_addresses(std::string("\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01", 16));
  endpoint.set_mac(std::string("\x02\0\0\0\0\x01", 6));
  endpoint.set_connections(1ULL << 40);
  const nlohmann::json json = ToJson(endpoint);
  EXPECT_EQ(json["namespace"], "shop");
  EXPECT_EQ(json["addresses"], nlohmann::json({"10.244.1.5", "fd00::1"}));
  EXPECT_EQ(json["mac"], "02:00:00:00:00:01");
  EXPECT_EQ(json["connections"], 1ULL << 40);
  EXPECT_EQ(json["state"], "");
}

TEST(ProtoJsonTest, ShowsMapsEnumsAndAbsentMessages) {
  introspect::v1::NamedAddress named;
  (*named.mutable_labels())["app"] = "cart";
  EXPECT_EQ(ToJson(named)["labels"], nlohmann::json({{"app", "cart"}}));
  introspect::v1::WhyReply reply;
  reply.set_verdict(observer::v1::DROPPED);
  EXPECT_EQ(ToJson(reply)["verdict"], "dropped");
  EXPECT_EQ(ToJson(reply)["origin"], nullptr);
}

observer::v1::Flow DroppedFromPod(const std::string& pod, const std::string& source) {
  observer::v1::Flow flow;
  flow.set_node("node-1");
  flow.set_verdict(observer::v1::DROPPED);
  flow.set_stage("pod-egress");
  flow.set_reason("some reason");
  flow.set_source_pod(pod);
  flow.set_source(IpAddress::Parse(source)->ToBytes());
  flow.set_source_port(4711);
  flow.set_destination(IpAddress::Parse("10.244.1.6")->ToBytes());
  flow.set_destination_port(80);
  flow.set_protocol(6);
  return flow;
}

std::string Line(const observer::v1::Flow& flow) {
  const Names names({{.address = *IpAddress::Parse("10.244.1.5"), .kind = "pod", .name = "shop/cart"},
                     {.address = *IpAddress::Parse("10.244.1.6"), .kind = "pod", .name = "shop/db"}});
  const std::string text = FlowText(flow, names, Style(false));
  return text.substr(text.find("node-1"));  // without the time
}

TEST(FlowTextTest, APodThatClaimsToBeAnotherIsNamedWithWhatItClaims) {
  EXPECT_EQ(Line(DroppedFromPod("shop/cart", "10.244.1.5")),
            "node-1 ✗ shop/cart:4711 → shop/db:80 TCP, pod-egress: some reason\n");
  EXPECT_EQ(Line(DroppedFromPod("shop/cart", "10.244.1.6")),
            "node-1 ✗ shop/cart as 10.244.1.6:4711 → shop/db:80 TCP, pod-egress: some reason\n");
  EXPECT_EQ(Line(DroppedFromPod("shop/cart", "fd00::9")),
            "node-1 ✗ shop/cart as [fd00::9]:4711 → shop/db:80 TCP, pod-egress: some reason\n");
}

TEST(FlowTextTest, APacketThatCannotBeReadNamesItsPod) {
  observer::v1::Flow flow = DroppedFromPod("shop/cart", "::");
  flow.set_destination(flow.source());
  flow.set_protocol(0);
  EXPECT_EQ(Line(flow), "node-1 ✗ shop/cart → ?, pod-egress: some reason\n");
  flow.clear_source_pod();
  EXPECT_EQ(Line(flow), "node-1 ✗ ? → ?, pod-egress: some reason\n");
}

TEST(FlowTextTest, AProtocolWithoutANameIsANumberThatSaysSo) {
  observer::v1::Flow flow = DroppedFromPod("shop/cart", "10.244.1.5");
  flow.set_protocol(47);
  flow.set_source_port(0);
  flow.set_destination_port(0);
  EXPECT_EQ(Line(flow), "node-1 ✗ shop/cart → shop/db protocol 47, pod-egress: some reason\n");
}

}  // namespace
}  // namespace fairlead::cli
