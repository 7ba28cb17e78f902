// The PEM files with which the agent and a controller over TCP know each other: read before every attempt,
// and, after one that failed, searched for the reason. Whether a certificate is good is for TLS and the
// controller to decide; here it is only put into words.
#pragma once

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "agent/controller_tls.h"

namespace fairlead::agent {

// Paths.
struct TlsFiles {
  std::string ca, cert, key;
};

// The error names the file and its option. A file without any PEM is one: without a CA of its own gRPC
// would trust those of the machine, without a certificate it would come as nobody.
absl::StatusOr<TlsTexts> ReadTlsFiles(const TlsFiles& files);

// "" or "; WHAT IS WRONG: WAY OUT", to follow the message of `failure`, the end of a stream of node `node`.
std::string TlsAdvice(const TlsFiles& files, const std::string& node, const absl::Status& failure,
                      absl::Time now);

// What the command line names.
class FileTls : public ControllerTls {
 public:
  FileTls(TlsFiles files, std::string node) : files_(std::move(files)), node_(std::move(node)) {}
  absl::StatusOr<TlsTexts> Texts() override { return ReadTlsFiles(files_); }
  std::string Advice(const absl::Status& failure) override {
    return TlsAdvice(files_, node_, failure, absl::Now());
  }

 private:
  TlsFiles files_;
  std::string node_;
};

}  // namespace fairlead::agent
