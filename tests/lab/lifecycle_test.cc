// Labs come up from any manifests, say what they refuse, and go without a trace, in whatever state.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <future>

#include "cli/lab/process.h"
#include "tests/lab/lab.h"
#include "tests/lab/manifests.h"

namespace fairlead::test {
namespace {

using testing::AnyOf;
using testing::HasSubstr;

const std::string kPod = Pod("default", "one", "node-1", "app: one", "{containerPort: 80}");

bool Exists(const std::string& lab) {
  return std::filesystem::exists("/run/fairlead/labs/" + lab) ||
         std::filesystem::exists("/sys/fs/cgroup/unified/fairlead-lab/" + lab) ||
         std::filesystem::exists("/sys/fs/cgroup/fairlead-lab/" + lab);
}

TEST(LifecycleTest, LeavesNothing) {
  std::string name;
  {
    const Lab lab(kPod);
    name = lab.name();
    EXPECT_TRUE(lab.up());
    EXPECT_TRUE(Exists(name));
  }
  EXPECT_FALSE(Exists(name));
}

TEST(LifecycleTest, RefusesASecondLabOfOneName) {
  const Lab lab(kPod);
  const Output again = Fairlead({"lab", "up", "--name", lab.name(), "-f", "-"}, kPod);
  EXPECT_NE(again.exit_code, 0);
  EXPECT_THAT(again.err, HasSubstr("is up"));
  EXPECT_EQ(lab.Probe("default/one", "127.0.0.1:80"), "ok") << "the first one is none the worse";
}

TEST(LifecycleTest, OfSeveralUpsAtOnceOneMakesTheLab) {
  const std::string name = "p" + std::to_string(::getpid());
  std::vector<std::future<Output>> ups;
  for (int i = 0; i < 4; ++i) {
    ups.push_back(std::async(std::launch::async,
                             [&] { return Fairlead({"lab", "up", "--name", name, "-f", "-"}, kPod); }));
  }
  int made = 0;
  for (std::future<Output>& future : ups) {
    const Output up = future.get();
    made += up.exit_code == 0;
    if (up.exit_code == 0) continue;
    EXPECT_THAT(up.err, AnyOf(HasSubstr("is being made"), HasSubstr("is up")));
  }
  EXPECT_EQ(made, 1);
  const Output status = Fairlead({"status", "--lab", name});
  EXPECT_EQ(status.exit_code, 0) << status.out << status.err;
  const Output down = Fairlead({"lab", "down", "--name", name});
  EXPECT_EQ(down.exit_code, 0) << down.err;
  EXPECT_FALSE(Exists(name));
  EXPECT_FALSE(std::filesystem::exists("/run/fairlead/lab-locks/" + name + ".lock"));
}

TEST(LifecycleTest, LabsSideBySideDoNotSeeEachOther) {
  const Lab lab(kPod);
  const std::string other = lab.name() + "b";
  ASSERT_EQ(Fairlead({"lab", "up", "--name", other, "-f", "-"}, kPod).exit_code, 0);
  EXPECT_EQ(lab.Probe("node-1", Lab::At(lab.Address("pod", "default/one"), 80)), "ok");
  EXPECT_EQ(Fairlead({"lab", "down", "--name", other}).exit_code, 0);
  EXPECT_EQ(lab.Probe("node-1", Lab::At(lab.Address("pod", "default/one"), 80)), "ok");
}

// `lab up` is killed after ever longer; `down` cleans up, and the next `up` works.
TEST(LifecycleTest, CleansUpAfterAnUpThatWasKilledAnywhere) {
  const std::string name = "k" + std::to_string(::getpid());
  const std::string manifest = testing::TempDir() + "/" + name + ".yaml";
  FILE* file = std::fopen(manifest.c_str(), "w");
  std::fputs(kPod.c_str(), file);
  std::fclose(file);
  for (const int after_ms : {1, 5, 10, 20, 40, 80, 150, 300}) {
    auto up = lab::Process::Start(
        {.argv = {FAIRLEAD_BIN_DIR "/fairlead", "lab", "up", "--name", name, "-f", manifest},
         .env = lab::CurrentEnvironment()});
    ASSERT_TRUE(up.ok()) << up.status();
    int exit_code = 0;
    if (!up->WaitFor(after_ms, &exit_code)) {
      up->Signal(SIGKILL);
      up->Wait();
    }
    // Every second time nobody cleans up: the next `up` has to.
    if (after_ms % 20 != 0) continue;
    const Output down = Fairlead({"lab", "down", "--name", name});
    EXPECT_EQ(down.exit_code, 0) << after_ms << " ms: " << down.err;
    EXPECT_FALSE(Exists(name)) << after_ms << " ms";
  }
  const Output up = Fairlead({"lab", "up", "--name", name, "-f", manifest});
  EXPECT_EQ(up.exit_code, 0) << up.out << up.err;
  EXPECT_EQ(Fairlead({"lab", "down", "--name", name}).exit_code, 0);
  EXPECT_FALSE(Exists(name));
  std::filesystem::remove(manifest);
}

TEST(LifecycleTest, SaysWhatItRefusesAndGoesOnWithTheRest) {
  const Lab lab(kPod +
                "---\nkind: NetworkPolicy\napiVersion: networking.k8s.io/v1\nmetadata: {name: bad}\n"
                "spec: {podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/99}}]}]}\n"
                "---\nkind: [oops\n");
  ASSERT_TRUE(lab.up());
  EXPECT_EQ(lab.Probe("node-1", Lab::At(lab.Address("pod", "default/one"), 80)), "ok");
  const Output status = lab.Fairlead({"status"});
  EXPECT_THAT(status.out, HasSubstr("default/bad"));
  EXPECT_THAT(status.out, HasSubstr("10.0.0.0/99"));
}

TEST(LifecycleTest, ABadVersionOfAPolicyLeavesTheGoodOneInForce) {
  const Lab lab(kPod + Pod("default", "two", "node-2", "app: two", "") +
                Policy("default", "p", "  podSelector: {}\n"));
  ASSERT_TRUE(lab.up());
  const std::string target = Lab::At(lab.Address("pod", "default/one"), 80);
  EXPECT_EQ(lab.ProbeBriefly("default/two", target), "timeout");
  const std::string bad = Policy("default", "p", "  podSelector: nonsense\n");
  const Output apply = lab.Fairlead({"lab", "apply", "-f", "-"},
                                    bad + Policy("default", "q", "  podSelector: {matchLabels: {app: q}}\n"));
  EXPECT_EQ(apply.exit_code, 1);
  EXPECT_THAT(apply.err, HasSubstr("refused NetworkPolicy default/p (stdin:"));
  EXPECT_THAT(apply.err, HasSubstr("podSelector"));
  EXPECT_THAT(apply.out, HasSubstr("networkpolicy default/p refused\n"));
  EXPECT_THAT(apply.out, HasSubstr("networkpolicy default/q created\n"));
  EXPECT_THAT(lab.Fairlead({"lab", "apply", "-f", "-"}, bad).out,
              HasSubstr("networkpolicy default/p refused\n"))
      << "unchanged, and refused still";
  const Output other = lab.Fairlead({"lab", "apply", "-f", "-"},
                                    Policy("default", "r", "  podSelector: {matchLabels: {app: r}}\n"));
  EXPECT_EQ(other.exit_code, 0) << "what is refused is another's: " << other.err;
  EXPECT_THAT(lab.Fairlead({"lab", "apply", "-f", "-"}, Policy("default", "p", "  podSelector: {}\n")).out,
              HasSubstr("networkpolicy default/p configured\n"));
  EXPECT_EQ(lab.ProbeBriefly("default/two", target), "timeout");
}

TEST(LifecycleTest, ApplyWaitsForAControllerThatIsAway) {
  const Lab lab(kPod);
  ASSERT_TRUE(lab.up());
  ASSERT_EQ(lab.Fairlead({"lab", "kill", "controller", "--down-ms", "1500"}).exit_code, 0);
  const Output apply =
      lab.Fairlead({"lab", "apply", "-f", "-"}, Pod("default", "two", "node-2", "app: two", ""));
  EXPECT_EQ(apply.exit_code, 0) << apply.err;
  EXPECT_THAT(apply.out, HasSubstr("pod default/two created\n"));
  EXPECT_FALSE(lab.Address("pod", "default/two").empty());
  const Output nothing = lab.Fairlead({"lab", "apply", "-f", "-"}, "");
  EXPECT_EQ(nothing.exit_code, 2);
  EXPECT_THAT(nothing.err, HasSubstr("no object in -"));
}

TEST(LifecycleTest, StartsAndStopsPodsAsManifestsComeAndGo) {
  const Lab lab(kPod);
  ASSERT_TRUE(lab.up());
  const std::string two = Pod("default", "two", "node-2", "app: two", "{containerPort: 80}");
  lab.Apply(two);
  const std::string target = Lab::At(lab.Address("pod", "default/two"), 80);
  EXPECT_EQ(lab.Probe("default/one", target), "ok");
  lab.Delete(two);
  EXPECT_EQ(lab.Json({"lab", "list", "--pods"}).size(), 1u);
  EXPECT_NE(lab.ProbeBriefly("default/one", target), "ok");
}

TEST(LifecycleTest, RunsAContainersCommandAndRestartsIt) {
  const Lab lab(
      "apiVersion: v1\nkind: Pod\nmetadata: {name: once}\nspec:\n  containers:\n    - name: main\n      "
      "image: x\n"
      "      command: [sh, -c]\n      args: ['echo hello $(WHO); hostname; exit 3']\n"
      "      env: [{name: WHO, value: world}]\n");
  ASSERT_TRUE(lab.up());
  EXPECT_TRUE(Eventually(
      [&] { return lab.Fairlead({"lab", "list", "--pods"}).out.find("exit code 3") != std::string::npos; }));
  EXPECT_THAT(lab.Fairlead({"lab", "logs", "default/once"}).out, HasSubstr("hello world\nonce\n"));
}

TEST(LifecycleTest, SaysWhatIsMissing) {
  EXPECT_THAT(Fairlead({"lab", "exec", "--name", "nosuchlab", "a/b", "--", "true"}).err,
              HasSubstr("no lab 'nosuchlab'"));
  EXPECT_EQ(Fairlead({"lab", "up", "--name", "Not_A_Name", "-f", "-"}, kPod).exit_code, 2);
  EXPECT_NE(Fairlead({"lab", "up", "--name", "nofile", "-f", "/nonexistent.yaml"}).exit_code, 0);
  EXPECT_FALSE(Exists("nofile"));
  EXPECT_EQ(Fairlead({"--agent", "unix:/nonexistent.sock", "status"}).exit_code, 1);
}

}  // namespace
}  // namespace fairlead::test
