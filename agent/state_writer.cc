#include "agent/state_writer.h"

#include <utility>

#include "agent/state_file.h"

namespace fairlead::agent {

StateWriter::StateWriter(std::string path, std::function<void(const absl::Status&)> done)
    : path_(std::move(path)), done_(std::move(done)), thread_([this] { Run(); }) {}

StateWriter::~StateWriter() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    ending_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void StateWriter::Write(std::string content) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    waiting_ = std::move(content);
  }
  changed_.notify_one();
}

void StateWriter::Run() {
  while (true) {
    std::string content;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      changed_.wait(lock, [this] { return waiting_ || ending_; });
      if (!waiting_) return;
      content = *std::move(waiting_);
      waiting_.reset();
    }
    done_(WriteStateFile(path_, content));
  }
}

}  // namespace fairlead::agent
