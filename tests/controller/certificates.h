// Certificates for one test: a CA and what it signs, as PEM files in a folder.
#pragma once

#include <memory>
#include <string>

#include "controller/server/server.h"
#include "tests/controller/scratch_folder.h"

namespace fairlead::controller {

class TestCa {
 public:
  TestCa();
  ~TestCa();
  TestCa(const TestCa&) = delete;
  TestCa& operator=(const TestCa&) = delete;

  // A certificate for `common_name`, valid for "localhost", "fairlead-controller" and 127.0.0.1; `uri`: a
  // further subject alternative name, unless empty.
  TlsFiles Sign(const std::string& common_name, const std::string& uri = "");
  // One whose time was over an hour ago.
  TlsFiles SignExpired(const std::string& common_name);
  // One that is good for `seconds` from now.
  TlsFiles SignFor(const std::string& common_name, long seconds);

 private:
  struct State;
  TlsFiles Issue(const std::string& common_name, const std::string& uri, long end_s);
  std::unique_ptr<State> state_;
  ScratchFolder folder_;
  int count_ = 0;
};

std::string ReadFile(const std::string& path);

}  // namespace fairlead::controller
