// What a container of the node has in its way: /proc/sys is read-only, and cgroup version 2 may lie in a
// folder beside version 1.
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>

#include "datapath/datapath.h"
#include "datapath/sysctl.h"
#include "tests/datapath/lab_node.h"

namespace fairlead::datapath {
namespace {

class ContainerTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { BecomeNode(); }
};

TEST_F(ContainerTest, SettingsAreWrittenThoughProcSysIsReadOnly) {
  ASSERT_TRUE(WriteSysctl("net/ipv4/ip_forward", "0").ok());
  ASSERT_EQ(mount("/proc/sys", "/proc/sys", nullptr, MS_BIND, nullptr), 0);
  ASSERT_EQ(mount(nullptr, "/proc/sys", nullptr, MS_BIND | MS_REMOUNT | MS_RDONLY, nullptr), 0);
  EXPECT_NE(access("/proc/sys/net/ipv4/ip_forward", W_OK), 0);
  const absl::Status written = WriteSysctl("net/ipv4/ip_forward", "1");
  EXPECT_TRUE(written.ok()) << written;
  EXPECT_EQ(ReadSysctl("net/ipv4/ip_forward").value_or(""), "1");
  EXPECT_TRUE(absl::IsNotFound(WriteSysctl("net/ipv4/no_such_setting", "1")));
  umount2("/proc/sys", MNT_DETACH);
}

TEST_F(ContainerTest, Cgroup2IsFoundBesideVersion1) {
  const LabCgroup cgroup;
  char folder[] = "/tmp/fairlead-cgroup-XXXXXX";
  ASSERT_NE(mkdtemp(folder), nullptr);
  const std::string unified = std::string(folder) + "/unified";
  const Options options{.pin_dir = BpfDir() + "/container", .cgroup_dir = folder, .max_connections = 1 << 12};

  const auto without = Datapath::Open(options);
  EXPECT_EQ(without.status().code(), absl::StatusCode::kFailedPrecondition) << without.status();

  ASSERT_EQ(symlink(cgroup.path().c_str(), unified.c_str()), 0);
  {
    const auto opened = Datapath::Open(options);
    ASSERT_TRUE(opened.ok()) << opened.status();
    const std::vector<AttachedProgram> programs = (*opened)->Programs();
    EXPECT_TRUE(std::any_of(programs.begin(), programs.end(), [](const AttachedProgram& program) {
      return program.ours && program.hook.rfind("cgroup ", 0) == 0;
    }));
  }
  EXPECT_TRUE(RemoveAll(options).ok());
  unlink(unified.c_str());
  rmdir(folder);
}

}  // namespace
}  // namespace fairlead::datapath
