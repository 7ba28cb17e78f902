// DELs that the plugin has left as files because no agent answered (api/cni_socket.md): replayed at the
// start and whenever a file comes.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/event_loop.h"
#include "base/unique_fd.h"

namespace fairlead::agent {

class ReleaseFolder {
 public:
  // `release` gets the key of a DEL; a file goes once it has returned OK. Makes the folder.
  using Release = std::function<absl::Status(const std::string& key)>;

  static absl::StatusOr<std::unique_ptr<ReleaseFolder>> Open(const std::string& folder, EventLoop* loop,
                                                             Release release);
  ~ReleaseFolder();

  // Goes through the folder; what cannot be read is set aside, what cannot be released stays.
  void Replay();

 private:
  ReleaseFolder(std::string folder, EventLoop* loop, Release release)
      : folder_(std::move(folder)), loop_(loop), release_(std::move(release)) {}

  std::string folder_;
  EventLoop* loop_;
  Release release_;
  UniqueFd inotify_;
};

}  // namespace fairlead::agent
