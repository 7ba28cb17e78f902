#include "datapath/socket_hooks.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"
#include "datapath/bpf_error.h"

namespace fairlead::datapath {
namespace {

std::string PathOf(const std::string& link_dir, const std::string& program) {
  return absl::StrCat(link_dir, "/", program, "-cgroup");
}

// `dir`, or its folder "unified", where a host with version 1 has version 2.
absl::StatusOr<UniqueFd> OpenCgroup2(const std::string& dir) {
  for (const std::string& path : {dir, dir + "/unified"}) {
    UniqueFd fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd.valid() && path == dir) return ErrnoError(errno, absl::StrCat("open cgroup ", dir));
    struct statfs fs{};
    if (fd.valid() && fstatfs(fd.get(), &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC) return fd;
  }
  return absl::FailedPreconditionError(absl::StrCat(
      "cgroup ", dir, ": neither it nor its folder unified is of cgroup version 2; mount one (mount ",
      "-t cgroup2 cgroup2 ", dir, "/unified), or leave --cgroup-dir out to balance by packet only"));
}

// What the pinned link of a program runs on a cgroup; 0: nothing, or there is no such link.
uint32_t Runs(int link_fd) {
  bpf_link_info info{};
  uint32_t size = sizeof(info);
  if (link_fd < 0 || bpf_link_get_info_by_fd(link_fd, &info, &size) != 0) return 0;
  return info.cgroup.cgroup_id != 0 ? info.prog_id : 0;
}

absl::Status AttachOne(const BpfObject& object, const std::string& program, int cgroup_fd,
                       const std::string& path) {
  const int program_fd = object.ProgramFd(program);
  UniqueFd link(bpf_obj_get(path.c_str()));
  if (link.valid()) {
    if (bpf_link_update(link.get(), program_fd, nullptr) == 0) return absl::OkStatus();
    // The cgroup is gone, or somebody has detached the link.
    if (errno != ENOLINK) return BpfError(errno, absl::StrCat("replace the program of link ", path));
    unlink(path.c_str());
  }
  LIBBPF_OPTS(bpf_link_create_opts, options);
  link.reset(bpf_link_create(program_fd, cgroup_fd, static_cast<bpf_attach_type>(object.AttachType(program)),
                             &options));
  if (!link.valid()) return BpfError(errno, absl::StrCat("attach ", program, " to the cgroup"));
  if (bpf_obj_pin(link.get(), path.c_str()) != 0) return BpfError(errno, absl::StrCat("pin link ", path));
  return absl::OkStatus();
}

}  // namespace

absl::Status AttachSocketHooks(const BpfObject& object, const std::string& cgroup_dir,
                               const std::string& link_dir, uint64_t& attached) {
  ASSIGN_OR_RETURN(const UniqueFd cgroup, OpenCgroup2(cgroup_dir));
  for (const std::string& program : object.Programs()) {
    if (!object.IsSocketProgram(program)) continue;
    const std::string path = PathOf(link_dir, program);
    if (Runs(UniqueFd(bpf_obj_get(path.c_str())).get()) == object.ProgramId(program)) continue;
    RETURN_IF_ERROR(WrapError(AttachOne(object, program, cgroup.get(), path), cgroup_dir));
    ++attached;
  }
  return absl::OkStatus();
}

std::vector<AttachedProgram> ListSocketHooks(const BpfObject& object, const std::string& link_dir) {
  std::vector<AttachedProgram> list;
  for (const std::string& program : object.Programs()) {
    if (!object.IsSocketProgram(program)) continue;
    const uint32_t runs = Runs(UniqueFd(bpf_obj_get(PathOf(link_dir, program).c_str())).get());
    list.push_back({absl::StrCat("cgroup ", program),
                    runs != 0 ? program : absl::StrCat(program, " (missing)"), runs,
                    runs == object.ProgramId(program)});
  }
  return list;
}

}  // namespace fairlead::datapath
