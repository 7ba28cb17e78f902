#include "cni/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cni/error.h"

namespace fairlead::cni {
namespace {

using ::testing::HasSubstr;

constexpr char kMinimal[] = R"({"cniVersion": "1.1.0", "name": "fairlead", "type": "fairlead-cni"})";

// The minimal configuration with `more` (a list of members) in it.
std::string With(const std::string& more) {
  return R"({"cniVersion": "1.1.0", "name": "fairlead", "type": "fairlead-cni", )" + more + "}";
}

struct Refusal {
  const char* name;
  std::string text;
  const char* command;
  int code;
  const char* message;
  const char* details;
};

class Refuses : public ::testing::TestWithParam<Refusal> {};

TEST_P(Refuses, WithCodeAndField) {
  absl::StatusOr<Config> config = ParseConfig(GetParam().text, GetParam().command);
  ASSERT_FALSE(config.ok());
  EXPECT_EQ(CodeOf(config.status()), GetParam().code);
  EXPECT_THAT(std::string(config.status().message()), HasSubstr(GetParam().message));
  EXPECT_THAT(DetailsOf(config.status()), HasSubstr(GetParam().details));
}

INSTANTIATE_TEST_SUITE_P(
    Config, Refuses,
    ::testing::Values(
        Refusal{"Nothing", "", "ADD", 6, "network configuration", ""},
        Refusal{"CutOff", R"({"cniVersion": "1.1.0")", "ADD", 6, "parse error", ""},
        Refusal{"AList", "[]", "ADD", 6, "must be a JSON object", ""},
        Refusal{"NotUtf8", "{\"name\": \"\xff\"}", "ADD", 6, "UTF-8", ""},
        Refusal{"TooLarge", With("\"x\": \"" + std::string(1 << 20, 'a') + "\""), "ADD", 6, "larger than",
                ""},
        Refusal{"OldVersion", R"({"cniVersion": "0.3.1", "name": "n"})", "ADD", 1, "0.3.1",
                "0.4.0, 1.0.0, 1.1.0"},
        Refusal{"NoVersion", R"({"name": "n"})", "ADD", 1, "cniVersion", "supported"},
        Refusal{"NewerVersion", R"({"cniVersion": "2.0.0", "name": "n"})", "DEL", 1, "2.0.0", ""},
        Refusal{"NoName", R"({"cniVersion": "1.0.0"})", "ADD", 7, "name", ""},
        Refusal{"NameIsNumber", R"({"cniVersion": "1.0.0", "name": 5})", "ADD", 7, "name: must be a string",
                ""},
        Refusal{"SlipOfThePen", With(R"("agentSoket": "/run/x")"), "ADD", 7, "agentSoket: unknown key",
                "did you mean \"agentSocket\"?"},
        Refusal{"FarFromAnyKey", With(R"("completelyDifferent": 1)"), "ADD", 7, "completelyDifferent", ""},
        Refusal{"RelativeSocket", With(R"("agentSocket": "run/x")"), "ADD", 7, "not an absolute path", ""},
        Refusal{"NoTime", With(R"("timeoutSeconds": 0)"), "ADD", 7, "timeoutSeconds", ""},
        Refusal{"HugeTime", With(R"("timeoutSeconds": 18446744073709551615)"), "ADD", 7, "timeoutSeconds",
                ""},
        Refusal{"OtherIpam", With(R"("ipam": {"type": "host-local"})"), "ADD", 7, "ipam", "remove the key"},
        Refusal{"UnknownCapability", With(R"("runtimeConfig": {"bandwidth": {}})"), "ADD", 7,
                "runtimeConfig.bandwidth", ""},
        Refusal{"PortOutOfRange",
                With(R"("runtimeConfig": {"portMappings": [{"hostPort": 70000, "containerPort": 1}]})"),
                "ADD", 7, "runtimeConfig.portMappings[0].hostPort", ""},
        Refusal{"PortWithoutContainer", With(R"("runtimeConfig": {"portMappings": [{"hostPort": 80}]})"),
                "ADD", 7, "containerPort", ""},
        Refusal{
            "PortProtocol",
            With(
                R"("runtimeConfig": {"portMappings": [{"hostPort": 1, "containerPort": 1, "protocol": "ip"}]})"),
            "ADD", 7, "protocol", ""},
        Refusal{"PortMappingIsText", With(R"("runtimeConfig": {"portMappings": ["80:80"]})"), "ADD", 7,
                "portMappings[0]", ""},
        Refusal{"BadIp", With(R"("runtimeConfig": {"ips": ["10.0.0.256"]})"), "ADD", 7, "10.0.0.256", ""},
        Refusal{"BadIpLength", With(R"("runtimeConfig": {"ips": ["10.0.0.1/33"]})"), "ADD", 7, "10.0.0.1/33",
                ""},
        Refusal{"BadMac", With(R"("runtimeConfig": {"mac": "02:00:00:00:00"})"), "ADD", 7, "mac", ""},
        Refusal{"MulticastMac", With(R"("runtimeConfig": {"mac": "01:00:5e:00:00:01"})"), "ADD", 7, "mac",
                ""},
        Refusal{"CheckWithoutResult", kMinimal, "CHECK", 7, "prevResult: is missing", ""},
        Refusal{
            "ResultIndex",
            With(R"("prevResult": {"interfaces": [], "ips": [{"address": "10.0.0.1/32", "interface": 0}]})"),
            "ADD", 7, "prevResult.ips[0].interface", ""},
        Refusal{"ResultAddress", With(R"("prevResult": {"ips": [{"address": "ten"}]})"), "ADD", 7,
                "prevResult.ips[0].address", ""},
        Refusal{"ResultIsText", With(R"("prevResult": "no")"), "ADD", 7, "prevResult: must be an object", ""},
        Refusal{"GcWithoutList", kMinimal, "GC", 7, "cni.dev/valid-attachments", "every pod"},
        Refusal{"GcHalfAnAttachment", With(R"("cni.dev/valid-attachments": [{"containerID": "a"}])"), "GC", 7,
                "valid-attachments[0]", ""}),
    [](const auto& info) { return info.param.name; });

TEST(Config, TakesDefaultsFromNothing) {
  absl::StatusOr<Config> config = ParseConfig(kMinimal, "ADD");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->agent_socket, "/run/fairlead/cni.sock");
  EXPECT_EQ(config->queue_dir, "/run/fairlead/cni-queue");
  EXPECT_EQ(config->timeout, std::chrono::seconds(60));
  EXPECT_FALSE(config->previous);
}

TEST(Config, TakesEveryStandardKey) {
  absl::StatusOr<Config> config =
      ParseConfig(With(R"("capabilities": {"portMappings": true}, "ipam": {}, "dns": {}, "args": {"cni": {}},
              "disableCheck": false, "disableGC": false, "loadOnlyInlinedPlugins": true,
              "cni.dev/anything": {"x": 1}, "runtimeConfig": {}, "prevResult": {}, "timeoutSeconds": 5)"),
                  "ADD");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->timeout, std::chrono::seconds(5));
}

