#include "bench/program/attached.h"

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <net/if.h>

#include <array>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace fairlead::bench {

absl::StatusOr<Device> Device::Open(const std::string& name) {
  const uint32_t ifindex = if_nametoindex(name.c_str());
  if (ifindex == 0) return ErrnoError(errno, absl::StrCat("find device ", name));
  std::array<uint32_t, 16> ids{};
  LIBBPF_OPTS(bpf_prog_query_opts, query, .prog_ids = ids.data(), .prog_cnt = ids.size());
  if (bpf_prog_query_opts(static_cast<int>(ifindex), BPF_TCX_INGRESS, &query) != 0) {
    return ErrnoError(errno, absl::StrCat("ask what runs on the ingress of ", name));
  }
  if (query.prog_cnt == 0)
    return absl::NotFoundError(absl::StrCat("no tcx program on the ingress of ", name));
  UniqueFd program(bpf_prog_get_fd_by_id(ids[0]));
  if (!program.valid()) return ErrnoError(errno, absl::StrCat("open the program on ", name));
  return Device(ifindex, std::move(program));
}

absl::StatusOr<TestRun> Device::Run(const std::vector<uint8_t>& frame) const {
  __sk_buff context{};
  context.ifindex = ifindex_;
  LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame.data(),
              .data_size_in = static_cast<uint32_t>(frame.size()), .ctx_in = &context,
              .ctx_size_in = sizeof context, .repeat = 1);
  if (bpf_prog_test_run_opts(program_.get(), &run) != 0) return ErrnoError(errno, "BPF_PROG_TEST_RUN");
  return TestRun{.verdict = run.retval, .ns = run.duration};
}

}  // namespace fairlead::bench
