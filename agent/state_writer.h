// Writes the last good state to disk without holding anybody up: a thread of its own, which writes the
// newest content that it was given and leaves out what came between.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "absl/status/status.h"

namespace fairlead::agent {

class StateWriter {
 public:
  // `done` is called on the writer's thread after every attempt.
  StateWriter(std::string path, std::function<void(const absl::Status&)> done);
  // Writes what is still waiting.
  ~StateWriter();

  void Write(std::string content);

 private:
  void Run();

  std::string path_;
  std::function<void(const absl::Status&)> done_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<std::string> waiting_;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace fairlead::agent