TEST(Config, ReadsCapabilities) {
  absl::StatusOr<Config> config = ParseConfig(With(R"("runtimeConfig": {
      "portMappings": [{"hostPort": 8080, "containerPort": 80, "protocol": "TCP", "hostIP": "127.0.0.1"},
                       {"hostPort": 0, "containerPort": 81}],
      "ips": ["10.244.1.7/24", "fd00::7"], "mac": "02:00:00:00:00:07",
      "dns": {"searches": [], "nameservers": ["10.96.0.10"]}})"),
                                              "ADD");
  ASSERT_TRUE(config.ok()) << config.status();
  ASSERT_EQ(config->port_mappings.size(), 1u) << "a hostPort of 0 asks for nothing";
  EXPECT_EQ(config->port_mappings[0].protocol, "tcp");
  EXPECT_EQ(config->port_mappings[0].host_ip, "127.0.0.1");
  EXPECT_THAT(config->requested_addresses, ::testing::ElementsAre("10.244.1.7", "fd00::7"));
  EXPECT_EQ(config->requested_mac, "02:00:00:00:00:07");
  EXPECT_THAT(config->dns.nameservers, ::testing::ElementsAre("10.96.0.10"));
}

TEST(Config, TakesPortMappingsAsContainerdSpellsThem) {
  absl::StatusOr<Config> config = ParseConfig(With(R"("runtimeConfig": {
      "portMappings": [{"HostPort": 8080, "ContainerPort": 80, "Protocol": "udp", "HostIP": ""}]})"),
                                              "ADD");
  ASSERT_TRUE(config.ok()) << config.status();
  ASSERT_EQ(config->port_mappings.size(), 1u);
  EXPECT_EQ(config->port_mappings[0].host_port, 8080);
  EXPECT_EQ(config->port_mappings[0].container_port, 80);
  EXPECT_EQ(config->port_mappings[0].protocol, "udp");
  EXPECT_EQ(config->port_mappings[0].host_ip, "");
}

TEST(Config, DelAndGcSucceedWithKeysOfAnotherVersion) {
  const std::string text = With(R"("keyOfTheFuture": 1, "ipam": {"type": "x"}, "prevResult": "broken",
                                   "cni.dev/valid-attachments": [{"containerID": "a", "ifname": "eth0"}])");
  EXPECT_TRUE(ParseConfig(text, "DEL").ok());
  absl::StatusOr<Config> config = ParseConfig(text, "GC");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->valid_attachments->size(), 1u);
}

TEST(Config, GcTakesTheSpecificationsEarlierKeyToo) {
  absl::StatusOr<Config> config = ParseConfig(With(R"("cni.dev/attachments": [])"), "GC");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_TRUE(config->valid_attachments->empty());
}

}  // namespace
}  // namespace fairlead::cni
