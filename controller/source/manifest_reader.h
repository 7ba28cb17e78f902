// Reads files of manifests. What is short is read at once; what takes longer (five thousand pods are a
// second) on a thread of its own, so that the thread which owns the state answers agents meanwhile.
//
//   ManifestReader reader(&loop);
//   reader.Read({"a.yaml", "b.yaml"}, [&](std::vector<ManifestReader::File> files) { ... });  // on the loop
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/event_loop.h"
#include "controller/manifest/manifest.h"

namespace fairlead::controller {

class ManifestReader {
 public:
  struct File {
    std::string path;
    std::optional<Manifest> manifest;  // absent: there is no such file
  };
  using Done = std::function<void(std::vector<File>)>;

  // What is read at once: this many bytes in all.
  static constexpr size_t kShort = 16 << 10;

  // `loop` must outlive it.
  explicit ManifestReader(EventLoop* loop);
  // Waits for the file at hand; what is not done then is never done.
  ~ManifestReader();
  ManifestReader(const ManifestReader&) = delete;
  ManifestReader& operator=(const ManifestReader&) = delete;

  // On the loop's thread, where `done` is called as well, at once or later, in the order of the calls.
  void Read(std::vector<std::string> paths, Done done);
  // Whether everything that was asked for is done.
  bool idle() const { return waiting_ == 0; }

 private:
  struct Job {
    std::vector<std::string> paths;
    Done done;
  };

  void Run();
  void Finish(const Done& done, std::vector<File> files);

  EventLoop* loop_;
  size_t waiting_ = 0;           // jobs given to the thread and not done
  std::shared_ptr<bool> alive_;  // of the loop's thread: false when the reader has gone
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> jobs_;  // guarded by mutex_
  std::atomic<bool> ending_ = false;
  std::thread thread_;
};

// A path as it is shown, which may be only in UTF-8.
std::string ShownPath(const std::string& path);
// The file as it is now. What cannot be read, or is empty, is a manifest that says so.
std::optional<Manifest> ReadManifestFile(const std::string& path);

}  // namespace fairlead::controller
