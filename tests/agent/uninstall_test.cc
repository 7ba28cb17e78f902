// Uninstalling leaves the node as it was before there was an agent. On the real kernel, in a node of its own.
#include "agent/node/uninstall.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "agent/folder_lock.h"
#include "base/netlink/link.h"
#include "base/netlink/route.h"
#include "base/netlink/rule.h"
#include "base/read_file.h"
#include "tests/agent/scratch_folder.h"
#include "tests/datapath/lab_node.h"

namespace fairlead::agent {
namespace {

using ::testing::HasSubstr;

// As HostInterfaceName makes them, without "flp".
constexpr char kPod[] = "0123456789a";

struct NodeImage {
  std::vector<std::string> links, routes, settings;
  bool operator==(const NodeImage&) const = default;
};

NodeImage ImageOf() {
  NodeImage image;
  netlink::Socket socket = netlink::Socket::Open().value();
  const std::vector<netlink::Link> links = netlink::Links(socket).value();
  for (const netlink::Link& link : links) image.links.push_back(link.name);
  const std::vector<netlink::Route> routes = netlink::Routes(socket).value();
  for (const netlink::Route& route : routes) image.routes.push_back(netlink::ToString(route));
  for (const char* name : {"ipv4/ip_forward", "ipv6/conf/all/forwarding", "ipv4/conf/all/rp_filter",
                           "ipv4/conf/default/rp_filter", "ipv4/ip_local_reserved_ports"}) {
    image.settings.push_back(ReadFile(std::string("/proc/sys/net/") + name).value_or("none"));
  }
  return image;
}

class UninstallTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { datapath::BecomeNode(); }

  UninstallTest() {
    for (const char* folder : {"bin", "conf", "run", "state", "state/pods", "run/cni-queue"}) {
      std::filesystem::create_directory(folder_ / folder);
    }
    for (const char* file : {"fairlead-cni", "state/last-good", "state/last-good.damaged-1", "state/pods/1",
                             "state/controllers", "run/cni.sock"}) {
      std::ofstream(folder_ / file) << "x";
    }
    std::filesystem::permissions(folder_ / "fairlead-cni", std::filesystem::perms::owner_all);
    options_.cni = {
        .bin_dir = folder_ / "bin", .conf_dir = folder_ / "conf", .binary = folder_ / "fairlead-cni"};
    options_.run_dir = folder_ / "run";
    options_.state_dir = folder_ / "state";
    options_.datapath = {.pin_dir = datapath::BpfDir() + "/fairlead", .max_connections = 1 << 12};
    options_.patience = std::chrono::seconds(0);
  }

  ScratchFolder folder_;
  UninstallOptions options_;
};

TEST_F(UninstallTest, LeavesTheNodeAsItWas) {
  datapath::LabNode node;
  const NodeImage before = ImageOf();
  node.AddPod(kPod, 1);
  {
    auto datapath = datapath::Datapath::Open(options_.datapath);
    ASSERT_TRUE(datapath.ok()) << datapath.status();
    ASSERT_TRUE((*datapath)->AttachPod(node.pod(kPod).endpoint.ifindex).ok());
    const auto applied = (*datapath)->Apply(node.OpenState(), /*verify=*/false);
    ASSERT_TRUE(applied.ok()) << applied.status();
  }
  ASSERT_TRUE(CniInstallation::Create(options_.cni, options_.run_dir)->Install().ok());
  EXPECT_NE(ImageOf(), before);
  const std::string left(CheckUninstalled(options_).message());
  for (const std::string& what : {std::string("05-fairlead.conflist"), options_.datapath.pin_dir,
                                  std::string("device flp"), std::string("route 10.244.1.1")}) {
    EXPECT_THAT(left, HasSubstr(what));
  }

  for (int i = 0; i < 2; ++i) {  // again is no error
    const absl::Status status = Uninstall(options_);
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_TRUE(CheckUninstalled(options_).ok()) << CheckUninstalled(options_);
  }
  const NodeImage after = ImageOf();
  EXPECT_EQ(after.links, before.links);
  EXPECT_EQ(after.routes, before.routes);
  EXPECT_EQ(after.settings, before.settings);
  EXPECT_FALSE(std::filesystem::exists(options_.datapath.pin_dir));
  for (const char* folder : {"bin", "conf"})
    EXPECT_TRUE(std::filesystem::is_empty(folder_ / folder)) << folder;
  for (const char* folder : {"run", "state"})
    EXPECT_FALSE(std::filesystem::exists(folder_ / folder)) << folder;
  node.RemovePod(kPod);
}

TEST_F(UninstallTest, TouchesNothingOfOthers) {
  std::ofstream(folder_ / "state/mine") << "x";
  std::ofstream(folder_ / "conf/10-other.conflist") << "{}";
  EXPECT_TRUE(Uninstall(options_).ok());
  EXPECT_TRUE(std::filesystem::exists(folder_ / "state/mine"));
  EXPECT_TRUE(std::filesystem::exists(folder_ / "conf/10-other.conflist"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "state/last-good"));
}

TEST_F(UninstallTest, DoesNothingWhileAnAgentRuns) {
  const auto lock = LockFolder(options_.run_dir);
  ASSERT_TRUE(lock.ok());
  const absl::Status status = Uninstall(options_);
  EXPECT_TRUE(absl::IsAlreadyExists(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("another fairlead-agent runs here"));
  EXPECT_TRUE(std::filesystem::exists(folder_ / "state/last-good"));
}

}  // namespace
}  // namespace fairlead::agent
