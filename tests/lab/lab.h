// A lab for tests, driven by the `fairlead` program as a user would: up from manifests, questions from
// inside pods, and down at the end, which fails the test if anything is left.
//
//   Lab lab(kManifests);
//   EXPECT_EQ(lab.Probe("shop/web", "10.96.0.7:80"), "ok");
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

namespace fairlead::test {

struct Output {
  int exit_code = 0;
  std::string out, err;
};

class Lab {
 public:
  // Named after this process, so that tests that run at once do not meet; removes what killed
  // runs have left. Fails the test, with the logs, when it does not come up.
  explicit Lab(const std::string& manifests, const std::vector<std::string>& up_options = {});
  ~Lab();
  Lab(const Lab&) = delete;
  Lab& operator=(const Lab&) = delete;

  bool up() const { return up_; }
  const std::string& name() const { return name_; }

  // `fairlead ARGS...` of this lab.
  Output Fairlead(const std::vector<std::string>& args, const std::string& input = "",
                  int timeout_ms = 60'000) const;
  // A command inside; and fairlead-probe with JSON output.
  Output Exec(const std::string& where, const std::vector<std::string>& command,
              int timeout_ms = 60'000) const;
  nlohmann::json ProbeJson(const std::string& where, std::vector<std::string> args,
                           int timeout_ms = 60'000) const;
  // What became of one question: "ok", "refused", "timeout", ... Patient, for what is to be answered.
  std::string Probe(const std::string& where, const std::string& target) const;
  // The same for what is not to be answered: waits a second.
  std::string ProbeBriefly(const std::string& where, const std::string& target) const;

  // Manifests as text. Apply and Delete return when every node holds the change.
  void Apply(const std::string& manifests) const;
  void Delete(const std::string& manifests) const;

  // Addresses of a pod or Service; `family` 4 or 6.
  std::string Address(const std::string& kind, const std::string& name, int family = 4) const;
  // "10.244.1.5:80", "[fd00::5]:80"
  static std::string At(const std::string& address, int port);

  // Everything that is reached, by asking from every pod: "shop/web > shop/db:5432", with "/4" or "/6"
  // behind it where only that family gets through. Pods only; not a pod itself.
  std::set<std::string> Reached() const;

  // {"10.244.1.5": ...} as `fairlead -o json` gives them
  nlohmann::json Json(std::vector<std::string> args) const;

 private:
  std::string name_;
  bool up_ = false;
};

// `fairlead ARGS...` without any lab.
Output Fairlead(const std::vector<std::string>& args, const std::string& input = "", int timeout_ms = 60'000);
// Polls until `holds()`; false after a minute.
bool Eventually(const std::function<bool()>& holds);

}  // namespace fairlead::test
