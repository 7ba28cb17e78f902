// kubeconfigs, and what a pod is given.
#include "kube/access.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/controller/scratch_folder.h"

namespace fairlead::kube {
namespace {

using controller::ScratchFolder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kHead[] = R"(
apiVersion: v1
kind: Config
current-context: here
contexts:
- {name: there, context: {cluster: other, user: other}}
- {name: here, context: {cluster: lab, user: me}}
clusters:
- {name: lab, cluster: {server: "https://10.0.0.1:6443", certificate-authority: pki/ca.crt}}
users:
)";

std::string ErrorOf(const std::string& text) {
  return std::string(ParseKubeconfig("/etc/k/admin.conf", text).status().message());
}

TEST(Kubeconfig, NamesFilesFromItsOwnFolder) {
  absl::StatusOr<ApiAccess> access = ParseKubeconfig(
      "/etc/k/admin.conf",
      absl::StrCat(kHead, "- {name: me, user: {tokenFile: /run/token, client-certificate: me.crt, ",
                   "client-key-data: a2V5}}\n"));
  ASSERT_TRUE(access.ok()) << access.status();
  EXPECT_THAT(access->servers, ElementsAre("https://10.0.0.1:6443"));
  EXPECT_EQ(access->ca.file, "/etc/k/pki/ca.crt");
  EXPECT_EQ(access->token_file, "/run/token");
  EXPECT_EQ(access->client_certificate.file, "/etc/k/me.crt");
  EXPECT_EQ(access->client_key.data, "key");
  EXPECT_TRUE(access->verify_server);
}

TEST(Kubeconfig, RefusesWhatItCannotDo) {
  EXPECT_THAT(ErrorOf(absl::StrCat(kHead, "- {name: me, user: {exec: {command: x}}}\n")),
              HasSubstr("user.exec: is not supported; give a token"));
  EXPECT_THAT(ErrorOf(absl::StrCat(kHead, "- {name: me, user: {client-certificate: a}}\n")),
              HasSubstr("given together"));
  EXPECT_THAT(ErrorOf(absl::StrCat(kHead, "- {name: you, user: {token: a}}\n")),
              HasSubstr("users: has no entry \"me\""));
  EXPECT_THAT(ErrorOf("{}"), HasSubstr("current-context: is required"));
  EXPECT_THAT(ErrorOf("[1"), HasSubstr("kubeconfig /etc/k/admin.conf"));
  EXPECT_THAT(ErrorOf("a: 1\n---\nb: 2\n"), HasSubstr("one YAML document"));
}

TEST(Servers, AreUrlsWithoutAPath) {
  EXPECT_TRUE(CheckServer("https://[fd00::1]:6443").ok());
  for (const char* bad : {"10.0.0.1:6443", "https://", "https://a/b", "https://me@a", "ftp://a", ""}) {
    EXPECT_FALSE(CheckServer(bad).ok()) << bad;
  }
}

TEST(InCluster, IsWhatTheKubeletMounts) {
  ScratchFolder folder;
  ::setenv("KUBERNETES_SERVICE_HOST", "fd00::1", 1);
  ::setenv("KUBERNETES_SERVICE_PORT", "443", 1);
  EXPECT_THAT(std::string(InClusterAccess({}, folder.path()).status().message()), HasSubstr("not mounted"));
  folder.Put("ca.crt", "ca");
  folder.Put("token", "t");
  absl::StatusOr<ApiAccess> access = InClusterAccess({}, folder.path());
  ASSERT_TRUE(access.ok()) << access.status();
  EXPECT_THAT(access->servers, ElementsAre("https://[fd00::1]:443"));
  EXPECT_EQ(access->token_file, folder / "token");
  ::unsetenv("KUBERNETES_SERVICE_HOST");
  EXPECT_FALSE(InClusterAccess({}, folder.path()).ok());
  access = InClusterAccess({"https://10.0.0.1:6443"}, folder.path());
  ASSERT_TRUE(access.ok()) << access.status();
  EXPECT_THAT(access->servers, ElementsAre("https://10.0.0.1:6443"));
}

TEST(OpenAccess, PrefersTheServersOfTheCommandLine) {
  ScratchFolder folder;
  folder.Put("k.conf", absl::StrCat(kHead, "- {name: me, user: {token: t}}\n"));
  absl::StatusOr<ApiAccess> access = OpenAccess(folder / "k.conf", {"https://10.0.0.2:6443"});
  ASSERT_TRUE(access.ok()) << access.status();
  EXPECT_THAT(access->servers, ElementsAre("https://10.0.0.2:6443"));
  EXPECT_THAT(std::string(OpenAccess(folder / "k.conf", {"10.0.0.2"}).status().message()),
              HasSubstr("--api-server"));
}

}  // namespace
}  // namespace fairlead::kube
