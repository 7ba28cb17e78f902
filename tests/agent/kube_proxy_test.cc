// A kube-proxy's rules are found, and taken away without anybody else's. In a network namespace of its own.
#include "agent/node/kube_proxy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>

#include <cstdio>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/agent/scratch_folder.h"

namespace fairlead::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

TEST(IsKubeProxyChain, IsNotTheKubelets) {
  for (const char* name : {"KUBE-SERVICES", "KUBE-SVC-ABC", "KUBE-SEP-ABC", "KUBE-POSTROUTING"}) {
    EXPECT_TRUE(IsKubeProxyChain(name)) << name;
  }
  for (const char* name :
       {"KUBE-FIREWALL", "KUBE-KUBELET-CANARY", "KUBE-IPTABLES-HINT", "POSTROUTING", "kube-svc-x"}) {
    EXPECT_FALSE(IsKubeProxyChain(name)) << name;
  }
}

class KubeProxyTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(::unshare(CLONE_NEWNET), 0) << "this test needs root"; }

  void Load(const std::string& rules) {
    std::ofstream(folder_ / "rules") << rules;
    ASSERT_EQ(std::system(("nft -f " + (folder_ / "rules")).c_str()), 0);
  }
  static std::string Ruleset() {
    std::string text;
    FILE* pipe = ::popen("nft list ruleset", "r");
    char buffer[4096];
    while (size_t got = fread(buffer, 1, sizeof(buffer), pipe)) text.append(buffer, got);
    ::pclose(pipe);
    return text;
  }
  static std::vector<std::string> Found() {
    absl::StatusOr<std::vector<std::string>> found = FindKubeProxyRules();
    EXPECT_TRUE(found.ok()) << found.status();
    return found.value_or(std::vector<std::string>{"error"});
  }

  ScratchFolder folder_;
};

TEST_F(KubeProxyTest, NothingIsFoundWhereThereIsNone) {
  EXPECT_THAT(Found(), IsEmpty());
  Load("table ip nat {\n chain KUBE-KUBELET-CANARY { }\n}\n");
  EXPECT_THAT(Found(), IsEmpty());
  const absl::StatusOr<int> removed = RemoveKubeProxyRules();
  ASSERT_TRUE(removed.ok()) << removed.status();
  EXPECT_EQ(*removed, 0);
}

TEST_F(KubeProxyTest, TakesTheTablesOfNftablesModeAway) {
  Load(R"(
table ip kube-proxy {
  chain services { }
  chain nat-prerouting {
    type nat hook prerouting priority -100; policy accept;
    jump services
  }
}
table ip6 kube-proxy {
  chain services { }
}
table ip mine {
  chain services { }
}
)");
  EXPECT_THAT(Found(), ElementsAre("nftables table ip kube-proxy", "nftables table ip6 kube-proxy"));
  const absl::StatusOr<int> removed = RemoveKubeProxyRules();
  ASSERT_TRUE(removed.ok()) << removed.status();
  EXPECT_EQ(*removed, 2);
  EXPECT_THAT(Found(), IsEmpty());
  EXPECT_THAT(Ruleset(), HasSubstr("table ip mine"));
}

// As iptables-nft lays them out.
TEST_F(KubeProxyTest, TakesTheChainsOfIptablesModeAwayAndNoOthers) {
  std::string many;
  for (int i = 0; i < 400; ++i) {
    absl::StrAppend(&many, "chain KUBE-SEP-", i, " {\ncounter\n}\nchain KUBE-SVC-", i,
                    " {\ncounter jump KUBE-SEP-", i, "\n}\n");
  }
  Load(absl::StrCat("table ip nat {\n", many, R"(
  chain KUBE-MARK-MASQ {
    meta mark set mark or 0x4000
  }
  chain KUBE-SERVICES {
    ip daddr 10.96.0.1 tcp dport 443 counter jump KUBE-SVC-7
    ip daddr 10.96.0.2 jump KUBE-MARK-MASQ
  }
  chain KUBE-POSTROUTING {
    counter masquerade
  }
  chain KUBE-KUBELET-CANARY { }
  chain MINE {
    counter
  }
  chain PREROUTING {
    type nat hook prerouting priority -100; policy accept;
    counter jump KUBE-SERVICES
    ip daddr 192.0.2.1 counter jump MINE
  }
  chain POSTROUTING {
    type nat hook postrouting priority 100; policy accept;
    counter jump KUBE-POSTROUTING
  }
}
)"));
  EXPECT_THAT(Found(), ElementsAre("iptables chain KUBE-SERVICES (ip)"));
  const absl::StatusOr<int> removed = RemoveKubeProxyRules();
  ASSERT_TRUE(removed.ok()) << removed.status();
  EXPECT_EQ(*removed, 803);
  EXPECT_THAT(Found(), IsEmpty());
  const std::string rest = Ruleset();
  EXPECT_THAT(rest, Not(HasSubstr("KUBE-S")));
  EXPECT_THAT(rest, Not(HasSubstr("KUBE-POSTROUTING")));
  EXPECT_THAT(rest, HasSubstr("KUBE-KUBELET-CANARY"));
  EXPECT_THAT(rest, HasSubstr("jump MINE"));
}

}  // namespace
}  // namespace fairlead::agent
