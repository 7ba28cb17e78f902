#include "cli/lab/kernel_objects.h"

#include <fcntl.h>
#include <mntent.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"

namespace fairlead::lab {
namespace {

namespace fs = std::filesystem;

constexpr size_t kLabBytes = 256 << 20;

struct Mount {
  std::string dir;
  std::string type;
};

std::vector<Mount> AllMounts() {
  std::vector<Mount> mounts;
  FILE* file = ::setmntent("/proc/self/mounts", "r");
  if (file == nullptr) return mounts;
  mntent entry;
  char buffer[4096];
  while (::getmntent_r(file, &entry, buffer, sizeof buffer) != nullptr) {
    mounts.push_back({entry.mnt_dir, entry.mnt_type});
  }
  ::endmntent(file);
  return mounts;
}

absl::Status MakeFolder(const std::string& dir) {
  std::error_code error;
  fs::create_directories(dir, error);
  if (error) return ErrnoError(error.value(), absl::StrCat("make folder ", dir));
  return absl::OkStatus();
}

// Folders below first.
std::vector<std::string> TreeDepthFirst(const std::string& dir) {
  std::vector<std::string> dirs;
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(dir, error)) {
    if (entry.is_directory(error)) dirs.push_back(entry.path());
  }
  std::sort(dirs.begin(), dirs.end(), [](const auto& a, const auto& b) { return a.size() > b.size(); });
  dirs.push_back(dir);
  return dirs;
}

absl::Status BringLoopbackUp() {
  const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP;
  if (::ioctl(socket.get(), SIOCSIFFLAGS, &request) != 0) return ErrnoError(errno, "bring the loopback up");
  return absl::OkStatus();
}

}  // namespace

absl::Status MakeNetns(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444));
  if (!file.valid()) return ErrnoError(errno, absl::StrCat("make ", path));
  // A thread of its own gets the new namespace and takes it along when it ends.
  absl::Status status;
  std::thread([&] {
    if (::unshare(CLONE_NEWNET) != 0) {
      status = ErrnoError(errno, "make a network namespace");
    } else if (status = BringLoopbackUp(); !status.ok()) {
      return;
    } else if (::mount("/proc/thread-self/ns/net", path.c_str(), nullptr, MS_BIND, nullptr) != 0) {
      status = ErrnoError(errno, absl::StrCat("hold a network namespace at ", path));
    }
  }).join();
  if (!status.ok()) ::unlink(path.c_str());
  return status;
}

absl::Status RemoveNetns(const std::string& path) {
  if (::umount2(path.c_str(), MNT_DETACH) != 0 && errno != EINVAL && errno != ENOENT) {
    return ErrnoError(errno, absl::StrCat("unmount ", path));
  }
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return ErrnoError(errno, absl::StrCat("remove ", path));
  return absl::OkStatus();
}

absl::Status MountSharedTmpfs(const std::string& dir) {
  RETURN_IF_ERROR(MountTmpfs(dir, kLabBytes));
  if (::mount(nullptr, dir.c_str(), nullptr, MS_SHARED, nullptr) != 0) {
    return ErrnoError(errno, absl::StrCat("share mounts below ", dir));
  }
  return absl::OkStatus();
}

absl::Status MountTmpfs(const std::string& dir, size_t bytes) {
  RETURN_IF_ERROR(MakeFolder(dir));
  if (::mount("fairlead-lab", dir.c_str(), "tmpfs", MS_NOSUID | MS_NODEV,
              absl::StrCat("mode=755,size=", bytes).c_str()) != 0) {
    return ErrnoError(errno, absl::StrCat("mount a tmpfs at ", dir));
  }
  return absl::OkStatus();
}

absl::Status MountBpffs(const std::string& dir) {
  RETURN_IF_ERROR(MakeFolder(dir));
  if (::mount("bpffs", dir.c_str(), "bpf", 0, "mode=0700") != 0) {
    return ErrnoError(errno,
                      absl::StrCat("mount bpffs at ", dir, " (does the kernel have CONFIG_BPF_SYSCALL?)"));
  }
  return absl::OkStatus();
}

absl::Status UnmountTree(const std::string& dir) {
  // Until nothing is there: mounts may lie on top of each other.
  for (int i = 0; i < 16 && !MountsBelow(dir).empty(); ++i) {
    const std::vector<std::string> mounts = MountsBelow(dir);
    if (::umount2(mounts.front().c_str(), MNT_DETACH) != 0 && errno != EINVAL && errno != ENOENT) {
      return ErrnoError(errno, absl::StrCat("unmount ", mounts.front()));
    }
  }
  return absl::OkStatus();
}

std::vector<std::string> MountsBelow(const std::string& dir) {
  std::vector<std::string> mounts;
  for (const Mount& mount : AllMounts()) {
    if (mount.dir == dir || absl::StartsWith(mount.dir, dir + "/")) mounts.push_back(mount.dir);
  }
  return mounts;
}

absl::StatusOr<std::string> CgroupRoot() {
  for (const Mount& mount : AllMounts()) {
    if (mount.type == "cgroup2") return mount.dir;
  }
  return absl::NotFoundError(
      "cgroup v2 is not mounted; mount it: mkdir -p /sys/fs/cgroup/unified && mount -t cgroup2 none "
      "/sys/fs/cgroup/unified");
}

absl::Status MakeCgroup(const std::string& dir) {
  return MakeFolder(dir);
}

absl::Status KillCgroup(const std::string& dir, int timeout_ms) {
  const UniqueFd kill(::open(absl::StrCat(dir, "/cgroup.kill").c_str(), O_WRONLY | O_CLOEXEC));
  if (!kill.valid())
    return errno == ENOENT ? absl::OkStatus() : ErrnoError(errno, absl::StrCat("open ", dir));
  if (::write(kill.get(), "1", 1) != 1) return ErrnoError(errno, absl::StrCat("kill the processes of ", dir));
  // cgroup.events signals a change of "populated" by POLLPRI.
  const UniqueFd events(::open(absl::StrCat(dir, "/cgroup.events").c_str(), O_RDONLY | O_CLOEXEC));
  const int64_t deadline_ns = SystemClock().MonotonicNs() + int64_t{timeout_ms} * 1'000'000;
  while (true) {
    char text[256] = {};
    if (::pread(events.get(), text, sizeof text - 1, 0) <= 0 || absl::StrContains(text, "populated 0")) {
      return absl::OkStatus();
    }
    const int64_t left_ms = (deadline_ns - SystemClock().MonotonicNs()) / 1'000'000;
    if (left_ms <= 0) {
      return absl::DeadlineExceededError(
          absl::StrCat("processes in ", dir, " did not end within ", timeout_ms, " ms"));
    }
    pollfd interest{.fd = events.get(), .events = POLLPRI, .revents = 0};
    ::poll(&interest, 1, static_cast<int>(std::min<int64_t>(left_ms, 100)));
  }
}

absl::Status RemoveCgroup(const std::string& dir) {
  for (const std::string& path : TreeDepthFirst(dir)) {
    if (::rmdir(path.c_str()) != 0 && errno != ENOENT)
      return ErrnoError(errno, absl::StrCat("remove cgroup ", path));
  }
  return absl::OkStatus();
}

std::vector<int> CgroupProcesses(const std::string& dir) {
  std::vector<int> pids;
  for (const std::string& path : TreeDepthFirst(dir)) {
    std::ifstream file(absl::StrCat(path, "/cgroup.procs"));
    for (int pid; file >> pid;) pids.push_back(pid);
  }
  return pids;
}

}  // namespace fairlead::lab
