// What the controller shows to those who connect over TLS, and whose certificates it accepts: asked anew for
// each connection, so that it may change while the controller runs. From any thread.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "absl/status/statusor.h"

namespace fairlead::controller {

// In PEM.
struct TlsTexts {
  std::string ca;
  std::string cert;
  std::string key;

  bool operator==(const TlsTexts&) const = default;
};

// Paths.
struct TlsFiles {
  std::string ca;
  std::string cert;
  std::string key;

  bool complete() const { return !ca.empty() && !cert.empty() && !key.empty(); }
};

class TlsSource {
 public:
  virtual ~TlsSource() = default;
  virtual absl::StatusOr<std::shared_ptr<const TlsTexts>> Current() = 0;
};

// Files that somebody else renews. Half-renewed ones are passed over, and those from before stay in force.
class TlsFileSource : public TlsSource {
 public:
  // The error names the option of the file that is wrong.
  static absl::StatusOr<std::shared_ptr<TlsFileSource>> Open(TlsFiles files);
  absl::StatusOr<std::shared_ptr<const TlsTexts>> Current() override;

 private:
  explicit TlsFileSource(TlsFiles files) : files_(std::move(files)) {}

  TlsFiles files_;
  std::mutex mutex_;
  std::shared_ptr<const TlsTexts> good_;  // guarded by mutex_
  std::string said_;                      // guarded by mutex_: the problem that is in the log
};

// What this process makes itself.
class HeldTls : public TlsSource {
 public:
  void Hold(TlsTexts texts);
  absl::StatusOr<std::shared_ptr<const TlsTexts>> Current() override;

 private:
  std::mutex mutex_;
  std::shared_ptr<const TlsTexts> held_;  // guarded by mutex_
};

}  // namespace fairlead::controller
