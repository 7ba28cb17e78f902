#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <unistd.h>

#include <cerrno>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "datapath/bpf_error.h"
#include "datapath/hook_strategy.h"

namespace fairlead::datapath {
namespace {

constexpr uint32_t kLoopbackIfindex = 1;
constexpr int kMaxPrograms = 64;

bpf_attach_type AttachType(bool ingress) {
  return ingress ? BPF_TCX_INGRESS : BPF_TCX_EGRESS;
}

class Tcx : public HookStrategy {
 public:
  explicit Tcx(const std::string& link_dir) : link_dir_(link_dir) {}

  const char* name() const override { return "tcx"; }

  absl::Status Attach(const DeviceHook& hook, int program_fd) override {
    const std::string path = PathOf(hook);
    UniqueFd link(bpf_obj_get(path.c_str()));
    if (link.valid()) {
      bpf_link_info info{};
      uint32_t size = sizeof(info);
      const bool alive =
          bpf_link_get_info_by_fd(link.get(), &info, &size) == 0 && info.tcx.ifindex == hook.ifindex;
      if (alive && bpf_link_update(link.get(), program_fd, nullptr) == 0) return absl::OkStatus();
      if (alive) return BpfError(errno, absl::StrCat("replace the program of link ", path));
      // The device that had this number is gone.
      unlink(path.c_str());
    }
    LIBBPF_OPTS(bpf_link_create_opts, options);
    link.reset(
        bpf_link_create(program_fd, static_cast<int>(hook.ifindex), AttachType(hook.ingress), &options));
    if (!link.valid()) {
      return BpfError(errno, absl::StrCat("attach ", hook.program, " to device with index ", hook.ifindex));
    }
    if (bpf_obj_pin(link.get(), path.c_str()) != 0) return BpfError(errno, absl::StrCat("pin link ", path));
    return absl::OkStatus();
  }

  absl::Status Detach(const DeviceHook& hook) override {
    const std::string path = PathOf(hook);
    if (unlink(path.c_str()) == 0 || errno == ENOENT) return absl::OkStatus();
    return BpfError(errno, absl::StrCat("remove link ", path));
  }

  absl::StatusOr<std::vector<HookedProgram>> Query(uint32_t ifindex, bool ingress) const override {
    uint32_t ids[kMaxPrograms];
    LIBBPF_OPTS(bpf_prog_query_opts, options, .prog_ids = ids, .prog_cnt = kMaxPrograms);
    if (bpf_prog_query_opts(static_cast<int>(ifindex), AttachType(ingress), &options) != 0) {
      return BpfError(errno, absl::StrCat("ask what is attached to device with index ", ifindex));
    }
    std::vector<HookedProgram> programs;
    programs.reserve(options.prog_cnt);
    for (uint32_t i = 0; i < options.prog_cnt; ++i) programs.push_back({ids[i], KernelProgramName(ids[i])});
    return programs;
  }

  absl::StatusOr<std::vector<DeviceHook>> Leftovers(const std::vector<std::string>&) const override {
    std::vector<DeviceHook> hooks;
    DIR* dir = opendir(link_dir_.c_str());
    if (dir == nullptr) return BpfError(errno, absl::StrCat("list links in ", link_dir_));
    auto close = absl::MakeCleanup([dir] { closedir(dir); });
    while (const dirent* entry = readdir(dir)) {
      const std::vector<std::string> parts = absl::StrSplit(entry->d_name, '-');
      DeviceHook hook;
      if (parts.size() != 2 || !absl::SimpleAtoi(parts[1], &hook.ifindex)) continue;
      hook.program = parts[0];
      UniqueFd link(bpf_obj_get(PathOf(hook).c_str()));
      bpf_link_info info{};
      uint32_t size = sizeof(info);
      if (!link.valid() || bpf_link_get_info_by_fd(link.get(), &info, &size) != 0) continue;
      if (info.tcx.ifindex != hook.ifindex) {
        unlink(PathOf(hook).c_str());
        continue;
      }
      hook.ingress = info.tcx.attach_type == BPF_TCX_INGRESS;
      hooks.push_back(hook);
    }
    return hooks;
  }

 private:
  // A bpffs takes no dots in names.
  std::string PathOf(const DeviceHook& hook) const {
    return absl::StrCat(link_dir_, "/", hook.program, "-", hook.ifindex);
  }

  std::string link_dir_;
};

}  // namespace

bool HasTcx() {
  LIBBPF_OPTS(bpf_prog_query_opts, options);
  return bpf_prog_query_opts(kLoopbackIfindex, BPF_TCX_INGRESS, &options) == 0;
}

std::string KernelProgramName(uint32_t program_id) {
  UniqueFd fd(bpf_prog_get_fd_by_id(program_id));
  bpf_prog_info info{};
  uint32_t size = sizeof(info);
  if (!fd.valid() || bpf_prog_get_info_by_fd(fd.get(), &info, &size) != 0) return "";
  return info.name;
}

std::unique_ptr<HookStrategy> TcxStrategy(const std::string& link_dir) {
  return std::make_unique<Tcx>(link_dir);
}

}  // namespace fairlead::datapath
