// Keeps the logs of a lab's programs and containers small. They write to their files themselves, so that
// nothing stops when the lab's process does; a file that has grown too long loses its beginning.
#pragma once

#include <cstddef>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "base/unique_fd.h"

namespace fairlead::lab {

// All logs of a lab: the size of the file system that they have for themselves.
inline constexpr size_t kAllLogBytes = 64 << 20;

// How long a log may grow where there are `files` of them.
size_t LogLimit(size_t files);
// Of a file above `limit` bytes keeps the last lines, at most a quarter of that. Its writer must append; what
// it writes in that moment may be lost.
absl::Status ShortenLog(const std::string& path, size_t limit);

class LogKeeper {
 public:
  // Looks at the files of `folder` once a second.
  explicit LogKeeper(std::string folder);
  ~LogKeeper();
  LogKeeper(const LogKeeper&) = delete;
  LogKeeper& operator=(const LogKeeper&) = delete;

 private:
  void Run();
  void LookAtAll() const;

  const std::string folder_;
  UniqueFd stop_;
  std::thread thread_;
};

}  // namespace fairlead::lab
