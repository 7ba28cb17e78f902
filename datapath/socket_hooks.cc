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

absl::Status AttachOne(const BpfObject& object, const std::string& program, int cgroup_fd,
                       const std::string& path) {
  const int program_fd = object.ProgramFd(program);
  UniqueFd link(bpf_obj_get(path.c_str()));
  if (link.valid()) {
    if (bpf_link_update(link.get(), program_fd, nullptr) == 0) return absl::OkStatus();
    // The cgroup is gone.
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
                               const std::string& link_dir) {
  ASSIGN_OR_RETURN(const UniqueFd cgroup, OpenCgroup2(cgroup_dir));
  for (const std::string& program : object.Programs()) {
    if (!object.IsSocketProgram(program)) continue;
    RETURN_IF_ERROR(
        WrapError(AttachOne(object, program, cgroup.get(), PathOf(link_dir, program)), cgroup_dir));
  }
  return absl::OkStatus();
}

std::vector<AttachedProgram> ListSocketHooks(const BpfObject& object, const std::string& link_dir) {
  std::vector<AttachedProgram> list;
  for (const std::string& program : object.Programs()) {
    if (!object.IsSocketProgram(program)) continue;
    UniqueFd link(bpf_obj_get(PathOf(link_dir, program).c_str()));
    bpf_link_info info{};
    uint32_t size = sizeof(info);
    if (!link.valid() || bpf_link_get_info_by_fd(link.get(), &info, &size) != 0) continue;
    const bool attached = info.cgroup.cgroup_id != 0;
    list.push_back({absl::StrCat("cgroup ", program), program, info.prog_id,
                    attached && info.prog_id == object.ProgramId(program)});
  }
  return list;
}

}  // namespace fairlead::datapath
