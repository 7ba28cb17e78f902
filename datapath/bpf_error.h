// Errors of libbpf calls, and what libbpf and the verifier had to say about them.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace fairlead::datapath {

// `error` is an errno. A full map (E2BIG, ENOSPC, ENOMEM) is RESOURCE_EXHAUSTED.
absl::Status BpfError(int error, absl::string_view context);

// While one lives, libbpf's messages of this thread are kept instead of printed.
class BpfLog {
 public:
  BpfLog();
  ~BpfLog();
  BpfLog(const BpfLog&) = delete;
  BpfLog& operator=(const BpfLog&) = delete;

  // The last lines, at most `size` bytes.
  std::string Tail(size_t size = 4096) const;
  void Append(absl::string_view text);

 private:
  std::string text_;
  BpfLog* outer_;
};

}  // namespace fairlead::datapath
