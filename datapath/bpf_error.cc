#include "datapath/bpf_error.h"

#include <bpf/libbpf.h>

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <mutex>

#include "base/status_macros.h"

namespace fairlead::datapath {
namespace {

constexpr size_t kKeptBytes = 1 << 16;

thread_local BpfLog* current = nullptr;

int Print(enum libbpf_print_level level, const char* format, va_list arguments) {
  if (level == LIBBPF_DEBUG || current == nullptr) return 0;
  char* line = nullptr;
  const int length = vasprintf(&line, format, arguments);
  if (length < 0) return 0;
  current->Append(absl::string_view(line, static_cast<size_t>(length)));
  free(line);
  return length;
}

}  // namespace

absl::Status BpfError(int error, absl::string_view context) {
  absl::Status status = ErrnoError(error, context);
  if (error == E2BIG || error == ENOSPC || error == ENOMEM) {
    return absl::ResourceExhaustedError(status.message());
  }
  return status;
}

BpfLog::BpfLog() : outer_(current) {
  static std::once_flag once;
  std::call_once(once, [] { libbpf_set_print(Print); });
  current = this;
}

BpfLog::~BpfLog() {
  current = outer_;
}

void BpfLog::Append(absl::string_view text) {
  text_.append(text.data(), text.size());
  if (text_.size() > 2 * kKeptBytes) text_.erase(0, text_.size() - kKeptBytes);
}

std::string BpfLog::Tail(size_t size) const {
  if (text_.size() <= size) return text_;
  const size_t line = text_.find('\n', text_.size() - size);
  return text_.substr(line == std::string::npos ? text_.size() - size : line + 1);
}

}  // namespace fairlead::datapath
